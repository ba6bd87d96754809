/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* The network configuration of the host, by interface. Addresses, routes and next hops are each read in one dump for all interfaces. */

/* Buffer sizes for an address (INET6_ADDRSTRLEN) and for an address with the length of its prefix. */
#define NETWORK_ADDRESS_MAX 46
#define NETWORK_ROUTE_MAX (NETWORK_ADDRESS_MAX + 8)

typedef struct NetworkUse {
        unsigned index;                    /* of the interface */
        char address[NETWORK_ADDRESS_MAX]; /* the first one; "" for none */
        char route[NETWORK_ROUTE_MAX];     /* the first one that is no default route; "" for none */
        bool has_default_route;
        bool has_next_hop;
} NetworkUse;

typedef struct NetworkTable {
        void *uses;   /* a tree of tsearch(), by index */
        char **pppoe; /* names of interfaces that carry PPP over Ethernet */
        size_t n_pppoe;
        int error; /* 0, or why it could not all be read */
} NetworkTable;

/* The caller empties the table with network_table_done(), also after an error. Returns 0 or -ENOMEM; another error is in the table. */
int network_table_read(const Kernel *kernel, NetworkTable *ret);
void network_table_done(NetworkTable *table);

/* Returns NULL for an interface without addresses, routes and next hops. */
const NetworkUse *network_table_find(const NetworkTable *table, unsigned index);
bool network_table_has_pppoe(const NetworkTable *table, const char *interface);
