/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/holders.h"

/* Which processes have nodes of several PCI functions open, found in one walk over all processes. */

/* Holders of a function that are named. Further ones are counted. */
#define HOLDERS_NAMED_MAX 32

typedef struct NamedHolder {
        Holder holder;
        char *node; /* the path that it has open, as it is; NULL where that may not be read */
} NamedHolder;

typedef struct HolderList {
        NamedHolder *holders;
        size_t n_holders;
        size_t n_more;
        pid_t last;
} HolderList;

typedef struct FunctionHolders {
        PciAddress address;
        int error; /* 0, or why its nodes cannot be told */
        size_t n_nodes;
        HolderList open; /* processes that have a node open */
        HolderList cut;  /* processes that may open one, and whose descriptors were not all read */
} FunctionHolders;

typedef struct HolderTable {
        FunctionHolders *functions; /* sorted by address */
        size_t n_functions;
        NodeOwner *nodes; /* of all of them; the owner is the index of the function */
        size_t n_nodes;
        HolderList hidden;    /* processes whose descriptors may not be read */
        size_t n_descriptors; /* that were read */
        int error;            /* 0, or why the walk failed */
} HolderTable;

/* Collects the nodes of the functions. The addresses are sorted and differ. Returns 0 or -ENOMEM; other errors are in the table. The caller empties the
 * table with holder_table_done(), also after an error. */
int holder_table_collect(const Kernel *kernel, const PciAddress *addresses, size_t n_addresses, HolderTable *ret);

/* Walks over the processes for these nodes. Returns 0 or -ENOMEM; another error is in the table. */
int holder_table_walk(const Kernel *kernel, ProcessTable *processes, const UsageLimits *limits, HolderTable *table);
void holder_table_done(HolderTable *table);

/* Returns NULL for a function that the table was not read for. */
const FunctionHolders *holder_table_find(const HolderTable *table, PciAddress address);
