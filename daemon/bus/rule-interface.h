/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* The methods ListRules, CheckRule, AddRule and RemoveRule of the Manager, as handlers for sd-bus. */
int rule_method_list(sd_bus_message *message, void *userdata, sd_bus_error *error);
int rule_method_check(sd_bus_message *message, void *userdata, sd_bus_error *error);
int rule_method_add(sd_bus_message *message, void *userdata, sd_bus_error *error);
int rule_method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error);

/* Sends RulesChanged if the status of a device that a rule matches has changed since the last call. Returns 0 or a
 * negative errno of sd-bus. */
int rule_interface_tell(Service *service);

/* Reads the rules again, applies them, and sends RulesChanged. Returns 0 or a negative errno as rule_keeper_reload()
 * does; then the old rules remain active. */
int rule_interface_reload(Service *service);
