/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/rtnetlink.h"
#include "temp-tree.h"
#include "usage/network-table.h"

#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>

/* Replies of rtnetlink that the kernel of this machine does not send: this test has the functions of kernel/rtnetlink.c. */

static struct nlmsghdr *reply; /* to the requests of one type */
static uint16_t reply_type;

struct nlmsghdr *rtnetlink_begin(void *buffer, uint16_t type, uint16_t flags, size_t header_size, void **ret_header) {
        memset(buffer, 0, RTNETLINK_REQUEST_MAX);
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
        message->nlmsg_type = type;
        message->nlmsg_flags = flags;
        *ret_header = mnl_nlmsg_put_extra_header(message, header_size);
        return message;
}

int rtnetlink_ask(struct nlmsghdr *request, mnl_cb_t callback, void *userdata) {
        if (request->nlmsg_type != reply_type)
                return 0;
        return mnl_cb_run(reply, reply->nlmsg_len, 0, 0, callback, userdata) == MNL_CB_ERROR ? -errno : 0;
}

/* Reads the table with a message as the reply to requests of this type, which is in memory of exactly its size. */
static void read_table(const struct nlmsghdr *message, uint16_t type, NetworkTable *table) {
        g_autoptr(TempTree) tree = temp_tree_new();

        reply = g_memdup2(message, message->nlmsg_len);
        reply_type = type;
        g_assert_cmpint(network_table_read(tree->kernel, table), ==, 0);
        g_clear_pointer(&reply, g_free);
}

static void assert_error(const struct nlmsghdr *message, uint16_t type, int error) {
        NetworkTable table;

        read_table(message, type, &table);
        g_assert_cmpint(table.error, ==, error);
        network_table_done(&table);
}

/* A message that ends before its header does. */
static void test_short_header(void) {
        static const struct {
                uint16_t request, type;
        } kinds[] = {{RTM_GETADDR, RTM_NEWADDR}, {RTM_GETROUTE, RTM_NEWROUTE}, {RTM_GETLINK, RTM_NEWLINK},
                        {RTM_GETQDISC, RTM_NEWQDISC}, {RTM_GETNEIGH, RTM_NEWNEIGH}};
        char buffer[RTNETLINK_REQUEST_MAX];
        void *header;

        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
                for (size_t size = 0; size <= 4; size += 4)
                        assert_error(rtnetlink_begin(buffer, kinds[i].type, 0, size, &header), kinds[i].request,
                                        -EBADMSG);
        assert_error(rtnetlink_begin(buffer, RTM_NEWNEXTHOP, 0, 0, &header), RTM_GETNEXTHOP, 0);
}

static struct nlmsghdr *begin_route(char *buffer) {
        struct rtmsg *header;

        struct nlmsghdr *message = rtnetlink_begin(buffer, RTM_NEWROUTE, 0, sizeof(*header), (void **)&header);
        *header = (struct rtmsg){.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST};
        return message;
}

/* The index of an interface has four bytes. */
static void test_short_output(void) {
        char buffer[RTNETLINK_REQUEST_MAX];
        void *header;

        struct nlmsghdr *message = begin_route(buffer);
        mnl_attr_put(message, RTA_OIF, 0, NULL);
        assert_error(message, RTM_GETROUTE, -EBADMSG);
        message = rtnetlink_begin(buffer, RTM_NEWNEXTHOP, 0, sizeof(struct nhmsg), &header);
        mnl_attr_put(message, NHA_OIF, 0, NULL);
        assert_error(message, RTM_GETNEXTHOP, -EBADMSG);
}

/* The hops of a route end where the message ends. */
static void test_hops(void) {
        static const struct rtnexthop hops[] = {{.rtnh_len = sizeof(struct rtnexthop), .rtnh_ifindex = 4},
                        {.rtnh_len = sizeof(struct rtnexthop), .rtnh_ifindex = 5}};
        char buffer[RTNETLINK_REQUEST_MAX];
        NetworkTable table;

        struct nlmsghdr *message = begin_route(buffer);
        mnl_attr_put_u32(message, RTA_OIF, 3);
        mnl_attr_put(message, RTA_MULTIPATH, sizeof(hops), hops);
        read_table(message, RTM_GETROUTE, &table);
        g_assert_cmpint(table.error, ==, 0);
        for (unsigned index = 2; index <= 6; index++) {
                const NetworkUse *use = network_table_find(&table, index);

                g_assert_true((use != NULL) == (index >= 3 && index <= 5));
                g_assert_true(!use || use->has[NETWORK_DEFAULT_ROUTE]);
        }
        network_table_done(&table);

        /* A hop that is cut off. */
        message = begin_route(buffer);
        mnl_attr_put(message, RTA_MULTIPATH, sizeof(hops) - 4, hops);
        read_table(message, RTM_GETROUTE, &table);
        g_assert_cmpint(table.error, ==, 0);
        g_assert_nonnull(network_table_find(&table, 4));
        g_assert_null(network_table_find(&table, 5));
        network_table_done(&table);
}

