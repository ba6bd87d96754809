/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-node.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

const char *vfio_node_format(int group, bool no_iommu, char buffer[static VFIO_NODE_TEXT_MAX]) {
        (void)snprintf(buffer, VFIO_NODE_TEXT_MAX, "/dev/vfio/%s%d", no_iommu ? "noiommu-" : "", group);
        return buffer;
}

int vfio_node_read_number(const Kernel *kernel, int group, bool no_iommu, dev_t *ret) {
        const char *name = VFIO_NODE_TEXT(group, no_iommu) + strlen("/dev/vfio/");
        unsigned major, minor;
        char text[32];
        int end = 0;

        int r = sysfs_read_text(kernel->sys_fd, SYSFS_PATH("class/vfio/%s/dev", name), text, sizeof(text));
        if (r < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        if (sscanf(text, "%u:%u%n", &major, &minor, &end) != 2 || end != r)
                return -EINVAL;
        *ret = makedev(major, minor);
        return 1;
}

/* The nodes of a simulated machine are regular files without numbers. */
static bool is_node(const Kernel *kernel, const struct stat *status, dev_t number) {
        return kernel->has_own_nodes ? S_ISREG(status->st_mode) : S_ISCHR(status->st_mode) && status->st_rdev == number;
}

/* What a directory below /dev has under a name. */
typedef enum NodeCheck {
        NODE_MISSING,
        NODE_WRONG, /* another file, for example the node of an earlier boot in a /dev on disk */
        NODE_RIGHT,
} NodeCheck;

/* Not faccessat(), which fails if a device cgroup denies the node. */
static NodeCheck check_node(const Kernel *kernel, int folder_fd, const char *name, dev_t number) {
        struct stat status;

        if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return NODE_MISSING;
        return is_node(kernel, &status, number) ? NODE_RIGHT : NODE_WRONG;
}

bool vfio_node_is_right(const Kernel *kernel, int group, dev_t number) {
        return check_node(kernel, kernel->dev_fd, SYSFS_PATH("vfio/%d", group), number) == NODE_RIGHT;
}

int vfio_node_open_path(const Kernel *kernel, const char *name, dev_t number) {
        struct stat status;

        _cleanup_close_ int path_fd = openat(kernel->dev_fd, name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
        if (path_fd < 0)
                return errno == ENOENT || errno == ENOTDIR ? -ESTALE : -errno;
        if (fstat(path_fd, &status) < 0)
                return -errno;
        return is_node(kernel, &status, number) ? TAKE_FD(path_fd) : -ESTALE;
}

int vfio_node_reopen(int path_fd) {
        int fd = open(SYSFS_PATH("/proc/self/fd/%d", path_fd), O_RDWR | O_CLOEXEC | O_NOCTTY);
        return fd < 0 ? -errno : fd;
}

/* Opens /dev/vfio/N if it is the node with this number. Nothing else is opened: that could have side effects. */
static int open_node(const Kernel *kernel, int group, dev_t number) {
        _cleanup_close_ int path_fd = vfio_node_open_path(kernel, SYSFS_PATH("vfio/%d", group), number);
        if (path_fd < 0)
                return path_fd;
        /* Any open takes the group. The node may belong to another user, for example of libvirt: then vfiod cannot
         * open it for writing without CAP_DAC_OVERRIDE. */
        int fd = open(SYSFS_PATH("/proc/self/fd/%d", path_fd), O_RDONLY | O_CLOEXEC | O_NOCTTY);
        return fd < 0 ? -errno : fd;
}

int vfio_node_lock(const Kernel *kernel, int group) {
        dev_t number;

        int r = vfio_node_read_number(kernel, group, false, &number);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        int fd = open_node(kernel, group, number);
        /* The last device of the group may have left its vfio driver in the meantime. */
        return fd == -ESTALE && vfio_node_read_number(kernel, group, false, &number) == 0 ? -ENOENT : fd;
}

bool vfio_has_group_nodes(const Kernel *kernel) {
        /* The module vfio makes these classes. Linux before 6.1 has no class vfio-dev. */
        return faccessat(kernel->sys_fd, "class/vfio", F_OK, 0) >= 0 ||
                        faccessat(kernel->sys_fd, "class/vfio-dev", F_OK, 0) < 0;
}

/* Waits until something appears in the directory. Returns 0; -ETIMEDOUT at the end of the time; or another negative errno. */
static int wait_for_entry(int watch_fd, uint64_t end_us) {
        char buffer[sizeof(struct inotify_event) + NAME_MAX + 1];
        struct pollfd events = {.fd = watch_fd, .events = POLLIN};
        uint64_t now_us = clock_us(CLOCK_MONOTONIC);

        if (now_us >= end_us)
                return -ETIMEDOUT;
        if (poll(&events, 1, (int)((end_us - now_us) / 1000) + 1) < 0 && errno != EINTR)
                return -errno;
        while (read(watch_fd, buffer, sizeof(buffer)) > 0)
                continue;
        return 0;
}

static int wait_for_node(
                const Kernel *kernel, const char *folder, const char *name, dev_t number, unsigned timeout_ms) {
        uint64_t end_us = clock_us(CLOCK_MONOTONIC) + timeout_ms * UINT64_C(1000);
        NodeCheck check = NODE_MISSING;
        int r = 0;

        _cleanup_close_ int folder_fd = openat(kernel->dev_fd, folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0)
                return -errno;
        /* The directory is watched before the node is looked up, so no node is missed. */
        _cleanup_close_ int watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (watch_fd < 0 ||
                        inotify_add_watch(watch_fd, SYSFS_PATH("/proc/self/fd/%d", folder_fd),
                                        IN_CREATE | IN_MOVED_TO) < 0)
                return -errno;
        while (r == 0 && (check = check_node(kernel, folder_fd, name, number)) != NODE_RIGHT)
                r = wait_for_entry(watch_fd, end_us);
        return r == -ETIMEDOUT && check == NODE_WRONG ? -ESTALE : r;
}

int vfio_node_wait(const Kernel *kernel, int group, unsigned timeout_ms) {
        dev_t number;

        int r = vfio_node_read_number(kernel, group, false, &number);
        if (r <= 0)
                return r < 0 ? r : -ENODEV;
        return wait_for_node(kernel, "vfio", SYSFS_PATH("%d", group), number, timeout_ms);
}

int vfio_cdev_wait(const Kernel *kernel, const VfioCdev *cdev, unsigned timeout_ms) {
        return wait_for_node(kernel, "vfio/devices", SYSFS_PATH("vfio%u", cdev->index), cdev->number, timeout_ms);
}
