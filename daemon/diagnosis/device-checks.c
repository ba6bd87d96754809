/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/device-checks.h"
#include "diagnosis/captured-ids.h"
#include "diagnosis/device-words.h"
#include "kernel/vfio-denylist.h"
#include "policy/plan.h"
#include "policy/reset-scope.h"

#define AREA CHECK_DEVICE

static void detail(const Device *device, CheckList *list) {
        check_detail(list, "device", "%s", PCI_ADDRESS_TEXT(device->address));
}

static void check_type(const Device *device, CheckList *list) {
        if (device->present && !device->endpoint) {
                check_add(list, AREA, "device-type", CHECK_ERROR,
                                "%s is a bridge or a part of the host: no virtual machine can use it.",
                                PCI_ADDRESS_TEXT(device->address));
                detail(device, list);
        }
}

static void check_group(const HostFacts *host, const Device *device, CheckList *list) {
        const Group *group = device->group;
        DeviceWords words = {};

        if (!device->present)
                return;
        if (!group || group->no_iommu) {
                check_add(list, AREA, "device-group", CHECK_ERROR, "%s has no IOMMU group%s.",
                                PCI_ADDRESS_TEXT(device->address),
                                host->iommu.state == IOMMU_ON ? ": the IOMMU does not handle it" : "");
                detail(device, list);
                return;
        }
        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i] != device && group->members[i]->endpoint)
                        device_words_add(&words, group->members[i]);
        if (words.n == 0)
                check_add(list, AREA, "device-group", CHECK_OK, "%s is alone in the IOMMU group %d.",
                                PCI_ADDRESS_TEXT(device->address), group->number);
        else {
                check_add(list, AREA, "device-group", CHECK_INFO,
                                "%s shares the IOMMU group %d with %s: a virtual machine can use it only if all of "
                                "them "
                                "are detached.",
                                PCI_ADDRESS_TEXT(device->address), group->number, device_words_end(&words));
                check_cure(list, "vfioctl explain %s", PCI_ADDRESS_TEXT(device->address));
        }
        detail(device, list);
        check_detail(list, "iommu-group", "%d", group->number);
}

/* How the group becomes viable. A job never unbinds a bridge, and a detach takes no device that another program gave to vfio. */
static void cure_blockers(const Device *device, CheckList *list) {
        const Group *group = device->group;
        const char *address = PCI_ADDRESS_TEXT(device->address);

        for (size_t i = 0; i < group->n_members; i++) {
                const Device *bridge = group->members[i];

                if (bridge->endpoint || !device_blocks_group(bridge))
                        continue;
                check_cure(list,
                                "The bridge %s is on the driver %s, which does DMA for the host. Write its address to "
                                "%s, or prevent at boot that the driver binds to it.",
                                PCI_ADDRESS_TEXT(bridge->address), TEXT_NAME(bridge->driver),
                                DRIVER_UNBIND_TEXT(bridge->driver));
                return;
        }
        if (device_state(device) == DEVICE_FOREIGN)
                check_cure(list,
                                "Another program bound %s to %s. Detach the others with the tool that bound it (virsh, "
                                "driverctl); or return it to the host with 'sudo vfioctl reattach --adopt %s', and "
                                "detach the group with 'sudo vfioctl detach %s --group'.",
                                address, TEXT_NAME(device->driver), address, address);
        else
                check_cure(list, "sudo vfioctl detach %s --group", address);
}

/* The drivers of other members that keep the group from being used. */
static void check_blockers(const Device *device, CheckList *list) {
        const Group *group = device->group;
        DeviceWords words = {};

        if (!group || !device_is_on_vfio(device) || group_is_viable(group))
                return;
        for (size_t i = 0; i < group->n_members; i++)
                if (device_blocks_group(group->members[i]))
                        device_words_add(&words, group->members[i]);
        check_add(list, AREA, "device-blockers", CHECK_ERROR,
                        "%s is on a vfio driver, but no virtual machine can use the group %d: %s. QEMU says \"group is "
                        "not "
                        "viable\".",
                        PCI_ADDRESS_TEXT(device->address), group->number, device_words_end(&words));
        cure_blockers(device, list);
        detail(device, list);
}

