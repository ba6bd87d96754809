/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Makes signals of what changed in the model: InterfacesAdded and -Removed for what came and went, one PropertiesChanged for each object that looks
 * different. Returns 0 or a negative errno of the bus. */
int notify_changes(Service *service, const ChangeList *changes);

/* The same for the Manager object: its counts, which are made anew if the model changed. */
int notify_manager(Service *service, bool model_changed);
