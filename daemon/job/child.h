/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include <sys/types.h>
#include <systemd/sd-event.h>

/* A process of its own for what may not come back. It keeps nothing of the daemon open but the kernel's folders, the standard streams and what is
 * named: above all not the bus, whose name would stay taken. */

#define CHILD_KEEP_MAX 8

/* Forks. Returns 0 in the child, which must end with _exit(); its pid in the parent, whose loop reaps it whenever it ends, also long after whoever
 * started it is gone; a negative errno. */
pid_t child_fork(sd_event *event, const char *name, const Kernel *kernel, const int *keep, size_t n_keep);
