/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "machine.h"

/* The machine's tree as a mounted file system. A request that has to wait gets no reply yet; its caller sleeps
 * uninterruptibly, as in the kernel, and other callers are not affected. */

typedef struct Filesystem Filesystem;

/* With `interruptible`, a signal ends a waiting request with EINTR. */
Filesystem *filesystem_new(Machine *m, const char *mountpoint, bool interruptible);
/* Unmounts it, which ends all requests that still wait. */
Filesystem *filesystem_free(Filesystem *f);

int filesystem_get_fd(Filesystem *f);
/* Handles all available requests without blocking. Returns false if it was unmounted. */
bool filesystem_process(Filesystem *f);
/* Tries the waiting requests again if a lock was released. */
void filesystem_retry(Filesystem *f);
void filesystem_resume(Filesystem *f);
unsigned filesystem_count_pending(Filesystem *f);
