/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "kernel/pci-facts.h"
#include "usage/usage.h"

typedef struct Report {
        usage_visit_t visit;
        void *userdata;
} Report;

/* Reports each process of the list, those without a name as well: whoever reads it hears how many there are. */
static int report_list(const Report *report, const HolderList *list, const char *what, const char *more) {
        int r = 0;

        for (size_t i = 0; i < list->n_holders && r == 0; i++) {
                const NamedHolder *entry = &list->holders[i];
                _cleanup_free_ char *path = entry->node ? text_escape_new(entry->node, TEXT_NAME_ESCAPE) : NULL;

                if (entry->node && !path)
                        return -ENOMEM;
                r = usage_report(report->visit, report->userdata, USAGE_PROCESS, path ? "%s has %s open" : "%s %s",
                                HOLDER_TEXT(&entry->holder), path ? path : what);
        }
        for (size_t i = 0; i < list->n_more && r == 0; i++)
                r = report->visit(USAGE_PROCESS, more, report->userdata);
        return r;
}

static int report_error(const Report *report, PciAddress address, int error) {
        return usage_report(report->visit, report->userdata, USAGE_PROCESS, "%s cannot be examined: %s",
                        PCI_ADDRESS_TEXT(address), strerror(-error));
}

/* The walk did not reach the function: it is gone, or it was not asked for. */
static int report_unknown(const Report *report, const Kernel *kernel, PciAddress address) {
        _cleanup_close_ int fd = pci_device_open(kernel, address);

        return fd == -ENOENT ? 0 : report_error(report, address, fd < 0 ? fd : -EAGAIN);
}

int usage_by_processes(UsageSnapshot *snapshot, PciAddress address, usage_visit_t visit, void *userdata) {
        const Report report = {visit, userdata};
        const HolderTable *table;

        int r = usage_snapshot_holders(snapshot, &table);
        if (r < 0)
                return r;
        const FunctionHolders *function = holder_table_find(table, address);
        if (!function)
                return report_unknown(&report, snapshot->kernel, address);
        if (function->error < 0)
                return report_error(&report, address, function->error);
        if (function->n_nodes == 0)
                return 0;
        if (table->error < 0)
                return report_error(&report, address, table->error);
        if ((r = report_list(&report, &function->open, "", "another process has a device node open")) != 0 ||
                        (r = report_list(&report, &table->hidden,
                                         "may not be examined: it could have a device node open",
                                         "another process may not be examined: it could have a device node open")) !=
                                        0 ||
                        (r = report_list(&report, &function->cut,
                                         "could have a device node open: it and others have more files open than a "
                                         "survey reads",
                                         "another process could have a device node open: it has more files open than a "
                                         "survey "
                                         "reads")) != 0)
                return r;
        if (!snapshot->processes.is_cut)
                return 0;
        return usage_report(visit, userdata, USAGE_PROCESS,
                        "the host has more than %zu processes: one that was not examined could have a device node open",
                        snapshot->limits->processes);
}
