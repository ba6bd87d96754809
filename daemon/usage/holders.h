/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/text.h"
#include "kernel/process.h"
#include "usage/device-nodes.h"

/* Who has a device node open. A walk over /proc: many processes take time, so it is for workers. */

#define HOLDER_UNIT_MAX 128

typedef struct Holder {
        pid_t pid;
        char command[PROCESS_COMMAND_MAX]; /* as in /proc/PID/comm: a process may call itself anything */
        char unit[HOLDER_UNIT_MAX];        /* systemd's; "" where it has none */
        dev_t node;                        /* which of the nodes that were asked for by number it has open; else 0 */
} Holder;

/* "process 324 (qemu-system-x86) of machine-qemu-1.scope", escaped (base/text.h), into buffer, which is returned. */
#define HOLDER_TEXT_MAX (TEXT_ESCAPED_MAX(PROCESS_COMMAND_MAX + HOLDER_UNIT_MAX) + 64)
const char *holder_format(const Holder *holder, char buffer[static HOLDER_TEXT_MAX]);
#define HOLDER_TEXT(holder) holder_format(holder, (char[HOLDER_TEXT_MAX]){})

/* Looks for a process with /dev/vfio/GROUP open, in whatever mount namespace: vfio-node.h decides whether there is one, this only names it. Returns
 * 0; -ENOENT when none was seen, which does not mean that there is none; another negative errno. */
int holder_of_vfio_node(const Kernel *kernel, int group, Holder *ret);

/* Called with each process that has one of the nodes open, once, and the path it was opened by. A return other than 0 ends the walk. */
typedef int (*holder_visit_t)(const Holder *holder, const char *node, void *userdata);

/* The holders of the group's node, all of them. Returns 0, the visitor's value, or a negative errno. */
int holders_of_vfio_node(const Kernel *kernel, int group, holder_visit_t visit, void *userdata);

/* Visits the holders of these nodes, wherever they have them. Returns 0, the visitor's value, or a negative errno. What is not seen: a node that is
 * mapped only, its descriptor closed (for that, each process's memory map would have to be read, which waits for a lock of that process), or on
 * its way through a socket. */
int holders_of_nodes(
                const Kernel *kernel, const DeviceNode *nodes, size_t n_nodes, holder_visit_t visit, void *userdata);

/* The same; and visits as well each process that may not be looked at, so that it could be one: then the node is NULL. */
int holders_of_nodes_or_hidden(
                const Kernel *kernel, const DeviceNode *nodes, size_t n_nodes, holder_visit_t visit, void *userdata);

/* Looks for a process that has a node of the function open. Returns 0; -ENOENT when none was seen; another negative errno. */
int holder_of_device(const Kernel *kernel, PciAddress address, Holder *ret);
