/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-facts.h"

/* The settings of a VF of a network card that the administrator makes through the PF ("ip link set PF vf N mac ... vlan ... trust
 * on"). They are no attributes of the VF. The limits of the rate are missing: cards accept them only while the link is up. libvirt and other programs change them while a virtual machine has the VF. */

#define MAC_SIZE 6

typedef struct VirtualFunctionLink {
        bool known;            /* false: not a VF, or not a network card, or the card has no such settings */
        uint8_t mac[MAC_SIZE]; /* zeros if none was set */
        uint8_t qos;
        uint16_t vlan;          /* 0 for none */
        uint16_t vlan_protocol; /* as in an Ethernet frame, in host byte order; 0 if the kernel does not tell it */

        /* -1 for each that the card does not have, or that is not known. */
        int8_t spoof_check, trust; /* 0 or 1 */
        int8_t link_state;         /* IFLA_VF_LINK_STATE_... */
} VirtualFunctionLink;

/* A setting that is not known equals each value. */
bool virtual_function_link_equal(const VirtualFunctionLink *a, const VirtualFunctionLink *b);

/* Reads the settings by rtnetlink, through the interface of the PF. The driver reports all its VFs for each call. Returns 0, also
 * for a device without such settings, which are then not known; -ENOENT or -ENODEV if the device is gone; -EOVERFLOW if the
 * PF has so many VFs that the reply of the kernel does not contain this VF; or another negative errno. */
int virtual_function_read_link(const Kernel *kernel, int device_fd, PciAddress address, VirtualFunctionLink *ret);

/* Writes the settings that differ, or nothing if link is not known. Needs CAP_NET_ADMIN. Returns 0 or a negative errno. */
int virtual_function_write_link(
                const Kernel *kernel, int device_fd, PciAddress address, const VirtualFunctionLink *link);

/* Reads the VF with this number from a reply to RTM_GETLINK. Returns 0, with a link that is not known if the reply does not contain
 * the VF; or -EOVERFLOW if the list in the reply is truncated. */
struct nlmsghdr;
int virtual_function_parse_link(const struct nlmsghdr *answer, unsigned number, VirtualFunctionLink *ret);

/* Makes the request that changes the settings from now to wanted, in a buffer of RTNETLINK_REQUEST_MAX bytes. */
struct nlmsghdr *virtual_function_make_request(void *buffer, int interface_index, unsigned number,
                const VirtualFunctionLink *now, const VirtualFunctionLink *wanted);
