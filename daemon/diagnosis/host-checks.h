/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagnosis/check.h"
#include "kernel/host-facts.h"
#include "model/inventory.h"

/* The checks of the host, from the firmware to the virtual machine. They decide from the facts, and read nothing. */

/* CPU, firmware tables, IOMMU, kernel command line, and what the kernel itself forbids. */
void firmware_checks_run(const HostFacts *facts, CheckList *list);

/* vfio: modules, interfaces, and devices that it has got by other means than vfiod. */
void vfio_checks_run(const HostFacts *facts, const Inventory *inventory, CheckList *list);

/* Other programs that bind devices. */
void program_checks_run(const HostFacts *facts, const Inventory *inventory, CheckList *list);

/* What the user's virtual machine needs. */
void machine_checks_run(const HostFacts *facts, CheckList *list);
