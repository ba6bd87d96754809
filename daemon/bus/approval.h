/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/call-handler.h"

/* Lets polkit decide about a call of a user other than root. The call waits, and everything else goes on. Each action that
 * the call needs is asked for once, in the order of the enum, until polkit denies one. The answer holds for this call with
 * these details only; whether a person who was asked for a password is asked again for the next call is polkit's business
 * ("auth_admin_keep").
 *
 * While a person is asked, the devices can change. So the call is described before the question and after the answer, and
 * if the descriptions differ, the call fails with PlanStale. Every error is a denial: without polkit, only root may make
 * such a call. If the caller leaves the bus, the call is dropped, and polkit removes its dialog. */

/* Begins. Takes the request over, also on failure. The call gets its answer later. Returns 1; or a negative errno with the
 * error set: of a call that cannot be made at all, or LimitsExceeded if too many calls wait for polkit. */
int approval_start(Service *service, sd_bus_message *call, const Caller *caller, const CallHandler *handler,
                Request *request, sd_bus_error *error);

/* Answers the calls that wait for polkit with an error, when the service ends. */
void approval_done(Service *service);

/* Drops them without an answer, when the connection to the bus is lost. */
void approval_forget(Service *service);
