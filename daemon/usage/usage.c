/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/usage.h"

/* Reads the facts that the searches need: address, ids and driver. Returns as pci_device_read_facts() does. */
static int read_facts(const Kernel *kernel, PciAddress address, PciFacts *ret) {
        *ret = (PciFacts){.address = address};
        _cleanup_close_ int fd = pci_device_open(kernel, address);
        if (fd < 0)
                return fd;
        int r = pci_device_read_driver(fd, ret->driver);
        return r < 0 ? r : pci_device_read_ids(fd, &ret->ids);
}

static int examine_function(UsageSnapshot *snapshot, PciAddress address) {
        PciFacts facts;

        int r = read_facts(snapshot->kernel, address, &facts);
        if (r < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        /* A function below the device disappears with it: the drives of a controller that makes a PCI domain of its
         * own (Intel VMD). */
        if (!pci_address_equal(address, snapshot->device) && pci_driver_is_vfio(facts.driver) &&
                        (r = usage_report(snapshot, USAGE_PROCESS,
                                         "%s lies below it and is on %s: a virtual machine may have it",
                                         PCI_ADDRESS_TEXT(address), TEXT_NAME(facts.driver))) != 0)
                return r;
        if ((r = usage_of_disks(snapshot, address)) != 0 || (r = usage_of_interfaces(snapshot, &facts)) != 0 ||
                        (r = usage_of_display(snapshot, address)) != 0 ||
                        (r = usage_of_console(snapshot, address)) != 0 ||
                        (r = usage_of_memory(snapshot, &facts)) != 0 || (r = usage_of_children(snapshot, &facts)) != 0)
                return r;
        return usage_by_processes(snapshot, address);
}

int usage_of_device(UsageSnapshot *snapshot, PciAddress address) {
        snapshot->device = address;
        int r = examine_function(snapshot, address);
        for (size_t i = 0; i < snapshot->n_functions && r == 0; i++) {
                const SnapshotFunction *function = &snapshot->functions[i];

                if (pci_address_equal(function->device, address) && !pci_address_equal(function->address, address))
                        r = examine_function(snapshot, function->address);
        }
        return r;
}
