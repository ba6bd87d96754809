/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/text.h"
#include "kernel/process.h"
#include "usage/device-nodes.h"
#include "usage/processes.h"

/* Which processes have a device node open. A walk over /proc: many processes take time, so it is for workers.
 *
 * A descriptor counts that has the node open. One that was made with O_PATH does not: any user can make it of any node, without permission to open it
 * and without the driver hearing of it; and the number of such a node can come from a FUSE file system of his own. */

#define HOLDER_UNIT_MAX 128

typedef struct Holder {
        pid_t pid;
        char command[PROCESS_COMMAND_MAX]; /* as in /proc/PID/comm: a process may call itself anything */
        char unit[HOLDER_UNIT_MAX];        /* systemd's; "" where it has none */
} Holder;

/* "process 324 (qemu-system-x86) of machine-qemu-1.scope", escaped (base/text.h), into buffer, which is returned. */
#define HOLDER_TEXT_MAX (TEXT_ESCAPED_MAX(PROCESS_COMMAND_MAX + HOLDER_UNIT_MAX) + 64)
const char *holder_format(const Holder *holder, char buffer[static HOLDER_TEXT_MAX]);
#define HOLDER_TEXT(holder) holder_format(holder, (char[HOLDER_TEXT_MAX]){})

/* Fills in who the process is. What cannot be read any more is "". The command is raw: HOLDER_TEXT() escapes it. */
void holder_describe(const Kernel *kernel, pid_t pid, Holder *ret);

/* A node, and whose it is: a number that the caller chooses. */
typedef struct NodeOwner {
        DeviceNode node;
        size_t owner;
} NodeOwner;

/* For qsort(): a walk takes them sorted. */
int node_owner_compare(const void *a, const void *b);

/* One walk over all descriptors. What is not seen: a node that is only mapped, its descriptor closed (each memory map would have to be read, which waits
 * for a lock of that process); a descriptor on its way through a socket; one of a thread that shares no descriptors with its process. */
typedef struct HolderWalk {
        const NodeOwner *nodes;
        size_t n_nodes;
        const char *suffix; /* NULL; or the end of a path ("/vfio/25") to look for instead, where the number is not known */
        /* Called for each descriptor that has one of the nodes open, with each owner of the node. The path may hold any bytes: escape it
         * (base/text.h) before it is shown. */
        int (*on_open)(const Process *process, size_t owner, const char *node, void *userdata);
        /* Called for each process whose descriptors may not be read. NULL: they are passed over. */
        int (*on_hidden)(const Process *process, void *userdata);
        void *userdata;
        size_t n_descriptors; /* set: how many were read */
} HolderWalk;

/* Walks until a callback returns other than 0, and returns that; 0 at the end; or a negative errno. Where a limit of usage_limits is
 * reached, the processes whose descriptors were not all read have is_cut set. */
int holders_walk(const Kernel *kernel, ProcessTable *processes, const UsageLimits *limits, HolderWalk *walk);

/* Called with each process that has one of the nodes open, once, and the path it was opened by. A return other than 0 ends the walk. */
typedef int (*holder_visit_t)(const Holder *holder, const char *node, void *userdata);

/* Looks for a process with /dev/vfio/GROUP open, in whatever mount namespace: vfio-node.h decides whether there is one, this only names it. Returns
 * 0; -ENOENT when none was seen, which does not mean that there is none; another negative errno. */
int holder_of_vfio_node(const Kernel *kernel, int group, Holder *ret);

/* Visits the holders of the group's node, all of them. Returns 0, the visitor's value, or a negative errno. */
int holders_of_vfio_node(const Kernel *kernel, int group, holder_visit_t visit, void *userdata);

/* Visits the holders of these nodes. Returns 0, the visitor's value, or a negative errno. */
int holders_of_nodes(
                const Kernel *kernel, const DeviceNode *nodes, size_t n_nodes, holder_visit_t visit, void *userdata);

/* Looks for a process that has a node of the device open. Returns 0; -ENOENT when none was seen; another negative errno. */
int holder_of_device(const Kernel *kernel, PciAddress address, Holder *ret);
