/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <systemd/sd-bus.h>

/* Appends the next complete value of a message as text: texts and numbers as they are, a list's entries with commas between, a structure's
 * fields with spaces between. */
void bus_text_append(sd_bus_message *message, GString *text);
