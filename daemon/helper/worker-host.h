/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* What the services of vfiod-worker work on. */
typedef struct WorkerHost {
        const Kernel *kernel;
        int devices_fd, transactions_fd, leases_fd, reverts_fd; /* of the state folder; negative if it cannot be used */
        const char *const *rule_folders;                        /* as for rule_book_new() */
        const char *early_rules; /* path of the rules file for udev, see rule/early-rules.h */
        const char *boot_rules;  /* path of the boot file, see rule/boot-list.h */
        const char *reaper;      /* path of the socket of vfiod-reaper */
        uint64_t survey_us;      /* the deadline of a survey; 0 for the usual one */
} WorkerHost;
