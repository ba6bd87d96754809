/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "helper/worker-host.h"
#include <systemd/sd-bus.h>

/* EndHolders(u number, b hard) -> (i result, u ended). Ends the processes that still have devices of a lease open, if the lease has the option
 * "kill": with SIGTERM, or with SIGKILL if hard is set. Processes of other users are not ended, because the user could have passed a
 * device to them. ended: how many processes got the signal. result: 0; -EPERM for a lease without the option; -ENOENT; or another negative errno. Returns as a method handler. */
int lease_service_end_holders(const WorkerHost *host, sd_bus_message *call);