static void check_state(const Device *device, CheckList *list) {
        const char *address = PCI_ADDRESS_TEXT(device->address);

        switch (device_state(device)) {
        case DEVICE_STUCK:
                check_add(list, AREA, "device-state", CHECK_ERROR,
                                "A change of %s does not return from the kernel: a process may have the device open.",
                                address);
                check_cure(list, "vfioctl jobs");
                break;
        case DEVICE_ABSENT:
                check_add(list, AREA, "device-state", CHECK_ERROR, "%s is detached, but gone from its slot.", address);
                check_cure(list, "sudo vfioctl reattach %s", address);
                break;
        case DEVICE_CHANGING:
                check_add(list, AREA, "device-state", CHECK_INFO, "A job changes %s now.", address);
                check_cure(list, "vfioctl jobs");
                break;
        case DEVICE_DETACHED:
        case DEVICE_LEASED:
                check_add(list, AREA, "device-state", CHECK_OK, "%s is detached, for a virtual machine.", address);
                break;
        case DEVICE_FOREIGN:
                return; /* device_facts_check() tells why */
        default:
                check_add(list, AREA, "device-state", CHECK_OK, "%s is with the host, %s%s.", address,
                                device->driver ? "on the driver " : "without a driver",
                                device->driver ? TEXT_NAME(device->driver) : "");
                break;
        }
        detail(device, list);
}

void device_check_reset(const Inventory *inventory, const Device *device, CheckList *list) {
        _cleanup_free_ char *others = NULL;
        const char *address = PCI_ADDRESS_TEXT(device->address);

        if (!device->present || !device->endpoint)
                return;
        if (reset_scope_has_own(device))
                check_add(list, AREA, "device-reset", CHECK_OK, "The kernel can reset %s alone (%s).", address,
                                device->reset_methods);
        else if (!device->has_upstream) {
                check_add(list, AREA, "device-reset", CHECK_WARNING,
                                "The kernel cannot reset %s: there is no reset method, and no bridge above it. After a "
                                "virtual machine has used it, it may fail in the next one until the host is rebooted.",
                                address);
        } else {
                int r = reset_scope_list_others(inventory, device, &others);
                if (r < 0) {
                        list->error = r;
                        return;
                }
                if (isempty(others))
                        check_add(list, AREA, "device-reset", CHECK_OK,
                                        "The kernel can reset %s with its bus, on which only devices of its group are.",
                                        address);
                else
                        check_add(list, AREA, "device-reset", CHECK_WARNING,
                                        "%s has no reset of its own. A reset of its bus also resets %s, in another "
                                        "IOMMU "
                                        "group. The kernel does that only for a virtual machine that has all of them.",
                                        address, others);
        }
        detail(device, list);
        check_detail(list, "reset-methods", "%s", strempty(device->reset_methods));
}

static void check_boot_display(const Device *device, CheckList *list) {
        if (!device->boot_vga)
                return;
        check_add(list, AREA, "device-boot-display", CHECK_WARNING,
                        "The firmware uses %s for the screen of the host. A detach takes the screen away, and the "
                        "guest may need a copy of the card's ROM.",
                        PCI_ADDRESS_TEXT(device->address));
        check_cure(list, "Select another graphics card for the first screen in the firmware set-up, if there is one.");
        detail(device, list);
}

static void check_override(const HostFacts *host, const Device *device, CheckList *list) {
        for (size_t i = 0; i < host->n_overrides; i++) {
                const DriverctlOverride *override = &host->overrides[i];

                if (!pci_address_equal(override->address, device->address))
                        continue;
                check_add(list, AREA, "device-driverctl", CHECK_WARNING,
                                "driverctl binds %s to %s at each boot, also if vfiod has a rule for it.",
                                PCI_ADDRESS_TEXT(device->address), override->driver);
                check_cure(list, "sudo driverctl unset-override %s", PCI_ADDRESS_TEXT(device->address));
                detail(device, list);
        }
}

