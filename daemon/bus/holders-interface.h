/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* The method ListHolders, as a handler for sd-bus: lists the processes that have device nodes open. An empty selector
 * selects all devices and groups, with one search for all of them. */
int holders_method_list(sd_bus_message *message, void *userdata, sd_bus_error *error);