/* The use of an interface that the message shows; NULL for none. */
static void assert_use(const struct nlmsghdr *message, unsigned index, NetworkUseKind kind, const char *text) {
        NetworkTable table;

        read_table(message, RTM_GETLINK, &table);
        g_assert_cmpint(table.error, ==, 0);
        const NetworkUse *use = network_table_find(&table, index);
        g_assert_cmpint(use && use->has[kind], ==, text != NULL);
        if (text)
                g_assert_cmpstr(use->texts[kind], ==, text);
        network_table_done(&table);
}

static struct nlmsghdr *begin_link(void *buffer, unsigned index) {
        struct ifinfomsg *header;
        void *place;

        struct nlmsghdr *message = rtnetlink_begin(buffer, RTM_NEWLINK, 0, sizeof(*header), &place);
        header = place;
        header->ifi_index = (int)index;
        return message;
}

static void put_xdp(struct nlmsghdr *message, uint8_t attached) {
        struct nlattr *nest = mnl_attr_nest_start(message, IFLA_XDP);

        mnl_attr_put_u8(message, IFLA_XDP_ATTACHED, attached);
        mnl_attr_nest_end(message, nest);
}

/* A BPF program that gets the packets first. */
static void test_xdp(void) {
        char buffer[RTNETLINK_REQUEST_MAX];

        struct nlmsghdr *message = begin_link(buffer, 7);
        assert_use(message, 7, NETWORK_XDP, NULL);
        put_xdp(message, XDP_ATTACHED_NONE);
        assert_use(message, 7, NETWORK_XDP, NULL);
        message = begin_link(buffer, 7);
        put_xdp(message, XDP_ATTACHED_SKB);
        assert_use(message, 7, NETWORK_XDP, "");
}

static struct nlmsghdr *make_upper(void *buffer, const char *kind, unsigned below) {
        struct nlmsghdr *message = begin_link(buffer, 7);
        struct nlattr *nest = mnl_attr_nest_start(message, IFLA_LINKINFO);

        mnl_attr_put_strz(message, IFLA_INFO_KIND, kind);
        mnl_attr_nest_end(message, nest);
        mnl_attr_put_strz(message, IFLA_IFNAME, "tunnel0");
        mnl_attr_put_u32(message, IFLA_LINK, below);
        return message;
}

/* A tunnel names the interface that it sends through, and has no link to it in sysfs. */
static void test_upper(void) {
        char buffer[RTNETLINK_REQUEST_MAX];

        assert_use(make_upper(buffer, "gre", 8), 8, NETWORK_UPPER, "tunnel0");
        assert_use(make_upper(buffer, "gre", 8), 7, NETWORK_UPPER, NULL);
        assert_use(make_upper(buffer, "gre", 7), 7, NETWORK_UPPER, NULL);
        assert_use(make_upper(buffer, "veth", 8), 8, NETWORK_UPPER, NULL);
        /* The number of an interface in another namespace. */
        struct nlmsghdr *message = make_upper(buffer, "gre", 8);
        mnl_attr_put_u32(message, IFLA_LINK_NETNSID, 0);
        assert_use(message, 8, NETWORK_UPPER, NULL);
        message = begin_link(buffer, 7);
        mnl_attr_put_u16(message, IFLA_LINK, 8);
        assert_error(message, RTM_GETLINK, -EBADMSG);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/network-table/short-header", test_short_header);
        g_test_add_func("/network-table/short-output", test_short_output);
        g_test_add_func("/network-table/hops", test_hops);
        g_test_add_func("/network-table/xdp", test_xdp);
        g_test_add_func("/network-table/upper", test_upper);
        return g_test_run();
}
