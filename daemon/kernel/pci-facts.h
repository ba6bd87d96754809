/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include "kernel/modules.h"
#include "kernel/pci-address.h"
#include <stdint.h>

/* What sysfs says of one PCI function at one moment. It is read only from attributes that the kernel has in memory: none of them takes the device's lock or
 * reads its config space, so none can block. The link is not among them, see pci-link.h. */

typedef struct PciIds {
        uint16_t vendor, device;
        uint16_t subsystem_vendor, subsystem_device;
        uint32_t class; /* base class, subclass, interface */
        uint8_t revision;
} PciIds;

static inline bool pci_ids_equal(const PciIds *a, const PciIds *b) {
        return a->vendor == b->vendor && a->device == b->device && a->subsystem_vendor == b->subsystem_vendor &&
                        a->subsystem_device == b->subsystem_device && a->class == b->class &&
                        a->revision == b->revision;
}

/* Longest list of reset methods ("device_specific acpi flr af_flr pm bus cxl_bus") with its end. */
#define RESET_METHODS_MAX 96

/* Longest port path, of 16 steps. */
#define PCI_PATH_MAX 112

#define IOMMU_GROUP_NONE (-1)

typedef struct PciFacts {
        PciAddress address;
        uint64_t incarnation; /* of this stay in the slot: sysfs never gives a folder's number out twice; 0 for not known */
        PciIds ids;
        char driver[DRIVER_NAME_MAX];          /* "" for none */
        char reset_methods[RESET_METHODS_MAX]; /* as the kernel lists them, "" for none */
        int group;                             /* IOMMU_GROUP_NONE for none */
        int numa_node;                         /* -1 for none */
        uint16_t virtual_functions_max;        /* 0 for none */
        bool bridge;                           /* has a bus behind it */
        bool endpoint;                         /* can be given to a guest */
        bool boot_vga;
        bool virtual_function;
        PciAddress physical_function; /* of a virtual function */
        bool behind_controller; /* A controller such as a VMD exposes the device: it vanishes when the controller is unbound. */
        PciAddress controller;
} PciFacts;

/* Opens the device's folder. Returns the descriptor, or a negative errno: -ENOENT where no device is. */
int pci_device_open(const Kernel *kernel, PciAddress address);

/* Reads the ids through a held folder: who sits there. Returns 0 or a negative errno. */
int pci_device_read_ids(int device_fd, PciIds *ret);

/* The name of the bound driver, "" for none. Returns 0 or a negative errno. */
int pci_device_read_driver(int device_fd, char buffer[static DRIVER_NAME_MAX]);

/* The same of an address, in one system call. Also "" where no device is. */
int pci_device_read_driver_of(const Kernel *kernel, PciAddress address, char buffer[static DRIVER_NAME_MAX]);

/* Reads everything. Returns 0; -ENOENT or -ENODEV when the device is gone; another negative errno. */
int pci_device_read_facts(const Kernel *kernel, PciAddress address, PciFacts *ret);

/* The port path "0000:00:1c.4/00.0" of a folder "../../../devices/pci0000:00/0000:00:1c.4/0000:3b:00.0", which is where a link of the bus leads: the
 * address on the root bus, and the slot and function of each step from there. It names the same place when buses are renumbered. Into buffer, which is
 * returned; "" for what is none. */
const char *pci_path_format(const char *folder, char buffer[static PCI_PATH_MAX]);

/* The port path of a device that is there, "" for one that is not, into buffer, which is returned. */
const char *pci_device_read_path(const Kernel *kernel, PciAddress address, char buffer[static PCI_PATH_MAX]);

/* The controller that exposes the device in a folder "../../../devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0": the
 * innermost PCI function above another root bus, here 0000:00:0e.0. Returns 0, or -ENOENT for a device that no other exposes. */
int pci_path_find_controller(const char *folder, PciAddress *ret);

/* Calls the function with the address of every PCI function, in no order, until it returns other than 0; returns
 * that, 0 at the end, or a negative errno. */
typedef int (*pci_device_visit_t)(PciAddress address, void *userdata);
int pci_device_for_each(const Kernel *kernel, pci_device_visit_t callback, void *userdata);

/* A driver that leaves DMA to whoever holds the group: its members do not stand in the way of a guest. Since kernel
 * 5.19 a driver says so itself (driver_managed_dma), and these are the ones that do. */
bool pci_driver_leaves_dma(const char *driver);

/* A driver that gives its devices to guests: vfio-pci or one of its variants. */
bool pci_driver_is_vfio(const char *driver);
