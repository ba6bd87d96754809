/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/rtnetlink.h"
#include "kernel/sysfs.h"
#include "kernel/virtual-function.h"
#include "temp-tree.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>

/* The messages about a VF's MAC address and VLAN. No driver in a VM has them, so this test makes the kernel's part,
 * with the layout of rtnl_fill_vf() in net/core/rtnetlink.c. */

static const VirtualFunctionLink set = {
                .known = true,
                .mac = {0x02, 0x11, 0x22, 0x33, 0x44, 0x55},
                .vlan = 100,
                .qos = 3,
                .vlan_protocol = ETH_P_8021AD,
                .spoof_check = 0,
                .trust = 1,
                .link_state = -1, /* this card has no such setting */
};

/* padding: space for the other attributes of a VF, 0 for none. */
static void put_padded_vf(struct nlmsghdr *message, unsigned number, const VirtualFunctionLink *link, size_t padding) {
        static const uint8_t zeros[512];
        struct ifla_vf_mac mac = {.vf = number};
        struct ifla_vf_broadcast broadcast = {};
        struct ifla_vf_vlan vlan = {.vf = number, .vlan = link->vlan, .qos = link->qos};
        struct ifla_vf_vlan_info entry = {
                        .vf = number, .vlan = link->vlan, .qos = link->qos, .vlan_proto = htons(link->vlan_protocol)};

        memcpy(mac.mac, link->mac, MAC_SIZE);
        struct nlattr *info = mnl_attr_nest_start(message, IFLA_VF_INFO);
        mnl_attr_put(message, IFLA_VF_MAC, sizeof(mac), &mac);
        mnl_attr_put(message, IFLA_VF_BROADCAST, sizeof(broadcast), &broadcast);
        mnl_attr_put(message, IFLA_VF_VLAN, sizeof(vlan), &vlan);
        struct nlattr *vlans = mnl_attr_nest_start(message, IFLA_VF_VLAN_LIST);
        mnl_attr_put(message, IFLA_VF_VLAN_INFO, sizeof(entry), &entry);
        mnl_attr_nest_end(message, vlans);
        struct ifla_vf_spoofchk spoof_check = {.vf = number, .setting = (uint32_t)link->spoof_check};
        mnl_attr_put(message, IFLA_VF_SPOOFCHK, sizeof(spoof_check), &spoof_check);
        struct ifla_vf_trust trust = {.vf = number, .setting = (uint32_t)link->trust};
        mnl_attr_put(message, IFLA_VF_TRUST, sizeof(trust), &trust);
        struct ifla_vf_link_state link_state = {.vf = number, .link_state = (uint32_t)link->link_state};
        mnl_attr_put(message, IFLA_VF_LINK_STATE, sizeof(link_state), &link_state);
        if (padding > 0)
                mnl_attr_put(message, IFLA_VF_STATS, padding, zeros);
        mnl_attr_nest_end(message, info);
}

static void put_vf(struct nlmsghdr *message, unsigned number, const VirtualFunctionLink *link) {
        put_padded_vf(message, number, link, 0);
}

static struct nlmsghdr *begin_answer(char *buffer) {
        void *header;

        struct nlmsghdr *message = rtnetlink_begin(buffer, RTM_NEWLINK, 0, sizeof(struct ifinfomsg), &header);
        mnl_attr_put_strz(message, IFLA_IFNAME, "enp1s0f0");
        return message;
}

static void test_parse(void) {
        static const VirtualFunctionLink none = {.known = true, .vlan_protocol = ETH_P_8021Q};
        char buffer[RTNETLINK_REQUEST_MAX];
        VirtualFunctionLink found;

        struct nlmsghdr *message = begin_answer(buffer);
        struct nlattr *list = mnl_attr_nest_start(message, IFLA_VFINFO_LIST);
        put_vf(message, 0, &none);
        put_vf(message, 1, &set);
        mnl_attr_nest_end(message, list);
        mnl_attr_put_u32(message, IFLA_GROUP, 0);

        g_assert_cmpint(virtual_function_parse_link(message, 1, &found), ==, 0);
        g_assert_true(virtual_function_link_equal(&found, &set));
        g_assert_cmpint(virtual_function_parse_link(message, 0, &found), ==, 0);
        g_assert_true(virtual_function_link_equal(&found, &none));
        g_assert_false(virtual_function_link_equal(&found, &set));
        g_assert_cmpint(virtual_function_parse_link(message, 2, &found), ==, 0);
        g_assert_false(found.known);
}

