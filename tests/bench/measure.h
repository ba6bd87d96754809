/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* What the programs here share. They are tools of bench.py: whatever fails ends them with a message. */

/* Ends the program with "WHAT: the text of the error" unless r >= 0. `r` is a negative errno. Returns r. */
int must(int r, const char *what);
/* The same for a call that sets errno. */
int must_errno(int r, const char *what);

/* Microseconds of CLOCK_MONOTONIC. */
double now_us(void);
/* Microseconds of processor time that all threads of the process have used. Ends the program if there is no such process. */
double cpu_us(pid_t pid);

/* Prints a line: a JSON object with the name and an array of n values for each key of the list, which ends with NULL:
 * print_values("ListDevices", n, "wall", walls, "cpu", cpus, NULL). */
void print_values(const char *name, size_t n, ...);
