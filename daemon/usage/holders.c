/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/holders.h"
#include "base/text.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <systemd/sd-login.h>

typedef struct Search {
        const Kernel *kernel;
        HolderWalk *walk;
        Process *process;
        size_t *budget;       /* of descriptors */
        bool is_hidden;       /* a descriptor of the process may not be read */
        int result;           /* of the callback */
        char found[PATH_MAX]; /* the path that the node was opened by */
} Search;

const char *holder_format(const Holder *holder, char buffer[static HOLDER_TEXT_MAX]) {
        (void)snprintf(buffer, HOLDER_TEXT_MAX, "process %d (%s)%s%s", (int)holder->pid, TEXT_NAME(holder->command),
                        holder->unit[0] != '\0' ? " of " : "", TEXT_NAME(holder->unit));
        return buffer;
}

void holder_describe(const Kernel *kernel, pid_t pid, Holder *ret) {
        _cleanup_free_ char *unit = NULL;

        *ret = (Holder){.pid = pid};
        (void)process_read_command(kernel, pid, ret->command);
        if (sd_pid_get_unit(pid, &unit) >= 0)
                (void)snprintf(ret->unit, sizeof(ret->unit), "%s", unit);
}

static int compare_nodes(const DeviceNode *a, const DeviceNode *b) {
        if (a->number != b->number)
                return a->number < b->number ? -1 : 1;
        return (int)a->block - (int)b->block;
}

int node_owner_compare(const void *a, const void *b) {
        const NodeOwner *left = a, *right = b;
        int r = compare_nodes(&left->node, &right->node);
        return r != 0 ? r : left->owner < right->owner ? -1 : left->owner > right->owner;
}

