/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-facts.h"

/* What the administrator set for a virtual network function through its physical one ("ip link set PF vf N mac ... vlan ..."): it is no attribute of the
 * function itself, and libvirt and others change it while a guest has it. */

#define MAC_SIZE 6

typedef struct VirtualFunctionLink {
        bool known;            /* false: no virtual function, or no network card, or its card cannot do it */
        uint8_t mac[MAC_SIZE]; /* zero where none was set */
        uint8_t qos;
        uint16_t vlan;          /* 0 for none */
        uint16_t vlan_protocol; /* as in an Ethernet frame, host byte order; 0 where it is not told */
} VirtualFunctionLink;

bool virtual_function_link_equal(const VirtualFunctionLink *a, const VirtualFunctionLink *b);

/* Asks by rtnetlink, through the interface of the physical function. Returns 0, also for a device that has no such settings, which are then not known;
 * -ENOENT or -ENODEV for a device that is gone; -EOVERFLOW where the physical function has more virtual functions than an answer has room for, and this
 * one is not in it; another negative errno. Each call makes the driver tell of all virtual functions. */
int virtual_function_read_link(const Kernel *kernel, int device_fd, PciAddress address, VirtualFunctionLink *ret);

/* Sets them where they differ; what is not known is left alone. Needs CAP_NET_ADMIN. Returns 0 or a negative errno. */
int virtual_function_write_link(
                const Kernel *kernel, int device_fd, PciAddress address, const VirtualFunctionLink *link);

/* The messages. virtual_function_parse_link() reads the virtual function of that number from an answer to RTM_GETLINK: returns 0, with a link that is not known where the
 * answer does not tell of it; -EOVERFLOW where the list is truncated before it. virtual_function_make_request() makes the request that changes one link into
 * another, in a buffer of RTNETLINK_REQUEST_MAX bytes. */
struct nlmsghdr;
int virtual_function_parse_link(const struct nlmsghdr *answer, unsigned number, VirtualFunctionLink *ret);
struct nlmsghdr *virtual_function_make_request(void *buffer, int interface_index, unsigned number,
                const VirtualFunctionLink *now, const VirtualFunctionLink *wanted);
