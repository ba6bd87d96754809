/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/quota.h"
#include "process/holder-message.h"
#include <systemd/sd-bus.h>

/* Asks vfiod-census which processes have the nodes of a group and of its devices open, also their vfio cdevs. */

typedef struct CensusEntry {
        Holder holder;
        char node[256];     /* "" if the asker may not know the process: see holders.h */
        bool of_group;      /* the group's node; else one of a device */
        PciAddress address; /* of that device */
} CensusEntry;

/* Called once, with 0 and the entries, which are valid during the call; or with a negative errno: -ETIMEDOUT; -EPIPE
 * if vfiod-census died; -ECANCELED if the table is freed. */
typedef void (*census_done_t)(int error, const CensusEntry *entries, size_t n_entries, void *userdata);

typedef struct Census Census;

/* All censuses under way. */
typedef struct CensusTable {
        sd_event *event;  /* borrowed */
        const char *path; /* of the socket of vfiod-census; borrowed */
        Census *censuses;
} CensusTable;

/* How many may be under way at a time, and how long each. */
#define CENSUSES_MAX 16
#define CENSUSES_PER_USER 4
#define CENSUSES_FOR_ROOT 4
#define CENSUS_DEADLINE_US (10 * UINT64_C(1000000))

/* Asks for the holders of the group's node, unless the group is negative, and of the nodes of these devices. The
 * search counts for the quota of the asker. reader: for whom the answer is, see usage/holders.h. done() is not called before the next turn of the loop. Returns 0;
 * LIMITS_EXCEEDED; or a negative errno. */
int census_start(CensusTable *table, uid_t asker, uid_t reader, int group, const AskedDevice *devices, size_t n_devices,
                census_done_t done, void *userdata, Problem *problem);

/* Abandons all searches, and calls done() of each with -ECANCELED. */
void census_table_done(CensusTable *table);
