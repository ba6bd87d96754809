/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/usage.h"

/* If a folder could not be listed, there may be functions below it that the snapshot does not have, with disks and interfaces. */
static int report_unlisted(UsageSnapshot *snapshot, const SnapshotFunction *function) {
        const char *address = PCI_ADDRESS_TEXT(function->address);

        int r = usage_report_error(snapshot, USAGE_STORAGE, address, function->folder.error);
        return r != 0 ? r : usage_report_error(snapshot, USAGE_NETWORK, address, function->folder.error);
}

static int examine_function(UsageSnapshot *snapshot, const SnapshotFunction *function) {
        PciAddress address = function->address;
        int r = 0;

        /* If the function is gone, the check of its identity says so in a better message. */
        if (function->error < 0)
                return function->error == -ENOENT || function->error == -ENODEV ? 0 : function->error;
        /* A function below the device disappears with it: the drives of a controller that makes a PCI domain of its
         * own (Intel VMD). */
        if (!pci_address_equal(address, snapshot->device) && pci_driver_is_vfio(function->driver) &&
                        (r = usage_report(snapshot, USAGE_PROCESS,
                                         "%s lies below it and is on %s: a virtual machine may have it",
                                         PCI_ADDRESS_TEXT(address), TEXT_NAME(function->driver))) != 0)
                return r;
        if ((r = usage_of_disks(snapshot, address)) != 0 || (r = usage_of_interfaces(snapshot, function)) != 0 ||
                        (r = report_unlisted(snapshot, function)) != 0 ||
                        (r = usage_of_display(snapshot, function)) != 0 ||
                        (r = usage_of_console(snapshot, address)) != 0 ||
                        (r = usage_of_memory(snapshot, function)) != 0 ||
                        (r = usage_of_children(snapshot, function)) != 0)
                return r;
        return usage_by_processes(snapshot, address);
}

int usage_of_device(UsageSnapshot *snapshot, PciAddress address) {
        const FunctionList *list;

        snapshot->device = address;
        int r = usage_snapshot_functions(snapshot, &list);
        if (r < 0)
                return r;
        const SnapshotFunction *function = function_list_find(list, address);
        if (!function)
                return -EINVAL;
        /* The functions of a device come one after the other. */
        for (; function < list->functions + list->n_functions && pci_address_equal(function->device, address) && r == 0;
                        function++)
                r = examine_function(snapshot, function);
        return r;
}
