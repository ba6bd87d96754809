/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "kernel/host-names.h"
#include "kernel/rtnetlink.h"
#include "kernel/sysfs.h"
#include "usage/usage.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/nexthop.h>
#include <net/if.h>

/* How often a list is asked for that changes while the kernel gives it. */
#define DUMPS_MAX 16

/* What the kernel's routing tables say of an interface, by rtnetlink. */
typedef struct Search {
        const char *interface;
        unsigned index;
        usage_visit_t visit;
        void *userdata;
        /* One of each is evidence enough: the first address, and the default route or the first other one. */
        bool found_address, found_route, found_default;
        char route[INET6_ADDRSTRLEN + 8];
        int result; /* of the visitor */
} Search;

static int report(Search *search, const char *what, const char *which) {
        search->result = usage_report(search->visit, search->userdata, USAGE_NETWORK, "%s %s%s",
                        TEXT_NAME(search->interface), what, which);
        return search->result;
}

/* The same, for a callback of libmnl. */
static int report_entry(Search *search, const char *what, const char *which) {
        return report(search, what, which) == 0 ? MNL_CB_OK : MNL_CB_STOP;
}

static bool is_link_local(int family, const struct nlattr *address) {
        const uint8_t *bytes = mnl_attr_get_payload(address);

        if (mnl_attr_get_payload_len(address) < 2)
                return false;
        return (family == AF_INET6 && bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80) ||
                        (family == AF_INET && bytes[0] == 169 && bytes[1] == 254);
}

static const char *address_text(int family, const struct nlattr *address, char buffer[static INET6_ADDRSTRLEN]) {
        bool fits = mnl_attr_get_payload_len(address) >= (family == AF_INET6 ? 16 : 4);
        const char *text = fits ? inet_ntop(family, mnl_attr_get_payload(address), buffer, INET6_ADDRSTRLEN) : NULL;

        return text ? text : "?";
}

static const struct nlattr *find_attribute(const struct nlmsghdr *message, size_t header_size, unsigned type) {
        const struct nlattr *attribute;

        mnl_attr_for_each(attribute, message, (unsigned)header_size) {
                if (mnl_attr_get_type(attribute) == type)
                        return attribute;
        }
        return NULL;
}

static int on_address(const struct nlmsghdr *message, void *userdata) {
        const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
        Search *search = userdata;
        char text[INET6_ADDRSTRLEN];

        if (header->ifa_index != search->index || search->found_address)
                return MNL_CB_OK;
        const struct nlattr *address = find_attribute(message, sizeof(*header), IFA_LOCAL);
        if (!address)
                address = find_attribute(message, sizeof(*header), IFA_ADDRESS);
        if (!address || is_link_local(header->ifa_family, address))
                return MNL_CB_OK;
        search->found_address = true;
        return report_entry(search, "has the address ", address_text(header->ifa_family, address, text));
}

