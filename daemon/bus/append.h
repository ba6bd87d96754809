/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/text.h"
#include <systemd/sd-bus.h>

/* Strings that others chose, into a message. D-Bus takes valid UTF-8 only, and one name that it does not take would fail the whole list, so all go
 * through here: escaped as base/text.h says. NULL counts as "". Both return 0 or more, or a negative errno. */

/* A name of the host, of any length. */
int bus_append_name(sd_bus_message *message, const char *name);

/* A text that may quote escaped names. */
int bus_append_text(sd_bus_message *message, const char *text);
