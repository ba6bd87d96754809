/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* The kernel reports each change of any device: of batteries, of the queues of network cards, of the slabs of its memory. A filter in
 * the kernel drops the events that vfiod ignores, so that they neither wake vfiod up nor start it. */

/* Attaches the filter to the socket, also to one that another process shares. It passes events of the subsystems that may have host
 * names, but not those of virtual interfaces and disks, (kernel/host-names.h) and of PCI, "bind" events of platform and virtio devices, which may be an IOMMU, and all messages that it
 * does not understand. Needs no privilege. Returns 0 or a negative errno. */
int uevent_filter_attach(int fd);
