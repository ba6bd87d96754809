/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* The methods SetEnabled and Edit of a Rule, and ChangeRules of the Manager, as handlers for sd-bus. */
int rule_edit_set_enabled(sd_bus_message *message, void *userdata, sd_bus_error *error);
int rule_edit_text(sd_bus_message *message, void *userdata, sd_bus_error *error);
int rule_edit_many(sd_bus_message *message, void *userdata, sd_bus_error *error);
