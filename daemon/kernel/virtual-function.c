/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/virtual-function.h"
#include "kernel/rtnetlink.h"
#include "kernel/sriov.h"
#include "kernel/sysfs.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>

/* The settings that a card may lack. Their attributes in rtnetlink have the same layout. */
typedef struct Toggle {
        unsigned attribute;
        size_t offset; /* of the int8_t in VirtualFunctionLink */
} Toggle;

static const Toggle toggles[] = {
                {IFLA_VF_SPOOFCHK, offsetof(VirtualFunctionLink, spoof_check)},
                {IFLA_VF_TRUST, offsetof(VirtualFunctionLink, trust)},
                {IFLA_VF_LINK_STATE, offsetof(VirtualFunctionLink, link_state)},
};

static int8_t toggle_get(const VirtualFunctionLink *link, size_t i) {
        return *((const int8_t *)link + toggles[i].offset);
}

static bool differs(int8_t a, int8_t b) {
        return a >= 0 && b >= 0 && a != b;
}

bool virtual_function_link_equal(const VirtualFunctionLink *a, const VirtualFunctionLink *b) {
        if (!a->known || !b->known)
                return a->known == b->known;
        for (size_t i = 0; i < ELEMENTSOF(toggles); i++)
                if (differs(toggle_get(a, i), toggle_get(b, i)))
                        return false;
        return memcmp(a->mac, b->mac, MAC_SIZE) == 0 && a->vlan == b->vlan && a->qos == b->qos &&
                        a->vlan_protocol == b->vlan_protocol;
}

/* Reading. */

/* How the PF names a VF. */
typedef struct Place {
        int interface_index; /* of the PF */
        unsigned number;     /* of the VF */
} Place;

/* An attribute inside another attribute; NULL if there is none of this type and at least this size. */
static const struct nlattr *find_nested(const struct nlattr *nest, unsigned type, size_t size) {
        const struct nlattr *attribute;

        mnl_attr_for_each_nested(attribute, nest) {
                if (mnl_attr_get_type(attribute) == type && mnl_attr_get_payload_len(attribute) >= size)
                        return attribute;
        }
        return NULL;
}

/* The kernel writes -1 for a setting that the card does not have. */
static void read_toggles(const struct nlattr *info, VirtualFunctionLink *ret) {
        const struct nlattr *attribute;

        for (size_t i = 0; i < ELEMENTSOF(toggles); i++) {
                int8_t *value = (int8_t *)ret + toggles[i].offset;

                *value = -1;
                if ((attribute = find_nested(info, toggles[i].attribute, sizeof(struct ifla_vf_spoofchk)))) {
                        const struct ifla_vf_spoofchk *found = mnl_attr_get_payload(attribute);
                        *value = found->setting <= INT8_MAX ? (int8_t)found->setting : -1;
                }
        }
}

/* Reads the entry of a VF. Returns false if it is the entry of another VF. */
static bool read_info(const struct nlattr *info, unsigned number, VirtualFunctionLink *ret) {
        const struct nlattr *attribute = find_nested(info, IFLA_VF_MAC, sizeof(struct ifla_vf_mac));
        const struct ifla_vf_mac *mac = attribute ? mnl_attr_get_payload(attribute) : NULL;

        if (!mac || mac->vf != number)
                return false;
        *ret = (VirtualFunctionLink){.known = true};
        memcpy(ret->mac, mac->mac, MAC_SIZE);
        if ((attribute = find_nested(info, IFLA_VF_VLAN, sizeof(struct ifla_vf_vlan)))) {
                const struct ifla_vf_vlan *vlan = mnl_attr_get_payload(attribute);
                ret->vlan = (uint16_t)vlan->vlan;
                ret->qos = (uint8_t)vlan->qos;
        }
        if ((attribute = find_nested(info, IFLA_VF_VLAN_LIST, 0)) &&
                        (attribute = find_nested(attribute, IFLA_VF_VLAN_INFO, sizeof(struct ifla_vf_vlan_info)))) {
                const struct ifla_vf_vlan_info *vlan = mnl_attr_get_payload(attribute);
                ret->vlan_protocol = ntohs(vlan->vlan_proto);
        }
        read_toggles(info, ret);
        return true;
}

/* Tells whether the attribute is the entry of a VF, which begins with a MAC address of a VF. Replies for a link have another
 * attribute of the same type, the address of the interface, but it is shorter. */
static bool looks_like_info(const struct nlattr *attribute) {
        const struct nlattr *first = mnl_attr_get_payload(attribute);

        return mnl_attr_get_type(attribute) == IFLA_VF_INFO &&
                        mnl_attr_get_payload_len(attribute) >= MNL_ATTR_HDRLEN + sizeof(struct ifla_vf_mac) &&
                        mnl_attr_get_type(first) == IFLA_VF_MAC &&
                        mnl_attr_get_payload_len(first) == sizeof(struct ifla_vf_mac);
}

