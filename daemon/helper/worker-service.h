/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* The interface org.vfiod1.Worker1, which only the daemon calls. It runs one job, or writes a file that only root may
 * write. It knows no texts of clients: devices are addresses, and files have names that it checks. */

typedef struct WorkerHost {
        const Kernel *kernel;
        int devices_fd, transactions_fd; /* of the state folder; negative if it cannot be used */
        const char *const *rule_folders; /* as for rule_book_new() */
        const char *early_rules;         /* path of the rules file for udev, see rule/early-rules.h */
        const char *boot_rules;          /* path of the boot file, see rule/boot-list.h */
        uint64_t survey_us;              /* the deadline of a survey; 0 for the usual one */
} WorkerHost;

/* Serves one connection of the daemon in a child process, and takes the descriptor over. Returns when the connection
 * has ended. userdata is the WorkerHost. */
void worker_serve(int fd, void *userdata);
