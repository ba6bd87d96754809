/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/usage.h"

/* Devices below a PCI function that are no PCI functions: USB devices, virtio devices, mediated devices and so on. */

static int report_child(UsageSnapshot *snapshot, const SnapshotFunction *function, const FolderChild *child) {
        const char *name = child->name[0] != '\0' ? TEXT_NAME(child->name) : PCI_ADDRESS_TEXT(function->address);
        const PciFacts facts = {.ids = function->ids};

        if (child->kind == FOLDER_MEDIATED)
                return usage_report(snapshot, USAGE_CHILD, "the mediated device %s lies below it, and vanishes with it",
                                name);
        /* usage.c examines the interfaces of the function itself */
        if (child->name[0] == '\0' && pci_facts_are_network(&facts))
                return 0;
        return usage_report(snapshot, USAGE_NETWORK,
                        "%s has a network interface in another network namespace, for example of a container", name);
}

int usage_of_children(UsageSnapshot *snapshot, const SnapshotFunction *function) {
        const DeviceFolder *folder = &function->folder;

        int r = usage_snapshot_check_time(snapshot);
        if (r == 0)
                r = folder->error;
        for (size_t i = 0; i < folder->n_children; i++) {
                int s = report_child(snapshot, function, &folder->children[i]);
                if (s != 0)
                        return s;
        }
        return usage_report_error(snapshot, USAGE_CHILD, PCI_ADDRESS_TEXT(function->address), r);
}
