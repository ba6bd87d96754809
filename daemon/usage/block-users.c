/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/block-users.h"
#include "kernel/sysfs.h"
#include "usage/mounts.h"

/* Known limit: udisks lets the user at the screen make a loop device of a file of his own, and in a mount namespace
 * of his own he can name that file "/dev/sda2". Root then reads that sda2 carries a loop device. The number of the
 * backing device would be a proof, but the kernel asks the file system of the file for it, and this user can make a
 * file system that never answers. A refusal that root can override does less harm. */

static int add_user(BlockUsers *users, BlockUserKind kind, const char *node, const char *name) {
        if (!ARRAY_GROW(users->users, users->n_users))
                return -ENOMEM;
        BlockUser *user = &users->users[users->n_users++];
        *user = (BlockUser){kind, strdup(node), strdup(name)};
        return user->node && user->name ? 0 : -ENOMEM;
}

void block_users_done(BlockUsers *users) {
        for (size_t i = 0; i < users->n_users; i++) {
                free(users->users[i].node);
                free(users->users[i].name);
        }
        free(users->users);
        *users = (BlockUsers){};
}

/* An entry that disappears while it is read is not a user any more. */
static int ignore_gone(int error) {
        return error == -ENOENT || error == -ENODEV || error == -ENXIO || error == -ENOTDIR ? 0 : error;
}

static int read_swaps(const Kernel *kernel, BlockUsers *users) {
        _cleanup_fclose_ FILE *file = sysfs_open_lines(kernel->proc_fd, "swaps");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        int r = 0;

        if (!file)
                return -errno;
        while (r >= 0 && (r = sysfs_next_line(file, &line, &size)) > 0) {
                line[strcspn(line, " \t\n")] = '\0';
                char *deleted = strstr(mount_unescape(line), " (deleted)");
                if (deleted)
                        *deleted = '\0';
                r = add_user(users, BLOCK_USER_SWAP, line, "");
        }
        return r;
}

static int read_loops(const Kernel *kernel, BlockUsers *users) {
        _cleanup_closedir_ DIR *folder = NULL;
        char file[SYSFS_TEXT_MAX];
        const char *name;

        int r = sysfs_open_folder(kernel->sys_fd, "class/block", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0) {
                if (!startswith(name, "loop"))
                        continue;
                r = sysfs_read_text(dirfd(folder), SYSFS_PATH("%s/loop/backing_file", name), file, sizeof(file));
                r = r < 0 ? ignore_gone(r) : add_user(users, BLOCK_USER_LOOP, file, name);
        }
        return r;
}

/* Reads what a folder of an NVMe target exports: a namespace, or a whole controller. */
static int read_export(int folder_fd, const char *name, BlockUserKind kind, BlockUsers *users) {
        char device[SYSFS_TEXT_MAX];
        long enabled;

        int r = sysfs_read_number(folder_fd, SYSFS_PATH("%s/enable", name), 0, 1, &enabled);
        if (r < 0 || enabled == 0)
                return ignore_gone(r);
        r = sysfs_read_text(folder_fd, SYSFS_PATH("%s/device_path", name), device, sizeof(device));
        if (r < 0)
                return ignore_gone(r);
        /* "/dev/disk/by-id/..." */
        _cleanup_free_ char *resolved = realpath(device, NULL);
        return add_user(users, kind, resolved ? resolved : device, "");
}

static int read_namespaces(int folder_fd, const char *subsystem, BlockUsers *users) {
        _cleanup_closedir_ DIR *namespaces = NULL;
        const char *name;

        int r = sysfs_open_folder(folder_fd, SYSFS_PATH("%s/namespaces", subsystem), &namespaces);
        while (r >= 0 && (r = sysfs_next(namespaces, &name)) > 0)
                r = read_export(dirfd(namespaces), name, BLOCK_USER_EXPORT, users);
        return ignore_gone(r);
}

static int read_exports(const Kernel *kernel, BlockUsers *users) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *subsystem;

        int r = sysfs_open_folder(kernel->sys_fd, "kernel/config/nvmet/subsystems", &folder);
        /* The module of the target makes this folder. Without configfs, vfiod cannot tell what the target exports. */
        if (r == -ENOENT && faccessat(kernel->sys_fd, "module/nvmet", F_OK, 0) >= 0)
                return -ENODATA;
        while (r >= 0 && (r = sysfs_next(folder, &subsystem)) > 0)
                if ((r = read_namespaces(dirfd(folder), subsystem, users)) >= 0)
                        r = read_export(dirfd(folder), SYSFS_PATH("%s/passthru", subsystem), BLOCK_USER_PASSTHROUGH,
                                        users);
        return r;
}

/* read_exports() reads them, too. */
static int read_nothing(const Kernel *kernel, BlockUsers *users) {
        (void)kernel, (void)users;
        return 0;
}

int block_users_read(const Kernel *kernel, BlockUsers *ret) {
        static int (*const readers[_BLOCK_USER_KIND_MAX])(const Kernel *kernel, BlockUsers *users) = {
                        [BLOCK_USER_SWAP] = read_swaps,
                        [BLOCK_USER_LOOP] = read_loops,
                        [BLOCK_USER_EXPORT] = read_exports,
                        [BLOCK_USER_PASSTHROUGH] = read_nothing,
        };

        *ret = (BlockUsers){};
        for (BlockUserKind kind = 0; kind < _BLOCK_USER_KIND_MAX; kind++) {
                int r = readers[kind](kernel, ret);
                if (r == -ENOMEM)
                        return r;
                ret->errors[kind] = r == -ENOENT ? 0 : r; /* for example a kernel without swap */
        }
        return 0;
}
