/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"
#include "usage/usage.h"

/* Devices below a PCI function that are no PCI functions: USB devices, virtio devices, mediated devices and so on. */

/* A disk behind five hubs has about twenty folders above it. */
#define DEPTH_MAX 32

typedef struct Search {
        UsageSnapshot *snapshot;
        const char *parent; /* name of the folder that is examined */
        bool is_network;    /* usage.c examines the interfaces of the function itself */
        unsigned depth;
} Search;

/* The kernel makes a folder "net" for the interfaces of a device, and removes it with the last one. /sys shows only the
 * interfaces in the network namespace of vfiod, so in an empty folder, there is an interface of another namespace. */
static int examine_interfaces(const Search *search, int folder_fd) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        if (search->depth == 0 && search->is_network)
                return 0;
        int r = sysfs_open_folder(folder_fd, "net", &folder);
        if (r < 0 || (r = sysfs_next(folder, &name)) != 0)
                return r == -ENOENT || r == -ENOTDIR || r > 0 ? 0 : r;
        return usage_report(search->snapshot, USAGE_NETWORK,
                        "%s has a network interface in another network namespace, for example of a container",
                        TEXT_NAME(search->parent));
}

static int report_mediated(const Search *search) {
        return usage_report(search->snapshot, USAGE_CHILD, "the mediated device %s lies below it, and vanishes with it",
                        TEXT_NAME(search->parent));
}

static int examine(Search *search, int parent_fd, const char *name);

/* Enters only real directories: a link leads to another device. The directory of another PCI function is another
 * device, too. What a folder does not list is not looked up. */
static int on_entry(int folder_fd, const char *name, bool is_folder, void *userdata) {
        Search *search = userdata;
        PciAddress other;
        int r;

        if (search->depth > 0 && streq(name, "mdev_type") && (r = report_mediated(search)) != 0)
                return r;
        if (streq(name, "net") && (r = examine_interfaces(search, folder_fd)) != 0)
                return r;
        if (!is_folder || pci_address_parse(name, &other) >= 0 ||
                        (search->depth == 0 && pci_folder_has_only_attributes(name)))
                return 0;
        if (search->depth >= DEPTH_MAX)
                return -ELOOP;
        search->depth++;
        r = examine(search, folder_fd, name);
        search->depth--;
        return r;
}

static int examine(Search *search, int parent_fd, const char *name) {
        const char *parent_before = search->parent;

        int r = usage_snapshot_check_time(search->snapshot);
        if (r < 0)
                return r;
        search->parent = search->depth > 0 ? name : parent_before;
        r = sysfs_for_each_typed(parent_fd, name, on_entry, search);
        search->parent = parent_before;
        return r == -ENOENT || r == -ENODEV ? 0 : r;
}

int usage_of_children(UsageSnapshot *snapshot, const PciFacts *facts) {
        const char *address = PCI_ADDRESS_TEXT(facts->address);
        Search search = {.snapshot = snapshot, .parent = address, .is_network = pci_facts_are_network(facts)};

        _cleanup_close_ int fd = pci_device_open(snapshot->kernel, facts->address);
        if (fd == -ENOENT)
                return 0; /* If the device is gone, the check of its identity says so in a better message. */
        return usage_report_error(snapshot, USAGE_CHILD, address, fd < 0 ? fd : examine(&search, fd, "."));
}
