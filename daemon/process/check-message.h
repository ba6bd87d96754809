/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagnosis/check.h"

/* A check as a packet from a child process (child.h) to the daemon. */

/* Writes the check into buffer. Returns the size of the packet; or -E2BIG if it does not fit. */
ssize_t check_message_write(const Check *check, void *buffer, size_t size);

/* Adds the check of a packet to the list, and checks each field. Returns 0; -EBADMSG for a malformed packet, which adds nothing; or
 * -ENOMEM. */
int check_message_read(const void *packet, size_t size, CheckList *list);
