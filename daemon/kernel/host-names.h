/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include "kernel/pci-address.h"

/* Host names of devices: the network interfaces, block devices and NVMe controllers that the driver of a PCI
 * function created. */

typedef enum HostNameKind {
        HOST_NAME_NETWORK,
        HOST_NAME_BLOCK,
        HOST_NAME_CONTROLLER, /* "nvme0", which has the disks "nvme0n1" and so on; a selector, not on the bus */
        _HOST_NAME_KIND_MAX,
        _HOST_NAME_KIND_INVALID = -EINVAL,
} HostNameKind;

/* Convert to and from the name of the kernel subsystem: "net", "block" or "nvme". The first returns NULL for an invalid
 * kind, the second _HOST_NAME_KIND_INVALID for another subsystem. */
const char *host_name_kind_to_string(HostNameKind kind);
HostNameKind host_name_kind_from_string(const char *subsystem);

/* Buffer size for a name with its NUL byte. The kernel allows 15 characters for an interface (IFNAMSIZ) and 31 for a
 * disk (DISK_NAME_LEN). */
#define HOST_NAME_TEXT_MAX 64

/* Calls the callback for every name of the host, including names that do not belong to a PCI function. A return
 * value other than 0 stops the iteration. Returns that value, 0 at the end, or a negative errno. Does not block. */
typedef int (*host_name_entry_t)(HostNameKind kind, const char *name, void *userdata);
int host_names_list(const Kernel *kernel, host_name_entry_t callback, void *userdata);

/* Calls the callback for each PCI function that has this name now: for several functions if it is an NVMe disk that
 * several controllers share; for none if there is no such name, or if it is a partition or a hidden path device of
 * NVMe multipath. Returns as host_names_list() does. */
typedef int (*host_name_visit_t)(HostNameKind kind, const char *name, PciAddress address, void *userdata);
int host_names_visit_one(
                const Kernel *kernel, HostNameKind kind, const char *name, host_name_visit_t callback, void *userdata);

/* The disks and network interfaces of the host, read once for all devices of a survey. */

typedef struct HostIndexName {
        HostNameKind kind;
        PciAddress address;
        char name[HOST_NAME_TEXT_MAX];
} HostIndexName;

typedef struct HostIndex {
        HostIndexName *names; /* sorted by name */
        size_t n_names;
} HostIndex;

/* Reads all names that belong to a PCI function. For workers. The caller empties the index with host_index_done(),
 * also after an error. Returns 0 or a negative errno. */
int host_index_read(const Kernel *kernel, HostIndex *ret);
/* The same for disks only. */
int host_index_read_disks(const Kernel *kernel, HostIndex *ret);

void host_index_done(HostIndex *index);
#define _cleanup_host_index_ _cleanup_(host_index_done)

/* Returns the next name of this kind that belongs to the PCI function, after previous (NULL: the first name); NULL
 * at the end. */
const HostIndexName *host_index_next(
                const HostIndex *index, HostNameKind kind, PciAddress address, const HostIndexName *previous);

/* Tells whether the function has this name. */
bool host_index_has(const HostIndex *index, HostNameKind kind, PciAddress address, const char *name);
