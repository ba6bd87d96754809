/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-node.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <sys/stat.h>

#define POLL_MS 2

const char *vfio_node_format(int group, char buffer[static VFIO_NODE_TEXT_MAX]) {
        (void)snprintf(buffer, VFIO_NODE_TEXT_MAX, "/dev/vfio/%d", group);
        return buffer;
}

int vfio_node_lock(const Kernel *kernel, int group) {
        /* Any open takes the group. The node may belong to another user, for example of libvirt: then vfiod cannot
         * open it for writing without CAP_DAC_OVERRIDE. */
        int fd = openat(kernel->dev_fd, SYSFS_PATH("vfio/%d", group), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        return fd < 0 ? -errno : fd;
}

int vfio_node_wait(const Kernel *kernel, int group, unsigned timeout_ms) {
        const char *name = SYSFS_PATH("%d", group);
        struct stat status;

        _cleanup_close_ int folder_fd = openat(kernel->dev_fd, "vfio", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0)
                return -errno;
        /* Not faccessat(), which fails if a device cgroup denies the node. */
        for (unsigned waited_ms = 0; fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0; waited_ms += POLL_MS) {
                if (waited_ms >= timeout_ms)
                        return -ETIMEDOUT;
                (void)usleep(POLL_MS * 1000);
        }
        return 0;
}
