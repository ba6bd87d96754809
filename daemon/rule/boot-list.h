/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "rule/rule-book.h"

/* The boot file: rules for udev that remain on disk, for the devices that a rule of vfiod has detached on this host. At
 * boot, before vfiod starts, udev sets driver_override of these devices, so that no host driver binds to them. The file
 * can be in the initramfs, too.
 *
 * Only a device that a rule really detached gets into the file. So a rule that the guards refuse never has an effect
 * here: the disk that the host boots from, and interfaces and displays that the host uses, are never in the file. A line
 * names one card at one place: its address, its ids and its port path.
 *
 * A module binds all its devices when it is loaded, and udev loads it when the event of any of them is handled. So the events of
 * the other devices set driver_override of the devices of the file, too, if these are at exactly the same place. (Without this, a
 * host driver took a card at boot whenever the event of its twin was handled first.)
 *
 * The rules read only attributes that the kernel keeps in memory. A read of driver_override would wait for the lock of
 * the device (kernels before 2026), and so would each event of each device. The write waits, too, but it is only for the
 * devices of the file. */

#define BOOT_DEVICES_MAX 4096

/* The events of other devices count only for so many devices, the first of the list. udev needs about 50 us for each of them at each
 * event of a PCI device (measured with udev 252). */
#define BOOT_FOR_OTHERS_MAX 64

typedef struct BootDevice {
        PciAddress address;
        PciIds ids; /* without the revision, which is 0 */
        char path[PCI_PATH_MAX];
        char branch[PCI_BRANCH_MAX];  /* of its sysfs directory, with the numbers of the buses; "" if it is not known */
        char driver[DRIVER_NAME_MAX]; /* the vfio driver that udev lets bind */
        char rule[RULE_NAME_MAX];     /* the rule that detached the device */
} BootDevice;

typedef struct BootList {
        BootDevice *devices; /* sorted by address */
        size_t n_devices;
} BootList;

/* Frees the devices. */
void boot_list_done(BootList *list);
#define _cleanup_boot_list_ _cleanup_(boot_list_done)

/* Reads the list from the file, which may be missing. Ignores lines that are not its own. Only a regular file is read.
 * The caller calls boot_list_done(). Returns 0 or a negative errno. */
int boot_list_read(const char *file, BootList *ret);

/* Parses the text of the file. The caller calls boot_list_done(). Returns 0 or -ENOMEM. */
int boot_list_parse(const char *text, BootList *ret);

/* Generates the text of the file. The caller frees *ret. Returns 0 or -ENOMEM. */
int boot_list_format(const BootList *list, char **ret);

/* Adds a device (copied), or replaces that with its address. Ignores the devices after BOOT_DEVICES_MAX. Returns 0 or
 * -ENOMEM. */
int boot_list_put(BootList *list, const BootDevice *device);

/* Finds the device with this address. Returns NULL if there is none. The list owns the result. */
const BootDevice *boot_list_find(const BootList *list, PciAddress address);

/* Compares two lists. */
bool boot_list_equal(const BootList *a, const BootList *b);

/* Tells whether these are the ids of the device; the revision does not matter. */
bool boot_device_has_ids(const BootDevice *device, const PciIds *ids);

/* Tells whether a rule can have devices in the list. A rule for VFs leaves the PF with the host. A rule that overrides
 * the guard for storage may detach a disk that the host uses. */
bool boot_rule_is_suitable(const Rule *rule);

/* Tells whether the rule of the device still exists and still applies to it, also if the device is not present. */
bool boot_device_is_wanted(const BootDevice *device, const RuleBook *book);
