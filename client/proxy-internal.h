/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proxy.h"

/* Only for the files that make calls on the bus. */

#define SERVICE "org.vfiod1"
#define ROOT "/org/vfiod1"

/* Timeout for calls that change something. vfiod has deadlines of its own and answers before this; it is the last
 * resort if vfiod does not answer at all. */
#define WORK_TIMEOUT_USEC (10 * 60 * UINT64_C(1000000))

/* How long a list waits to learn what the host uses. */
#define SURVEY_TIMEOUT_USEC (10 * UINT64_C(1000000))

/* Returns r, the result of a decoder. If the reply could not be decoded, sets an error that says so: vfiod is
 * probably another version. */
int decoded(int r, sd_bus_error *error);

/* Creates a call of a method of the manager whose first argument is a selector. Returns 0, or a negative errno; the
 * error is set for a selector that is not valid UTF-8. */
int new_selector_call(
                sd_bus *bus, const char *method, const char *selector, sd_bus_message **ret_call, sd_bus_error *error);

/* Appends the dictionary of options to a call. Returns 0, or a negative errno; the error is set for an option that
 * is not valid UTF-8. */
int append_options(sd_bus_message *call, const CallOptions *options, sd_bus_error *error);

/* Checks whether the reply of a call that was made without waiting is an error. Returns 0 if it is none; or a negative
 * errno with the error. */
int read_refusal(sd_bus_message *reply, sd_bus_error *error);
