/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/network-table.h"
#include "kernel/host-names.h"
#include "kernel/rtnetlink.h"
#include "kernel/sysfs.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/nexthop.h>
#include <net/if_arp.h>
#include <search.h>

/* A list that changes while the kernel sends it is requested so often at most. */
#define DUMPS_MAX 16

static int compare_uses(const void *a, const void *b) {
        const NetworkUse *left = a, *right = b;
        return COMPARE(left->index, right->index);
}

/* Notes a use of an interface. Keeps only the first text of a kind. Returns MNL_CB_OK; or MNL_CB_ERROR with errno
 * ENOMEM. */
static int add_use(NetworkTable *table, unsigned index, NetworkUseKind kind, const char *text) {
        NetworkUse *use = malloc(sizeof(NetworkUse)), **found = NULL;

        if (use) {
                *use = (NetworkUse){.index = index};
                found = tsearch(use, &table->uses, compare_uses);
        }
        if (!found || *found != use)
                free(use);
        if (!found) {
                errno = ENOMEM;
                return MNL_CB_ERROR;
        }
        if (!(*found)->has[kind])
                (void)snprintf((*found)->texts[kind], NETWORK_TEXT_MAX, "%s", text);
        (*found)->has[kind] = true;
        return MNL_CB_OK;
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

/* What cannot be read may be a use, so it is an error. */
static int refuse_message(void) {
        errno = EBADMSG;
        return MNL_CB_ERROR;
}

/* Notes a use of the interface that the attribute names; nothing if it is NULL. */
static int add_output(NetworkTable *table, const struct nlattr *output, NetworkUseKind kind, const char *text) {
        if (!output)
                return MNL_CB_OK;
        if (mnl_attr_get_payload_len(output) < sizeof(uint32_t))
                return refuse_message();
        return add_use(table, mnl_attr_get_u32(output), kind, text);
}

static int on_address(const struct nlmsghdr *message, void *userdata) {
        const struct ifaddrmsg *header = mnl_nlmsg_get_payload(message);
        char text[INET6_ADDRSTRLEN];

        if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return refuse_message();
        const struct nlattr *address = find_attribute(message, sizeof(*header), IFA_LOCAL);
        if (!address)
                address = find_attribute(message, sizeof(*header), IFA_ADDRESS);
        if (!address || is_link_local(header->ifa_family, address))
                return MNL_CB_OK;
        return add_use(userdata, header->ifa_index, NETWORK_ADDRESS, address_text(header->ifa_family, address, text));
}

static bool is_route_of_interest(const struct rtmsg *header) {
        /* Messages of other families have other forms. */
        bool known = header->rtm_family == AF_INET || header->rtm_family == AF_INET6 || header->rtm_family == AF_MPLS;

        /* The kernel makes routes of other types and tables for every interface that is up. */
        return known && header->rtm_type == RTN_UNICAST && header->rtm_table != RT_TABLE_LOCAL;
}

static int on_route(const struct nlmsghdr *message, void *userdata) {
        const struct rtmsg *header = mnl_nlmsg_get_payload(message);
        char text[INET6_ADDRSTRLEN], route[NETWORK_TEXT_MAX] = "";

        if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return refuse_message();
        const struct nlattr *target = find_attribute(message, sizeof(*header), RTA_DST);
        if (!is_route_of_interest(header) || (target && is_link_local(header->rtm_family, target)))
                return MNL_CB_OK;
        if (target)
                (void)snprintf(route, sizeof(route), "%s/%u", address_text(header->rtm_family, target, text),
                                header->rtm_dst_len);
        NetworkUseKind kind = target ? NETWORK_ROUTE : NETWORK_DEFAULT_ROUTE;
        int r = add_output(userdata, find_attribute(message, sizeof(*header), RTA_OIF), kind, route);
        const struct nlattr *multipath = find_attribute(message, sizeof(*header), RTA_MULTIPATH);
        if (!multipath)
                return r;
        const struct rtnexthop *hop = mnl_attr_get_payload(multipath);
        int left = mnl_attr_get_payload_len(multipath);
        for (; left >= (int)sizeof(*hop) && RTNH_OK(hop, left) && r > MNL_CB_STOP;
                        left -= RTNH_ALIGN(hop->rtnh_len), hop = RTNH_NEXT(hop))
                r = add_use(userdata, (unsigned)hop->rtnh_ifindex, kind, route);
        return r;
}

/* A route can name a next hop object instead of an interface. */
static int on_next_hop(const struct nlmsghdr *message, void *userdata) {
        return add_output(userdata, find_attribute(message, sizeof(struct nhmsg), NHA_OIF), NETWORK_NEXT_HOP, "");
}

/* A packet of the kernel with attributes in an attribute. Returns NULL if there is none. */
static const struct nlattr *find_nested(const struct nlattr *nest, unsigned type) {
        const struct nlattr *attribute;

        if (!nest)
                return NULL;
        mnl_attr_for_each_nested(attribute, nest) {
                if (mnl_attr_get_type(attribute) == type)
                        return attribute;
        }
        return NULL;
}

/* Copies a string of the kernel, which may lack its NUL byte, into buffer. */
static const char *attribute_text(const struct nlattr *attribute, char buffer[static NETWORK_TEXT_MAX]) {
        int length = attribute ? mnl_attr_get_payload_len(attribute) : 0;

        (void)snprintf(buffer, NETWORK_TEXT_MAX, "%.*s", length,
                        length > 0 ? (const char *)mnl_attr_get_payload(attribute) : "");
        return buffer;
}

/* The other end of such an interface is no interface below it. */
static bool is_pair(const char *kind) {
        return streq(kind, "veth") || streq(kind, "netkit") || streq(kind, "vxcan");
}

static int on_link(const struct nlmsghdr *message, void *userdata) {
        const struct ifinfomsg *header = mnl_nlmsg_get_payload(message);
        char kind[NETWORK_TEXT_MAX], name[NETWORK_TEXT_MAX];

        if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return refuse_message();
        const struct nlattr *xdp = find_nested(find_attribute(message, sizeof(*header), IFLA_XDP), IFLA_XDP_ATTACHED);
        int r = xdp && mnl_attr_get_payload_len(xdp) >= 1 && mnl_attr_get_u8(xdp) != XDP_ATTACHED_NONE
                        ? add_use(userdata, (unsigned)header->ifi_index, NETWORK_XDP, "")
                        : MNL_CB_OK;
        /* The number may be that of an interface in another namespace. */
        const struct nlattr *below = find_attribute(message, sizeof(*header), IFLA_LINK);
        if (r != MNL_CB_OK || !below || find_attribute(message, sizeof(*header), IFLA_LINK_NETNSID))
                return r;
        if (mnl_attr_get_payload_len(below) < sizeof(uint32_t))
                return refuse_message();
        (void)attribute_text(
                        find_nested(find_attribute(message, sizeof(*header), IFLA_LINKINFO), IFLA_INFO_KIND), kind);
        if (is_pair(kind) || mnl_attr_get_u32(below) == (unsigned)header->ifi_index || mnl_attr_get_u32(below) == 0)
                return MNL_CB_OK;
        return add_use(userdata, mnl_attr_get_u32(below), NETWORK_UPPER,
                        attribute_text(find_attribute(message, sizeof(*header), IFLA_IFNAME), name));
}

static int on_queueing(const struct nlmsghdr *message, void *userdata) {
        const struct tcmsg *header = mnl_nlmsg_get_payload(message);
        char kind[NETWORK_TEXT_MAX];

        if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return refuse_message();
        (void)attribute_text(find_attribute(message, sizeof(*header), TCA_KIND), kind);
        if (!streq(kind, "clsact") && !streq(kind, "ingress"))
                return MNL_CB_OK;
        return add_use(userdata, (unsigned)header->tcm_ifindex, NETWORK_FILTER, kind);
}

/* A macvlan that was moved into a container leaves no other trace on the interface below it. */
static int on_mac(const struct nlmsghdr *message, void *userdata) {
        const struct ndmsg *header = mnl_nlmsg_get_payload(message);
        char text[NETWORK_TEXT_MAX];

        if (mnl_nlmsg_get_payload_len(message) < sizeof(*header))
                return refuse_message();
        const struct nlattr *address = find_attribute(message, sizeof(*header), NDA_LLADDR);
        if (!address || mnl_attr_get_payload_len(address) != ETH_ALEN || !(header->ndm_flags & NTF_SELF))
                return MNL_CB_OK;
        const uint8_t *mac = mnl_attr_get_payload(address);
        static const uint8_t zero[ETH_ALEN];
        if ((mac[0] & 1) || memcmp(mac, zero, ETH_ALEN) == 0) /* of a multicast group; the default entry of a VXLAN */
                return MNL_CB_OK;
        (void)snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3], mac[4],
                        mac[5]);
        return add_use(userdata, (unsigned)header->ndm_ifindex, NETWORK_OTHER_MAC, text);
}

