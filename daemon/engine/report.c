/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/report.h"

void report_done(Report *report) {
        finding_list_done(&report->findings);
        free(report->changes);
        *report = (Report){};
}

int report_reserve_changes(Report *report, size_t n) {
        free(report->changes);
        report->n_changes = 0;
        report->changes = calloc(n + 1, sizeof(DriverChange));
        return report->changes ? 0 : -ENOMEM;
}

void report_add_change(Report *report, PciAddress address, const char *before, const char *after) {
        DriverChange *change = &report->changes[report->n_changes++];

        change->address = address;
        (void)snprintf(change->before, sizeof(change->before), "%s", strempty(before));
        (void)snprintf(change->after, sizeof(change->after), "%s", strempty(after));
}

static int compare_changes(const void *a, const void *b) {
        uint64_t x = pci_address_key(((const DriverChange *)a)->address),
                 y = pci_address_key(((const DriverChange *)b)->address);
        return x < y ? -1 : x > y;
}

void report_sort_changes(Report *report) {
        qsort(report->changes, report->n_changes, sizeof(DriverChange), compare_changes);
}
