/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/* transactions/N: a change under way. It holds the plan with all values before, and is written once, before the first write to
 * the kernel. The worker that carries the plan out holds its lock. The removal of the file ends the transaction. */

/* The file's number is below this: its name has at most nine digits. */
#define TRANSACTION_NUMBER_MAX 999999999UL

/* Writes and locks the file. Returns 0 and the descriptor that holds the lock; -E2BIG; another negative errno. */
int transaction_file_write(int transactions_fd, unsigned long number, const Plan *plan, int *ret_fd);

/* Reads the file. Returns 0 and the plan, marked as a recovery, and the process that holds the lock, 0 for none; -ENOENT;
 * an errno as state_file_open() and state_file_read(). */
int transaction_file_read(int transactions_fd, unsigned long number, Plan **ret, pid_t *ret_owner);

/* Opens and locks the file of a transaction that nobody works on any more. Returns the descriptor that holds the lock; -EAGAIN
 * if another process has it; another negative errno. */
int transaction_file_lock(int transactions_fd, unsigned long number);

/* Ends the transaction. Returns 0 or a negative errno. */
int transaction_file_remove(int transactions_fd, unsigned long number);

/* The number that a file's name stands for. Returns 0, or -EINVAL for a name of another kind. */
int transaction_file_parse_name(const char *name, unsigned long *ret);

/* Finds the lowest number that no file has, from the given one on. Returns 0, or -ENOSPC. */
int transaction_file_find_number(int transactions_fd, unsigned long from, unsigned long *ret);
