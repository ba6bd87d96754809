/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/holders.h"
#include "kernel/sysfs.h"
#include "kernel/vfio-node.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <systemd/sd-login.h>

/* A process with more groups counts as a member of every group. */
#define GROUPS_MAX 1024

bool holder_conceal(Holder *holder, uid_t reader) {
        if (reader == 0 || (reader != READER_ANYBODY && holder->uid == reader))
                return false;
        *holder = (Holder){};
        return true;
}

const char *holder_format(const Holder *holder, char buffer[static HOLDER_TEXT_MAX]) {
        if (holder->pid == 0) {
                (void)snprintf(buffer, HOLDER_TEXT_MAX, HOLDER_OF_OTHER_USER);
                return buffer;
        }
        if (holder->unit[0] == '\0')
                (void)snprintf(buffer, HOLDER_TEXT_MAX, "process %d (%s)", (int)holder->pid,
                                TEXT_NAME(holder->command));
        else
                (void)snprintf(buffer, HOLDER_TEXT_MAX, "process %d (%s) of %s", (int)holder->pid,
                                TEXT_NAME(holder->command), TEXT_NAME(holder->unit));
        return buffer;
}

/* The nodes and their owners. */

static NodeHolders *add_owner(HolderTable *table, PciAddress address) {
        if (!ARRAY_GROW(table->owners, table->n_owners))
                return NULL;
        NodeHolders *owner = &table->owners[table->n_owners++];
        *owner = (NodeHolders){.address = address};
        return owner;
}

/* Adds a node to the last owner. */
static int add_node(HolderTable *table, DeviceNode node) {
        if (!ARRAY_GROW(table->nodes, table->n_nodes))
                return -ENOMEM;
        table->nodes[table->n_nodes++] = (NodeOwner){node, table->n_owners - 1};
        table->owners[table->n_owners - 1].n_nodes++;
        return 0;
}

int holder_table_add_suffix(HolderTable *table, const char *suffix, size_t owner) {
        if (!ARRAY_GROW(table->suffixes, table->n_suffixes))
                return -ENOMEM;
        SuffixOwner *entry = &table->suffixes[table->n_suffixes++];
        *entry = (SuffixOwner){.owner = owner};
        (void)snprintf(entry->suffix, sizeof(entry->suffix), "%s", suffix);
        return 0;
}

int holder_table_add_node(HolderTable *table, PciAddress address, DeviceNode node) {
        return add_owner(table, address) ? add_node(table, node) : -ENOMEM;
}

int holder_table_add_device(HolderTable *table, PciAddress address) {
        _cleanup_(device_folder_done) DeviceFolder folder = {};

        _cleanup_close_ int fd = pci_device_open(table->kernel, address);
        if (fd >= 0) {
                int r = device_folder_read(table->kernel, fd, address, NULL, NULL, NULL, &folder);
                if (r < 0)
                        return r;
        } else if (fd != -ENOENT) /* If the function is gone, the check of its identity says so in a better message. */
                folder.nodes_error = fd;
        return holder_table_add_folder(table, address, &folder);
}

int holder_table_add_folder(HolderTable *table, PciAddress address, const DeviceFolder *folder) {
        int r = 0;

        NodeHolders *owner = add_owner(table, address);
        if (!owner)
                return -ENOMEM;
        owner->error = folder->nodes_error;
        for (size_t i = 0; i < folder->n_nodes && r >= 0; i++)
                r = add_node(table, folder->nodes[i]);
        return r;
}

