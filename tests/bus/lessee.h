/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fixture.h"

/* A user of leases. */

/* Calls Lease with this selector and options, and returns the ticket. The lease must have this object path. */
char *lessee_start(Fixture *fixture, const char *selector, const char *options, const char *path);

/* The call must fail with this error. */
void lessee_refused(Fixture *fixture, const char *selector, const char *options, const char *error_name,
                const char *pattern);

/* Connects to the socket of leases. */
int lessee_connect(Fixture *fixture);

/* Sends a packet on this connection, and returns the packet that answers; NULL if the connection is closed. It must come
 * without descriptors. */
char *lessee_send(int fd, const char *packet);

/* Connects, and claims the lease. Returns the guard. */
int lessee_claim(Fixture *fixture, const char *ticket);

/* Checks the access control list of a node below the root of the fake kernel, as acl_to_text(3) writes it with commas. */
void lessee_expect_acl(Fixture *fixture, const char *node, const char *expected);
