/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <systemd/sd-bus.h>

/* Reads the next value of a message, of any type, as JSON. Numbers, strings and booleans stay what they are.
 * Arrays and structs become arrays, dictionaries become objects, and a variant becomes its contents. Strings are
 * escaped as messages (daemon/base/text.h). Returns 0 and a new reference; -ENOTSUP for a file descriptor; or another
 * negative errno. */
int json_value_read(sd_bus_message *m, json_t **ret);