int holder_table_add_removed_node(HolderTable *table, dev_t number) {
        const char *path = SYSFS_PATH("dev/char/%u:%u", major(number), minor(number));

        if (faccessat(table->kernel->sys_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                return 0;
        return add_node(table, (DeviceNode){.number = number});
}

int holder_table_add_group(HolderTable *table, int group) {
        bool no_iommu = iommu_group_has_no_iommu(table->kernel, group);
        dev_t number;

        /* The number finds the node in any mount namespace. Without a number, the end of the path has to match. */
        if (!table->kernel->has_own_nodes && vfio_node_read_number(table->kernel, group, no_iommu, &number) > 0)
                return holder_table_add_node(table, (PciAddress){}, (DeviceNode){.number = number});
        if (!add_owner(table, (PciAddress){}))
                return -ENOMEM;
        return holder_table_add_suffix(table, VFIO_NODE_TEXT(group, no_iommu) + strlen("/dev"), table->n_owners - 1);
}

int holder_table_add_socket(HolderTable *table, const char *inode) {
        if (!add_owner(table, (PciAddress){}))
                return -ENOMEM;
        return holder_table_add_suffix(table, SYSFS_PATH("socket:[%.20s]", inode), table->n_owners - 1);
}

static int compare_owners(const void *a, const void *b) {
        const NodeOwner *left = a, *right = b;
        int r = device_node_compare(&left->node, &right->node);
        return r != 0 ? r : COMPARE(left->owner, right->owner);
}

static int compare_nodes(const void *a, const void *b) {
        return device_node_compare(&((const NodeOwner *)a)->node, &((const NodeOwner *)b)->node);
}

/* Returns the first entry of the node; NULL if there is none. */
static const NodeOwner *find_node(const HolderTable *table, DeviceNode node) {
        const NodeOwner key = {.node = node};

        const NodeOwner *entry = bsearch(&key, table->nodes, table->n_nodes, sizeof(NodeOwner), compare_nodes);
        while (entry && entry > table->nodes && compare_nodes(entry - 1, &key) == 0)
                entry--;
        return entry;
}

static int compare_suffix_owners(const void *a, const void *b) {
        const SuffixOwner *left = a, *right = b;
        int r = strcmp(left->suffix, right->suffix);
        return r != 0 ? r : COMPARE(left->owner, right->owner);
}

static int compare_suffixes(const void *a, const void *b) {
        return strcmp(((const SuffixOwner *)a)->suffix, ((const SuffixOwner *)b)->suffix);
}

/* Returns the first entry of the suffix; NULL if there is none. */
static const SuffixOwner *find_suffix(const HolderTable *table, const char *suffix) {
        SuffixOwner key;

        if (strlen(suffix) >= sizeof(key.suffix))
                return NULL;
        (void)snprintf(key.suffix, sizeof(key.suffix), "%s", suffix);
        const SuffixOwner *entry =
                        bsearch(&key, table->suffixes, table->n_suffixes, sizeof(SuffixOwner), compare_suffixes);
        while (entry && entry > table->suffixes && compare_suffixes(entry - 1, &key) == 0)
                entry--;
        return entry;
}

/* The lists. */

static bool has_room(const HolderTable *table, const HolderList *list) {
        return list->n_holders < table->names_max &&
                        (list->n_holders == 0 || table->names_total_max == 0 ||
                                        table->n_names < table->names_total_max);
}

int holder_table_add_name(HolderTable *table, HolderList *list, const NamedHolder *named, const char *node) {
        _cleanup_free_ char *copy = node ? strdup(node) : NULL;

        if (!has_room(table, list))
                return -E2BIG;
        if ((node && !copy) || !ARRAY_GROW(list->holders, list->n_holders))
                return -ENOMEM;
        list->holders[list->n_holders] = *named;
        list->holders[list->n_holders++].node = TAKE_PTR(copy);
        table->n_names++;
        return 0;
}

static int add_holder(HolderTable *table, HolderList *list, const Process *process, const char *node) {
        NamedHolder named = {.holder = {.pid = process->pid, .uid = process->uid}};
        _cleanup_free_ char *unit = NULL;
        pid_t pid = process->pid;

        if (list->last == pid)
                return 0;
        list->last = pid;
        if (!has_room(table, list)) {
                list->n_more++;
                return 0;
        }
        if (holder_conceal(&named.holder, table->reader))
                return holder_table_add_name(table, list, &named, NULL);
        (void)process_read_command(table->kernel, pid, named.holder.command);
        if (sd_pid_get_unit(pid, &unit) >= 0)
                (void)snprintf(named.holder.unit, sizeof(named.holder.unit), "%s", unit);
        return holder_table_add_name(table, list, &named, node);
}

static void holder_list_done(HolderList *list) {
        for (size_t i = 0; i < list->n_holders; i++)
                free(list->holders[i].node);
        free(list->holders);
}

void holder_table_done(HolderTable *table) {
        for (size_t i = 0; i < table->n_owners; i++) {
                holder_list_done(&table->owners[i].open);
                holder_list_done(&table->owners[i].cut);
        }
        holder_list_done(&table->hidden);
        free(table->owners);
        free(table->nodes);
        free(table->suffixes);
        *table = (HolderTable){};
}

const NodeHolders *holder_table_find(const HolderTable *table, PciAddress address) {
        for (size_t i = 0; i < table->n_owners; i++)
                if (pci_address_equal(table->owners[i].address, address))
                        return &table->owners[i];
        return NULL;
}

/* The walk. */

typedef struct Walk {
        HolderTable *table;
        const UsageLimits *limits;
        Process *process;
        bool is_hidden;      /* vfiod may not read a descriptor of the process */
        char path[PATH_MAX]; /* by which the process opened the current descriptor */
} Walk;

/* The kernel gives the link of a descriptor the permissions of the open file: none for O_PATH, and none for the
 * access mode 3, which is only for ioctl(). The flags in fdinfo distinguish these two. They are read only in this
 * case: a driver adds lines of its own to fdinfo, and may take a lock for that. */
static bool is_path_only(int directory_fd, const char *name) {
        struct stat status;
        char text[1024];
        unsigned flags;

        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || (status.st_mode & S_IRWXU) != 0)
                return false;
        int r = sysfs_read_text(directory_fd, SYSFS_PATH("../fdinfo/%s", name), text, sizeof(text));
        if (r < 0 && r != -ENAMETOOLONG)
                return false;
        const char *line = strstr(text, "flags:");
        return line && sscanf(line, "flags: %o", &flags) == 1 && (flags & O_PATH);
}

static bool read_path(Walk *walk, int directory_fd, const char *name) {
        int r = sysfs_read_target(directory_fd, name, walk->path, sizeof(walk->path));
        walk->is_hidden = walk->is_hidden || process_error_is_refusal(-r);
        /* The kernel does not tell a path of 4096 bytes or more. The node is open all the same. */
        if (r == -ENAMETOOLONG)
                (void)snprintf(walk->path, sizeof(walk->path), "(a path that is too long)");
        return r >= 0 || r == -ENAMETOOLONG;
}

/* A sandboxed virtual machine sees the node in another directory than /dev, so only the end of the path is compared. A
 * socket has this text as its whole path: a file of a user may have a name that ends with it. */
static int match_suffix(Walk *walk, int directory_fd, const char *name) {
        static const char folder[] = "/vfio/";
        HolderTable *table = walk->table;

        if (!read_path(walk, directory_fd, name))
                return 0;
        const char *suffix = walk->path, *name_of_file = strrchr(walk->path, '/');
        if (name_of_file) {
                size_t length = (size_t)(name_of_file + 1 - walk->path);

                if (length < strlen(folder))
                        return 0;
                suffix = name_of_file + 1 - strlen(folder);
                if (!startswith(suffix, folder))
                        return 0;
        }
        const SuffixOwner *entry = find_suffix(table, suffix), *end = table->suffixes + table->n_suffixes;
        if (!entry || is_path_only(directory_fd, name))
                return 0;
        int r = 0;
        for (const SuffixOwner *first = entry; r >= 0 && entry < end && compare_suffixes(entry, first) == 0; entry++)
                r = add_holder(table, &table->owners[entry->owner].open, walk->process, walk->path);
        return r;
}

/* The nodes of a simulated machine are regular files without numbers. For a path that ends with
 * "/vfio/devices/NAME", the simulated sysfs tells the number of the cdev. */
static bool read_simulated_number(const Walk *walk, dev_t *ret) {
        static const char folder[] = "/vfio/devices/";
        unsigned major, minor;
        char text[32];

        const char *end = strstr(walk->path, folder);
        if (!end)
                return false;
        const char *path = SYSFS_PATH("class/vfio-dev/%.32s/dev", end + strlen(folder));
        if (sysfs_read_text(walk->table->kernel->sys_fd, path, text, sizeof(text)) < 0 ||
                        sscanf(text, "%u:%u", &major, &minor) != 2)
                return false;
        *ret = makedev(major, minor);
        return true;
}

static int match_number(Walk *walk, int directory_fd, const char *name) {
        HolderTable *table = walk->table;
        struct statx status;

        /* Does not ask a file server, which may never answer. */
        if (statx(directory_fd, name, AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0) {
                walk->is_hidden = walk->is_hidden || process_error_is_refusal(errno);
                return 0;
        }
        DeviceNode node = {makedev(status.stx_rdev_major, status.stx_rdev_minor), S_ISBLK(status.stx_mode)};
        bool is_simulated = S_ISREG(status.stx_mode) && table->kernel->has_own_nodes;
        if (is_simulated) {
                if (!read_path(walk, directory_fd, name) || !read_simulated_number(walk, &node.number))
                        return 0;
        } else if (!S_ISCHR(status.stx_mode) && !S_ISBLK(status.stx_mode))
                return 0;

        const NodeOwner *entry = find_node(table, node), *end = table->nodes + table->n_nodes;
        if (!entry || (!is_simulated && !read_path(walk, directory_fd, name)) || is_path_only(directory_fd, name))
                return 0;
        int r = 0;
        for (; r >= 0 && entry < end && device_node_compare(&entry->node, &node) == 0; entry++)
                r = add_holder(table, &table->owners[entry->owner].open, walk->process, walk->path);
        return r;
}

/* Reads the descriptors of a process until the budget is used up. */
static int walk_descriptors(Walk *walk, size_t *budget) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        int r = sysfs_open_folder(walk->table->kernel->proc_fd, SYSFS_PATH("%d/fd", (int)walk->process->pid), &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0) {
                if ((r = usage_limits_check_time(walk->limits)) < 0)
                        return r;
                if (*budget == 0) {
                        walk->process->is_cut = true;
                        return 0;
                }
                (*budget)--;
                walk->table->n_descriptors++;
                if (walk->table->n_suffixes > 0)
                        r = match_suffix(walk, dirfd(folder), name);
                if (r >= 0 && walk->table->n_nodes > 0)
                        r = match_number(walk, dirfd(folder), name);
        }
        return r;
}

static int walk_process(Walk *walk, size_t *budget) {
        HolderTable *table = walk->table;

        walk->is_hidden = false;
        walk->process->is_cut = false;
        int r = walk_descriptors(walk, budget);
        bool is_refused = process_error_is_refusal(-r);
        if (r < 0 && !is_refused && r != -ENOENT && r != -ESRCH)
                return r;
        /* No process of this host has a node of a simulated machine open. */
        if ((!walk->is_hidden && !is_refused) || table->kernel->has_own_nodes ||
                        process_has_ended(table->kernel, walk->process->pid))
                return 0;
        return add_holder(table, &table->hidden, walk->process, NULL);
}

/* A process that has more descriptors than a walk reads: nobody knows whether it has a node open. It counts as a
 * user of a node only if it may open it. It could open the node at any time, so this gives it no additional power. A
 * process without this permission is ignored, because it can only have received the descriptor from another process.
 * Otherwise any user could keep root from every device, just by opening many files. */

/* Who may open nodes of an owner. */
typedef struct Rule {
        size_t owner;
        bool is_open_to_all; /* by the mode; or the node has an access control list; or its permissions are not known */
        mode_t mode;
        uid_t uid;
        gid_t gid;
} Rule;

/* udev makes a link for each node, for example "/dev/char/1:5". A node without such a link counts as open to all. */
static Rule read_rule(const Kernel *kernel, const NodeOwner *entry) {
        const Rule open_to_all = {.owner = entry->owner, .is_open_to_all = true};
        const DeviceNode *node = &entry->node;
        struct stat status;

        _cleanup_close_ int fd = openat(kernel->dev_fd,
                        SYSFS_PATH("%s/%u:%u", node->block ? "block" : "char", major(node->number),
                                        minor(node->number)),
                        O_PATH | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &status) < 0 || status.st_rdev != node->number ||
                        !(node->block ? S_ISBLK(status.st_mode) : S_ISCHR(status.st_mode)))
                return open_to_all;
        if ((status.st_mode & (S_IROTH | S_IWOTH)) ||
                        getxattr(SYSFS_PATH("/proc/self/fd/%d", fd), "system.posix_acl_access", NULL, 0) > 0)
                return open_to_all;
        return (Rule){.owner = entry->owner, .mode = status.st_mode, .uid = status.st_uid, .gid = status.st_gid};
}

