/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"
#include "usage/usage.h"

#include <fcntl.h>
#include <net/if.h>

static int report(UsageSnapshot *snapshot, const char *interface, const char *what, const char *which) {
        return usage_report(snapshot, USAGE_NETWORK, "%s %s%s", TEXT_NAME(interface), what, which);
}

/* Examines the links "master" and "upper_NAME" to what is built on the interface: bridge, bond, team, VLAN, macvlan. What the
 * folder does not list is not looked up. */
static int examine_links(UsageSnapshot *snapshot, const char *interface, DIR *folder, bool *ret_found) {
        bool has_master = false, has_upper = false;
        char master[64] = "";
        const char *name;
        int r;

        while ((r = sysfs_next(folder, &name)) > 0) {
                has_master = has_master || streq(name, "master");
                has_upper = has_upper || startswith(name, "upper_");
        }
        if (r >= 0 && has_master)
                r = sysfs_read_link(dirfd(folder), "master", master, sizeof(master));
        if (r < 0 && r != -ENOENT)
                return r;
        *ret_found = has_master && r >= 0;
        if (*ret_found && (r = report(snapshot, interface, "is a port of ", TEXT_NAME(master))) != 0)
                return r;
        if (!has_upper)
                return 0;
        rewinddir(folder);
        while ((r = sysfs_next(folder, &name)) > 0) {
                /* A master also has a link "upper_NAME". */
                const char *upper = startswith(name, "upper_");
                if (!upper || streq(upper, master))
                        continue;
                *ret_found = true;
                if ((r = report(snapshot, interface, "carries ", TEXT_NAME(upper))) != 0)
                        return r;
        }
        return r;
}

/* A packet socket: names the process if it can be found. */
static int report_packet_socket(UsageSnapshot *snapshot, const char *interface, const char *inode) {
        Holder holder;

        int r = holder_of_socket(snapshot->kernel, inode, snapshot->limits->end_us, &holder);
        if (r < 0)
                return r == -ENOMEM
                                ? r
                                : report(snapshot, interface, "is used by a process that receives all its packets", "");
        (void)holder_conceal(&holder, snapshot->reader);
        return report(snapshot, interface, "is used by a packet socket of ", HOLDER_TEXT(&holder));
}

