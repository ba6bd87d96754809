/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-book.h"

/* The file with the early rules (early-rules.h). Only a worker may write it. */

/* Writes the file of the rules in the book into its locked directory, atomically. Loads vfio-pci before. Without early
 * rules in the book, removes the file. udevd notices the change by itself. For workers. Returns 0; -ENODEV if there is
 * no driver vfio-pci; or another negative errno. */
int early_file_write(const Kernel *kernel, const RuleBook *book, int folder_fd, const char *file);

/* Opens and locks the directory of the file, so that two workers do not write it at the same time. Creates the directory if
 * necessary. Returns the descriptor that holds the lock, or a negative errno. The caller closes both descriptors. */
int early_file_lock(const char *file, int *ret_folder_fd);

/* Writes the text into the file in its locked directory, atomically and synced to disk. Returns 0 or a negative errno. */
int early_file_replace(int folder_fd, const char *file, const char *text);

/* Removes the file, so that devices go to the host driver while vfiod does not run. Returns 0 or a negative errno. */
int early_file_remove(const char *file);
