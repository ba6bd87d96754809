/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/uevents.h"

/* The fake kernel's events, in the form in which the daemon takes the real one's. */

/* Subscribes at the fake kernel's control socket. Returns 0 or a negative errno. */
int uevent_source_new_fake(const char *control_socket, UeventSource **ret);

/* Connects to the control socket. Returns the descriptor or a negative errno. */
int fake_control_connect(const char *control_socket);