/* Tells whether a use of this kind stands for another use that was found, too. */
static bool is_implied(NetworkUseKind kind, const char *text, int folder_fd, bool has_route, bool has_found) {
        switch (kind) {
        case NETWORK_DEFAULT_ROUTE:
        case NETWORK_ROUTE:
        case NETWORK_NEXT_HOP:
                return has_route; /* One route is evidence enough. */
        case NETWORK_UPPER:
                /* examine_links() has reported it. */
                return faccessat(folder_fd, SYSFS_PATH("upper_%s", text), F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
        case NETWORK_OTHER_MAC:
                return has_found;
        default:
                return false;
        }
}

/* Examines how the host uses the interface. */
static int examine_network(
                UsageSnapshot *snapshot, const char *interface, unsigned index, int folder_fd, bool *ret_found) {
        static const char *const phrases[_NETWORK_USE_KIND_MAX] = {
                        [NETWORK_ADDRESS] = "has the address ",
                        [NETWORK_DEFAULT_ROUTE] = "carries the default route",
                        [NETWORK_ROUTE] = "carries the route to ",
                        [NETWORK_NEXT_HOP] = "is used by a next hop of the routing table",
                        [NETWORK_PPPOE] = "carries a PPPoE connection",
                        [NETWORK_XDP] = "has an XDP program, which gets its packets",
                        [NETWORK_FILTER] = "has the queueing discipline for tc filters ",
                        [NETWORK_UPPER] = "carries ",
                        [NETWORK_PROTOCOL] = "is used by the kernel, which receives packets on it with ",
                        [NETWORK_OTHER_MAC] = "carries something, for example the macvlan of a container, with the MAC "
                                              "address ",
        };
        const NetworkTable *table;
        bool has_route = false;
        int r;

        if ((r = usage_snapshot_network(snapshot, &table)) < 0 || (r = table->error) < 0)
                return r;
        const NetworkUse *use = network_table_find(table, index);
        for (NetworkUseKind kind = 0; use && kind < _NETWORK_USE_KIND_MAX && r == 0; kind++) {
                const char *text = use->texts[kind];

                if (!use->has[kind] || is_implied(kind, text, folder_fd, has_route, *ret_found))
                        continue;
                has_route = has_route || kind == NETWORK_DEFAULT_ROUTE || kind == NETWORK_ROUTE;
                *ret_found = true;
                r = kind == NETWORK_PACKET_SOCKET ? report_packet_socket(snapshot, interface, text)
                                                  : report(snapshot, interface, phrases[kind], TEXT_NAME(text));
        }
        return r;
}

/* An interface in promiscuous mode receives the packets of others. Somebody wants them, even if nothing tells who. */
static int examine_flags(UsageSnapshot *snapshot, const char *interface, int folder_fd) {
        long flags;

        int r = sysfs_read_number(folder_fd, "flags", 0, UINT32_MAX, &flags);
        if (r < 0 || !(flags & IFF_PROMISC))
                return r == -ENOENT ? 0 : r;
        return report(snapshot, interface, "is in promiscuous mode: something receives all packets on it", "");
}

static int examine(UsageSnapshot *snapshot, const char *interface) {
        _cleanup_closedir_ DIR *folder = NULL;
        bool has_found;
        long index;
        int r;

        if ((r = usage_snapshot_check_time(snapshot)) < 0 ||
                        (r = sysfs_open_folder(snapshot->kernel->sys_fd, SYSFS_PATH("class/net/%s", interface),
                                         &folder)) < 0 ||
                        (r = examine_links(snapshot, interface, folder, &has_found)) != 0 ||
                        (r = sysfs_read_number(dirfd(folder), "ifindex", 1, INT32_MAX, &index)) < 0 ||
                        (r = examine_network(snapshot, interface, (unsigned)index, dirfd(folder), &has_found)) != 0)
                return r;
        return has_found ? 0 : examine_flags(snapshot, interface, dirfd(folder));
}

int usage_of_interface(UsageSnapshot *snapshot, const char *interface) {
        return usage_report_error(snapshot, USAGE_NETWORK, TEXT_NAME(interface), examine(snapshot, interface));
}

typedef struct Examined {
        size_t n_listed;  /* names of the function in the index */
        size_t n_gone;    /* those that do not exist any more */
        const char *gone; /* one of them; of the index */
} Examined;

/* Examines the interfaces of a function by the names of the index that `known` (NULL: empty) does not have. */
static int examine_listed(UsageSnapshot *snapshot, PciAddress address, const HostIndex *index, const HostIndex *known,
                Examined *ret) {
        const HostIndexName *name = NULL;
        int r = 0;

        *ret = (Examined){};
        while (r == 0 && (name = host_index_next(index, HOST_NAME_NETWORK, address, name))) {
                if (known && host_index_has(known, HOST_NAME_NETWORK, address, name->name))
                        continue;
                ret->n_listed++;
                if ((r = examine(snapshot, name->name)) == -ENOENT) {
                        ret->n_gone++;
                        ret->gone = name->name;
                        r = 0;
                } else
                        r = usage_report_error(snapshot, USAGE_NETWORK, TEXT_NAME(name->name), r);
        }
        return r;
}

/* /sys shows only the interfaces in the network namespace of vfiod. */
static bool expects_interface(const SnapshotFunction *function) {
        const PciFacts facts = {.ids = function->ids};

        return pci_facts_are_network(&facts) && function->driver[0] != '\0' && !pci_driver_leaves_dma(function->driver);
}

static bool is_same(PciAddress address, const void *userdata) {
        return pci_address_equal(address, *(const PciAddress *)userdata);
}

int usage_of_interfaces(UsageSnapshot *snapshot, const SnapshotFunction *function) {
        _cleanup_host_index_ HostIndex now = {};
        PciAddress address = function->address;
        Examined before, after;
        const HostIndex *host;
        int r;

        if ((r = usage_snapshot_host(snapshot, &host)) < 0 ||
                        (r = examine_listed(snapshot, address, host, NULL, &before)) != 0 ||
                        (before.n_gone == 0 && (before.n_listed > 0 || !expects_interface(function))))
                return r;
        /* udev renames an interface soon after its driver bound. Then the host has a new name for each that is gone. */
        snapshot->host_is_outdated = true;
        r = host_index_read(snapshot->kernel, 1U << HOST_NAME_NETWORK, is_same, &address, &now);
        if (r < 0)
                return usage_report_error(snapshot, USAGE_NETWORK, PCI_ADDRESS_TEXT(address), r);
        r = examine_listed(snapshot, address, &now, host, &after);
        if (r != 0)
                return r;
        if (after.n_gone > 0 || after.n_listed < before.n_gone)
                return usage_report_error(snapshot, USAGE_NETWORK,
                                TEXT_NAME(after.n_gone > 0 ? after.gone : before.gone), -ENOENT);
        return before.n_listed + after.n_listed > 0
                        ? 0
                        : usage_report(snapshot, USAGE_NETWORK,
                                          "%s shows no network interface here: it may be in the network namespace of a "
                                          "container",
                                          PCI_ADDRESS_TEXT(address));
}
