/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/request.h"

/* The method Plan, as a handler for sd-bus: what Detach or Reattach would do; with the selector "", which groups the host
 * uses. Writes nothing. Open to everybody, within the quota of each user. */
int plan_interface_plan(sd_bus_message *message, void *userdata, sd_bus_error *error);
