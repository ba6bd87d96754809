/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/state.h"

#include <glib.h>

/* How a device is bound, the parts that are known: "driver=e1000 override=none power=on d3cold=1 link=02:..:07/5/3/8100". */
void append_binding(GString *text, const Binding *binding);

/* What a state file says of a device, without its address. */
void append_origin(GString *text, const DeviceOrigin *origin);

/* All that is in a state folder, a line for each device and for each member and the steps of a transaction. To be freed. */
char *state_to_text(const State *state);

/* All that a plan's file keeps. To be freed. */
char *plan_to_text(const Plan *plan);
