/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/virtual-function.h"
#include "kernel/rtnetlink.h"
#include "kernel/sysfs.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>

bool virtual_function_link_equal(const VirtualFunctionLink *a, const VirtualFunctionLink *b) {
        if (!a->known || !b->known)
                return a->known == b->known;
        return memcmp(a->mac, b->mac, MAC_SIZE) == 0 && a->vlan == b->vlan && a->qos == b->qos &&
                        a->vlan_protocol == b->vlan_protocol;
}

/* Reading. */

typedef struct Search {
        unsigned number;
        VirtualFunctionLink link;
        int error; /* of the answer */
} Search;

static void take_info(const struct nlattr *info, Search *search) {
        VirtualFunctionLink link = {};
        const struct nlattr *attribute, *entry;
        bool is_mine = false;

        mnl_attr_for_each_nested(attribute, info) {
                const void *payload = mnl_attr_get_payload(attribute);
                size_t length = mnl_attr_get_payload_len(attribute);

                switch (mnl_attr_get_type(attribute)) {
                case IFLA_VF_MAC:
                        if (length < sizeof(struct ifla_vf_mac))
                                break;
                        is_mine = ((const struct ifla_vf_mac *)payload)->vf == search->number;
                        memcpy(link.mac, ((const struct ifla_vf_mac *)payload)->mac, MAC_SIZE);
                        link.known = true;
                        break;
                case IFLA_VF_VLAN:
                        if (length < sizeof(struct ifla_vf_vlan))
                                break;
                        link.vlan = (uint16_t)((const struct ifla_vf_vlan *)payload)->vlan;
                        link.qos = (uint8_t)((const struct ifla_vf_vlan *)payload)->qos;
                        break;
                case IFLA_VF_VLAN_LIST:
                        mnl_attr_for_each_nested(entry, attribute) {
                                if (mnl_attr_get_payload_len(entry) >= sizeof(struct ifla_vf_vlan_info))
                                        link.vlan_protocol = ntohs(
                                                        ((const struct ifla_vf_vlan_info *)mnl_attr_get_payload(entry))
                                                                        ->vlan_proto);
                        }
                        break;
                default:
                        break;
                }
        }
        if (is_mine)
                search->link = link;
}

/* Whether the bytes at the attribute look like the entry of a virtual function, which begins with its MAC address. A link has an attribute of the
 * same type, its own address, but that one is shorter. */
static bool looks_like_info(const struct nlattr *attribute) {
        const struct nlattr *first = mnl_attr_get_payload(attribute);

        return mnl_attr_get_type(attribute) == IFLA_VF_INFO &&
                        mnl_attr_get_payload_len(attribute) >= MNL_ATTR_HDRLEN + sizeof(struct ifla_vf_mac) &&
                        mnl_attr_get_type(first) == IFLA_VF_MAC &&
                        mnl_attr_get_payload_len(first) == sizeof(struct ifla_vf_mac);
}

/* The length of an attribute has 16 bits. Of a list that is longer, the kernel writes the length without its upper bits, and the rest of the list stands behind
 * it. The end then lies inside an entry, or more entries follow. */
static bool is_list_truncated(const struct nlmsghdr *answer, const struct nlattr *list) {
        const char *end = (const char *)list + MNL_ALIGN(list->nla_len);
        const struct nlattr *info = mnl_attr_get_payload(list);

        while (mnl_attr_ok(info, (int)(end - (const char *)info)))
                info = mnl_attr_next(info);
        if ((const char *)info != end)
                return true;
        int rest = (int)((const char *)mnl_nlmsg_get_payload_tail(answer) - (const char *)info);
        return mnl_attr_ok(info, rest) && looks_like_info(info);
}

int virtual_function_parse_link(const struct nlmsghdr *answer, unsigned number, VirtualFunctionLink *ret) {
        const struct nlattr *attribute, *info;
        Search search = {.number = number};

        mnl_attr_for_each(attribute, answer, sizeof(struct ifinfomsg)) {
                if (mnl_attr_get_type(attribute) != IFLA_VFINFO_LIST)
                        continue;
                mnl_attr_for_each_nested(info, attribute) {
                        if (mnl_attr_get_type(info) == IFLA_VF_INFO)
                                take_info(info, &search);
                }
                if (!search.link.known && is_list_truncated(answer, attribute))
                        return -EOVERFLOW;
                break; /* what follows a truncated list are no attributes */
        }
        *ret = search.link;
        return 0;
}

static int on_link(const struct nlmsghdr *message, void *userdata) {
        Search *search = userdata;

        search->error = virtual_function_parse_link(message, search->number, &search->link);
        return MNL_CB_STOP;
}

static int read_link_of(int interface_index, unsigned number, VirtualFunctionLink *ret) {
        Search search = {.number = number};
        char buffer[RTNETLINK_REQUEST_MAX];
        void *header;

        struct nlmsghdr *request = rtnetlink_begin(buffer, RTM_GETLINK, 0, sizeof(struct ifinfomsg), &header);
        ((struct ifinfomsg *)header)->ifi_index = interface_index;
        /* The kernel answers with all virtual functions, there is no way to ask for one. With their statistics the list has room for about 220. */
        mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
        int r = rtnetlink_ask(request, on_link, &search);
        if (r < 0 || (r = search.error) < 0)
                return r;
        *ret = search.link;
        return 0;
}

