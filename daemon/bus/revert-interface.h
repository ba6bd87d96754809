/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/call-handler.h"

/* The option "revert-after" of Detach and StartDetach, the method Confirm, and the properties of groups about reverts. */

/* Starts a Detach with a revert. Takes the plan over, also on failure. The reply comes later. Returns 0, an outcome, or a negative
 * errno. */
int revert_interface_start(Service *service, sd_bus_message *call, const Caller *caller, const Request *request,
                Plan *plan, Problem *problem);

/* The same for a group that is detached: sets the new deadline of its revert. Without a revert, the error is that of the problem, which is
 * ALREADY_DETACHED. Returns as a method handler. */
int revert_interface_move(Service *service, sd_bus_message *call, const Caller *caller, const Request *request,
                Problem *problem, sd_bus_error *error);

/* Describes such a call, as in CallHandler. */
int revert_interface_describe(const Service *service, const Request *request, CallDetails *details, Problem *problem);

/* Confirm of the Manager, as a handler for sd-bus. */
int revert_interface_confirm(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* Returns the deadline in CLOCK_BOOTTIME; 0 for none. */
uint64_t revert_interface_deadline(const Service *service, const Group *group);

/* Returns what the revert waits for after its deadline, as this connection may see it; "" for nothing. */
const char *revert_interface_obstacle(const Service *service, const sd_bus *bus, const Group *group);

/* Appends the details of a row of ListGroups. Returns 0 or a negative errno of sd-bus. */
int revert_interface_append_details(sd_bus_message *reply, const Service *service, const Group *group);
