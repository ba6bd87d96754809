/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/node-access.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#define DEPTH_MAX 8
#define NODES_MAX 262144

typedef struct Reading {
        NodeAccessTable *table;
        dev_t file_system; /* that /dev is on: those that are mounted below it have no nodes, or nodes of others */
        unsigned depth;
} Reading;

static bool has_acl(int directory_fd, const char *name) {
        char path[64];

        _cleanup_close_ int fd = openat(directory_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return true;
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return getxattr(path, "system.posix_acl_access", NULL, 0) > 0;
}

static int add_node(NodeAccessTable *table, int directory_fd, const char *name, const struct stat *status) {
        if (table->n_entries >= NODES_MAX)
                return -E2BIG;
        if (table->n_entries == table->n_allocated) {
                size_t wanted = table->n_allocated ? table->n_allocated * 2 : 256;
                NodeAccess *grown = reallocarray(table->entries, wanted, sizeof(NodeAccess));
                if (!grown)
                        return -ENOMEM;
                table->entries = grown;
                table->n_allocated = wanted;
        }
        table->entries[table->n_entries++] = (NodeAccess){
                        .node = {status->st_rdev, S_ISBLK(status->st_mode)},
                        .mode = status->st_mode,
                        .uid = status->st_uid,
                        .gid = status->st_gid,
                        .is_open_to_all = (status->st_mode & (S_IROTH | S_IWOTH)) || has_acl(directory_fd, name),
        };
        return 0;
}

/* An entry of /dev, or of a folder in it. */
static int on_entry(int directory_fd, const char *name, void *userdata) {
        Reading *reading = userdata;
        struct stat status;

        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT ? 0 : -errno;
        if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode))
                return add_node(reading->table, directory_fd, name, &status);
        if (!S_ISDIR(status.st_mode) || status.st_dev != reading->file_system)
                return 0;
        if (reading->depth >= DEPTH_MAX)
                return -ELOOP;
        reading->depth++;
        int r = sysfs_for_each(directory_fd, name, on_entry, reading);
        reading->depth--;
        return r == -ENOENT ? 0 : r;
}

static int compare_nodes(const void *a, const void *b) {
        const NodeAccess *left = a, *right = b;

        if (left->node.number != right->node.number)
                return left->node.number < right->node.number ? -1 : 1;
        return (int)left->node.block - (int)right->node.block;
}

int node_access_read(const Kernel *kernel, NodeAccessTable *ret) {
        Reading reading = {.table = ret};
        struct stat status;

        *ret = (NodeAccessTable){};
        if (fstat(kernel->dev_fd, &status) < 0)
                return -errno;
        reading.file_system = status.st_dev;
        int r = sysfs_for_each(kernel->dev_fd, ".", on_entry, &reading);
        if (r >= 0 && ret->n_entries > 0)
                qsort(ret->entries, ret->n_entries, sizeof(NodeAccess), compare_nodes);
        return r;
}

void node_access_done(NodeAccessTable *table) {
        free(table->entries);
        *table = (NodeAccessTable){};
}

NodeAccess node_access_find(const NodeAccessTable *table, const DeviceNode *node) {
        NodeAccess key = {.node = *node, .is_open_to_all = true};

        const NodeAccess *found = table->n_entries == 0
                        ? NULL
                        : bsearch(&key, table->entries, table->n_entries, sizeof(NodeAccess), compare_nodes);
        return found ? *found : key;
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
        /* The user is in so many groups that they were not all read. */
        return user->n_groups == NODE_USER_GROUPS_MAX;
}
