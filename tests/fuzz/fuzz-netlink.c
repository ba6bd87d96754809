/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "kernel/rtnetlink.h"
#include "kernel/virtual-function.h"
#include "temp-tree.h"
#include "usage/network-table.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/nexthop.h>

/* The input is what the kernel answers to each request to rtnetlink: some messages, and then the same bytes as one message of
 * the type that was asked for. */

static TempTree *tree;
static const void *answer;
static size_t answer_size;

/* Instead of the functions in kernel/rtnetlink.c. */

struct nlmsghdr *rtnetlink_begin(void *buffer, uint16_t type, uint16_t flags, size_t header_size, void **ret_header) {
        memset(buffer, 0, RTNETLINK_REQUEST_MAX);
        struct nlmsghdr *message = mnl_nlmsg_put_header(buffer);
        message->nlmsg_type = type;
        message->nlmsg_flags = flags;
        *ret_header = mnl_nlmsg_put_extra_header(message, header_size);
        return message;
}

int rtnetlink_ask(struct nlmsghdr *request, mnl_cb_t callback, void *userdata) {
        (void)request;
        return mnl_cb_run(answer, answer_size, 0, 0, callback, userdata) == MNL_CB_ERROR ? -errno : 0;
}

static void check_network(void) {
        NetworkTable table;

        int r = network_table_read(tree->kernel, &table);
        /* The kernel may answer that it has no memory. */
        g_assert_true(r == 0 || r == -ENOMEM);
        for (unsigned index = 0; r == 0 && index < 4; index++) {
                const NetworkUse *use = network_table_find(&table, index);

                for (size_t kind = 0; use && kind < _NETWORK_USE_KIND_MAX; kind++) {
                        g_assert_cmpuint(use->index, ==, index);
                        g_assert_cmpuint(strnlen(use->texts[kind], NETWORK_TEXT_MAX), <, NETWORK_TEXT_MAX);
                        g_assert_true(use->has[kind] || use->texts[kind][0] == '\0');
                }
        }
        network_table_done(&table);
}

static int on_link(const struct nlmsghdr *message, void *userdata) {
        VirtualFunctionLink link;

        (void)userdata;
        for (unsigned number = 0; number < 3; number++) {
                int r = virtual_function_parse_link(message, number, &link);
                g_assert_true(r == 0 || (r == -EOVERFLOW && !link.known));
        }
        return MNL_CB_OK;
}

/* The kernel never sends a message of 2 GiB, and libmnl takes its length as negative: the answer ends there. */
static size_t size_of_messages(const void *data, size_t size) {
        const char *begin = data, *next = begin, *end = begin + size;

        while ((size_t)(end - next) >= sizeof(struct nlmsghdr)) {
                const struct nlmsghdr *message = (const void *)next;

                if (message->nlmsg_len < sizeof(struct nlmsghdr) || message->nlmsg_len > (size_t)(end - next))
                        break;
                next += MIN(NLMSG_ALIGN(message->nlmsg_len), (size_t)(end - next));
        }
        return (size_t)(next - begin);
}

