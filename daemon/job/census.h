/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/quota.h"
#include "process/holder-message.h"
#include <systemd/sd-bus.h>

/* Asks vfiod-census which processes have the nodes of groups and of devices open, also the vfio cdevs. One search
 * serves all of them. */

typedef struct CensusEntry {
        Holder holder;
        int error;          /* negative: why nobody knows the holders of this device; then there is no holder */
        char node[256];     /* "" if the asker may not know the process: see holders.h */
        int group;          /* whose node it is; IOMMU_GROUP_NONE: a node of the device */
        PciAddress address; /* of that device */
        size_t n_more;      /* processes with this node, or with nodes of this device, that have no entry */
} CensusEntry;

typedef struct CensusQuestion {
        HolderQuestion about; /* names_max is CENSUS_ENTRIES_MAX in any case */
        uid_t asker;          /* for the quota */
        bool tells_errors;    /* A device whose nodes cannot be read has an entry; else it makes the census fail. */
} CensusQuestion;

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

/* The most processes that are told, beyond the first of each group and device: nobody reads more. */
#define CENSUS_ENTRIES_MAX 1024

/* Asks for the holders of the nodes of these groups and devices, which are copied. done() is not called before the next
 * turn of the loop. Returns 0; LIMITS_EXCEEDED; or a negative errno. */
int census_start(CensusTable *table, const CensusQuestion *question, census_done_t done, void *userdata,
                Problem *problem);

/* Checks whether the asker may start one more census, for a caller that first works out what to ask. Returns 0;
 * LIMITS_EXCEEDED; or -ENOMEM. */
int census_check_quota(const CensusTable *table, uid_t asker, Problem *problem);

/* Abandons all searches, and calls done() of each with -ECANCELED. */
void census_table_done(CensusTable *table);