/* Writing. */

struct nlmsghdr *virtual_function_make_request(void *buffer, int interface_index, unsigned number,
                const VirtualFunctionLink *now, const VirtualFunctionLink *wanted) {
        struct ifla_vf_mac mac = {.vf = number};
        struct ifla_vf_vlan_info vlan = {.vf = number,
                        .vlan = wanted->vlan,
                        .qos = wanted->qos,
                        .vlan_proto = htons(wanted->vlan_protocol ? wanted->vlan_protocol : ETH_P_8021Q)};
        void *header;

        struct nlmsghdr *request = rtnetlink_begin(buffer, RTM_SETLINK, NLM_F_ACK, sizeof(struct ifinfomsg), &header);
        ((struct ifinfomsg *)header)->ifi_index = interface_index;
        struct nlattr *list = mnl_attr_nest_start(request, IFLA_VFINFO_LIST);
        struct nlattr *info = mnl_attr_nest_start(request, IFLA_VF_INFO);
        /* What is as it shall be is not set: a card may refuse a MAC of zeros, or any VLAN. */
        if (memcmp(now->mac, wanted->mac, MAC_SIZE) != 0) {
                memcpy(mac.mac, wanted->mac, MAC_SIZE);
                mnl_attr_put(request, IFLA_VF_MAC, sizeof(mac), &mac);
        }
        if (now->vlan != wanted->vlan || now->qos != wanted->qos || now->vlan_protocol != wanted->vlan_protocol) {
                struct nlattr *vlans = mnl_attr_nest_start(request, IFLA_VF_VLAN_LIST);
                mnl_attr_put(request, IFLA_VF_VLAN_INFO, sizeof(vlan), &vlan);
                mnl_attr_nest_end(request, vlans);
        }
        mnl_attr_nest_end(request, info);
        mnl_attr_nest_end(request, list);
        return request;
}

static int write_link_of(int interface_index, unsigned number, const VirtualFunctionLink *link) {
        char buffer[RTNETLINK_REQUEST_MAX];
        VirtualFunctionLink now = {};

        int r = read_link_of(interface_index, number, &now);
        if (r < 0 || virtual_function_link_equal(&now, link))
                return r;
        return rtnetlink_ask(virtual_function_make_request(buffer, interface_index, number, &now, link), NULL, NULL);
}

/* Which interface, which number. */

typedef struct Place {
        PciAddress address;
        int interface_index; /* 0 for none */
        unsigned number;
        bool has_number;
} Place;

/* An entry of the physical function's folder: "virtfn3" leads to its virtual function 3. */
static int on_entry(int directory_fd, const char *name, void *userdata) {
        char target[32], *end;
        Place *place = userdata;
        PciAddress address;

        const char *number = startswith(name, "virtfn");
        if (!number || sysfs_read_link(directory_fd, name, target, sizeof(target)) < 0 ||
                        pci_address_parse(target, &address) < 0 || !pci_address_equal(address, place->address))
                return 0;
        place->number = (unsigned)strtoul(number, &end, 10);
        place->has_number = *end == '\0';
        return place->has_number;
}

/* An entry of its folder "net". */
static int on_interface(int directory_fd, const char *name, void *userdata) {
        Place *place = userdata;
        char path[300];
        long index;

        (void)snprintf(path, sizeof(path), "%.255s/ifindex", name);
        if (sysfs_read_number(directory_fd, path, 1, INT32_MAX, &index) < 0)
                return 0;
        place->interface_index = (int)index;
        return 1;
}

/* Returns 1 and the place, 0 where there is none, or a negative errno. */
static int find_place(const Kernel *kernel, int device_fd, Place *place) {
        if (kernel->has_own_network)
                return 0;
        _cleanup_close_ int physical_fd = openat(device_fd, "physfn", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (physical_fd < 0)
                return errno == ENOENT ? 0 : -errno;
        int r = sysfs_for_each(physical_fd, ".", on_entry, place);
        if (r >= 0)
                r = sysfs_for_each(physical_fd, "net", on_interface, place);
        if (r < 0 && r != -ENOENT)
                return r;
        return place->has_number && place->interface_index > 0;
}

int virtual_function_read_link(const Kernel *kernel, int device_fd, PciAddress address, VirtualFunctionLink *ret) {
        Place place = {.address = address};

        int r = find_place(kernel, device_fd, &place);
        if (r > 0)
                return read_link_of(place.interface_index, place.number, ret);
        if (r == 0)
                *ret = (VirtualFunctionLink){};
        return r;
}

int virtual_function_write_link(
                const Kernel *kernel, int device_fd, PciAddress address, const VirtualFunctionLink *link) {
        Place place = {.address = address};

        if (!link->known)
                return 0;
        int r = find_place(kernel, device_fd, &place);
        if (r == 0)
                return -ENODEV; /* it had one */
        return r < 0 ? r : write_link_of(place.interface_index, place.number, link);
}
