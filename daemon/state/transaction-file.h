/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/* transactions/N: a change that has not ended. It has the plan with all values from before, and is written once, before
 * the first write to the kernel. The worker that applies the plan holds its lock. The removal of the file ends the
 * transaction. */

/* The largest number of a file: nine digits. */
#define TRANSACTION_NUMBER_MAX 999999999UL

/* Writes and locks the file. For workers, like all functions below that change a file. Returns 0 and the descriptor
 * that holds the lock; -E2BIG; or another negative errno. */
int transaction_file_write(int transactions_fd, unsigned long number, const Plan *plan, int *ret_fd);

/* Reads the file. Returns 0, the plan, which is marked as a recovery, and the process that holds the lock, 0 for none;
 * -ENOENT; or an errno like state_file_open() and state_file_read(). */
int transaction_file_read(int transactions_fd, unsigned long number, Plan **ret, pid_t *ret_owner);

/* Opens and locks the file of a transaction whose worker died. Returns the descriptor that holds the lock; -EAGAIN if
 * another process has the lock; -ENOENT if the transaction has ended; or another negative errno. */
int transaction_file_lock(int transactions_fd, unsigned long number);

/* Ends the transaction. Returns 0 or a negative errno. */
int transaction_file_remove(int transactions_fd, unsigned long number);

/* Ends the transactions that change a member of the plan and that no worker carries out: the new plan decides what
 * happens to the devices. Returns 0 or a negative errno. */
int transaction_files_drop(int devices_fd, int transactions_fd, const Plan *plan);

/* Parses the name of a file. Returns 0, or -EINVAL if this is not the name of a transaction's file. */
int transaction_file_parse_name(const char *name, unsigned long *ret);

/* Finds the lowest number that no file has, starting with the given number. Returns 0; -ENOSPC; or another negative
 * errno. */
int transaction_file_find_number(int transactions_fd, unsigned long from, unsigned long *ret);
