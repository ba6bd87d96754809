/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-node.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>

const char *vfio_node_format(int group, char buffer[static VFIO_NODE_TEXT_MAX]) {
        (void)snprintf(buffer, VFIO_NODE_TEXT_MAX, "/dev/vfio/%d", group);
        return buffer;
}

/* The same below dev_fd. */
static const char *node_in_dev(int group, char buffer[static VFIO_NODE_TEXT_MAX]) {
        (void)snprintf(buffer, VFIO_NODE_TEXT_MAX, "vfio/%d", group);
        return buffer;
}

int vfio_node_lock(const Kernel *kernel, int group) {
        char path[VFIO_NODE_TEXT_MAX];

        /* Any open takes the group. For reading, since a node that libvirt or udev gave to another owner is not ours to
         * write without CAP_DAC_OVERRIDE. */
        int fd = openat(kernel->dev_fd, node_in_dev(group, path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
        return fd < 0 ? -errno : fd;
}

static bool node_exists(const Kernel *kernel, int group) {
        char path[VFIO_NODE_TEXT_MAX];
        struct stat status;

        /* Not faccessat(): a device cgroup would answer for it. */
        return fstatat(kernel->dev_fd, node_in_dev(group, path), &status, AT_SYMLINK_NOFOLLOW) >= 0;
}

static long long now_ms(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int vfio_node_wait(const Kernel *kernel, int group, unsigned timeout_ms) {
        if (node_exists(kernel, group))
                return 0;

        /* The folder of the nodes is watched, by its descriptor, before the second look: nothing falls between. */
        _cleanup_close_ int folder_fd = openat(kernel->dev_fd, "vfio", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd < 0)
                return -errno;
        _cleanup_close_ int watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
        if (watch_fd < 0)
                return -errno;
        char folder[sizeof("/proc/self/fd/") + 12];
        (void)snprintf(folder, sizeof(folder), "/proc/self/fd/%d", folder_fd);
        if (inotify_add_watch(watch_fd, folder, IN_CREATE | IN_MOVED_TO) < 0)
                return -errno;

        long long end = now_ms() + timeout_ms;
        while (!node_exists(kernel, group)) {
                long long left = end - now_ms();
                struct pollfd events = {.fd = watch_fd, .events = POLLIN};
                char buffer[sizeof(struct inotify_event) + NAME_MAX + 1];

                if (left <= 0)
                        return -ETIMEDOUT;
                if (poll(&events, 1, (int)left) < 0 && errno != EINTR)
                        return -errno;
                while (read(watch_fd, buffer, sizeof(buffer)) > 0)
                        continue;
        }
        return 0;
}
