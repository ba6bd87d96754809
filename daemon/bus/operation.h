/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Detach and Reattach, one implementation for the Manager, Group and Device methods: read, validate, authorize, plan, start the job;
 * the reply comes when the job is done. What is selected is resolved once more here, so nothing that a getter saw is relied on. */

/* The message is read up to its options. Returns as a handler does: 1 (the reply comes later), or a negative errno. */
int operation_detach(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error);
int operation_reattach(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error);

/* What "detach" or "reattach" would do: open to all, and writes nothing. */
int operation_plan(Service *service, sd_bus_message *message, const char *selector, const char *verb_text,
                sd_bus_error *error);

/* For operations of another kind: reads the value of an option; and what answers a call when its job ends, whose userdata the call is (the caller may be gone by
 * then, and then nobody hears). */
int operation_read_flag(sd_bus_message *message, const char *key, bool *ret, sd_bus_error *error);
void operation_on_done(const WorkerResult *result, void *userdata);

/* SetVirtualFunctions: the message is read up to the count. */
int operation_set_vfs(Service *service, sd_bus_message *message, const char *selector, sd_bus_error *error);