/* A PF whose driver has no such settings sends none. */
static void test_parse_nothing(void) {
        char buffer[RTNETLINK_REQUEST_MAX];
        VirtualFunctionLink found = set;

        g_assert_cmpint(virtual_function_parse_link(begin_answer(buffer), 0, &found), ==, 0);
        g_assert_false(found.known);
}

/* The MAC address of a VF contains its number. */
static VirtualFunctionLink nth_link(unsigned number) {
        VirtualFunctionLink link = set;

        link.mac[4] = (uint8_t)(number >> 8);
        link.mac[5] = (uint8_t)number;
        return link;
}

/* A reply as the kernel sends it: the length of the list loses its upper bits. */
static struct nlmsghdr *make_long_answer(char *buffer, unsigned n, size_t padding) {
        struct nlmsghdr *message = begin_answer(buffer);
        struct nlattr *list = mnl_attr_nest_start(message, IFLA_VFINFO_LIST);

        for (unsigned i = 0; i < n; i++) {
                VirtualFunctionLink link = nth_link(i);

                put_padded_vf(message, i, &link, padding);
        }
        mnl_attr_nest_end(message, list);
        mnl_attr_put(message, IFLA_ADDRESS, MAC_SIZE, set.mac);
        return message;
}

static unsigned count_known(const struct nlmsghdr *message, unsigned n) {
        VirtualFunctionLink found;
        unsigned n_known = 0;

        for (unsigned i = 0; i < n; i++) {
                VirtualFunctionLink expected = nth_link(i);

                int r = virtual_function_parse_link(message, i, &found);
                if (r == 0) {
                        g_assert_true(virtual_function_link_equal(&found, &expected));
                        n_known++;
                } else
                        g_assert_cmpint(r, ==, -EOVERFLOW);
        }
        return n_known;
}

/* The kernel's other attributes of a VF: rates, trust and so on; and its statistics. */
#define OTHERS_SIZE 76
#define STATISTICS_SIZE 104

static void test_parse_many(void) {
        g_autofree char *buffer = g_malloc(1024 * 1024);
        VirtualFunctionLink found;

        /* 256 VFs, as the largest cards have. */
        struct nlmsghdr *message = make_long_answer(buffer, 256, OTHERS_SIZE);
        g_assert_cmpuint(count_known(message, 256), ==, 256);
        g_assert_cmpint(virtual_function_parse_link(message, 256, &found), ==, 0);
        g_assert_false(found.known);

        /* With statistics they do not fit. A missing VF is an error, and does not count as "not set". */
        message = make_long_answer(buffer, 256, OTHERS_SIZE + STATISTICS_SIZE);
        g_assert_cmpuint(message->nlmsg_len, >, 65536);
        g_assert_cmpuint(count_known(message, 256), <, 256);

        /* An entry of 256 bytes, so that the truncated list ends between two entries. */
        message = make_long_answer(buffer, 300, 96);
        g_assert_cmpuint(count_known(message, 300), ==, 44);
}

/* The attribute of this type in another attribute, or in the message; NULL for none. */
static const struct nlattr *child(const struct nlmsghdr *message, const struct nlattr *parent, unsigned type) {
        const struct nlattr *attribute;

        if (parent) {
                mnl_attr_for_each_nested(attribute, parent) {
                        if (mnl_attr_get_type(attribute) == type)
                                return attribute;
                }
                return NULL;
        }
        mnl_attr_for_each(attribute, message, sizeof(struct ifinfomsg)) {
                if (mnl_attr_get_type(attribute) == type)
                        return attribute;
        }
        return NULL;
}

static void test_request(void) {
        char buffer[RTNETLINK_REQUEST_MAX];
        VirtualFunctionLink now = {.known = true};

        struct nlmsghdr *request = virtual_function_make_request(buffer, 7, 5, &now, &set);
        g_assert_cmpint(request->nlmsg_type, ==, RTM_SETLINK);
        g_assert_cmpint(request->nlmsg_flags, ==, NLM_F_REQUEST | NLM_F_ACK);
        g_assert_cmpint(((struct ifinfomsg *)mnl_nlmsg_get_payload(request))->ifi_index, ==, 7);
        const struct nlattr *info = child(request, child(request, NULL, IFLA_VFINFO_LIST), IFLA_VF_INFO);
        g_assert_nonnull(info);
        const struct ifla_vf_mac *mac = mnl_attr_get_payload(child(request, info, IFLA_VF_MAC));
        g_assert_cmpuint(mac->vf, ==, 5);
        g_assert_cmpmem(mac->mac, MAC_SIZE, set.mac, MAC_SIZE);
        const struct ifla_vf_vlan_info *vlan = mnl_attr_get_payload(
                        child(request, child(request, info, IFLA_VF_VLAN_LIST), IFLA_VF_VLAN_INFO));
        g_assert_cmpuint(vlan->vf, ==, 5);
        g_assert_cmpuint(vlan->vlan, ==, 100);
        g_assert_cmpuint(vlan->qos, ==, 3);
        g_assert_cmpuint(ntohs(vlan->vlan_proto), ==, ETH_P_8021AD);
}

