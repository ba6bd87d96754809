/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <poll.h>

#include "filesystem.h"

/* The control socket and its clients. Besides what command.h knows a client can say:
 *   uevents         from now on this connection is told every event, a line each
 *   wait-pending N  answered as soon as N requests wait
 *   quit            ends the program */

typedef struct Control Control;

Control *control_new(Machine *m, Filesystem *f, const char *path);
Control *control_free(Control *c);

/* Appends what to poll for; control_process() gets the same array back. */
void control_poll(Control *c, GArray *fds);
/* false: a client said quit. */
bool control_process(Control *c, const GArray *fds);
