/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "machine.h"

/* The machine's tree as a mounted file system. Requests that have to wait are kept without a reply;
 * their callers sleep uninterruptibly, as in the kernel, and nobody else notices. */

typedef struct Filesystem Filesystem;

/* With `interruptible` a signal ends a waiting request with EINTR. */
Filesystem *filesystem_new(Machine *m, const char *mountpoint, bool interruptible);
/* Unmounts, and by that ends whatever still waits. */
Filesystem *filesystem_free(Filesystem *f);

int filesystem_get_fd(Filesystem *f);
/* Serves all requests there are without blocking; false: somebody unmounted it. */
bool filesystem_process(Filesystem *f);
/* Tries again what waits, if a lock was released. */
void filesystem_retry(Filesystem *f);
void filesystem_resume(Filesystem *f);
unsigned filesystem_count_pending(Filesystem *f);