static bool has_next_hop(const struct nlattr *multipath, unsigned index) {
        const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
        int left = mnl_attr_get_payload_len(multipath);

        for (; RTNH_OK(hop, left); left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
                if ((unsigned)hop->rtnh_ifindex == index)
                        return true;
        return false;
}

static bool is_route_of_interest(const struct rtmsg *header) {
        /* Other families have messages of other forms. */
        bool known = header->rtm_family == AF_INET || header->rtm_family == AF_INET6 || header->rtm_family == AF_MPLS;

        /* Those that the kernel makes for every interface that is up are no sign of use. */
        return known && header->rtm_type == RTN_UNICAST && header->rtm_table != RT_TABLE_LOCAL;
}

static int on_route(const struct nlmsghdr *message, void *userdata) {
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        Search *search = userdata;
        char text[INET6_ADDRSTRLEN];

        if (!is_route_of_interest(header))
                return MNL_CB_OK;
        const struct nlattr *output = find_attribute(message, sizeof(*header), RTA_OIF);
        const struct nlattr *multipath = find_attribute(message, sizeof(*header), RTA_MULTIPATH);
        if (!(output && mnl_attr_get_u32(output) == search->index) &&
                        !(multipath && has_next_hop(multipath, search->index)))
                return MNL_CB_OK;
        const struct nlattr *target = find_attribute(message, sizeof(*header), RTA_DST);
        if (target && is_link_local(header->rtm_family, target))
                return MNL_CB_OK;

        if (!target)
                search->found_default = true;
        else if (!search->found_route)
                (void)snprintf(search->route, sizeof(search->route), "%s/%u",
                                address_text(header->rtm_family, target, text), header->rtm_dst_len);
        search->found_route = true;
        return MNL_CB_OK;
}

/* Routes over a next hop that is an object of its own may name the object only. */
static int on_next_hop(const struct nlmsghdr *message, void *userdata) {
        Search *search = userdata;

        const struct nlattr *output = find_attribute(message, sizeof(struct nhmsg), NHA_OIF);
        if (search->found_route || !output || mnl_attr_get_u32(output) != search->index)
                return MNL_CB_OK;
        search->found_route = true;
        return report_entry(search, "is the way to a next hop of routes", "");
}

static size_t header_size(uint16_t type) {
        return type == RTM_GETADDR             ? sizeof(struct ifaddrmsg)
                        : type == RTM_GETROUTE ? sizeof(struct rtmsg)
                                               : sizeof(struct nhmsg);
}

/* Asks for all entries of a kind, until there is an answer in one piece, or the visitor has enough. Returns 0 or a negative errno. */
static int dump(uint16_t type, Search *search, mnl_cb_t callback) {
        char buffer[RTNETLINK_REQUEST_MAX];
        int r = -EINTR;
        void *header;

        for (unsigned i = 0; i < DUMPS_MAX && r == -EINTR && search->result == 0; i++)
                r = rtnetlink_ask(rtnetlink_begin(buffer, type, NLM_F_DUMP, header_size(type), &header), callback,
                                search);
        return search->result != 0 ? 0 : r;
}

static int examine_routing(Search *search) {
        int r = dump(RTM_GETADDR, search, on_address);
        if (r >= 0 && search->result == 0)
                r = dump(RTM_GETROUTE, search, on_route);
        if (r >= 0 && search->found_route)
                (void)report(search, "carries the route to ",
                                search->found_default ? "everywhere (the default route)" : search->route);
        if (r >= 0 && search->result == 0)
                r = dump(RTM_GETNEXTHOP, search, on_next_hop);
        return r == -EOPNOTSUPP ? 0 : r; /* a kernel without next hops: before 5.3 */
}

/* PPP over Ethernet needs neither address nor route on its interface, and is linked to it nowhere else. */
static int examine_pppoe(Search *search, const Kernel *kernel) {
        _cleanup_fclose_ FILE *file = sysfs_open_lines(kernel->proc_fd, "net/pppoe");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        if (!file)
                return errno == ENOENT ? 0 : -errno;
        while (getline(&line, &size, file) > 0) {
                line[strcspn(line, "\n")] = '\0';
                const char *device = strrchr(line, ' ');
                if (device && streq(device + 1, search->interface))
                        return report(search, "carries a PPPoE connection", "");
        }
        return 0;
}

/* "master", and the "upper_NAME" links of what is built on it: bridge, bond, team, VLAN, macvlan. */
static int on_interface_entry(int directory_fd, const char *name, void *userdata) {
        Search *search = userdata;
        char master[64];

        if (streq(name, "master") && sysfs_read_link(directory_fd, name, master, sizeof(master)) >= 0)
                return report(search, "is a port of ", TEXT_NAME(master));
        const char *upper = startswith(name, "upper_");
        if (!upper)
                return 0;
        /* A master shows itself as both. */
        if (sysfs_read_link(directory_fd, "master", master, sizeof(master)) >= 0 && streq(master, upper))
                return 0;
        return report(search, "carries ", TEXT_NAME(upper));
}

int usage_of_interface(const Kernel *kernel, const char *interface, usage_visit_t visit, void *userdata) {
        Search search = {.interface = interface, .visit = visit, .userdata = userdata};
        char folder[sizeof("class/net//ifindex") + HOST_NAME_TEXT_MAX];
        long index = 0;
        int r;

        (void)snprintf(folder, sizeof(folder), "class/net/%.63s", interface);
        r = sysfs_for_each(kernel->sys_fd, folder, on_interface_entry, &search);
        if (r == 0) {
                (void)snprintf(folder, sizeof(folder), "class/net/%.63s/ifindex", interface);
                r = sysfs_read_number(kernel->sys_fd, folder, 1, INT32_MAX, &index);
        }
        search.index = (unsigned)index;
        if (r == 0 && !kernel->has_own_network && (r = examine_routing(&search)) == 0 && search.result == 0)
                r = examine_pppoe(&search, kernel);
        if (search.result != 0)
                return search.result;
        return r < 0 ? report(&search, "cannot be examined: ", strerror(-r)) : r;
}
