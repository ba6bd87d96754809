/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/network-table.h"
#include "kernel/rtnetlink.h"
#include "kernel/sysfs.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
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

/* Requests all entries of a kind, again if the list changed meanwhile (-EINTR). Entries of an interrupted answer
 * count, too: they existed a moment ago. Returns 0 or a negative errno. */
static int read_list(NetworkTable *table, uint16_t type, size_t header_size, mnl_cb_t callback) {
        char buffer[RTNETLINK_REQUEST_MAX];
        int r = -EINTR;
        void *header;

        for (unsigned i = 0; i < DUMPS_MAX && r == -EINTR; i++)
                r = rtnetlink_ask(rtnetlink_begin(buffer, type, NLM_F_DUMP, header_size, &header), callback, table);
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
        while (getline(&line, &size, file) > 0) {
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
        return ferror(file) ? -EIO : 0;
}

static int read_all(const Kernel *kernel, NetworkTable *table) {
        int r;

        if (kernel->has_own_network)
                return 0;
        if ((r = read_list(table, RTM_GETADDR, sizeof(struct ifaddrmsg), on_address)) < 0 ||
                        (r = read_list(table, RTM_GETROUTE, sizeof(struct rtmsg), on_route)) < 0)
                return r;
        r = read_list(table, RTM_GETNEXTHOP, sizeof(struct nhmsg), on_next_hop);
        if (r < 0 && r != -EOPNOTSUPP) /* a kernel without next hops: before 5.3 */
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
