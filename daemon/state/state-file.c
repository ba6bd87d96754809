/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/state-file.h"
#include "base/file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>
#include <zlib.h>

#define NAME_TEXT_MAX 64

static uint32_t checksum(const char *text, size_t length) {
        return (uint32_t)crc32(0, (const Bytef *)text, (uInt)length);
}

static int read_boot_id(char buffer[static SD_ID128_STRING_MAX]) {
        sd_id128_t id;

        int r = sd_id128_get_boot(&id);
        if (r >= 0)
                sd_id128_to_string(id, buffer);
        return r;
}

int state_file_lock(int fd) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

        if (fcntl(fd, F_SETLK, &lock) >= 0)
                return 0;
        return errno == EACCES ? -EAGAIN : -errno;
}

pid_t state_file_find_owner(int fd) {
        struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

        if (fcntl(fd, F_GETLK, &lock) < 0)
                return -errno;
        return lock.l_type == F_UNLCK ? 0 : lock.l_pid;
}

static int write_text(int fd, const char *kind, const char *text) {
        char boot[SD_ID128_STRING_MAX], header[128];
        size_t length = strlen(text);
        int r;

        if (length >= STATE_FILE_SIZE_MAX - sizeof(header))
                return -E2BIG;
        if ((r = read_boot_id(boot)) < 0)
                return r;
        int n = snprintf(header, sizeof(header), "vfiod-%s 1 %08" PRIx32 " %s\n", kind, checksum(text, length), boot);
        if ((r = file_write_all(fd, header, (size_t)n)) < 0 || (r = file_write_all(fd, text, length)) < 0)
                return r;
        return fsync(fd) < 0 ? -errno : 0;
}

/* Without memory, jansson (2.14) does not notice that a text cannot grow: json_dumps() then returns a part of the text, and
 * json_loadb() writes behind a buffer. */

/* Whether an allocation has failed since json_dumps() began. */
static bool has_no_memory;

static void *allocate(size_t size) {
        void *memory = malloc(size);

        has_no_memory = has_no_memory || !memory;
        return memory;
}

static void *allocate_or_abort(size_t size) {
        void *memory = malloc(size);

        if (!memory)
                abort();
        return memory;
}

int state_file_write(int folder_fd, const char *name, const char *kind, json_t *object, int *ret_fd) {
        char new_name[NAME_TEXT_MAX];
        int r = 0;

        if (snprintf(new_name, sizeof(new_name), "%s.new", name) >= (int)sizeof(new_name))
                return -ENAMETOOLONG;
        has_no_memory = false;
        json_set_alloc_funcs(allocate, free);
        _cleanup_free_ char *text = json_dumps(object, JSON_INDENT(1));
        if (!text || has_no_memory)
                return -ENOMEM;
        (void)unlinkat(folder_fd, new_name, 0);
        _cleanup_close_ int fd = openat(folder_fd, new_name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
        if (fd < 0)
                return -errno;
        /* The daemon reads it. The umask may have removed permissions. */
        if (fchmod(fd, 0644) < 0)
                r = -errno;
        if (r >= 0 && ret_fd)
                r = state_file_lock(fd);
        if (r >= 0)
                r = write_text(fd, kind, text);
        if (r >= 0 && (renameat(folder_fd, new_name, folder_fd, name) < 0 || fsync(folder_fd) < 0))
                r = -errno;
        if (r < 0) {
                (void)unlinkat(folder_fd, new_name, 0);
                return r;
        }
        if (ret_fd)
                *ret_fd = TAKE_FD(fd);
        return 0;
}

int state_file_open(int folder_fd, const char *name, bool writable) {
        struct stat status;

        _cleanup_close_ int fd = openat(folder_fd, name,
                        (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
        if (fd < 0)
                return errno == ELOOP || errno == ENXIO || errno == EISDIR ? -EPERM : -errno;
        if (fstat(fd, &status) < 0)
                return -errno;
        bool is_ours = status.st_uid == 0 || status.st_uid == geteuid();
        if (!S_ISREG(status.st_mode) || !is_ours || status.st_nlink > 1 || status.st_mode & 022)
                return -EPERM;
        if (status.st_size > STATE_FILE_SIZE_MAX)
                return -E2BIG;
        return TAKE_FD(fd);
}

int state_file_read(int fd, const char *kind, json_t **ret) {
        char boot[SD_ID128_STRING_MAX], written_kind[32], written_boot[SD_ID128_STRING_MAX];
        _cleanup_free_ char *text = NULL;
        struct stat status;
        uint32_t written_checksum;
        size_t length = 0;
        int n = 0, r;

        /* Nobody writes to a file after its rename, so its size stays. */
        if (fstat(fd, &status) < 0)
                return -errno;
        if ((r = file_read_all(fd, (size_t)status.st_size, &text, &length)) < 0)
                return r;
        if (sscanf(text, "vfiod-%31[a-z] 1 %8" SCNx32 " %32[0-9a-f]%*1[\n]%n", written_kind, &written_checksum,
                            written_boot, &n) != 3 ||
                        n == 0 || !streq(written_kind, kind) ||
                        checksum(text + n, length - (size_t)n) != written_checksum)
                return -EBADMSG;
        if ((r = read_boot_id(boot)) < 0)
                return r;
        if (!streq(boot, written_boot))
                return -ESTALE;
        json_set_alloc_funcs(allocate_or_abort, free);
        json_t *object = json_loadb(text + n, length - (size_t)n, JSON_REJECT_DUPLICATES, NULL);
        json_set_alloc_funcs(malloc, free);
        if (!object)
                return -EBADMSG;
        *ret = object;
        return 0;
}

int state_file_remove(int folder_fd, const char *name) {
        if (unlinkat(folder_fd, name, 0) < 0)
                return errno == ENOENT ? 0 : -errno;
        return fsync(folder_fd) < 0 ? -errno : 0;
}

const char *state_file_describe_error(int error) {
        switch (-error) {
        case EPERM:
                return "it is not a regular file that only vfiod can write";
        case EBUSY:
                return "a worker of an earlier version of vfiod still uses it; the next start of vfiod takes it over";
        case E2BIG:
                return "it is too large";
        case EBADMSG:
                return "it is incomplete, or vfiod did not write it";
        case ESTALE:
                return "it is from an earlier boot";
        default:
                return strerror(-error);
        }
}
