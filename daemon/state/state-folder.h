/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/device-file.h"
#include "state/transaction-file.h"

/* What the files of the state folder say, and the report of a file that cannot be used. */

/* A transaction that is not at its end. */
typedef struct StateTransaction {
        unsigned long number;
        pid_t owner; /* the worker that carries it out; 0 if that died */
        Plan *plan;
} StateTransaction;

typedef struct State {
        int folder_fd, devices_fd, transactions_fd; /* -EBADF for a folder that cannot be used: then no job can start */
        DeviceFile *devices;                        /* in the order of the addresses */
        size_t n_devices;
        StateTransaction *transactions; /* in the order of the numbers */
        size_t n_transactions;
        uint64_t *reported; /* inode numbers of the files that were reported */
        size_t n_reported;
} State;

/* Logs that a file of the folder is ignored, and why: once for each file. The error is one that state_file_describe_error()
 * explains. */
void state_report(State *state, int folder_fd, const char *name, int error);