void device_checks_run(const HostFacts *host, const Inventory *inventory, const Device *device, CheckList *list) {
        check_type(device, list);
        check_group(host, device, list);
        check_blockers(device, list);
        check_state(device, list);
        device_check_reset(inventory, device, list);
        check_boot_display(device, list);
        check_override(host, device, list);
}

/* Who gave the device to vfio, if not vfiod. */
static void check_foreign(const HostFacts *host, const Device *device, const DeviceFacts *facts, CheckList *list) {
        CapturedIds sources[CAPTURED_IDS_MAX];
        char buffer[CAPTURED_SOURCE_MAX];
        const char *address = PCI_ADDRESS_TEXT(device->address);

        if (device_state(device) != DEVICE_FOREIGN)
                return;
        size_t n = captured_ids_find(host, sources);
        const CapturedIds *source = captured_ids_find_device(sources, n, device);
        if (facts->has_override && facts->override[0] != '\0')
                check_add(list, AREA, "device-state", CHECK_INFO,
                                "%s is on %s, but vfiod did not detach it: its driver_override is %s, which driverctl, "
                                "libvirt or a script wrote.",
                                address, TEXT_NAME(device->driver), TEXT_NAME(facts->override));
        else if (source)
                check_add(list, AREA, "device-state", CHECK_INFO,
                                "%s is on %s, but vfiod did not detach it. %s gives every device with its ids to "
                                "vfio-pci.",
                                address, TEXT_NAME(device->driver), captured_ids_source(source, buffer));
        else
                check_add(list, AREA, "device-state", CHECK_INFO,
                                "%s is on %s, but vfiod did not detach it. It has no driver_override, so probably "
                                "somebody wrote its ids to new_id of the driver.",
                                address, TEXT_NAME(device->driver));
        check_cure(list, "If it should return to the host: sudo vfioctl reattach --adopt %s", address);
        detail(device, list);
}

static void check_answer(const Device *device, const DeviceFacts *facts, CheckList *list) {
        if (facts->answers != 0)
                return;
        check_add(list, AREA, "device-answer", CHECK_ERROR,
                        "%s does not answer: its configuration space reads as ones only%s%s. The card has crashed, has "
                        "no "
                        "power, or has come off the bus.",
                        PCI_ADDRESS_TEXT(device->address), facts->power_state[0] != '\0' ? ", power state " : "",
                        facts->power_state);
        check_cure(list, "Shut the machine down completely, and start it again.");
        detail(device, list);
}

static void check_mapping(const Device *device, const DeviceFacts *facts, CheckList *list) {
        if (!facts->has_firmware_mapping)
                return;
        check_add(list, AREA, "device-firmware-mapping", CHECK_ERROR,
                        "The firmware has reserved memory for %s or its group (for example an RMRR), so the kernel "
                        "does "
                        "not give it to a virtual machine.",
                        PCI_ADDRESS_TEXT(device->address));
        check_cure(list,
                        "Look in the firmware set-up for a setting that turns this off, for example shared memory of a "
                        "management controller.");
        detail(device, list);
}

static void check_denylist(const Device *device, const DeviceFacts *facts, CheckList *list) {
        const char *name = vfio_denylist_find(device->ids.vendor, device->ids.device);

        if (!name || facts->denylist_is_disabled)
                return;
        check_add(list, AREA, "device-denylist", CHECK_ERROR,
                        "vfio-pci refuses %s (%s): it is on its denylist, because an untrusted guest could harm the "
                        "host "
                        "with such a device.",
                        PCI_ADDRESS_TEXT(device->address), name);
        check_cure(list,
                        "If you trust the guest: echo 'options vfio-pci disable_denylist=1' | sudo tee "
                        "/etc/modprobe.d/vfio-denylist.conf, and load vfio-pci again.");
        detail(device, list);
}

void device_facts_check(const HostFacts *host, const Device *device, const DeviceFacts *facts, CheckList *list) {
        check_foreign(host, device, facts, list);
        check_answer(device, facts, list);
        check_mapping(device, facts, list);
        check_denylist(device, facts, list);
}
