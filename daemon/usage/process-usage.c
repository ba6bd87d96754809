/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/device-nodes.h"
#include "usage/holders.h"
#include "usage/usage.h"

typedef struct Report {
        usage_visit_t visit;
        void *userdata;
} Report;

static int on_holder(const Holder *holder, const char *node, void *userdata) {
        const Report *report = userdata;

        if (!node)
                return usage_report(report->visit, report->userdata, USAGE_PROCESS,
                                "%s may not be looked at: it could have a device node open", HOLDER_TEXT(holder));
        _cleanup_free_ char *path = text_escape_new(node, TEXT_NAME_ESCAPE);
        if (!path)
                return -ENOMEM;
        return usage_report(
                        report->visit, report->userdata, USAGE_PROCESS, "%s has %s open", HOLDER_TEXT(holder), path);
}

int usage_by_processes(const Kernel *kernel, PciAddress address, usage_visit_t visit, void *userdata) {
        _cleanup_free_ DeviceNode *nodes = NULL;
        size_t n_nodes = 0;

        int r = device_nodes_collect(kernel, address, &nodes, &n_nodes);
        if (r == -ENOENT)
                return 0; /* the identity check says so better */
        if (r >= 0 && n_nodes > 0)
                r = holders_of_nodes_or_hidden(kernel, nodes, n_nodes, on_holder, &(Report){visit, userdata});
        return r < 0 && r != -ENOMEM ? usage_report(visit, userdata, USAGE_PROCESS, "%s cannot be examined: %s",
                                                       PCI_ADDRESS_TEXT(address), strerror(-r))
                                     : r;
}
