/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Detach and Reattach, one implementation for the Manager, Group and Device methods: read and validate the arguments,
 * authorize the caller, make the plan, start the job; the reply comes when the job is done. The selector is resolved only
 * after the caller is authorized, which takes a turn of the loop: what a getter saw before may have changed by then. */

/* The message is read up to its options. Returns as a handler does: 1 (the reply comes later), or a negative errno. */
int operation_detach(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error);
int operation_reattach(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error);

/* What "detach" or "reattach" would do: open to all, within the quota of each user, and writes nothing. */
int operation_plan(Service *service, sd_bus_message *message, const char *selector, const char *verb_text,
                sd_bus_error *error);

/* A job_done_t that answers a call, its userdata, when the job ends. The caller may be gone by then; then nobody hears
 * the answer. */
void operation_on_done(const WorkerResult *result, void *userdata);

/* SetVirtualFunctions: the message is read up to the count. */
int operation_set_vfs(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error);
