/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <poll.h>

#include "filesystem.h"

/* The control socket and its clients. In addition to the commands of command.h, a client can send:
 *    uevents         from now on, this connection gets a line for every event
 *    wait-pending N  answered as soon as N requests wait
 *    quit            ends the program */

typedef struct Control Control;

Control *control_new(Machine *m, Filesystem *f, const char *path);
Control *control_free(Control *c);

/* Appends the descriptors to poll; control_process() gets the same array after the poll. */
void control_poll(Control *c, GArray *fds);
/* Returns false if a client has sent quit. */
bool control_process(Control *c, const GArray *fds);
