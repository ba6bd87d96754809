/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"
#include "kernel/modules.h"
#include "kernel/pci-address.h"
#include "kernel/vfio-cdev.h"
#include <stdint.h>

/* What sysfs tells about a PCI function at one moment. Only attributes that the kernel keeps in memory are read: they do
 * not take the device lock and do not read the config space, so reading never blocks. For the PCIe link, see pci-link.h. */

typedef struct PciIds {
        uint16_t vendor, device;
        uint16_t subsystem_vendor, subsystem_device;
        uint32_t class : 24; /* base class, subclass, interface */
        uint32_t revision : 8;
} PciIds;

/* The largest class. */
#define PCI_CLASS_MAX 0xffffff

static inline bool pci_ids_equal(const PciIds *a, const PciIds *b) {
        return a->vendor == b->vendor && a->device == b->device && a->subsystem_vendor == b->subsystem_vendor &&
                        a->subsystem_device == b->subsystem_device && a->class == b->class &&
                        a->revision == b->revision;
}

/* Buffer size for "device_specific acpi flr af_flr pm bus cxl_bus". */
#define RESET_METHODS_MAX 96

/* Buffer size for a port path of 16 steps. */
#define PCI_PATH_MAX 112

#define IOMMU_GROUP_NONE (-1)

typedef struct PciFacts {
        PciAddress address;
        uint64_t incarnation; /* inode of the sysfs directory, which is never used again: a new card has another; 0 if not known */
        PciIds ids;
        char driver[DRIVER_NAME_MAX];          /* "" for none */
        char reset_methods[RESET_METHODS_MAX]; /* as the kernel lists them, "" for none */
        int group;                             /* IOMMU_GROUP_NONE for none */
        int numa_node;                         /* -1 for none */
        uint16_t virtual_functions_max;        /* 0 for none */
        bool no_iommu;                         /* vfio made the group in its no-IOMMU mode: see iommu.h */
        bool bridge;                           /* there is a bus behind it */
        bool endpoint;                         /* a virtual machine can use it */
        bool boot_vga;
        bool group_node; /* it is on a vfio driver, and its group has a node */
        bool has_cdev;   /* it is on a vfio driver, and the kernel makes nodes for single devices */
        unsigned cdev;   /* index of this node, 3 for "vfio3" */
        uint32_t nodes;  /* differs after the kernel has made one of these nodes again; 0 for none */
        bool virtual_function;
        PciAddress physical_function; /* of a VF, in the same domain */
        bool has_upstream;            /* It is behind a bridge, and not on a root bus. */
        PciAddress upstream;          /* this bridge, in the same domain */
        bool behind_controller; /* A controller such as a VMD exposes the device: it disappears with the controller's driver. */
        PciAddress controller;
} PciFacts;

/* Tells whether the device is a network card, by its class. */
static inline bool pci_facts_are_network(const PciFacts *facts) {
        return facts->ids.class >> 16 == 0x02;
}

/* Tells whether the folder of this name, in the folder of a function itself, has only attributes: settings of its power, and
 * the numbers of its interrupts. No device is below it. */
static inline bool pci_folder_has_only_attributes(const char *name) {
        return streq(name, "power") || streq(name, "msi_irqs");
}

/* Where other programs find the devices. vfiod itself opens what the Kernel has. */
#define PCI_DEVICES_FOLDER "/sys/bus/pci/devices"

/* Opens the sysfs directory of a device. Returns the descriptor; -ENOENT if there is no device; or another negative errno. */
int pci_device_open(const Kernel *kernel, PciAddress address);

/* Reads the ids through an open directory: they identify the card. Returns 0 or a negative errno. */
int pci_device_read_ids(int device_fd, PciIds *ret);

/* Reads the name of the driver, "" for none. Returns 0 or a negative errno. */
int pci_device_read_driver(int device_fd, char buffer[static DRIVER_NAME_MAX]);

