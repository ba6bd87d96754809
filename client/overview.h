/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"
#include "output.h"

#include <systemd/sd-bus.h>

/* What the lists show: all devices, and what belongs to each of them. */

typedef struct Row {
        const Device *device;
        const char *availability;  /* of the device; "in-use" if the host uses the group */
        const Device **companions; /* the other endpoints of the group, which go along */
        size_t n_companions;
        const Lease *lease;     /* NULL for none */
        const Holder **holders; /* processes that have the device, or its group, open */
        size_t n_holders;
        const Finding **uses; /* of an "in-use" group: what the host uses, first of this device */
        size_t n_uses;
        size_t position; /* in the order of addresses */
} Row;

typedef struct Overview {
        DeviceList devices;
        LeaseList leases;
        HolderList holders;
        bool holders_known;
        Plan survey;              /* which groups the host uses */
        const Finding **findings; /* those of the survey, sorted by group; n_findings of it */
        bool uses_known;          /* vfiod told that */
        char *unknown;            /* why it did not, if that was asked; NULL for none */
        Row *rows;                /* one for each device; the caller may sort and drop them */
        size_t n_rows;
} Overview;

/* What a list needs beside the devices. */
typedef enum OverviewWish {
        OVERVIEW_HOLDERS = 1
                        << 0, /* of all devices, and not only of those that are on vfio drivers: a search through all processes */
        OVERVIEW_USES = 1 << 1,   /* which devices the host uses: vfiod examines the host, if a device is available */
        OVERVIEW_QUICK = 1 << 3,  /* without OVERVIEW_HOLDERS: no processes, not even if a device is on a vfio driver */
        OVERVIEW_GROUPS = 1 << 2, /* with OVERVIEW_USES: the availability of groups, also if no device is available */
} OverviewWish;

/* Reads everything from vfiod. wishes: a mask of OverviewWish. If vfiod does not tell leases, holders or uses, they are
 * missing. The caller clears the overview. Returns 0 or a negative errno, with the error if vfiod gave a reason. */
int overview_get(sd_bus *bus, unsigned wishes, Overview *ret, sd_bus_error *error);

/* Says on stderr what is missing, unless quiet. */
void overview_tell_missing(const Overview *overview, bool quiet);

/* Returns the availability of a group in the survey; NULL if it is not known. */
const char *overview_find_availability(const Overview *overview, int32_t group);

/* Returns the findings of the survey about a group, in their order. */
const Finding *const *overview_find_findings(const Overview *overview, int32_t group, size_t *ret_n);
void overview_clear(Overview *overview);

/* Drops the rows for which the function returns false. The others keep their order. */
void overview_filter(Overview *overview, bool (*keep)(const Row *row, void *userdata), void *userdata);

/* Prints {"devices": [...]} of the rows. Returns 0 or -ENOMEM. */
int overview_print_json(Output *output, const Overview *overview);
