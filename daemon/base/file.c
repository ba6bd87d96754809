/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"

int file_read_all(int fd, size_t max, char **ret, size_t *ret_length) {
        _cleanup_free_ char *text = malloc(max + 1);
        size_t length = 0;

        if (!text)
                return -ENOMEM;
        for (;;) {
                ssize_t n = read(fd, text + length, max + 1 - length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t)n;
                if (length > max)
                        return -E2BIG;
        }
        text[length] = '\0';
        *ret = TAKE_PTR(text);
        *ret_length = length;
        return 0;
}

int file_write_all(int fd, const char *text, size_t length) {
        while (length > 0) {
                ssize_t n = write(fd, text, length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                length -= (size_t)n;
        }
        return 0;
}