/* Requests all entries of a kind, again if the list changed meanwhile (-EINTR). Entries of an interrupted answer
 * count, too: they existed a moment ago. Returns 0 or a negative errno. */
static int read_list(NetworkTable *table, uint16_t type, uint8_t family, size_t header_size, mnl_cb_t callback) {
        char buffer[RTNETLINK_REQUEST_MAX];
        int r = -EINTR;
        void *header;

        for (unsigned i = 0; i < DUMPS_MAX && r == -EINTR; i++) {
                struct nlmsghdr *request = rtnetlink_begin(buffer, type, NLM_F_DUMP, header_size, &header);

                *(uint8_t *)header = family; /* each of the headers begins with it */
                r = rtnetlink_ask(request, callback, table);
        }
        return r;
}

/* Returns 1 if the host has the interface of a PPP connection, 0 if not, or a negative errno. */
static int has_ppp_interface(const Kernel *kernel) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;
        long type;

        int r = sysfs_open_folder(kernel->sys_fd, "class/net", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0) {
                r = sysfs_read_number(dirfd(folder), SYSFS_PATH("%s/type", name), 0, INT32_MAX, &type);
                if (r >= 0 && type == ARPHRD_PPP)
                        return 1;
                if (r == -ENOENT || r == -ENOTDIR || r == -ENODEV)
                        r = 0;
        }
        return r == -ENOENT ? 0 : r;
}

