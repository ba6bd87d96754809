/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/worker.h"
#include "kernel/kernel.h"

/* The helpers of a simulated daemon. On a real host, systemd starts them. */

typedef struct HelperHost {
        Kernel *kernel; /* borrowed, as all paths */
        const char *state_folder, *worker_socket, *census_socket;
        const char *const *rule_folders;
        const char *early_rules;
} HelperHost;

/* Makes the sockets of the helpers, and forks a process for each that starts the helper when somebody connects. It ends
 * when this process has ended, and the children of the helper, too. To be called before anything else is opened. Returns
 * 0 or a negative errno. */
int helpers_start(const HelperHost *host);

/* The host must stay valid. */
WorkerPort helpers_worker_port(const HelperHost *host);
