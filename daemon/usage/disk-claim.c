/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/disk-claim.h"

#include <fcntl.h>
#include <sys/resource.h>

const char *disk_format_node(const char *name, char buffer[static DISK_NODE_MAX]) {
        (void)snprintf(buffer, DISK_NODE_MAX, "/dev/%s", name);
        for (char *c = buffer + strlen("/dev/"); *c; c++)
                *c = *c == '!' ? '/' : *c;
        return buffer;
}

int disk_open_exclusively(const Kernel *kernel, const char *name) {
        const char *node = DISK_NODE(name) + strlen("/dev/");
        int fd = openat(kernel->dev_fd, node, O_RDONLY | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

/* An adapter can have a thousand disks, and a service starts with a limit of 1024 descriptors, which it may raise.
 * Returns whether the limit was raised. */
static bool raise_descriptor_limit(void) {
        struct rlimit limit;

        if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= limit.rlim_max)
                return false;
        limit.rlim_cur = limit.rlim_max;
        return setrlimit(RLIMIT_NOFILE, &limit) >= 0;
}

/* Returns 0, -EBUSY, or another negative errno. */
static int take_one(DiskClaims *claims, const Kernel *kernel, const char *name) {
        _cleanup_close_ int fd = disk_open_exclusively(kernel, name);
        if (fd == -EMFILE && raise_descriptor_limit())
                fd = disk_open_exclusively(kernel, name);
        if (fd == -ENOMEDIUM || fd == -ENXIO || fd == -ENOENT || fd == -ENODEV)
                return 0;
        if (fd < 0)
                return fd;
        if (!ARRAY_GROW(claims->fds, claims->n_fds))
                return -ENOMEM;
        claims->fds[claims->n_fds++] = TAKE_FD(fd);
        return 0;
}

int disk_claims_take(DiskClaims *claims, const Kernel *kernel, const HostIndex *index, PciAddress address) {
        const HostIndexName *disk = NULL;
        bool busy = false;

        while ((disk = host_index_next(index, HOST_NAME_BLOCK, address, disk))) {
                int r = take_one(claims, kernel, disk->name);
                if (r < 0 && r != -EBUSY)
                        return r;
                busy = busy || r == -EBUSY;
        }
        return busy ? -EBUSY : 0;
}

void disk_claims_release(DiskClaims *claims) {
        for (size_t i = 0; i < claims->n_fds; i++)
                (void)safe_close(claims->fds[i]);
        free(claims->fds);
        *claims = (DiskClaims){};
}
