/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/block-users.h"
#include "kernel/sysfs.h"
#include "usage/mounts.h"

/* Known limit: udisks lets the user who sits at the screen make a loop device of a file of his own, and in a mount namespace of his own he can name that file
 * "/dev/sda2". Root is then told that sda2 carries a loop device. The number of the backing device would be proof, but the kernel asks the file
 * system of the file for it, and this user can make a file system that never answers. A refusal that root can override is the lesser evil. */

static int add_user(BlockUserList *list, const char *node, const char *name) {
        if (list->n_users == list->n_allocated) {
                size_t wanted = list->n_allocated ? list->n_allocated * 2 : 16;
                BlockUser *grown = reallocarray(list->users, wanted, sizeof(BlockUser));
                if (!grown)
                        return -ENOMEM;
                list->users = grown;
                list->n_allocated = wanted;
        }
        BlockUser *user = &list->users[list->n_users++];
        *user = (BlockUser){strdup(node), strdup(name)};
        return user->node && user->name ? 0 : -ENOMEM;
}

static void list_done(BlockUserList *list) {
        for (size_t i = 0; i < list->n_users; i++) {
                free(list->users[i].node);
                free(list->users[i].name);
        }
        free(list->users);
        *list = (BlockUserList){};
}

void block_users_done(BlockUsers *users) {
        list_done(&users->swaps);
        list_done(&users->loops);
        list_done(&users->exports);
}

/* An entry that went away while it was read is no user any more. */
static bool has_gone(int error) {
        return error == -ENOENT || error == -ENODEV || error == -ENXIO || error == -ENOTDIR;
}

static int read_swaps(const Kernel *kernel, BlockUserList *list) {
        _cleanup_fclose_ FILE *file = sysfs_open_lines(kernel->proc_fd, "swaps");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        int r = 0;

        if (!file)
                return errno == ENOENT ? 0 : -errno; /* a kernel without swap */
        while (r >= 0 && getline(&line, &size, file) > 0) {
                line[strcspn(line, " \t\n")] = '\0';
                char *deleted = strstr(mount_unescape(line), " (deleted)");
                if (deleted)
                        *deleted = '\0';
                r = add_user(list, line, "");
        }
        return r >= 0 && ferror(file) ? -EIO : r;
}

/* An entry of /sys/class/block. */
static int on_block(int directory_fd, const char *name, void *userdata) {
        char path[300], file[SYSFS_TEXT_MAX];

        if (!startswith(name, "loop"))
                return 0;
        (void)snprintf(path, sizeof(path), "%.255s/loop/backing_file", name);
        int r = sysfs_read_text(directory_fd, path, file, sizeof(file));
        if (r < 0)
                return has_gone(r) ? 0 : r;
        return add_user(userdata, file, name);
}

/* An entry of "namespaces" of an NVMe target. */
static int on_export(int directory_fd, const char *name, void *userdata) {
        char path[300], device[SYSFS_TEXT_MAX];
        long enabled;

        (void)snprintf(path, sizeof(path), "%.255s/enable", name);
        int r = sysfs_read_number(directory_fd, path, 0, 1, &enabled);
        if (r < 0)
                return has_gone(r) ? 0 : r;
        if (enabled == 0)
                return 0;
        (void)snprintf(path, sizeof(path), "%.255s/device_path", name);
        r = sysfs_read_text(directory_fd, path, device, sizeof(device));
        if (r < 0)
                return has_gone(r) ? 0 : r;
        /* "/dev/disk/by-id/..." */
        _cleanup_free_ char *resolved = realpath(device, NULL);
        return add_user(userdata, resolved ? resolved : device, "");
}

/* An entry of "subsystems" of the NVMe target. */
static int on_subsystem(int directory_fd, const char *name, void *userdata) {
        char path[300];

        (void)snprintf(path, sizeof(path), "%.255s/namespaces", name);
        int r = sysfs_for_each(directory_fd, path, on_export, userdata);
        return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}

static int compare_users(const void *a, const void *b) {
        const BlockUser *left = a, *right = b;
        int r = strcmp(left->node, right->node);
        return r != 0 ? r : strverscmp(left->name, right->name);
}

static int finish(BlockUserList *list, int r) {
        if (r == -ENOMEM)
                return r;
        list->error = r == -ENOENT ? 0 : r;
        if (list->n_users > 0)
                qsort(list->users, list->n_users, sizeof(BlockUser), compare_users);
        return 0;
}

int block_users_read(const Kernel *kernel, BlockUsers *ret) {
        *ret = (BlockUsers){};
        int r = finish(&ret->swaps, read_swaps(kernel, &ret->swaps));
        if (r >= 0)
                r = finish(&ret->loops, sysfs_for_each(kernel->sys_fd, "class/block", on_block, &ret->loops));
        if (r >= 0)
                r = finish(&ret->exports,
                                sysfs_for_each(kernel->sys_fd, "kernel/config/nvmet/subsystems", on_subsystem,
                                                &ret->exports));
        return r;
}

const BlockUser *block_user_list_find(const BlockUserList *list, const char *node, size_t *ret_n) {
        size_t low = 0, high = list->n_users, n = 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(list->users[middle].node, node) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        while (low + n < list->n_users && streq(list->users[low + n].node, node))
                n++;
        *ret_n = n;
        return list->users + low;
}
