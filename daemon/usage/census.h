/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/holders.h"
#include "usage/mounts.h"

/* A search for holders and mounts in another process, which may examine all processes. A worker may not: it may write to
 * devices, and whoever can examine all processes has all their rights, too. */

typedef struct CensusPort CensusPort;
struct CensusPort {
        /* Fills the lists of the table, and the mounts unless they are NULL. Returns 0; or a negative errno if the other
         * process does not answer: -ETIME if it does not until the end that the table sets. Another error is in the
         * table. */
        int (*search)(const CensusPort *port, HolderTable *table, MountTable *mounts);
};

/* Searches in this process: for a table with its owners and nodes. mounts may be NULL. Returns as CensusPort.search()
 * does. */
int census_search_here(HolderTable *table, MountTable *mounts);

/* Reads the processes and walks over them with usage_limits, or lets another process do it (usage/census.h). Returns 0
 * or a negative errno. */
int holder_table_search(HolderTable *table);

/* Find a process that has the node of the group, or a node of the device, open. end_us: see HolderTable. Each returns 0;
 * -ENOENT if none was found, which does not prove that there is none (see vfio-node.h); or another negative errno. */
int holder_of_vfio_node(const Kernel *kernel, int group, uint64_t end_us, Holder *ret);
int holder_of_device(const Kernel *kernel, PciAddress address, Holder *ret);
