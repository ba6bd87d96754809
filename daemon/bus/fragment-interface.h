/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* The handler of GetFragment, a method of the Manager. userdata is the Service. */
int fragment_method(sd_bus_message *message, void *userdata, sd_bus_error *error);