/* Like pci_device_read_driver(), with one system call. Also gives "" if there is no device. */
int pci_device_read_driver_of(const Kernel *kernel, PciAddress address, char buffer[static DRIVER_NAME_MAX]);

/* Reads the IOMMU group, IOMMU_GROUP_NONE for none. Returns 0 or a negative errno. */
int pci_device_read_group(int device_fd, int *ret);

/* Tells whether the device is a VF, and gets its PF. The kernel sends the event of a new VF before it creates this link. */
bool pci_device_is_vf(int device_fd, PciAddress *ret_physical);

/* Reads all facts. Returns 0; -ENOENT or -ENODEV if the device is gone; or another negative errno. */
int pci_device_read_facts(const Kernel *kernel, PciAddress address, PciFacts *ret);

/* Reads again what can change while a card stays in its slot, without all of its attributes: the driver and what depends on it, the
 * group, whether it is a VF if it had no driver, and whether it is the boot display. facts must have the facts from before, and gets the new ones. Returns 0; -ESTALE if another card is
 * in the slot; -ENOENT or -ENODEV if the device is gone; or another negative errno. After an error, facts is unchanged. */
int pci_device_read_changes(const Kernel *kernel, PciFacts *facts);

/* Formats the port path of a sysfs directory, "0000:00:1c.4/00.0" for "../../../devices/pci0000:00/0000:00:1c.4/0000:3b:00.0":
 * the address on the root bus, then slot and function number of each step. It stays the same when buses are renumbered. Below
 * a controller with a PCI domain of its own (Intel VMD), the path goes on from the controller, because the number of this
 * domain may change: "0000:00:0e.0/06.0/00.0" for ".../0000:00:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0".
 * Writes "" for any other path. Returns buffer. */
const char *pci_path_format(const char *folder, char buffer[static PCI_PATH_MAX]);

/* Reads the port path of a device into buffer, "" if there is no device, and returns buffer. */
const char *pci_device_read_path(const Kernel *kernel, PciAddress address, char buffer[static PCI_PATH_MAX]);

/* Buffer size for the path of a sysfs directory below /sys/devices: a root bus and 16 steps. */
#define PCI_BRANCH_MAX 256

/* Reads the path of the sysfs directory of a device below /sys/devices, for example
 * "pci0000:00/0000:00:1c.4/0000:05:00.0", into buffer, and returns buffer; "" if there is no device, or for a longer path. */
const char *pci_device_read_branch(const Kernel *kernel, PciAddress address, char buffer[static PCI_BRANCH_MAX]);

/* Finds the controller that exposes a device, in the path of its sysfs directory: the innermost PCI function above another
 * root bus, 0000:00:0e.0 in "../../../devices/pci0000:00/0000:00:0e.0/pci10000:e0/10000:e0:06.0". Returns 0, or -ENOENT if
 * there is none. */
int pci_path_find_controller(const char *folder, PciAddress *ret);

/* Finds the bridge above a device, in the path of its sysfs directory: 0000:00:1c.4 in
 * "../../../devices/pci0000:00/0000:00:1c.4/0000:3b:00.0". Returns 0, or -ENOENT if the device is on a root bus. */
int pci_path_find_upstream(const char *folder, PciAddress *ret);

/* Calls the callback for every PCI function, in no order. A return value other than 0 stops the iteration. Returns that
 * value, 0 at the end, or a negative errno. */
typedef int (*pci_device_visit_t)(PciAddress address, void *userdata);
int pci_device_for_each(const Kernel *kernel, pci_device_visit_t callback, void *userdata);

/* Tells whether the driver does no DMA of its own: then its devices do not make a group unusable for a virtual machine. Since
 * Linux 5.19, these drivers set driver_managed_dma. */
bool pci_driver_leaves_dma(const char *driver);

/* Tells whether the driver gives its devices to virtual machines: vfio-pci or a variant of it. */
bool pci_driver_is_vfio(const char *driver);

/* Tells whether an administrator may name this driver for a virtual machine: it is the name of a vfio driver or of its
 * module. */
bool pci_vfio_name_is_valid(const char *driver);
