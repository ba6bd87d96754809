/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <sys/stat.h>

const char *sysfs_format_path(char buffer[static SYSFS_PATH_MAX], const char *format, ...) {
        va_list arguments;

        va_start(arguments, format);
        (void)vsnprintf(buffer, SYSFS_PATH_MAX, format, arguments);
        va_end(arguments);
        return buffer;
}

int sysfs_read_text(int directory_fd, const char *name, char *buffer, size_t size) {
        _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0)
                return -errno;

        size_t length = 0;
        for (;;) {
                ssize_t n = TEMP_FAILURE_RETRY(read(fd, buffer + length, size - length));
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                length += (size_t)n;
                if (length == size) {
                        buffer[size - 1] = '\0';
                        return -ENAMETOOLONG;
                }
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

int sysfs_read_target(int directory_fd, const char *name, char *buffer, size_t size) {
        ssize_t n = readlinkat(directory_fd, name, buffer, size);
        if (n < 0)
                return -errno;
        if ((size_t)n >= size)
                return -ENAMETOOLONG;
        buffer[n] = '\0';
        return 0;
}

int sysfs_read_link(int directory_fd, const char *name, char *buffer, size_t size) {
        char target[PATH_MAX];

        int r = sysfs_read_target(directory_fd, name, target, sizeof(target));
        if (r < 0)
                return r;
        return snprintf(buffer, size, "%s", basename(target)) < (int)size ? 0 : -ENAMETOOLONG;
}

int sysfs_write(int directory_fd, const char *name, const char *value) {
        size_t length = strlen(value);

        _cleanup_close_ int fd = openat(directory_fd, name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        if (fd < 0)
                return -errno;
        ssize_t n = TEMP_FAILURE_RETRY(write(fd, value, length));
        if (n < 0)
                return -errno;
        return (size_t)n == length ? 0 : -EIO;
}

int sysfs_open_folder(int directory_fd, const char *name, DIR **ret) {
        _cleanup_close_ int fd = openat(directory_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret = fdopendir(fd);
        if (!*ret)
                return -errno;
        (void)TAKE_FD(fd); /* *ret owns it now */
        return 0;
}

static int next_entry(DIR *folder, const struct dirent **ret) {
        const struct dirent *entry;

        /* The name of a network interface may begin with a dot. */
        do {
                errno = 0;
                entry = readdir(folder);
                if (!entry)
                        return -errno;
        } while (streq(entry->d_name, ".") || streq(entry->d_name, ".."));
        *ret = entry;
        return 1;
}

int sysfs_next(DIR *folder, const char **ret_name) {
        const struct dirent *entry = NULL;

        int r = next_entry(folder, &entry);
        if (r > 0)
                *ret_name = entry->d_name;
        return r;
}

int sysfs_for_each(int directory_fd, const char *name, sysfs_entry_t callback, void *userdata) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *entry = NULL;
        int result = 0;

        int r = sysfs_open_folder(directory_fd, name, &folder);
        if (r < 0)
                return r;
        assert(folder);
        while (r >= 0 && result == 0 && (r = sysfs_next(folder, &entry)) > 0)
                result = callback(dirfd(folder), entry, userdata);
        return r < 0 ? r : result;
}

/* Tells whether the entry is a directory, and no link to one. Only some file systems do not tell in the list. An entry that is
 * gone is none. */
static int is_folder(int directory_fd, const struct dirent *entry) {
        struct stat status;

        if (entry->d_type != DT_UNKNOWN)
                return entry->d_type == DT_DIR;
        if (fstatat(directory_fd, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT || errno == ENODEV ? 0 : -errno;
        return S_ISDIR(status.st_mode);
}

int sysfs_for_each_typed(int directory_fd, const char *name, sysfs_typed_entry_t callback, void *userdata) {
        _cleanup_closedir_ DIR *folder = NULL;
        const struct dirent *entry = NULL;
        int result = 0;

        int r = sysfs_open_folder(directory_fd, name, &folder);
        if (r < 0)
                return r;
        assert(folder);
        while (r >= 0 && result == 0 && (r = next_entry(folder, &entry)) > 0) {
                assert(entry);
                if ((r = is_folder(dirfd(folder), entry)) >= 0)
                        result = callback(dirfd(folder), entry->d_name, r > 0, userdata);
        }
        return r < 0 ? r : result;
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

int sysfs_next_line(FILE *file, char **line, size_t *size) {
        errno = 0;
        if (getline(line, size, file) > 0)
                return 1;
        /* Without memory, the stream has no error. */
        if (errno == ENOMEM)
                return -ENOMEM;
        return ferror(file) ? -EIO : 0;
}