/* PPP over Ethernet needs neither an address nor a route on its interface: only this list shows the use. Any user
 * can connect a PPPoE socket to any interface that is up, and is then in the list. But only root can make an
 * interface of the connection (ppp0). So without such an interface, the list shows no use. */
static int read_pppoe(const Kernel *kernel, NetworkTable *table) {
        _cleanup_fclose_ FILE *file = sysfs_open_lines(kernel->proc_fd, "net/pppoe");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        if (!file)
                return errno == ENOENT ? 0 : -errno;
        int r = has_ppp_interface(kernel);
        if (r <= 0)
                return r;
        while ((r = sysfs_next_line(file, &line, &size)) > 0) {
                long index;

                line[strcspn(line, "\n")] = '\0';
                const char *device = strrchr(line, ' ');
                if (!device ||
                                sysfs_read_number(kernel->sys_fd, SYSFS_PATH("class/net/%.63s/ifindex", device + 1), 1,
                                                INT32_MAX, &index) < 0)
                        continue;
                if (add_use(table, (unsigned)index, NETWORK_PPPOE, "") == MNL_CB_ERROR)
                        return -ENOMEM;
        }
        return r;
}

/* Only root can open packet sockets, so each of them is a use: also one of a process that only listens. */
static int read_packet_sockets(const Kernel *kernel, NetworkTable *table) {
        _cleanup_fclose_ FILE *file = sysfs_open_lines(kernel->proc_fd, "net/packet");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        int r;

        if (!file)
                return errno == ENOENT ? 0 : -errno;
        while ((r = sysfs_next_line(file, &line, &size)) > 0) {
                unsigned protocol, index;
                char inode[24];

                /* "sk RefCnt Type Proto Iface R Rmem User Inode" */
                if (sscanf(line, "%*s %*d %*d %x %u %*d %*u %*u %23[0-9]", &protocol, &index, inode) != 3 || index == 0)
                        continue;
                /* A daemon that only looks for neighbours listens on all interfaces. */
                if (protocol == ETH_P_LLDP)
                        continue;
                if (add_use(table, index, NETWORK_PACKET_SOCKET, inode) == MNL_CB_ERROR)
                        return -ENOMEM;
        }
        return r;
}

