/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/holders.h"
#include "base/text.h"
#include "kernel/sysfs.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <systemd/sd-login.h>

typedef struct Search {
        const Kernel *kernel;
        char suffix[32]; /* "/vfio/25", or "" where numbers are looked for */
        const DeviceNode *nodes;
        size_t n_nodes;
        bool tells_hidden;
        bool is_hidden;       /* the process may not be looked at */
        char found[PATH_MAX]; /* path of the node, of a process that has one open */
        dev_t number;         /* of that node */
        holder_visit_t visit;
        void *userdata;
} Search;

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

/* Looks at what a descriptor leads to, without asking a file server that may not answer. */
static bool is_node(Search *search, int directory_fd, const char *name) {
        struct statx status;

        if (statx(directory_fd, name, AT_STATX_DONT_SYNC, STATX_TYPE, &status) < 0)
                return false;
        if (S_ISCHR(status.stx_mode) || S_ISBLK(status.stx_mode))
                search->number = makedev(status.stx_rdev_major, status.stx_rdev_minor);
        else if (!search->kernel->has_own_nodes || !read_simulated_number(search, &search->number))
                return false;
        for (size_t i = 0; i < search->n_nodes; i++)
                if (search->nodes[i].number == search->number && search->nodes[i].block == S_ISBLK(status.stx_mode))
                        return true;
        return false;
}

/* An error that says that one may not look, not that there is nothing any more. */
static bool is_refusal(int error) {
        return error == EACCES || error == EPERM;
}

/* An entry of /proc/PID/fd. Returns 1 for one that is looked for. */
static int match_descriptor(int directory_fd, const char *name, void *userdata) {
        Search *search = userdata;

        ssize_t n = readlinkat(directory_fd, name, search->found, sizeof(search->found) - 1);
        if (n < 0) {
                search->is_hidden = search->is_hidden || is_refusal(errno);
                return 0;
        }
        size_t length = (size_t)n, suffix_length = strlen(search->suffix);
        search->found[length] = '\0';

        /* A sandboxed VM sees the node elsewhere than below /dev, so its end decides. */
        if (suffix_length > 0)
                return length >= suffix_length && streq(search->found + length - suffix_length, search->suffix);
        /* Sockets, pipes and the like have no path. */
        return search->found[0] == '/' && is_node(search, directory_fd, name);
}

/* The kernel also refuses what is said of a process that has just ended. */
static bool has_ended(int directory_fd, long pid) {
        char path[64], text[1024];

        (void)snprintf(path, sizeof(path), "%ld/stat", pid);
        int r = sysfs_read_text(directory_fd, path, text, sizeof(text));
        if (r < 0)
                return r == -ENOENT || r == -ESRCH;
        /* "324 (name) S ...", where the name may be anything. */
        const char *state = strrchr(text, ')');
        return state && state[1] == ' ' && state[2] != '\0' && strchr("ZXx", state[2]);
}

static void find_unit(pid_t pid, char buffer[static HOLDER_UNIT_MAX]) {
        _cleanup_free_ char *unit = NULL;

        buffer[0] = '\0';
        if (sd_pid_get_unit(pid, &unit) >= 0)
                (void)snprintf(buffer, HOLDER_UNIT_MAX, "%s", unit);
}

/* An entry of /proc. */
static int match_process(int directory_fd, const char *name, void *userdata) {
        Search *search = userdata;
        char path[64], *end;
        Holder holder = {};

        long pid = strtol(name, &end, 10);
        if (!isdigit((unsigned char)name[0]) || *end != '\0' || pid <= 0 || pid > INT_MAX)
                return 0;

        (void)snprintf(path, sizeof(path), "%ld/fd", pid);
        search->is_hidden = false;
        int r = sysfs_for_each(directory_fd, path, match_descriptor, search);
        bool hidden = r <= 0 && search->tells_hidden && (search->is_hidden || is_refusal(-r)) &&
                        !has_ended(directory_fd, pid);
        if (r <= 0 && !hidden)
                return 0;

        holder.pid = (pid_t)pid;
        holder.node = hidden ? 0 : search->number;
        (void)process_read_command(search->kernel, holder.pid, holder.command);
        find_unit(holder.pid, holder.unit);
        return search->visit(&holder, hidden ? NULL : search->found, search->userdata);
}

static int keep_holder(const Holder *holder, const char *node, void *userdata) {
        (void)node;
        *(Holder *)userdata = *holder;
        return 1;
}

int holders_of_vfio_node(const Kernel *kernel, int group, holder_visit_t visit, void *userdata) {
        Search search = {.kernel = kernel, .visit = visit, .userdata = userdata};
        DeviceNode node = {};
        struct stat status;
        char path[32];

        /* By its number, wherever a sandboxed machine sees it; where there is none to compare with, by the end of its path. */
        (void)snprintf(path, sizeof(path), "vfio/%d", group);
        if (fstatat(kernel->dev_fd, path, &status, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISCHR(status.st_mode)) {
                node.number = status.st_rdev;
                search.nodes = &node;
                search.n_nodes = 1;
        } else
                (void)snprintf(search.suffix, sizeof(search.suffix), "/vfio/%d", group);
        return sysfs_for_each(kernel->proc_fd, ".", match_process, &search);
}

int holder_of_vfio_node(const Kernel *kernel, int group, Holder *ret) {
        Holder found;

        int r = holders_of_vfio_node(kernel, group, keep_holder, &found);
        if (r < 0)
                return r;
        if (r == 0)
                return -ENOENT;
        *ret = found;
        return 0;
}

int holders_of_nodes(
                const Kernel *kernel, const DeviceNode *nodes, size_t n_nodes, holder_visit_t visit, void *userdata) {
        Search search = {.kernel = kernel, .nodes = nodes, .n_nodes = n_nodes, .visit = visit, .userdata = userdata};

        return sysfs_for_each(kernel->proc_fd, ".", match_process, &search);
}

int holders_of_nodes_or_hidden(
                const Kernel *kernel, const DeviceNode *nodes, size_t n_nodes, holder_visit_t visit, void *userdata) {
        Search search = {
                        .kernel = kernel,
                        .nodes = nodes,
                        .n_nodes = n_nodes,
                        .tells_hidden = !kernel->has_own_nodes,
                        .visit = visit,
                        .userdata = userdata,
        };

        return sysfs_for_each(kernel->proc_fd, ".", match_process, &search);
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

const char *holder_format(const Holder *holder, char buffer[static HOLDER_TEXT_MAX]) {
        (void)snprintf(buffer, HOLDER_TEXT_MAX, "process %d (%s)%s%s", (int)holder->pid, TEXT_NAME(holder->command),
                        holder->unit[0] != '\0' ? " of " : "", TEXT_NAME(holder->unit));
        return buffer;
}
