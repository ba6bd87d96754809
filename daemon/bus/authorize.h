/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/call-handler.h"

/* Finds out who calls, and decides whether the caller may make the call. Methods that only read do not need this. A method
 * that changes something, or that starts a process of vfiod, first reads its arguments and then asks here. This asks the bus
 * daemon with an asynchronous call, so the event loop never waits. The call is held until the answer comes. A call on
 * root's socket is run at once. */

/* Continues the call if the caller may make it: see action.h. If that is for polkit to decide, approval.h continues. All
 * others get the error AccessDenied. Logs each call that is refused after the caller is known (call-entry.h). Takes the
 * request over, also on failure. The handler must be static. To be called in a method handler, whose result it returns: usually 1,
 * because the answer comes later; or a negative errno with the error set, for example LimitsExceeded if the connection has
 * too many held calls. */
int authorize(sd_bus_message *call, const CallHandler *handler, Request *request, sd_bus_error *error);

/* Answers all held calls with an error, when the service ends. */
void authorize_done(Service *service);

/* Drops all held calls without an answer, when the connection to the bus is lost. */
void authorize_forget(Service *service);
