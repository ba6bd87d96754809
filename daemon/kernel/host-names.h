/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include "kernel/pci-address.h"

/* What the host calls a device: the network interfaces and disks that its driver made. */

typedef enum HostNameKind {
        HOST_NAME_NETWORK,
        HOST_NAME_BLOCK,
        _HOST_NAME_KIND_MAX,
        _HOST_NAME_KIND_INVALID = -EINVAL,
} HostNameKind;

/* "net" and "block": the kernel's subsystem. */
const char *host_name_kind_to_string(HostNameKind kind);
HostNameKind host_name_kind_from_string(const char *subsystem);

/* Longest name with its end: 15 characters for an interface, 31 for a disk. */
#define HOST_NAME_TEXT_MAX 64

/* Called with a name and a PCI function that carries it: several times for a disk that several controllers share. A
 * return other than 0 ends the visit. */
typedef int (*host_name_visit_t)(HostNameKind kind, const char *name, PciAddress address, void *userdata);

/* Lists every name of the host, also those that no PCI function carries. A return other than 0 ends the visit. Returns 0, the
 * visitor's value, or a negative errno. */
typedef int (*host_name_entry_t)(HostNameKind kind, const char *name, void *userdata);
int host_names_list(const Kernel *kernel, host_name_entry_t function, void *userdata);

/* Visits every name of the host. Partitions have none of their own. Returns 0, the visitor's value, or a negative errno. */
int host_names_for_each(const Kernel *kernel, host_name_visit_t function, void *userdata);

/* Visits the functions that carry this one name, if it is there now. */
int host_names_visit_one(
                const Kernel *kernel, HostNameKind kind, const char *name, host_name_visit_t function, void *userdata);