static bool rule_equal(const Rule *a, const Rule *b) {
        return a->owner == b->owner && a->is_open_to_all == b->is_open_to_all && a->mode == b->mode &&
                        a->uid == b->uid && a->gid == b->gid;
}

/* Makes the rules of all nodes, without repetitions. */
static int make_rules(const HolderTable *table, Rule **ret, size_t *ret_n) {
        _cleanup_free_ Rule *rules = NULL;
        size_t n = 0;

        for (size_t i = 0; i < table->n_nodes; i++) {
                Rule rule = read_rule(table->kernel, &table->nodes[i]);
                size_t known = 0;

                while (known < n && !rule_equal(&rules[known], &rule))
                        known++;
                if (known < n)
                        continue;
                if (!ARRAY_GROW(rules, n))
                        return -ENOMEM;
                rules[n++] = rule;
        }
        *ret = TAKE_PTR(rules);
        *ret_n = n;
        return 0;
}

/* groups are those of the process; n_groups can be a negative errno of process_read_groups(). */
static bool may_open(const Process *process, const gid_t *groups, int n_groups, const Rule *rule) {
        if (process->rank == PROCESS_OF_ROOT || rule->is_open_to_all)
                return true;
        if (rule->uid == process->uid && (rule->mode & (S_IRUSR | S_IWUSR)))
                return true;
        if (!(rule->mode & (S_IRGRP | S_IWGRP)))
                return false;
        for (int i = 0; i < n_groups; i++)
                if (groups[i] == rule->gid)
                        return true;
        return n_groups == -EOVERFLOW;
}

