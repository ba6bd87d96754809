/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "helper/worker-host.h"
#include <systemd/sd-bus.h>

/* EndHolders(u number, b hard) -> (i result, u ended). Ends the processes that still have devices of a lease open, if the user
 * wanted that when the lease began: with SIGTERM, or with SIGKILL if hard is set. Only processes of the user of the lease: the user
 * could have passed a device to a process of somebody else. ended is their number. result: 0; -EPERM for a lease that did not want
 * it; -ENOENT; or another negative errno. Returns as a method handler. */
int lease_service_end_holders(const WorkerHost *host, sd_bus_message *call);
