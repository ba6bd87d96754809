/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* A running fake-kernel with its own mount point. Every wait here has a deadline. */

typedef struct FakeKernel FakeKernel;

/* `topology`: the name of a file in topologies/ without ".conf", a path, or NULL for an empty machine. Fails the
 * test if the program cannot be started (its stderr says why). */
FakeKernel *fake_kernel_start(const char *topology);
/* The same, with an option of the program, e.g. "--interruptible". */
FakeKernel *fake_kernel_start_with(const char *topology, const char *option);
/* Unmounts it and waits for its end. A request that still waits ends with an error. Returns NULL. */
FakeKernel *fake_kernel_stop(FakeKernel *k);

/* The folder that contains sys/, dev/ and proc/. */
const char *fake_kernel_get_root(FakeKernel *k);
const char *fake_kernel_get_socket(FakeKernel *k);
pid_t fake_kernel_get_pid(FakeKernel *k);

/* Sends one command. Returns 0 and the data lines with the text after "ok", or -EREMOTEIO and the text after
 * "error". ret_reply may be NULL; the caller frees the reply. */
int fake_kernel_send(FakeKernel *k, char **ret_reply, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The same, but the test fails unless the answer is "ok". Returns the reply. */
char *fake_kernel_ask(FakeKernel *k, const char *format, ...) G_GNUC_PRINTF(2, 3);
void fake_kernel_do(FakeKernel *k, const char *format, ...) G_GNUC_PRINTF(2, 3);

char *fake_kernel_snapshot(FakeKernel *k);
/* The writes since the last "reset-writes": path=value. */
char **fake_kernel_writes(FakeKernel *k);
/* The same with the writer and the card: PID VENDOR:DEVICE path=value; "-" if the write was for no device. */
char **fake_kernel_writers(FakeKernel *k);
/* A new connection (a socket) that gets a line for every event from now on. */
int fake_kernel_open_events(FakeKernel *k);
/* A new connection that becomes readable as soon as n requests wait; the caller may close it earlier. */
int fake_kernel_watch_pending(FakeKernel *k, unsigned n);
/* The next line of a socket of events without its line end, or NULL if none comes within a second. */
char *fake_kernel_next_event(int fd);

/* Direct access to the tree; the path is relative to the root. read: returns NULL and sets errno on failure; one
 * trailing newline is removed. write and open return 0 or a descriptor, or -errno. link: the last part of the
 * target, or NULL. */
char *fake_kernel_read(FakeKernel *k, const char *format, ...) G_GNUC_PRINTF(2, 3);
int fake_kernel_write(FakeKernel *k, const char *value, const char *format, ...) G_GNUC_PRINTF(3, 4);
int fake_kernel_open(FakeKernel *k, int flags, const char *format, ...) G_GNUC_PRINTF(3, 4);
char *fake_kernel_link(FakeKernel *k, const char *format, ...) G_GNUC_PRINTF(2, 3);
bool fake_kernel_exists(FakeKernel *k, const char *format, ...) G_GNUC_PRINTF(2, 3);
