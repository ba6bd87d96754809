/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/quota.h"
#include "usage/holders.h"
#include <systemd/sd-event.h>

/* Who holds the nodes of a group and of its devices, their vfio cdevs among them, found out in a process of its own: it walks all of /proc. */

typedef struct CensusEntry {
        Holder holder;
        char node[256];
        bool of_group;      /* the group's node; else one of a device */
        PciAddress address; /* of that device */
} CensusEntry;

/* Told once, with 0 and the entries, which are the callee's for the time of the call; or with a negative errno: -ETIMEDOUT, or -EPIPE for a process
 * that died. */
typedef void (*census_done_t)(int error, const CensusEntry *entries, size_t n_entries, void *userdata);

typedef struct Census Census;

/* All censuses under way. */
typedef struct CensusTable {
        sd_event *event; /* borrowed, as is the kernel */
        const Kernel *kernel;
        Census *censuses;
} CensusTable;

/* So many processes walk /proc at a time, and so long. */
#define CENSUSES_MAX 16
#define CENSUSES_PER_USER 4
#define CENSUSES_FOR_ROOT 4
#define CENSUS_DEADLINE_US (10 * UINT64_C(1000000))

/* Asks for the holders of the group's node, for a group that is not negative, and of these devices' nodes. asker: the user
 * for whom it is. Returns 0; LIMITS_EXCEEDED; or a negative errno. done() is not called before the next turn of the loop. */
int census_start(CensusTable *table, uid_t asker, int group, const PciAddress *addresses, size_t n_addresses,
                census_done_t done, void *userdata, Problem *problem);

/* Leaves what is under way; whoever waits is told -ECANCELED. */
void census_table_done(CensusTable *table);
