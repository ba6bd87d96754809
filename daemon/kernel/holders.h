/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include <sys/types.h>

/* Who holds a group's node open. A walk over /proc: the open() of vfio-node.h decides, this only names. */

typedef struct Holder {
        pid_t pid;
        char command[64]; /* as in /proc/PID/comm */
} Holder;

/* Looks for a process with /dev/vfio/GROUP open, in whatever mount namespace. Returns 0; -ENOENT when none was seen, which
 * does not mean that there is none; another negative errno. For workers: many processes take time. */
int holder_of_vfio_node(const Kernel *kernel, int group, Holder *ret);
