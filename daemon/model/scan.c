/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/scan.h"

struct scan {
        const Kernel *kernel;
        Inventory *inventory;
        bool seen;
};

int scan_device(const Kernel *kernel, Inventory *inventory, PciAddress address) {
        PciFacts facts;

        int r = pci_device_read_facts(kernel, address, &facts);
        if (r == -ENOENT || r == -ENODEV)
                return inventory_drop_device(inventory, address);
        if (r < 0)
                return r;
        return inventory_put_device(inventory, &facts);
}

static int on_device(PciAddress address, void *userdata) {
        const struct scan *scan = userdata;

        /* One that cannot be read is left out: the others are worth knowing. */
        int r = scan_device(scan->kernel, scan->inventory, address);
        return r == -ENOMEM ? r : 0;
}

static int on_name(HostNameKind kind, const char *name, PciAddress address, void *userdata) {
        struct scan *scan = userdata;

        scan->seen = true;
        return inventory_put_name(scan->inventory, kind, name, address);
}

int scan_all(const Kernel *kernel, Inventory *inventory) {
        struct scan scan = {.kernel = kernel, .inventory = inventory};
        int r;

        inventory_begin_rescan(inventory);
        if ((r = pci_device_for_each(kernel, on_device, &scan)) < 0 ||
                        (r = host_names_for_each(kernel, on_name, &scan)) < 0)
                return r;
        return inventory_end_rescan(inventory);
}

/* A name came, went or was changed: what counts is whether it is there now. */
static int scan_name(const Kernel *kernel, Inventory *inventory, HostNameKind kind, const char *devpath) {
        struct scan scan = {.kernel = kernel, .inventory = inventory};
        const char *slash = strrchr(devpath, '/');
        PciAddress address;

        if (!slash)
                return 0;
        int r = host_names_visit_one(kernel, kind, slash + 1, on_name, &scan);
        if (r < 0 || scan.seen)
                return r;

        if (pci_address_from_devpath(devpath, &address) >= 0)
                return inventory_drop_name(inventory, kind, slash + 1, address);

        /* A disk that hung off an NVMe subsystem: any controller may have carried it. */
        size_t n;
        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = inventory_drop_name(inventory, kind, slash + 1, devices[i]->address);
        return r;
}

int scan_event(const Kernel *kernel, Inventory *inventory, const Uevent *event) {
        HostNameKind kind = host_name_kind_from_string(event->subsystem);
        PciAddress address;
        int r = 0;

        if (kind >= 0) {
                if (event->devpath_old)
                        r = scan_name(kernel, inventory, kind, event->devpath_old);
                return r < 0 ? r : scan_name(kernel, inventory, kind, event->devpath);
        }
        if (!streq(event->subsystem, "pci") || pci_address_from_devpath(event->devpath, &address) < 0)
                return 0;
        return scan_device(kernel, inventory, address);
}
