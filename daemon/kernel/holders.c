/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/holders.h"
#include "kernel/sysfs.h"

#include <ctype.h>
#include <limits.h>

struct search {
        char suffix[32]; /* "/vfio/25": a sandboxed VM sees the node elsewhere than below /dev */
        Holder holder;
};

/* An entry of /proc/PID/fd. Returns 1 for the node. */
static int match_descriptor(int directory_fd, const char *name, void *userdata) {
        const struct search *search = userdata;
        char target[PATH_MAX];

        ssize_t n = readlinkat(directory_fd, name, target, sizeof(target) - 1);
        if (n < 0)
                return 0;
        size_t length = (size_t)n, suffix_length = strlen(search->suffix);
        target[length] = '\0';
        return length >= suffix_length && streq(target + length - suffix_length, search->suffix);
}

/* An entry of /proc. Returns 1 for a process that has the node open. */
static int match_process(int directory_fd, const char *name, void *userdata) {
        struct search *search = userdata;
        char path[64], *end;

        long pid = strtol(name, &end, 10);
        if (!isdigit((unsigned char)name[0]) || *end != '\0' || pid <= 0 || pid > INT_MAX)
                return 0;

        /* Processes come and go meanwhile: what cannot be read is passed over. */
        (void)snprintf(path, sizeof(path), "%ld/fd", pid);
        int r = sysfs_for_each(directory_fd, path, match_descriptor, search);
        if (r <= 0)
                return 0;

        search->holder.pid = (pid_t)pid;
        (void)snprintf(path, sizeof(path), "%ld/comm", pid);
        if (sysfs_read_text(directory_fd, path, search->holder.command, sizeof(search->holder.command)) < 0)
                search->holder.command[0] = '\0';
        /* A process may call itself anything. */
        for (char *c = search->holder.command; *c; c++)
                if (iscntrl((unsigned char)*c))
                        *c = '?';
        return 1;
}

int holder_of_vfio_node(const Kernel *kernel, int group, Holder *ret) {
        struct search search = {};

        (void)snprintf(search.suffix, sizeof(search.suffix), "/vfio/%d", group);
        int r = sysfs_for_each(kernel->proc_fd, ".", match_process, &search);
        if (r < 0)
                return r;
        if (r == 0)
                return -ENOENT;
        *ret = search.holder;
        return 0;
}
