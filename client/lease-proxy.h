/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"

#include <systemd/sd-bus.h>

/* The calls for leases; the Lease call itself is proxy_start_change(). Every function returns 0 or a negative errno, and
 * fills the sd_bus_error if the bus or vfiod gave a reason. */

/* Reads the reply of Lease. The caller clears the grant. */
int proxy_read_grant(sd_bus_message *reply, Grant *ret_grant, sd_bus_error *error);

/* Gets all leases, sorted by number. */
int proxy_list_leases(sd_bus *bus, LeaseList *ret_leases, sd_bus_error *error);

/* Gets the lease of a group. If there is none, *ret_lease stays as it is. */
int proxy_get_lease_of_group(sd_bus *bus, int32_t group, Lease *ret_lease, sd_bus_error *error);

/* Ends a lease. With force, its devices leave vfio also while a process has one of them open. */
int proxy_release(sd_bus *bus, uint32_t number, bool force, sd_bus_error *error);