/* Finds protocols of the kernel on one interface, such as FCoE, batman-adv or TIPC. */
static int read_protocols(const Kernel *kernel, NetworkTable *table) {
        _cleanup_fclose_ FILE *file = sysfs_open_lines(kernel->proc_fd, "net/ptype");
        _cleanup_free_ char *line = NULL;
        size_t size = 0;
        int r;

        if (!file)
                return errno == ENOENT ? 0 : -errno;
        while ((r = sysfs_next_line(file, &line, &size)) > 0) {
                char device[HOST_NAME_TEXT_MAX], function[NETWORK_TEXT_MAX];
                long index;

                /* "8906 eth0     fcoe_rcv [fcoe]": without an interface, there are spaces. */
                if (strlen(line) < 6 || line[4] != ' ' || line[5] == ' ' ||
                                sscanf(line + 5, "%63s %53s", device, function) != 2 ||
                                startswith(function, "packet_rcv") || startswith(function, "tpacket_rcv") ||
                                sysfs_read_number(kernel->sys_fd, SYSFS_PATH("class/net/%s/ifindex", device), 1,
                                                INT32_MAX, &index) < 0)
                        continue;
                if (add_use(table, (unsigned)index, NETWORK_PROTOCOL, function) == MNL_CB_ERROR)
                        return -ENOMEM;
        }
        return r;
}

/* A kernel without such a thing has no entries of it. */
static int ignore_unsupported(int error) {
        return error == -EOPNOTSUPP ? 0 : error;
}

static int read_all(const Kernel *kernel, NetworkTable *table) {
        int r;

        if (kernel->has_own_network)
                return 0;
        if ((r = read_list(table, RTM_GETADDR, AF_UNSPEC, sizeof(struct ifaddrmsg), on_address)) < 0 ||
                        (r = read_list(table, RTM_GETROUTE, AF_UNSPEC, sizeof(struct rtmsg), on_route)) < 0 ||
                        (r = ignore_unsupported(read_list(
                                         table, RTM_GETNEXTHOP, AF_UNSPEC, sizeof(struct nhmsg), on_next_hop))) < 0 ||
                        (r = read_list(table, RTM_GETLINK, AF_UNSPEC, sizeof(struct ifinfomsg), on_link)) < 0 ||
                        (r = ignore_unsupported(read_list(
                                         table, RTM_GETQDISC, AF_UNSPEC, sizeof(struct tcmsg), on_queueing))) < 0 ||
                        (r = ignore_unsupported(read_list(
                                         table, RTM_GETNEIGH, AF_BRIDGE, sizeof(struct ndmsg), on_mac))) < 0 ||
                        (r = read_packet_sockets(kernel, table)) < 0 || (r = read_protocols(kernel, table)) < 0)
                return r;
        return read_pppoe(kernel, table);
}

int network_table_read(const Kernel *kernel, NetworkTable *ret) {
        *ret = (NetworkTable){};
        ret->error = read_all(kernel, ret);
        return ret->error == -ENOMEM ? -ENOMEM : 0;
}

void network_table_done(NetworkTable *table) {
        tdestroy(table->uses, free);
        *table = (NetworkTable){};
}

const NetworkUse *network_table_find(const NetworkTable *table, unsigned index) {
        NetworkUse *const *found = tfind(&(NetworkUse){.index = index}, &table->uses, compare_uses);
        return found ? *found : NULL;
}
