/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* The methods that plan or start a job, as handlers for sd-bus. Detach, Reattach, Reset and SetVirtualFunctions are
 * handlers of the Manager and of Group and Device objects. They read the arguments, authorize the caller, make the
 * plan, and start the job. The reply comes when the job is done. The selector is resolved after the caller is
 * authorized, so the device may have changed since the call arrived. */
int operation_detach(sd_bus_message *message, void *userdata, sd_bus_error *error);
int operation_reattach(sd_bus_message *message, void *userdata, sd_bus_error *error);
int operation_reset(sd_bus_message *message, void *userdata, sd_bus_error *error);
int operation_set_vfs(sd_bus_message *message, void *userdata, sd_bus_error *error);
