/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "helper/worker-host.h"
#include <systemd/sd-bus.h>

/* What a diagnosis needs of the worker: vfiod sees neither the nodes below /dev/vfio nor the modules on disk. This changes nothing. */

/* Serves Examine: whether the module vfio-pci is on disk (number of ModuleFile, release of the running kernel, another installed kernel
 * that has it), and the nodes (name, mode, owner, group). Returns a negative errno of sd-bus if there is no reply. */
int examine_service_run(const WorkerHost *host, sd_bus_message *call);
