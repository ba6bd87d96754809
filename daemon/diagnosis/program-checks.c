/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/device-words.h"
#include "diagnosis/host-checks.h"

static void check_libvirt(const HostFacts *facts, CheckList *list) {
        if (facts->has_libvirt)
                check_add(list, CHECK_PROGRAMS, "libvirt", CHECK_INFO,
                                "libvirt runs. For a device that vfiod has detached, its machines need "
                                "<hostdev managed='no'>: with managed='yes', libvirt binds the device itself.");
}

static void check_driverctl(const HostFacts *facts, CheckList *list) {
        for (size_t i = 0; i < facts->n_overrides; i++) {
                const DriverctlOverride *override = &facts->overrides[i];

                check_add(list, CHECK_PROGRAMS, "driverctl", CHECK_WARNING,
                                "driverctl binds %s to %s at each boot, also if vfiod has a rule for it.",
                                PCI_ADDRESS_TEXT(override->address), override->driver);
                check_detail(list, "device", "%s", PCI_ADDRESS_TEXT(override->address));
                check_cure(list, "sudo driverctl unset-override %s", PCI_ADDRESS_TEXT(override->address));
        }
}

/* The drivers for DPDK that need no IOMMU. */
static bool is_uio(const char *driver) {
        return driver && (streq(driver, "igb_uio") || streq(driver, "uio_pci_generic"));
}

static void check_dpdk(const Inventory *inventory, CheckList *list) {
        DeviceWords words = {};
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++)
                if (devices[i]->present && is_uio(devices[i]->driver))
                        device_words_add(&words, devices[i]);
        if (words.n == 0)
                return;
        check_add(list, CHECK_PROGRAMS, "dpdk", CHECK_WARNING,
                        "These devices are on a driver of DPDK, so a program may use them: %s.",
                        device_words_end(&words));
        check_cure(list, "dpdk-devbind.py --status");
}

static void check_supergfxd(const HostFacts *facts, CheckList *list) {
        if (!facts->has_supergfxd)
                return;
        check_add(list, CHECK_PROGRAMS, "supergfxd", CHECK_WARNING,
                        "supergfxd is installed. In its mode Vfio, it binds the graphics card itself, and undoes what "
                        "vfiod does.");
        check_cure(list, "supergfxctl --get");
}

void program_checks_run(const HostFacts *facts, const Inventory *inventory, CheckList *list) {
        check_libvirt(facts, list);
        check_driverctl(facts, list);
        check_dpdk(inventory, list);
        check_supergfxd(facts, list);
}
