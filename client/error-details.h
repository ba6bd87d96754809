/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <systemd/sd-bus.h>

/* What vfiod tells about an error besides its name and message: only with --json, which shows it. */

/* From now on, calls ask for the details of errors, and the last ones are kept. */
void error_details_keep(void);

/* Appends the option "error-details" to the open dictionary, if details are kept and the method has the option. Returns 0 or
 * more, or a negative errno. */
int error_details_append_option(sd_bus_message *call);

/* Does as sd_bus_call(), and keeps the details of an error. */
int error_details_call(sd_bus *bus, sd_bus_message *call, uint64_t timeout_us, sd_bus_error *error,
                sd_bus_message **ret_reply);

/* Keeps the details in the reply, which is an error. */
void error_details_read(sd_bus_message *reply);

/* Returns the details that were kept for the error of this name, an object, and forgets them. NULL if there are none. */
json_t *error_details_take(const char *name);
