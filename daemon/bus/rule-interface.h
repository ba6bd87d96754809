/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* The Manager's methods that have to do with rules. */
int rule_method_list(sd_bus_message *message, void *userdata, sd_bus_error *error);
int rule_method_check(sd_bus_message *message, void *userdata, sd_bus_error *error);
int rule_method_add(sd_bus_message *message, void *userdata, sd_bus_error *error);
int rule_method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* Says on the bus that another thing became of the devices that rules match, if that is so. Returns 0 or a negative errno. */
int rule_interface_tell(const Service *service);

/* Has the rules read anew and applied, and says so on the bus. Returns 0 or a negative errno; then the old ones stay in force. */
int rule_interface_reload(const Service *service);
