/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* The methods ListRules, CheckRule, AddRule and RemoveRule of the Manager, as handlers for sd-bus. */
int rule_method_list(sd_bus_message *message, void *userdata, sd_bus_error *error);
int rule_method_check(sd_bus_message *message, void *userdata, sd_bus_error *error);
int rule_method_add(sd_bus_message *message, void *userdata, sd_bus_error *error);
int rule_method_remove(sd_bus_message *message, void *userdata, sd_bus_error *error);