/* Adds the processes whose descriptors were not all read. */
static int add_cut_processes(HolderTable *table, const ProcessTable *processes) {
        _cleanup_free_ Rule *rules = NULL;
        gid_t groups[GROUPS_MAX];
        size_t n_rules;

        int r = make_rules(table, &rules, &n_rules);
        for (size_t i = 0; i < processes->n_processes && r >= 0; i++) {
                const Process *process = &processes->processes[i];

                if (!process->is_cut)
                        continue;
                int n_groups = process_read_groups(table->kernel, process->pid, groups, ELEMENTSOF(groups));
                for (size_t rule = 0; rule < n_rules && r >= 0; rule++)
                        if (may_open(process, groups, n_groups, &rules[rule]))
                                r = add_holder(table, &table->owners[rules[rule].owner].cut, process, NULL);
        }
        return r;
}

static int walk_processes(HolderTable *table, ProcessTable *processes, const UsageLimits *limits) {
        size_t budget_of_root = limits->descriptors_of_root, budget_of_others = limits->descriptors_of_others;
        Walk walk = {.table = table, .limits = limits};
        bool is_cut = false;

        for (size_t i = 0; i < processes->n_processes; i++) {
                walk.process = &processes->processes[i];
                bool is_of_root = walk.process->rank == PROCESS_OF_ROOT;
                int r = usage_limits_check_time(limits);
                if (r < 0 || (r = walk_process(&walk, is_of_root ? &budget_of_root : &budget_of_others)) < 0)
                        return r;
                is_cut = is_cut || walk.process->is_cut;
        }
        return is_cut ? add_cut_processes(table, processes) : 0;
}

int holder_table_walk(HolderTable *table, ProcessTable *processes, const UsageLimits *limits) {
        if (table->n_nodes > 0)
                qsort(table->nodes, table->n_nodes, sizeof(NodeOwner), compare_owners);
        if (table->n_suffixes > 0)
                qsort(table->suffixes, table->n_suffixes, sizeof(SuffixOwner), compare_suffix_owners);
        table->has_too_many_processes = processes->is_cut;
        table->error = walk_processes(table, processes, limits);
        return table->error == -ENOMEM ? -ENOMEM : 0;
}
