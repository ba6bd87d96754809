/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagnosis/check.h"
#include "kernel/device-facts.h"
#include "kernel/host-facts.h"
#include "model/inventory.h"

/* The checks of one device. They decide from the model and the facts, and read nothing. */

/* What the model tells: nothing here has read the device. Returns nothing; without memory, list->error becomes -ENOMEM. */
void device_checks_run(const HostFacts *host, const Inventory *inventory, const Device *device, CheckList *list);

/* Only how the device can be reset. */
void device_check_reset(const Inventory *inventory, const Device *device, CheckList *list);

/* What reading the device tells. */
void device_facts_check(const HostFacts *host, const Device *device, const DeviceFacts *facts, CheckList *list);
