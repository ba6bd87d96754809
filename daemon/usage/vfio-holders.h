/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/outcome.h"
#include "usage/census.h"

/* Whether a process holds devices through vfio. An unbind of such a device waits in the kernel until the process
 * closes it, so this is checked before each unbind that is not forced.
 *
 * Two nodes lead to a device: the node of its group, and its cdev (kernel/vfio-cdev.h). The kernel lets only one
 * process open the node of the group. So an open by vfiod shows whether another process has this node, or has bound
 * a cdev to an iommufd. It does not show who has only opened a cdev: vfiod-census looks this up in /proc.
 *
 * vfiod cannot open the node of a group without an IOMMU (kernel/vfio-node.h), and does not open another file that is at
 * the place of the node in /dev. vfiod-census looks up the holders of such a node by its number, as it does for cdevs; in
 * the following, the node counts as a cdev.
 *
 * A process that vfiod may not examine counts as a holder of the cdevs, because a wrong guess makes the unbind hang.
 * Normally vfiod-census may examine all processes (CAP_SYS_PTRACE). A process that has more files open than vfiod reads
 * (usage/limits.h), and that may open the cdev, counts as a holder, too. Neither matters for a device without a
 * cdev.
 *
 * Not found are a process that opens a cdev after this check, and a descriptor that is in transit through a socket. */

/* Takes the node of the group, and checks that no process has it, or the cdev of a member, open.
 *
 * reader: who reads the message, see holders.h. group: the number of the IOMMU group; negative for none, and then only the cdevs are checked. members: all devices
 * that leave their vfio driver; devices on other drivers, and devices that are gone, do no harm. *node_fd: a
 * descriptor of the node if the caller has it, otherwise negative. If this function opens the node, *node_fd becomes
 * the descriptor, which the caller closes: until then, no process can take the group or bind a cdev. It stays
 * negative if the group has no node, because no member is on a vfio driver or the kernel has no group nodes
 * (CONFIG_VFIO_GROUP=n).
 *
 * For workers: asks vfiod-census once for all members. Returns 0; HELD, with the holder and the node in the message;
 * FAILED, if this cannot be found out; or a negative errno. If the result is not 0, *node_fd is unchanged. */
int vfio_check_unheld(const Kernel *kernel, uid_t reader, int group, const PciAddress *members, size_t n_members,
                int *node_fd, Problem *problem);

/* Checks only the cdevs, for a caller that took the nodes of several groups before. Returns as vfio_check_unheld()
 * does. */
int vfio_check_cdevs_unheld(
                const Kernel *kernel, uid_t reader, const PciAddress *members, size_t n_members, Problem *problem);

#define VFIO_EVIDENCE_MAX (HOLDER_TEXT_MAX + 128)

typedef struct VfioHolder {
        Outcome outcome;    /* HELD; FAILED if the holder cannot be found out */
        PciAddress address; /* of the member; the first member for the node of the group */
        bool is_open;       /* the process has a node open, and does not only possibly have it open */
        Holder holder;      /* the process; its pid is 0 if the reader may not know it, or if it cannot be found out */
        char evidence[VFIO_EVIDENCE_MAX]; /* a sentence without its full stop: "/dev/vfio/25 is held by process 324 (qemu-system-x86)" */
        char message[VFIO_EVIDENCE_MAX + 128]; /* the evidence with what to do, for an error */
} VfioHolder;

/* Looks for a holder, for plans. Opens no node, so a virtual machine that starts at the same time is not disturbed.
 * There is at least one member. end_us: see HolderTable. Returns 1 and the holder, also if it cannot be found out; 0 if there is none; or
 * -ENOMEM. */
int vfio_find_holder(const Kernel *kernel, uid_t reader, int group, const PciAddress *members, size_t n_members,
                uint64_t end_us, VfioHolder *ret);