/* The request omits values that are right already: cards refuse a MAC address of zeros. */
static void test_request_of_difference(void) {
        char buffer[RTNETLINK_REQUEST_MAX];
        VirtualFunctionLink other_vlan = set, other_mac = set;

        other_vlan.vlan = 0;
        struct nlmsghdr *request = virtual_function_make_request(buffer, 7, 5, &other_vlan, &set);
        const struct nlattr *info = child(request, child(request, NULL, IFLA_VFINFO_LIST), IFLA_VF_INFO);
        g_assert_null(child(request, info, IFLA_VF_MAC));
        g_assert_nonnull(child(request, info, IFLA_VF_VLAN_LIST));

        memset(other_mac.mac, 0, MAC_SIZE);
        request = virtual_function_make_request(buffer, 7, 5, &other_mac, &set);
        info = child(request, child(request, NULL, IFLA_VFINFO_LIST), IFLA_VF_INFO);
        g_assert_nonnull(child(request, info, IFLA_VF_MAC));
        g_assert_null(child(request, info, IFLA_VF_VLAN_LIST));
}

/* Trust and spoof check are set if both the card and the file know them. */
static void test_request_of_toggles(void) {
        char buffer[RTNETLINK_REQUEST_MAX];
        VirtualFunctionLink now = set, wanted = set;

        now.spoof_check = 1;
        now.trust = 0;
        now.link_state = IFLA_VF_LINK_STATE_ENABLE;
        g_assert_false(virtual_function_link_equal(&now, &wanted));
        struct nlmsghdr *request = virtual_function_make_request(buffer, 7, 5, &now, &wanted);
        const struct nlattr *info = child(request, child(request, NULL, IFLA_VFINFO_LIST), IFLA_VF_INFO);
        const struct ifla_vf_spoofchk *spoof_check = mnl_attr_get_payload(child(request, info, IFLA_VF_SPOOFCHK));
        g_assert_cmpuint(spoof_check->vf, ==, 5);
        g_assert_cmpuint(spoof_check->setting, ==, 0);
        const struct ifla_vf_trust *trust = mnl_attr_get_payload(child(request, info, IFLA_VF_TRUST));
        g_assert_cmpuint(trust->vf, ==, 5);
        g_assert_cmpuint(trust->setting, ==, 1);
        g_assert_null(child(request, info, IFLA_VF_LINK_STATE));
        g_assert_null(child(request, info, IFLA_VF_MAC));

        /* A file of an earlier edition knows none of them. */
        wanted.spoof_check = wanted.trust = -1;
        g_assert_true(virtual_function_link_equal(&now, &wanted));
}

/* A device that is no VF has no such settings, and gets none. */
static void test_no_virtual_function(void) {
        TempTree *tree = temp_tree_new();
        VirtualFunctionLink found = set;
        PciAddress address = {.bus = 1};
        Kernel kernel = {};

        temp_tree_folder(tree, "sys/bus/pci/devices/0000:01:00.0");
        g_autofree char *path = temp_tree_path(tree, "sys/bus/pci/devices/0000:01:00.0");
        _cleanup_close_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(virtual_function_read_link(&kernel, fd, address, &found), ==, 0);
        g_assert_false(found.known);
        g_assert_cmpint(virtual_function_write_link(&kernel, fd, address, &found), ==, 0);
        g_assert_cmpint(virtual_function_write_link(&kernel, fd, address, &set), ==, -ENODEV);
        temp_tree_free(tree);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/virtual-function/parse", test_parse);
        g_test_add_func("/virtual-function/parse-nothing", test_parse_nothing);
        g_test_add_func("/virtual-function/parse-many", test_parse_many);
        g_test_add_func("/virtual-function/request", test_request);
        g_test_add_func("/virtual-function/request-of-difference", test_request_of_difference);
        g_test_add_func("/virtual-function/request-of-toggles", test_request_of_toggles);
        g_test_add_func("/virtual-function/no-virtual-function", test_no_virtual_function);
        return g_test_run();
}
