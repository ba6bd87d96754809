/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "usage/holders.h"

/* Whether a process holds devices through vfio. An unbind of such a device waits in the kernel until the process closes it, so
 * this is asked before each unbind that is not forced.
 *
 * Two nodes lead to a device: the node of its group, and its cdev (kernel/vfio-cdev.h). The kernel lets only one process open
 * the group's node, so it answers for the group's node itself, and for a cdev that is bound to an iommufd. It does not answer for a
 * cdev that is only open: who has that is looked up in /proc.
 *
 * A process that vfiod may not examine counts as a holder of the cdevs, as it does for the guard on processes: no other sign says that
 * nobody has the cdev open, and a wrong guess makes the unbind hang. Normally vfiod may examine all (CAP_SYS_PTRACE). Where the
 * device has no cdev, such a process does not matter.
 *
 * The same holds for a process that has more files open than vfiod reads (usage/limits.h) and may open the cdev.
 *
 * A process that opens a cdev after this check is not seen; neither is a descriptor on its way through a socket. */

/* Takes the group's node, and checks that no process has it, or the cdev of a member, open.
 *
 * group: the number of the IOMMU group; negative for none, and then only the cdevs are checked. members: all devices that are to leave
 * their vfio driver; those on another driver, and those that are gone, do no harm. node_fd: a descriptor of the group's node that the
 * caller has already, or a negative number. Where the node is taken here, *node_fd becomes its descriptor, which is the caller's:
 * until it is closed no process can take the group or bind a cdev. It stays negative where the group has no node, because no member is
 * on a vfio driver or the kernel has no group nodes (CONFIG_VFIO_GROUP=n).
 *
 * Returns 0; HELD, with the holder and the node in the message; FAILED, where this cannot be found out; or a negative errno. When it
 * does not return 0, *node_fd is as it was. For workers: it walks over /proc once, however many members there are. */
int vfio_check_unheld(const Kernel *kernel, int group, const PciAddress *members, size_t n_members, int *node_fd,
                Problem *problem);

/* The same for the cdevs alone, for a caller that took the nodes of several groups before. */
int vfio_check_cdevs_unheld(const Kernel *kernel, const PciAddress *members, size_t n_members, Problem *problem);

/* Room for a sentence about a holder. */
#define VFIO_EVIDENCE_MAX (HOLDER_TEXT_MAX + 128)

/* Looks for a holder without opening anything, for plans: a virtual machine that starts meanwhile is not disturbed. Returns 1 and a
 * sentence without its full stop, such as "/dev/vfio/25 is held by process 324 (qemu-system-x86)", and in ret_address the member that
 * it concerns, the first one where that is the whole group; 0 where no holder was seen; or -ENOMEM. What cannot be found out is said in
 * the sentence. There is at least one member. */
int vfio_find_holder(const Kernel *kernel, int group, const PciAddress *members, size_t n_members,
                PciAddress *ret_address, char evidence[static VFIO_EVIDENCE_MAX]);
