/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Sets the error of a method: org.vfiod1.Error.NAME for an outcome, whose message is in problem; or System.Error.ENAME for a result
 * that is a negative errno. Returns a negative errno, which the method handler returns. */
int errors_set(sd_bus_error *error, int result, const Problem *problem);
