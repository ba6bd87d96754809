/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

/* Appends the next complete value of a message as text: strings and numbers as they are, the entries of an array
 * separated by commas, the fields of a structure separated by spaces. */
void bus_text_append(sd_bus_message *message, GString *text);
