/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Outcomes as D-Bus errors: org.vfiod1.Error.NAME, and the errno that sd-bus clients see for it. */

/* Tells sd-bus the errno of each name. Returns 0 or a negative errno. */
int errors_register(void);

/* Fills error from a problem or, where there is none, from a negative errno. Returns a negative errno, to be returned from a handler. */
int errors_set(sd_bus_error *error, int result, const Problem *problem);
