/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/boot-facts.h"
#include "kernel/iommu.h"
#include "kernel/modprobe-config.h"
#include "kernel/modules.h"
#include "kernel/pci-address.h"
#include "kernel/platform.h"
#include "kernel/sysfs.h"
#include <sys/types.h>

/* Everything about the host that a diagnosis is made from, at one moment. diagnosis/ decides what it means. */

/* A node below /dev/vfio. */
typedef struct NodeFact {
        char name[32]; /* "vfio", "12", "devices/vfio0" */
        mode_t mode;   /* with the type of the file */
        uid_t uid;
        gid_t gid;
} NodeFact;

#define NODE_FACTS_MAX 64

/* A driver that driverctl sets for a device at each boot. */
typedef struct DriverctlOverride {
        PciAddress address;
        char driver[DRIVER_NAME_MAX];
} DriverctlOverride;

#define DRIVERCTL_OVERRIDES_MAX 64

typedef struct HostFacts {
        IommuReport iommu;
        Platform platform;
        BootFacts boot;
        ModprobeConfig modprobe;
        char command_line[SYSFS_TEXT_MAX]; /* "" if it cannot be read */
        char lockdown[LOCKDOWN_MAX];       /* "" for none */
        unsigned groups, identity_groups;  /* IOMMU groups that were read, and those whose devices bypass the IOMMU */
        bool has_kvm;
        bool has_vfio_driver; /* vfio-pci is loaded, or built in */
        bool has_group_nodes; /* /dev/vfio/N; known only if vfio is loaded */
        bool has_cdevs;       /* /dev/vfio/devices/vfioN */
        bool has_iommufd;     /* /dev/iommu */
        bool no_iommu_mode;   /* of vfio: enable_unsafe_noiommu_mode */
        bool has_libvirt;     /* it runs */
        bool has_supergfxd;
        DriverctlOverride overrides[DRIVERCTL_OVERRIDES_MAX];
        size_t n_overrides;

        /* What vfiod does not see itself: vfiod-worker tells it. */
        bool has_worker_facts;
        ModuleSearch module; /* of vfio-pci */
        NodeFact nodes[NODE_FACTS_MAX];
        size_t n_nodes;

        /* Of the user who asks. */
        bool is_root;
        bool has_memlock;
        uint64_t memlock; /* limit of the memory that may be locked, in bytes: the kernel applies it; UINT64_MAX for none */
        uint64_t memlock_hard; /* the user may raise the limit up to this one */
} HostFacts;

/* Reads everything but the facts of the worker. The limit is that of the process of the user; a pid of 0 means that it is not
 * known. May block, so only child processes call it. Returns 0 or -ENOMEM. */
int host_facts_read(const Kernel *kernel, uid_t uid, pid_t pid, HostFacts *ret);

/* Reads the nodes below /dev/vfio, NODE_FACTS_MAX at most. Returns their number. */
size_t host_facts_read_nodes(const Kernel *kernel, NodeFact nodes[static NODE_FACTS_MAX]);

/* Frees what it owns. */
void host_facts_done(HostFacts *facts);
#define _cleanup_host_facts_ _cleanup_(host_facts_done)
