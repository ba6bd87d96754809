/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/call-handler.h"

/* Refuses a call before its job has started: replies with the error, and with its details if the caller asked for them.
 * error may be unset, then the result tells it; it is unset afterwards, because sd-bus would send it again. Returns 1; or a negative errno if there is not enough memory for the reply. */
int refuse_call(const Service *service, const CallHandler *handler, sd_bus_message *call, const Request *request,
                int result, sd_bus_error *error);
