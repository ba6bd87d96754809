/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* While the host sleeps, hardware and firmware change and nobody says so. Has everything read anew whenever logind tells that the host
 * resumed. Does not wait for the bus. Returns 0 or a negative errno. */
int sleep_watch(Service *service);
