/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/log-fields.h"

#include <systemd/sd-bus.h>

/* Appends who started a job or has a lease, as a dictionary (a{sv}) that org.vfiod1.xml describes under "Caller" of Job. The
 * fields are those of the log: call-entry.h makes them. Returns 0 or more, or a negative errno of sd-bus. */
int caller_dict_append(sd_bus_message *message, const LogFields *fields);
