/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <sys/types.h>

/* A running fake-kernel on a mount point of its own. Every wait here has a deadline. */

typedef struct FakeKernel FakeKernel;

/* `topology`: the name of a file in topologies/ without ".conf", a path, or NULL for an empty machine.
 * Ends the test when the program cannot be started (its stderr says why). */
FakeKernel *fake_kernel_start(const char *topology);
/* The same with an option of the program, e.g. "--interruptible". */
FakeKernel *fake_kernel_start_with(const char *topology, const char *option);
/* Unmounts and reaps; whoever still sleeps in the mount is let go with an error. Returns NULL. */
FakeKernel *fake_kernel_stop(FakeKernel *k);

/* Holds sys/, dev/ and proc/. */
const char *fake_kernel_get_root(FakeKernel *k);
const char *fake_kernel_get_socket(FakeKernel *k);
pid_t fake_kernel_get_pid(FakeKernel *k);

/* One command. 0 and the text after "ok" with the data lines before it, or -EREMOTEIO and the text
 * after "error". The reply may be NULL; the caller frees it. */
int fake_kernel_send(FakeKernel *k, char **ret_reply, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* The same, and the test fails unless the answer is "ok". Returns the reply. */
char *fake_kernel_ask(FakeKernel *k, const char *format, ...) G_GNUC_PRINTF(2, 3);
void fake_kernel_do(FakeKernel *k, const char *format, ...) G_GNUC_PRINTF(2, 3);

char *fake_kernel_snapshot(FakeKernel *k);
/* The writes since the last "reset-writes": path=value. */
char **fake_kernel_writes(FakeKernel *k);
/* The same with who wrote and to which card: PID VENDOR:DEVICE path=value; "-" where it was for no device. */
char **fake_kernel_writers(FakeKernel *k);
/* A new connection, a socket, that gets a line for every event from now on. */
int fake_kernel_open_events(FakeKernel *k);
/* A new connection that can be read as soon as so many requests wait; it is closed also before. */
int fake_kernel_watch_pending(FakeKernel *k, unsigned n);
/* The next line of a socket of events without its end, or NULL when none comes within a second. */
char *fake_kernel_next_event(int fd);

/* Plain access to the tree; the path is relative to the root. read: NULL and errno, one trailing
 * newline removed. write, open: 0 or a descriptor, or -errno. link: the target's last part or NULL. */
char *fake_kernel_read(FakeKernel *k, const char *format, ...) G_GNUC_PRINTF(2, 3);
int fake_kernel_write(FakeKernel *k, const char *value, const char *format, ...) G_GNUC_PRINTF(3, 4);
int fake_kernel_open(FakeKernel *k, int flags, const char *format, ...) G_GNUC_PRINTF(3, 4);
char *fake_kernel_link(FakeKernel *k, const char *format, ...) G_GNUC_PRINTF(2, 3);
bool fake_kernel_exists(FakeKernel *k, const char *format, ...) G_GNUC_PRINTF(2, 3);
