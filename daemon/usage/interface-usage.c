/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"
#include "usage/usage.h"

static int report(UsageSnapshot *snapshot, const char *interface, const char *what, const char *which) {
        return usage_report(snapshot, USAGE_NETWORK, "%s %s%s", TEXT_NAME(interface), what, which);
}

/* Examines the links "master" and "upper_NAME" to what is built on the interface: bridge, bond, team, VLAN, macvlan. */
static int examine_links(UsageSnapshot *snapshot, const char *interface, int folder_fd) {
        _cleanup_closedir_ DIR *folder = NULL;
        char master[64] = "";
        const char *name;

        int r = sysfs_read_link(folder_fd, "master", master, sizeof(master));
        if (r < 0 && r != -ENOENT)
                return r;
        if (r >= 0 && (r = report(snapshot, interface, "is a port of ", TEXT_NAME(master))) != 0)
                return r;
        r = sysfs_open_folder(folder_fd, ".", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0) {
                /* A master also has a link "upper_NAME". */
                const char *upper = startswith(name, "upper_");
                if (upper && !streq(upper, master) &&
                                (r = report(snapshot, interface, "carries ", TEXT_NAME(upper))) != 0)
                        return r;
        }
        return r;
}

/* Examines the network configuration of the interface. */
static int examine_network(UsageSnapshot *snapshot, const char *interface, unsigned index) {
        static const char *const phrases[_NETWORK_USE_KIND_MAX] = {
                        [NETWORK_ADDRESS] = "has the address ",
                        [NETWORK_DEFAULT_ROUTE] = "carries the default route",
                        [NETWORK_ROUTE] = "carries the route to ",
                        [NETWORK_NEXT_HOP] = "is used by a next hop of the routing table",
                        [NETWORK_PPPOE] = "carries a PPPoE connection",
        };
        const NetworkTable *table;
        bool has_route = false;
        int r;

        if ((r = usage_snapshot_network(snapshot, &table)) < 0 || (r = table->error) < 0)
                return r;
        const NetworkUse *use = network_table_find(table, index);
        for (NetworkUseKind kind = 0; use && kind < _NETWORK_USE_KIND_MAX && r == 0; kind++) {
                bool is_route = kind == NETWORK_DEFAULT_ROUTE || kind == NETWORK_ROUTE || kind == NETWORK_NEXT_HOP;

                /* One route is evidence enough. */
                if (!use->has[kind] || (is_route && has_route))
                        continue;
                has_route = has_route || is_route;
                r = report(snapshot, interface, phrases[kind], use->texts[kind]);
        }
        return r;
}

static int examine(UsageSnapshot *snapshot, const char *interface) {
        _cleanup_closedir_ DIR *folder = NULL;
        long index;
        int r;

        if ((r = usage_snapshot_check_time(snapshot)) < 0 ||
                        (r = sysfs_open_folder(snapshot->kernel->sys_fd, SYSFS_PATH("class/net/%s", interface),
                                         &folder)) < 0 ||
                        (r = examine_links(snapshot, interface, dirfd(folder))) != 0 ||
                        (r = sysfs_read_number(dirfd(folder), "ifindex", 1, INT32_MAX, &index)) < 0)
                return r;
        return examine_network(snapshot, interface, (unsigned)index);
}

int usage_of_interface(UsageSnapshot *snapshot, const char *interface) {
        return usage_report_error(snapshot, USAGE_NETWORK, TEXT_NAME(interface), examine(snapshot, interface));
}
