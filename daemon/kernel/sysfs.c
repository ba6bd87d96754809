/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>

int sysfs_read_text(int directory_fd, const char *name, char *buffer, size_t size) {
        _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0)
                return -errno;

        size_t length = 0;
        for (;;) {
                ssize_t n = read(fd, buffer + length, size - length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t)n;
                if (length == size)
                        return -ENAMETOOLONG;
                /* One read() returns a whole attribute. Without a final line break, there may be more text. */
                if (buffer[length - 1] == '\n')
                        break;
        }
        if (length > 0 && buffer[length - 1] == '\n')
                length--;
        buffer[length] = '\0';
        return (int)length;
}

int sysfs_read_number(int directory_fd, const char *name, long minimum, long maximum, long *ret) {
        char text[32];
        char *end;

        int r = sysfs_read_text(directory_fd, name, text, sizeof(text));
        if (r < 0)
                return r;
        errno = 0;
        long value = strtol(text, &end, startswith(text, "0x") ? 16 : 10);
        if (errno > 0)
                return -errno;
        if (r == 0 || *end != '\0')
                return -EINVAL;
        if (value < minimum || value > maximum)
                return -ERANGE;
        *ret = value;
        return 0;
}

int sysfs_read_link(int directory_fd, const char *name, char *buffer, size_t size) {
        char target[PATH_MAX];

        ssize_t n = readlinkat(directory_fd, name, target, sizeof(target));
        if (n < 0)
                return -errno;
        if ((size_t)n >= sizeof(target))
                return -ENAMETOOLONG;
        target[n] = '\0';

        const char *slash = strrchr(target, '/');
        const char *last = slash ? slash + 1 : target;
        size_t length = strlen(last);
        if (length >= size)
                return -ENAMETOOLONG;
        memcpy(buffer, last, length + 1);
        return 0;
}

int sysfs_write(int directory_fd, const char *name, const char *value) {
        size_t length = strlen(value);

        _cleanup_close_ int fd = openat(directory_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0)
                return -errno;
        for (;;) {
                ssize_t n = write(fd, value, length);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                return (size_t)n == length ? 0 : -EIO;
        }
}

int sysfs_for_each(int directory_fd, const char *folder, sysfs_entry_t callback, void *userdata) {
        _cleanup_close_ int fd = openat(directory_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        DIR *directory = fdopendir(fd);
        if (!directory)
                return -errno;
        (void)TAKE_FD(fd); /* directory owns it now */

        int r = 0;
        while (r == 0) {
                errno = 0;
                const struct dirent *entry = readdir(directory);
                if (!entry) {
                        r = -errno;
                        break;
                }
                /* The name of a network interface may begin with a dot. */
                if (!streq(entry->d_name, ".") && !streq(entry->d_name, ".."))
                        r = callback(dirfd(directory), entry->d_name, userdata);
        }
        (void)closedir(directory);
        return r;
}

FILE *sysfs_open_lines(int directory_fd, const char *name) {
        int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
                return NULL;
        FILE *file = fdopen(fd, "re");
        if (!file)
                (void)safe_close(fd);
        return file;
}