/* The first entry of the node, or NULL. */
static const NodeOwner *find_node(const HolderWalk *walk, const DeviceNode *node) {
        size_t low = 0, high = walk->n_nodes;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (compare_nodes(&walk->nodes[middle].node, node) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low < walk->n_nodes && compare_nodes(&walk->nodes[low].node, node) == 0 ? &walk->nodes[low] : NULL;
}

/* The kernel gives the link of a descriptor the permissions that the file was opened with: none for O_PATH, and none for the access mode 3, which can
 * only be used for ioctl(). The flags tell these two apart. They are read only then: a driver adds lines of its own, and may take a lock for that. */
static bool is_path_only(int directory_fd, const char *name) {
        char path[300], text[1024];
        struct stat status;
        unsigned flags;

        if (fstatat(directory_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 || (status.st_mode & S_IRWXU) != 0)
                return false;
        (void)snprintf(path, sizeof(path), "../fdinfo/%.255s", name);
        _cleanup_close_ int fd = openat(directory_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
        if (n < 0)
                return false;
        text[n] = '\0';
        const char *line = strstr(text, "flags:");
        return line && sscanf(line, "flags: %o", &flags) == 1 && (flags & O_PATH);
}

static bool read_path(Search *search, int directory_fd, const char *name) {
        ssize_t n = readlinkat(directory_fd, name, search->found, sizeof(search->found) - 1);

        search->is_hidden = search->is_hidden || (n < 0 && process_error_is_refusal(errno));
        search->found[n < 0 ? 0 : n] = '\0';
        return n >= 0;
}

/* A sandboxed VM sees the node elsewhere than below /dev, so the end of the path decides. */
static void match_path(Search *search, int directory_fd, const char *name) {
        const char *suffix = search->walk->suffix;

        if (!read_path(search, directory_fd, name))
                return;
        size_t length = strlen(search->found), suffix_length = strlen(suffix);
        if (length < suffix_length || !streq(search->found + length - suffix_length, suffix) ||
                        is_path_only(directory_fd, name))
                return;
        search->result = search->walk->on_open(search->process, 0, search->found, search->walk->userdata);
}

/* The nodes of a simulated machine are regular files, which have no numbers. For a vfio cdev the simulated sysfs tells the
 * numbers by the name at the end of the path. */
static bool read_simulated_number(const Search *search, dev_t *ret) {
        const char *name = strrchr(search->found, '/');
        static const char folder[] = "/vfio/devices";
        const size_t length = strlen(folder);
        char path[64], text[32];
        unsigned major, minor;

        if (!name || (size_t)(name - search->found) < length || strncmp(name - length, folder, length) != 0)
                return false;
        (void)snprintf(path, sizeof(path), "class/vfio-dev/%.32s/dev", name + 1);
        if (sysfs_read_text(search->kernel->sys_fd, path, text, sizeof(text)) < 0 ||
                        sscanf(text, "%u:%u", &major, &minor) != 2)
                return false;
        *ret = makedev(major, minor);
        return true;
}

static void match_number(Search *search, int directory_fd, const char *name) {
        HolderWalk *walk = search->walk;
        struct statx status;

        /* Asks no file server, which may not answer. */
        if (statx(directory_fd, name, AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0) {
                search->is_hidden = search->is_hidden || process_error_is_refusal(errno);
                return;
        }
        DeviceNode node = {makedev(status.stx_rdev_major, status.stx_rdev_minor), S_ISBLK(status.stx_mode)};
        bool is_simulated = S_ISREG(status.stx_mode) && search->kernel->has_own_nodes;
        if (is_simulated) {
                if (!read_path(search, directory_fd, name) || !read_simulated_number(search, &node.number))
                        return;
        } else if (!S_ISCHR(status.stx_mode) && !S_ISBLK(status.stx_mode))
                return;
        const NodeOwner *entry = find_node(walk, &node);
        if (!entry || (!is_simulated && !read_path(search, directory_fd, name)) || is_path_only(directory_fd, name))
                return;
        for (; entry < walk->nodes + walk->n_nodes && compare_nodes(&entry->node, &node) == 0 && search->result == 0;
                        entry++)
                search->result = walk->on_open(search->process, entry->owner, search->found, walk->userdata);
}

/* An entry of /proc/PID/fd. Returns 1 to end the walk over this process. */
static int on_descriptor(int directory_fd, const char *name, void *userdata) {
        Search *search = userdata;

        if (*search->budget == 0) {
                search->process->is_cut = true;
                return 1;
        }
        (*search->budget)--;
        search->walk->n_descriptors++;
        if (search->walk->suffix)
                match_path(search, directory_fd, name);
        else
                match_number(search, directory_fd, name);
        return search->result != 0;
}

int holders_walk(const Kernel *kernel, ProcessTable *processes, const UsageLimits *limits, HolderWalk *walk) {
        size_t budget_of_root = limits->descriptors_of_root, budget_of_others = limits->descriptors_of_others;
        Search search = {.kernel = kernel, .walk = walk};
        char path[64];

        walk->n_descriptors = 0;
        for (size_t i = 0; i < processes->n_processes; i++) {
                Process *process = &processes->processes[i];

                search.process = process;
                search.budget = process->rank == PROCESS_OF_ROOT ? &budget_of_root : &budget_of_others;
                search.is_hidden = false;
                process->is_cut = false;
                (void)snprintf(path, sizeof(path), "%d/fd", (int)process->pid);
                int r = sysfs_for_each(kernel->proc_fd, path, on_descriptor, &search);
                if (search.result != 0)
                        return search.result;
                if (r < 0 && !process_error_is_refusal(-r) && r != -ENOENT && r != -ESRCH)
                        return r;
                if ((search.is_hidden || process_error_is_refusal(-r)) && walk->on_hidden &&
                                !process_has_ended(kernel->proc_fd, process->pid) &&
                                (r = walk->on_hidden(process, walk->userdata)) != 0)
                        return r;
        }
        return 0;
}

/* Visits each process once. */
typedef struct Visit {
        const Kernel *kernel;
        holder_visit_t visit;
        void *userdata;
        pid_t last;
} Visit;

static int on_open(const Process *process, size_t owner, const char *node, void *userdata) {
        Visit *visit = userdata;
        Holder holder;

        (void)owner;
        if (visit->last == process->pid)
                return 0;
        visit->last = process->pid;
        holder_describe(visit->kernel, process->pid, &holder);
        return visit->visit(&holder, node, visit->userdata);
}

static int walk_for(const Kernel *kernel, const char *suffix, const NodeOwner *nodes, size_t n_nodes,
                holder_visit_t visit, void *userdata) {
        _cleanup_(process_table_done) ProcessTable processes = {};
        Visit state = {.kernel = kernel, .visit = visit, .userdata = userdata};
        HolderWalk walk = {
                        .nodes = nodes, .n_nodes = n_nodes, .suffix = suffix, .on_open = on_open, .userdata = &state};

        int r = process_table_read(kernel, &usage_limits, &processes);
        return r < 0 ? r : holders_walk(kernel, &processes, &usage_limits, &walk);
}

int holders_of_vfio_node(const Kernel *kernel, int group, holder_visit_t visit, void *userdata) {
        NodeOwner entry = {};
        struct stat status;
        char path[32];

        /* By its number, wherever a sandboxed machine sees it; where there is none to compare with, by the end of its path. */
        (void)snprintf(path, sizeof(path), "/vfio/%d", group);
        if (fstatat(kernel->dev_fd, path + 1, &status, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISCHR(status.st_mode))
                return walk_for(kernel, path, NULL, 0, visit, userdata);
        entry.node.number = status.st_rdev;
        return walk_for(kernel, NULL, &entry, 1, visit, userdata);
}

int holders_of_nodes(
                const Kernel *kernel, const DeviceNode *nodes, size_t n_nodes, holder_visit_t visit, void *userdata) {
        _cleanup_free_ NodeOwner *entries = calloc(n_nodes + 1, sizeof(NodeOwner));
        if (!entries)
                return -ENOMEM;
        for (size_t i = 0; i < n_nodes; i++)
                entries[i].node = nodes[i];
        qsort(entries, n_nodes, sizeof(NodeOwner), node_owner_compare);
        return walk_for(kernel, NULL, entries, n_nodes, visit, userdata);
}

static int keep_holder(const Holder *holder, const char *node, void *userdata) {
        (void)node;
        *(Holder *)userdata = *holder;
        return 1;
}

int holder_of_vfio_node(const Kernel *kernel, int group, Holder *ret) {
        Holder found;

        int r = holders_of_vfio_node(kernel, group, keep_holder, &found);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        *ret = found;
        return 0;
}

int holder_of_device(const Kernel *kernel, PciAddress address, Holder *ret) {
        _cleanup_free_ DeviceNode *nodes = NULL;
        size_t n_nodes = 0;
        Holder found;

        int r = device_nodes_collect(kernel, address, &nodes, &n_nodes);
        if (r >= 0)
                r = holders_of_nodes(kernel, nodes, n_nodes, keep_holder, &found);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        *ret = found;
        return 0;
}
