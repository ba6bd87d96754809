/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#define LOCK_NAME ".vfiod.lock"

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

int file_lock_folder(int folder_fd) {
        _cleanup_close_ int fd = openat(folder_fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
                return -errno;
        while (flock(fd, LOCK_EX) < 0)
                if (errno != EINTR)
                        return -errno;
        return TAKE_FD(fd);
}

int file_make_folder(const char *path) {
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        for (char *end = copy; end;) {
                end = strchr(end + 1, '/');
                if (end)
                        *end = '\0';
                /* The umask may remove permissions. */
                if (mkdir(copy, 0755) >= 0 ? chmod(copy, 0755) < 0 : errno != EEXIST)
                        return -errno;
                if (end)
                        *end = '/';
        }
        return 0;
}

int file_create(int folder_fd, const char *name, const char *text) {
        (void)unlinkat(folder_fd, name, 0); /* a daemon that was killed may have left it */
        _cleanup_close_ int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
                return -errno;
        int r = file_write_all(fd, text, strlen(text));
        if (r >= 0 && (fchmod(fd, 0644) < 0 || fsync(fd) < 0))
                r = -errno;
        if (r < 0)
                (void)unlinkat(folder_fd, name, 0);
        return r;
}
