/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/uevents.h"

/* A source of the fake kernel's events for the daemon, with the same interface as the source for the real kernel. */

/* Subscribes to events on the fake kernel's control socket. Returns 0 or a negative errno. */
int uevent_source_new_fake(const char *control_socket, UeventSource **ret);

/* Connects to the control socket. Returns the descriptor or a negative errno. */
int fake_control_connect(const char *control_socket);
