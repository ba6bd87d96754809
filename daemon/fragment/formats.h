/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fragment/writer.h"

/* The formats; each is in its own file. They append to a fragment that has been begun. They return 0, an outcome with the problem, or
 * -ENOMEM. Those that need a group are called only for a selection that has one. */

/* "-device vfio-pci,host=0000:3b:00.0", for each device of the group that a virtual machine can use now. */
int fragment_write_qemu(Fragment *fragment, const FragmentQuestion *question, Problem *problem);

/* "--device path=/sys/bus/pci/devices/0000:3b:00.0/", for the same devices. */
int fragment_write_cloud_hypervisor(Fragment *fragment, const FragmentQuestion *question, Problem *problem);

/* "--vfio /sys/bus/pci/devices/0000:3b:00.0", for the same devices. */
int fragment_write_crosvm(Fragment *fragment, const FragmentQuestion *question, Problem *problem);

/* A specification of the Container Device Interface, with one CDI device for each of the same devices. */
int fragment_write_cdi(Fragment *fragment, const FragmentQuestion *question, Problem *problem);

/* The element <hostdev> of libvirt's domain XML for the selected device, or for each endpoint of the selected group. libvirt leaves
 * the drivers alone (managed='no'). */
int fragment_write_libvirt(Fragment *fragment, const FragmentQuestion *question, Problem *problem);

/* What "virsh nodedev-dumpxml" prints, for the selected device, or for each device of the selected group. LIMITS_EXCEEDED for a group of
 * more than FRAGMENT_NODEDEVS_MAX. */
#define FRAGMENT_NODEDEVS_MAX 128
int fragment_write_nodedev(Fragment *fragment, const FragmentQuestion *question, Problem *problem);
