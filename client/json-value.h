/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <systemd/sd-bus.h>

/* What stands next in a message, whatever it is, as JSON: numbers, strings, true and false as such; arrays and structs as arrays, dictionaries as
 * objects, and of a variant what is in it. Strings are escaped as messages (daemon/base/text.h). Returns 0 and a new reference, or a negative errno: -ENOTSUP for a descriptor. */
int json_value_read(sd_bus_message *m, json_t **ret);
