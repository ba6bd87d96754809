/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "proxy.h"

/* What the files that make calls have in common. */

#define SERVICE "org.vfiod1"
#define ROOT "/org/vfiod1"

/* The daemon has deadlines of its own and answers when they are over; this one is for a daemon that lost its mind. */
#define WORK_TIMEOUT_USEC (10 * 60 * UINT64_C(1000000))

/* Passes the result of decoding on, with words for what can only be another version's answer. */
int decoded(int r, sd_bus_error *error);

/* A new call of one of the manager's methods that begin with a selector. */
int new_selector_call(
                sd_bus *bus, const char *method, const char *selector, sd_bus_message **ret_call, sd_bus_error *error);

/* Adds {name: list} to the options, if there is anything in the list. */
int append_list(sd_bus_message *call, const char *name, char *const *list);
