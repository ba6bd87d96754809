/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "request.h"

/* A host with a VMD: a root port and a disk are behind it and in its IOMMU group, and exist while its driver is
 * bound. */

#define VMD "0000:00:0e.0"
#define VMD_PORT "10000:e0:06.0"
#define VMD_DISK "10000:e1:00.0"
#define VMD_GROUP 5

/* The administrator has set overrides and power settings of the controller and of the disk. vfio-pci is loaded. */
Host *vmd_host(void);

/* Whether the devices behind the controller exist in the kernel. */
void assert_disk_exists(Host *host, bool expected);

/* All is with the host as it was: the kernel as in the snapshot, no record, the model true. */
void assert_vmd_home(Daemon *daemon, const char *at_home);
/* The controller is detached and the disk is expected back with it. */
void assert_vmd_away(Daemon *daemon, const char *away);
