/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "kernel/sysfs.h"
#include "usage/usage.h"

typedef struct Search {
        const char *interface;
        usage_visit_t visit;
        void *userdata;
        int result; /* of the visitor */
} Search;

static int report(Search *search, const char *what, const char *which) {
        search->result = usage_report(search->visit, search->userdata, USAGE_NETWORK, "%s %s%s",
                        TEXT_NAME(search->interface), what, which);
        return search->result;
}

/* An entry of the interface's folder: "master", and the "upper_NAME" links to what is built on it: bridge, bond, team, VLAN, macvlan. */
static int on_interface_entry(int directory_fd, const char *name, void *userdata) {
        Search *search = userdata;
        char master[64];

        const char *upper = startswith(name, "upper_");
        if (!upper && !streq(name, "master"))
                return 0;
        int r = sysfs_read_link(directory_fd, "master", master, sizeof(master));
        if (!upper)
                return r == -ENOENT ? 0 : r < 0 ? r : report(search, "is a port of ", TEXT_NAME(master));
        /* A master shows itself as both. */
        return r >= 0 && streq(master, upper) ? 0 : report(search, "carries ", TEXT_NAME(upper));
}

/* What the network configuration says of it. */
static int examine_network(Search *search, const NetworkTable *table, unsigned index) {
        const NetworkUse *use = network_table_find(table, index);
        int r = 0;

        if (use && use->address[0] != '\0')
                r = report(search, "has the address ", use->address);
        if (r == 0 && use && use->has_default_route)
                r = report(search, "carries the default route", "");
        else if (r == 0 && use && use->route[0] != '\0')
                r = report(search, "carries the route to ", use->route);
        else if (r == 0 && use && use->has_next_hop)
                r = report(search, "is the way to a next hop of routes", "");
        if (r == 0 && network_table_has_pppoe(table, search->interface))
                r = report(search, "carries a PPPoE connection", "");
        return r;
}

int usage_of_interface(UsageSnapshot *snapshot, const char *interface, usage_visit_t visit, void *userdata) {
        Search search = {.interface = interface, .visit = visit, .userdata = userdata};
        char folder[sizeof("class/net//ifindex") + HOST_NAME_TEXT_MAX];
        const Kernel *kernel = snapshot->kernel;
        const NetworkTable *table;
        long index = 0;

        (void)snprintf(folder, sizeof(folder), "class/net/%.63s", interface);
        int r = sysfs_for_each(kernel->sys_fd, folder, on_interface_entry, &search);
        if (r == 0) {
                (void)snprintf(folder, sizeof(folder), "class/net/%.63s/ifindex", interface);
                r = sysfs_read_number(kernel->sys_fd, folder, 1, INT32_MAX, &index);
        }
        if (r == 0 && (r = usage_snapshot_network(snapshot, &table)) == -ENOMEM)
                return r;
        if (r == 0 && (r = table->error) == 0)
                r = examine_network(&search, table, (unsigned)index);
        if (search.result != 0)
                return search.result;
        return r < 0 ? report(&search, "cannot be examined: ", strerror(-r)) : r;
}
