/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

/* The network configuration of the host, by interface. Addresses, routes and next hops are each read in one dump for
 * all interfaces. */

typedef enum NetworkUseKind {
        NETWORK_ADDRESS, /* with the address as text */
        NETWORK_DEFAULT_ROUTE,
        NETWORK_ROUTE, /* with its target as text, "10.0.0.0/8" */
        NETWORK_NEXT_HOP,
        NETWORK_PPPOE,
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
