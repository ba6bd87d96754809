/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Converts outcomes to D-Bus errors org.vfiod1.Error.NAME, and defines the errno that sd-bus clients get for each. */

/* Registers the errno of each error name with sd-bus. Returns 0 or a negative errno of sd-bus. */
int errors_register(void);

/* Sets the D-Bus error of a method. result is an Outcome, and problem has its message; or result is a negative errno. Returns a negative errno, which the method
 * handler returns. */
int errors_set(sd_bus_error *error, int result, const Problem *problem);
