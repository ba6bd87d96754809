/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/worker.h"
#include "kernel/kernel.h"

/* The helpers of a simulated daemon. On a real host, systemd starts them. */

typedef enum Helper {
        HELPER_WORKER,
        HELPER_CENSUS,
        HELPER_REAPER,
        _HELPER_MAX,
} Helper;

typedef struct HelperHost {
        Kernel *kernel; /* borrowed, as all paths */
        const char *state_folder, *sockets[_HELPER_MAX];
        const char *const *rule_folders;
        const char *early_rules, *boot_rules;
        uint64_t idle_us; /* A helper ends when it had nothing to do for so long. */
} HelperHost;

/* Makes the sockets of the helpers, and forks a process for each that starts the helper when somebody connects. It ends
 * when this process has ended, and the children of the helper, too. To be called before anything else is opened. Returns
 * 0 or a negative errno. */
int helpers_start(const HelperHost *host);

/* The parts of helpers_start(). Make the socket of a helper: returns the descriptor, which the caller owns; run the main
 * process of the helper until it is idle; and fork the process that starts the helper whenever somebody connects while
 * it does not run. running is the pid of a helper that runs already, or 0. The descriptor is borrowed. Return a negative
 * errno on failure. */
int helpers_listen(const HelperHost *host, Helper helper);
int helpers_run(const HelperHost *host, Helper helper, int listen_fd);
int helpers_activate(const HelperHost *host, Helper helper, int listen_fd, pid_t running);

/* The host must stay valid. */
WorkerPort helpers_worker_port(const HelperHost *host);
