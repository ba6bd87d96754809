/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/disk-claim.h"

#include <fcntl.h>
#include <sys/resource.h>

int disk_open_exclusively(const Kernel *kernel, const char *name) {
        char node[HOST_NAME_TEXT_MAX];

        /* The kernel writes "!" for a "/" in a name. */
        (void)snprintf(node, sizeof(node), "%s", name);
        for (char *c = node; *c; c++)
                *c = *c == '!' ? '/' : *c;
        int fd = openat(kernel->dev_fd, node, O_RDONLY | O_EXCL | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        return fd < 0 ? -errno : fd;
}

/* An adapter can have a thousand disks, and a service starts with a limit of 1024 descriptors that it may raise. Returns whether it was raised. */
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
