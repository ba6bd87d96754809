/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/uevents.h"

/* A netlink socket that receives the events of the kernel. systemd opens it (vfiod.socket) with a large buffer, so the
 * daemon needs no privilege for that, and no event is lost while it does not run. The socket must have SO_PASSCRED.
 * Takes the descriptor over, also after a failure. Discards the events that are queued: the caller reads all devices
 * afterwards. Returns 0 or -ENOMEM. */
int uevent_source_new_socket(int fd, UeventSource **ret);

/* Parses a message of the kernel: strings that end with NUL bytes. There must be a NUL byte behind it. The event points
 * into the text. Returns 1, or -EBADMSG if something is missing. */
int uevent_parse(const char *text, size_t length, Uevent *ret);
