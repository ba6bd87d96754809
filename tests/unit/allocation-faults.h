/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* Makes each allocation of the code under test fail in turn. The program is linked with --wrap for the functions that
 * allocate memory (see meson.build), so only calls from vfiod's own code can fail, and those of jansson, which lets a program
 * replace them; json_loadb() is left out (state-file.c says why). Allocations inside of libsystemd, libudev, libmnl and glibc do not fail: libsystemd ends the process on
 * some of them, and there is no way to replace them. A call of such a library that says that it has no memory has the same
 * errors as others, which other tests cover. */

/* Runs the code once and frees what it returns. Returns its result: it must be the same in each run. */
typedef int (*allocation_run_t)(void *userdata);

/* Runs the code until no allocation is left that has not failed: first only the k-th allocation fails, for each k, and
 * then the k-th and all after it. Each such run must return -ENOMEM, free all that it allocated, and close all that it
 * opened; and a run without a failure must then have the usual result. With may_succeed, a run in which an allocation
 * failed may have the usual result, too. */
void allocation_faults_check(allocation_run_t run, void *userdata, bool may_succeed);

/* Makes only the k-th allocation from now on fail, for code that keeps what it allocates. The second function ends that, and
 * returns how many failed. */
void allocation_faults_begin(unsigned k);
unsigned allocation_faults_end(void);

/* With false, allocations in json_loadb() fail, too. */
void allocation_faults_spare_json(bool spare);
