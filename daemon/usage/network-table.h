/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* How the host uses its network interfaces, by interface. Addresses, routes and so on are each read in one dump for all
 * interfaces.
 *
 * Not found are: a VLAN or ipvlan in the network namespace of a container, whose lower interface shows nothing of it; and
 * BPF programs that are attached with tcx. */

typedef enum NetworkUseKind {
        NETWORK_ADDRESS, /* with the address as text */
        NETWORK_DEFAULT_ROUTE,
        NETWORK_ROUTE, /* with its target as text, "10.0.0.0/8" */
        NETWORK_NEXT_HOP,
        NETWORK_PPPOE,
        NETWORK_XDP,           /* a BPF program gets its packets first */
        NETWORK_FILTER,        /* a queueing discipline that exists only for filters, with its kind as text: "clsact" */
        NETWORK_UPPER,         /* a tunnel or another interface that sends through it, with its raw name as text */
        NETWORK_PACKET_SOCKET, /* a process receives its packets; with the inode of the socket as text */
        NETWORK_PROTOCOL,      /* the kernel receives packets of a protocol only on it, with the function as text */
        NETWORK_OTHER_MAC,     /* it receives packets for another MAC address, the text: such as that of a macvlan */
        _NETWORK_USE_KIND_MAX,
} NetworkUseKind;

/* Buffer size for an address (INET6_ADDRSTRLEN) with the length of its prefix. */
#define NETWORK_TEXT_MAX 54

typedef struct NetworkUse {
        unsigned index; /* of the interface */
        bool has[_NETWORK_USE_KIND_MAX];
        char texts[_NETWORK_USE_KIND_MAX][NETWORK_TEXT_MAX]; /* of the first use of each kind */
} NetworkUse;

typedef struct NetworkTable {
        void *uses; /* a tree of tsearch(), by index */
        int error;  /* 0, or why not all of it could be read */
} NetworkTable;

/* The caller empties the table with network_table_done(), also after an error. Returns 0 or -ENOMEM; another error
 * is in the table. */
int network_table_read(const Kernel *kernel, NetworkTable *ret);
void network_table_done(NetworkTable *table);

/* Returns NULL for an interface without a use. */
const NetworkUse *network_table_find(const NetworkTable *table, unsigned index);
