/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Words of the kernel command line. */

/* Finds the last word that begins with name and "=". In names, '-' and '_' are equal, as for the kernel. Copies the word into buffer, cut
 * to size. Returns the part of buffer behind "="; NULL if there is none. */
const char *command_line_find(const char *line, const char *name, char *buffer, size_t size);

/* The same for the last word whose value is a list, separated by commas, that has the entry. Other words with this name are skipped. */
const char *command_line_find_entry(const char *line, const char *name, const char *entry, char *buffer, size_t size);

/* Tells whether a list that is separated by commas has exactly this entry. The kernel (blacklisted() in kernel/module/main.c) and libkmod
 * compare the names of their lists with names of modules that have '_', so an entry with '-' has no effect. */
bool command_line_list_has(const char *list, const char *entry);
