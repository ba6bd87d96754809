/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "helper/worker-host.h"
#include <systemd/sd-bus.h>

/* The part of the worker's interface that lets the user of a lease open the nodes of its devices. It
 * concerns only nodes of devices that vfiod detached and that are on a vfio driver. */

/* GrantLease(u number, u uid, u pid, t since, b took, b descriptors, b kill, as addresses) -> (i result, as nodes, ah descriptors).
 * Writes the file of the lease. Then adds the user to the ACL of each node; or, with descriptors, opens the nodes. Nodes are the
 * node of the group, the cdevs of the devices, and /dev/iommu if there are cdevs; descriptors are only of the last two. A call
 * for a lease that has a file does the same again. After a failure, the user has no access, and a file that the call wrote is removed. result: 0; -EPERM for a device that vfiod
 * has not detached, for the user of vfiod itself, or if another user has a lease of this
 * number; -ENOENT if there are no nodes; -EBADMSG; or another negative errno.
 * Returns as a method handler. */
int lease_service_grant(const WorkerHost *host, sd_bus_message *call);

/* RecordLease, with the arguments of GrantLease -> i. Only writes the file of the lease, before its devices are detached: so the next
 * vfiod finds a lease that has not begun, and reattaches the devices. result: 0; -EPERM for the user of vfiod itself, or if the file is
 * that of another user; -EBADMSG; or another negative errno. Returns as a method handler. */
int lease_service_record(const WorkerHost *host, sd_bus_message *call);

/* RevokeLease(u number, b forget) -> i. Takes the user from the ACL of each node. With forget, also removes the file of the
 * lease. result: 0, also if there is no such lease; or a negative errno. Returns as a method handler. */
int lease_service_revoke(const WorkerHost *host, sd_bus_message *call);

/* The signatures of the arguments and of the results. */
#define LEASE_GRANT_ARGUMENTS "uuutbbbas"
#define LEASE_GRANT_RESULTS "iasah"
