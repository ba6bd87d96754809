/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "state/state.h"

#include <glib.h>

/* The known parts of a binding: "driver=e1000 override=none power=on d3cold=1 link=02:..:07/5/3/8100". */
void append_binding(GString *text, const Binding *binding);

/* The contents of a device's state file, without its address. */
void append_origin(GString *text, const DeviceOrigin *origin);

/* The contents of a state folder: a line for each device, and lines for the members and steps of each transaction.
 * The caller frees it. */
char *state_to_text(const State *state);

/* Everything that the file of a plan contains. The caller frees it. */
char *plan_to_text(const Plan *plan);
