/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/node-access.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

NodeAccess node_access_read(const Kernel *kernel, const DeviceNode *node) {
        static const NodeAccess open_to_all = {.is_open_to_all = true};
        const char *path = SYSFS_PATH(
                        "%s/%u:%u", node->block ? "block" : "char", major(node->number), minor(node->number));
        struct stat status;

        _cleanup_close_ int fd = openat(kernel->dev_fd, path, O_PATH | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &status) < 0 || status.st_rdev != node->number ||
                        !(node->block ? S_ISBLK(status.st_mode) : S_ISCHR(status.st_mode)))
                return open_to_all;
        if ((status.st_mode & (S_IROTH | S_IWOTH)) ||
                        getxattr(SYSFS_PATH("/proc/self/fd/%d", fd), "system.posix_acl_access", NULL, 0) > 0)
                return open_to_all;
        return (NodeAccess){.mode = status.st_mode, .uid = status.st_uid, .gid = status.st_gid};
}

void node_user_read(const Kernel *kernel, const Process *process, NodeUser *ret) {
        ret->is_root = process->rank == PROCESS_OF_ROOT;
        ret->uid = process->uid;
        ret->n_groups = process_read_groups(kernel, process->pid, ret->groups, NODE_USER_GROUPS_MAX);
}

bool node_access_allows(const NodeAccess *access, const NodeUser *user) {
        if (user->is_root || access->is_open_to_all)
                return true;
        if (access->uid == user->uid && (access->mode & (S_IRUSR | S_IWUSR)))
                return true;
        if (!(access->mode & (S_IRGRP | S_IWGRP)))
                return false;
        for (int i = 0; i < user->n_groups; i++)
                if (user->groups[i] == access->gid)
                        return true;
        return user->n_groups == -EOVERFLOW;
}
