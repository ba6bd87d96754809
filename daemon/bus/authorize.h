/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/text.h"
#include "bus/service.h"

/* Who may do what. Every method that changes something asks here first; reading is open to all. */

/* Whether the sender may call this method: root may. Returns 0, or a negative errno with the error filled in. */
int authorize_change(sd_bus_message *message, sd_bus_error *error);

/* "uid 0, process 1234 (vfioctl)" into buffer, which is returned. The process's name, which it chose itself, is escaped. */
#define CALLER_TEXT_MAX (TEXT_ESCAPED_MAX(HOLDER_COMMAND_MAX) + 64)
const char *authorize_caller_name(const Service *service, sd_bus_message *message, char buffer[static CALLER_TEXT_MAX]);