/* The length of an attribute has 16 bits. For a longer list, the kernel writes only the lower bits of the length, and the rest of
 * the list follows. Then the end is inside an entry, or more entries follow the end. */
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

        *ret = (VirtualFunctionLink){};
        mnl_attr_for_each(attribute, answer, sizeof(struct ifinfomsg)) {
                if (mnl_attr_get_type(attribute) != IFLA_VFINFO_LIST)
                        continue;
                mnl_attr_for_each_nested(info, attribute) {
                        if (mnl_attr_get_type(info) == IFLA_VF_INFO && read_info(info, number, ret))
                                return 0;
                }
                /* The bytes after a truncated list are no attributes, so the search ends here. */
                return is_list_truncated(answer, attribute) ? -EOVERFLOW : 0;
        }
        return 0;
}

typedef struct Reading {
        unsigned number;
        VirtualFunctionLink link;
        int error; /* of virtual_function_parse_link() */
} Reading;

static int on_link(const struct nlmsghdr *message, void *userdata) {
        Reading *reading = userdata;

        reading->error = virtual_function_parse_link(message, reading->number, &reading->link);
        return MNL_CB_STOP;
}

static int read_link_of(const Place *place, VirtualFunctionLink *ret) {
        Reading reading = {.number = place->number};
        char buffer[RTNETLINK_REQUEST_MAX];
        void *header;

        struct nlmsghdr *request = rtnetlink_begin(buffer, RTM_GETLINK, 0, sizeof(struct ifinfomsg), &header);
        ((struct ifinfomsg *)header)->ifi_index = place->interface_index;
        /* The kernel answers with all VFs: there is no way to ask for a single VF. With their statistics, the list
         * has room for about 220. */
        mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS);
        int r = rtnetlink_ask(request, on_link, &reading);
        if (r < 0 || (r = reading.error) < 0)
                return r;
        *ret = reading.link;
        return 0;
}

/* Writing. */

static void put_toggles(struct nlmsghdr *request, unsigned number, const VirtualFunctionLink *now,
                const VirtualFunctionLink *wanted) {
        for (size_t i = 0; i < ELEMENTSOF(toggles); i++) {
                struct ifla_vf_spoofchk value = {.vf = number, .setting = (uint32_t)toggle_get(wanted, i)};

                if (differs(toggle_get(now, i), toggle_get(wanted, i)))
                        mnl_attr_put(request, (uint16_t)toggles[i].attribute, sizeof(value), &value);
        }
}

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
        /* Only differences are set: a card may refuse a MAC of zeros, or any VLAN. */
        if (memcmp(now->mac, wanted->mac, MAC_SIZE) != 0) {
                memcpy(mac.mac, wanted->mac, MAC_SIZE);
                mnl_attr_put(request, IFLA_VF_MAC, sizeof(mac), &mac);
        }
        if (now->vlan != wanted->vlan || now->qos != wanted->qos || now->vlan_protocol != wanted->vlan_protocol) {
                struct nlattr *vlans = mnl_attr_nest_start(request, IFLA_VF_VLAN_LIST);
                mnl_attr_put(request, IFLA_VF_VLAN_INFO, sizeof(vlan), &vlan);
                mnl_attr_nest_end(request, vlans);
        }
        put_toggles(request, number, now, wanted);
        mnl_attr_nest_end(request, info);
        mnl_attr_nest_end(request, list);
        return request;
}

/* Reads the index of the first interface of the PF. Returns 1 and the index; 0 if there is no interface; or a
 * negative errno. */
static int read_interface_index(int physical_fd, int *ret) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;
        long index;

        int r = sysfs_open_folder(physical_fd, "net", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0)
                if (sysfs_read_number(dirfd(folder), SYSFS_PATH("%s/ifindex", name), 1, INT32_MAX, &index) >= 0) {
                        *ret = (int)index;
                        return 1;
                }
        return r == -ENOENT ? 0 : r;
}

/* Returns 1 and the place; 0 if there is none; or a negative errno. */
static int find_place(const Kernel *kernel, int device_fd, PciAddress address, Place *ret) {
        _cleanup_free_ PciAddress *functions = NULL;
        size_t n;

        if (kernel->has_own_network)
                return 0;
        _cleanup_close_ int physical_fd = openat(device_fd, "physfn", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (physical_fd < 0)
                return errno == ENOENT ? 0 : -errno;
        int r = sriov_list_functions(physical_fd, &functions, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (pci_address_equal(functions[i], address)) {
                        ret->number = (unsigned)i;
                        return read_interface_index(physical_fd, &ret->interface_index);
                }
        return 0;
}

int virtual_function_read_link(const Kernel *kernel, int device_fd, PciAddress address, VirtualFunctionLink *ret) {
        Place place = {};

        int r = find_place(kernel, device_fd, address, &place);
        if (r > 0)
                return read_link_of(&place, ret);
        if (r == 0)
                *ret = (VirtualFunctionLink){};
        return r;
}

int virtual_function_write_link(
                const Kernel *kernel, int device_fd, PciAddress address, const VirtualFunctionLink *link) {
        char buffer[RTNETLINK_REQUEST_MAX];
        VirtualFunctionLink now = {};
        Place place = {};

        if (!link->known)
                return 0;
        int r = find_place(kernel, device_fd, address, &place);
        if (r == 0)
                return -ENODEV; /* the VF had such settings before */
        if (r < 0 || (r = read_link_of(&place, &now)) < 0 || virtual_function_link_equal(&now, link))
                return r < 0 ? r : 0;
        return rtnetlink_ask(virtual_function_make_request(buffer, place.interface_index, place.number, &now, link),
                        NULL, NULL);
}
