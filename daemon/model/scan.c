/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/scan.h"

/* How long after a reading of a driver link the next one is due, if no event confirms it. */
static const uint64_t delays_us[] = {100000, 400000, 2000000, 10000000};

static void expect_check(Inventory *inventory, Device *device) {
        inventory_set_driver_due(inventory, device, clock_us(CLOCK_MONOTONIC) + delays_us[device->driver_readings]);
}

static int put_device(Inventory *inventory, const PciFacts *facts) {
        int r = inventory_put_device(inventory, facts);
        if (r < 0)
                return r;
        /* A device without a driver gets one only with an event. */
        Device *known = inventory_find_device(inventory, facts->address);
        known->driver_readings = 0;
        known->driver_is_due = false;
        if (known->driver)
                expect_check(inventory, known);
        return 0;
}

int scan_device(const Kernel *kernel, Inventory *inventory, PciAddress address) {
        PciFacts facts;

        int r = pci_device_read_facts(kernel, address, &facts);
        if (r == -ENOENT || r == -ENODEV)
                return inventory_drop_device(inventory, address);
        if (r < 0)
                return r;
        /* Another card is in the slot now: what is known is about the card that is gone. */
        const Device *known = inventory_find_device(inventory, address);
        if (known && known->present && known->incarnation != facts.incarnation &&
                        (r = inventory_drop_device(inventory, address)) < 0)
                return r;
        return put_device(inventory, &facts);
}

/* Reading all facts takes ten times as long. */
int scan_changes(const Kernel *kernel, Inventory *inventory, PciAddress address) {
        const Device *known = inventory_find_device(inventory, address);
        PciFacts facts;

        if (!known || !known->present || known->incarnation == 0)
                return scan_device(kernel, inventory, address);
        device_get_facts(known, &facts);
        return pci_device_read_changes(kernel, &facts) < 0 ? scan_device(kernel, inventory, address)
                                                           : put_device(inventory, &facts);
}

int scan_driver_again(const Kernel *kernel, Inventory *inventory, Device *device) {
        char driver[DRIVER_NAME_MAX];

        device->driver_is_due = false;
        int r = pci_device_read_driver_of(kernel, device->address, driver);
        if (r < 0 || !streq(driver, strempty(device->driver)))
                return scan_changes(kernel, inventory, device->address);
        if (++device->driver_readings < ELEMENTSOF(delays_us))
                expect_check(inventory, device);
        return 0;
}

typedef struct NameScan {
        Inventory *inventory;
        const PciAddress *asked; /* NULL for none */
        bool found;              /* The device that was asked for has the name. */
} NameScan;

static int on_name(HostNameKind kind, const char *name, PciAddress address, void *userdata) {
        NameScan *scan = userdata;

        if (scan->asked && pci_address_equal(*scan->asked, address))
                scan->found = true;
        return inventory_put_name(scan->inventory, kind, name, address);
}

int scan_name(const Kernel *kernel, Inventory *inventory, HostNameKind kind, const char *name) {
        return host_names_visit_one(kernel, kind, name, on_name, &(NameScan){.inventory = inventory});
}

/* The same, and removes the name from this device if the device does not have it. Another device may have it now. */
static int scan_name_of(
                const Kernel *kernel, Inventory *inventory, HostNameKind kind, const char *name, PciAddress address) {
        NameScan scan = {.inventory = inventory, .asked = &address};

        int r = host_names_visit_one(kernel, kind, name, on_name, &scan);
        return r < 0 || scan.found ? r : inventory_drop_name(inventory, kind, name, address);
}

/* A name was added, removed or changed. Reads whether it exists now. */
static int scan_named(const Kernel *kernel, Inventory *inventory, HostNameKind kind, const char *devpath) {
        const char *slash = strrchr(devpath, '/');
        PciAddress address;

        if (!slash)
                return 0;
        if (pci_address_from_devpath(devpath, &address) >= 0)
                return scan_name_of(kernel, inventory, kind, slash + 1, address);

        /* A disk of an NVMe subsystem: any controller may have had it. */
        int r = scan_name(kernel, inventory, kind, slash + 1);
        size_t n;
        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n && r >= 0; i++)
                if (host_name_list_has(devices[i]->names, kind, slash + 1))
                        r = scan_name_of(kernel, inventory, kind, slash + 1, devices[i]->address);
        return r;
}

int scan_event(const Kernel *kernel, Inventory *inventory, const Uevent *event) {
        HostNameKind kind = host_name_kind_from_string(event->subsystem);
        PciAddress address;
        int r = 0;

        if (kind >= 0) {
                if (event->devpath_old)
                        r = scan_named(kernel, inventory, kind, event->devpath_old);
                return r < 0 ? r : scan_named(kernel, inventory, kind, event->devpath);
        }
        if (!streq(event->subsystem, "pci") || pci_address_from_devpath(event->devpath, &address) < 0)
                return 0;
        r = scan_changes(kernel, inventory, address);
        /* The kernel sends it after the probe. If the driver has changed since, another event follows. */
        Device *device = streq(event->action, "bind") ? inventory_find_device(inventory, address) : NULL;
        if (r >= 0 && device)
                device->driver_is_due = false;
        return r;
}
