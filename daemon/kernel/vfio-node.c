/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-node.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>

const char *vfio_node_format(int group, bool no_iommu, char buffer[static VFIO_NODE_TEXT_MAX]) {
        (void)snprintf(buffer, VFIO_NODE_TEXT_MAX, "/dev/vfio/%s%d", no_iommu ? "noiommu-" : "", group);
        return buffer;
}

int vfio_node_lock(const Kernel *kernel, int group) {
        /* Any open takes the group. The node may belong to another user, for example of libvirt: then vfiod cannot
         * open it for writing without CAP_DAC_OVERRIDE. */
        int fd = openat(kernel->dev_fd, SYSFS_PATH("vfio/%d", group), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        return fd < 0 ? -errno : fd;
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

static int wait_for_node(const Kernel *kernel, const char *folder, const char *name, unsigned timeout_ms) {
        uint64_t end_us = clock_us(CLOCK_MONOTONIC) + timeout_ms * UINT64_C(1000);
        struct stat status;
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
        /* Not faccessat(), which fails if a device cgroup denies the node. */
        while (r == 0 && fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                r = wait_for_entry(watch_fd, end_us);
        return r;
}

int vfio_node_wait(const Kernel *kernel, int group, unsigned timeout_ms) {
        return wait_for_node(kernel, "vfio", SYSFS_PATH("%d", group), timeout_ms);
}

int vfio_cdev_wait(const Kernel *kernel, const VfioCdev *cdev, unsigned timeout_ms) {
        return wait_for_node(kernel, "vfio/devices", cdev->name, timeout_ms);
}