/* With a type, the bytes are one message of this type. */
static void check(const uint8_t *data, size_t size, uint16_t type) {
        g_autofree void *copy = g_memdup2(data, size), *exact = NULL;
        struct nlmsghdr *message = copy;

        if (type != 0)
                *message = (struct nlmsghdr){.nlmsg_len = (uint32_t)size, .nlmsg_type = type};
        answer_size = size_of_messages(copy, size);
        if (answer_size == 0)
                return;
        /* It fills its memory, so that any read behind it is found; with the padding of the last message. */
        exact = g_malloc0(NLMSG_ALIGN(answer_size));
        memcpy(exact, copy, answer_size);
        answer = exact;
        check_network();
        (void)mnl_cb_run(answer, answer_size, 0, 0, on_link, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        if (!tree)
                tree = temp_tree_new();
        if (size < sizeof(struct nlmsghdr))
                return 0;
        check(data, size, 0);
        check(data, size, RTM_NEWLINK);
        return 0;
}

/* Messages to start with, as the kernel makes them. */

static struct nlmsghdr *make_address(char *buffer) {
        struct ifaddrmsg *header;

        struct nlmsghdr *message = rtnetlink_begin(buffer, RTM_NEWADDR, NLM_F_MULTI, sizeof(*header), (void **)&header);
        header->ifa_family = AF_INET6;
        header->ifa_index = 2;
        mnl_attr_put(message, IFA_ADDRESS, 16, (const uint8_t[16]){0x20, 1, 0xd, 0xb8});
        mnl_attr_put(message, IFA_LOCAL, 4, (const uint8_t[4]){10, 0, 0, 1});
        return message;
}

static struct nlmsghdr *make_route(char *buffer) {
        struct rtmsg *header;

        struct nlmsghdr *message =
                        rtnetlink_begin(buffer, RTM_NEWROUTE, NLM_F_MULTI, sizeof(*header), (void **)&header);
        *header = (struct rtmsg){
                        .rtm_family = AF_INET, .rtm_dst_len = 8, .rtm_table = RT_TABLE_MAIN, .rtm_type = RTN_UNICAST};
        mnl_attr_put(message, RTA_DST, 4, (const uint8_t[4]){10});
        mnl_attr_put_u32(message, RTA_OIF, 2);
        mnl_attr_put(message, RTA_MULTIPATH, 2 * sizeof(struct rtnexthop),
                        (const struct rtnexthop[2]){{.rtnh_len = sizeof(struct rtnexthop), .rtnh_ifindex = 1},
                                        {.rtnh_len = sizeof(struct rtnexthop), .rtnh_ifindex = 3}});
        return message;
}

static struct nlmsghdr *make_next_hop(char *buffer) {
        void *header;

        struct nlmsghdr *message = rtnetlink_begin(buffer, RTM_NEWNEXTHOP, NLM_F_MULTI, sizeof(struct nhmsg), &header);
        mnl_attr_put_u32(message, NHA_OIF, 1);
        return message;
}

static struct nlmsghdr *make_link(char *buffer) {
        void *header;

        struct nlmsghdr *message = rtnetlink_begin(buffer, RTM_NEWLINK, 0, sizeof(struct ifinfomsg), &header);
        struct nlattr *list = mnl_attr_nest_start(message, IFLA_VFINFO_LIST);
        for (unsigned number = 0; number < 2; number++) {
                struct ifla_vf_mac mac = {.vf = number, .mac = {2, 0, 0, 0, 0, 1}};
                struct ifla_vf_vlan vlan = {.vf = number, .vlan = 5};
                struct ifla_vf_vlan_info entry = {.vf = number, .vlan = 5, .vlan_proto = htons(ETH_P_8021AD)};

                struct nlattr *info = mnl_attr_nest_start(message, IFLA_VF_INFO);
                mnl_attr_put(message, IFLA_VF_MAC, sizeof(mac), &mac);
                mnl_attr_put(message, IFLA_VF_VLAN, sizeof(vlan), &vlan);
                struct nlattr *vlans = mnl_attr_nest_start(message, IFLA_VF_VLAN_LIST);
                mnl_attr_put(message, IFLA_VF_VLAN_INFO, sizeof(entry), &entry);
                mnl_attr_nest_end(message, vlans);
                mnl_attr_nest_end(message, info);
        }
        mnl_attr_nest_end(message, list);
        return message;
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

/* Shortens an attribute that ends behind the end, and those in it that do so. */
static void cut_attributes(char *next, const char *end) {
        while (end - next >= (ptrdiff_t)MNL_ATTR_HDRLEN) {
                struct nlattr *attribute = (struct nlattr *)next;

                if (attribute->nla_len > end - next) {
                        attribute->nla_len = (uint16_t)(end - next);
                        cut_attributes(mnl_attr_get_payload(attribute), end);
                        return;
                }
                next += MAX(MNL_ALIGN(attribute->nla_len), MNL_ATTR_HDRLEN);
        }
}

/* A message that ends early, in an attribute that ends there, too. */
static void cut_message(struct nlmsghdr *message, size_t header_size, GRand *random) {
        gint32 kept = g_rand_int_range(
                        random, (gint32)(MNL_NLMSG_HDRLEN + header_size), (gint32)message->nlmsg_len + 1);

        message->nlmsg_len = (uint32_t)kept;
        cut_attributes(mnl_nlmsg_get_payload_offset(message, header_size), (const char *)message + kept);
}

/* Writes one of the messages to a buffer of RTNETLINK_REQUEST_MAX bytes. */
static struct nlmsghdr *make_message(char *buffer, GRand *random) {
        static const struct {
                struct nlmsghdr *(*make)(char *buffer);
                size_t header_size;
        } kinds[] = {{make_address, sizeof(struct ifaddrmsg)}, {make_route, sizeof(struct rtmsg)},
                        {make_next_hop, sizeof(struct nhmsg)}, {make_link, sizeof(struct ifinfomsg)}};
        size_t kind = (size_t)g_rand_int_range(random, 0, G_N_ELEMENTS(kinds));

        struct nlmsghdr *message = kinds[kind].make(buffer);
        if (g_rand_boolean(random))
                cut_message(message, kinds[kind].header_size, random);
        return message;
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed);

/* Now and then begins again with one of the messages, or adds it to the input. */
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned seed) {
        char buffer[RTNETLINK_REQUEST_MAX];

        if (seed % 16 > 1)
                return LLVMFuzzerMutate(data, size, size_max);
        GRand *random = g_rand_new_with_seed(seed);
        struct nlmsghdr *message = make_message(buffer, random);
        g_rand_free(random);
        size_t keep = seed % 16 == 1 ? NLMSG_ALIGN(size) : 0;
        if (keep + message->nlmsg_len > size_max)
                return LLVMFuzzerMutate(data, size, size_max);
        if (keep > size)
                memset(data + size, 0, keep - size);
        memcpy(data + keep, message, message->nlmsg_len);
        return keep + message->nlmsg_len;
}
