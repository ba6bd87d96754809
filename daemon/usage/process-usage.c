/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/usage.h"

/* Reports each process of the list. Processes without a name are reported, too: so the callback counts all of them. */
static int report_list(UsageSnapshot *snapshot, const HolderList *list, const char *what, const char *more) {
        int r = 0;

        for (size_t i = 0; i < list->n_holders && r == 0; i++) {
                const NamedHolder *entry = &list->holders[i];
                _cleanup_free_ char *path = entry->node ? text_escape_new(entry->node, TEXT_NAME_ESCAPE) : NULL;

                if (entry->node && !path)
                        return -ENOMEM;
                snapshot->process = &entry->holder;
                r = usage_report(snapshot, USAGE_PROCESS, path ? "%s has %s open" : "%s %s",
                                HOLDER_TEXT(&entry->holder), path ? path : what);
                snapshot->process = NULL;
        }
        for (size_t i = 0; i < list->n_more && r == 0; i++)
                r = usage_report(snapshot, USAGE_PROCESS, "%s", more);
        return r;
}

/* The snapshot does not have the function: it is gone, or the caller did not ask for it. */
static int examine_unknown(const Kernel *kernel, PciAddress address) {
        _cleanup_close_ int fd = pci_device_open(kernel, address);
        return fd == -ENOENT ? 0 : fd < 0 ? fd : -EAGAIN;
}

int usage_by_processes(UsageSnapshot *snapshot, PciAddress address) {
        const HolderTable *table;

        int r = usage_snapshot_holders(snapshot, &table);
        if (r < 0)
                return r;
        const NodeHolders *holders = holder_table_find(table, address);
        if (!holders)
                r = examine_unknown(snapshot->kernel, address);
        else
                r = holders->error < 0 ? holders->error : holders->n_nodes > 0 ? table->error : 0;
        if (r < 0)
                return usage_report_error(snapshot, USAGE_PROCESS, PCI_ADDRESS_TEXT(address), r);
        if (!holders || holders->n_nodes == 0)
                return 0;
        if ((r = report_list(snapshot, &holders->open, "has a device node open",
                             "another process has a device node open")) != 0 ||
                        (r = report_list(snapshot, &table->hidden,
                                         "may have a device node open: vfiod is not allowed to examine it",
                                         "another process may have a device node open: vfiod is not allowed to examine "
                                         "it")) != 0 ||
                        (r = report_list(snapshot, &holders->cut,
                                         "may have a device node open: too many files are open to examine all of them",
                                         "another process may have a device node open: too many files are open to "
                                         "examine all of them")) != 0)
                return r;
        if (!table->has_too_many_processes)
                return 0;
        return usage_report(snapshot, USAGE_PROCESS,
                        "the host has more than %zu processes: one that was not examined may have a device node open",
                        snapshot->limits->processes);
}
