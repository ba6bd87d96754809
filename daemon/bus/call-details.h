/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"
#include "policy/plan.h"

/* What a call would do, for polkit: the rules of the administrator read it, and the person who is asked for a password sees
 * it. The names of devices are escaped. In a list, entries are separated by one blank, and a blank in an entry is
 * escaped. */

typedef enum CallDetail {
        CALL_DETAIL_METHOD,    /* "Detach" */
        CALL_DETAIL_ADDRESSES, /* list: of all devices that the call would change */
        CALL_DETAIL_IDS,       /* list, in the order of the addresses: "8086:10d3" */
        CALL_DETAIL_CLASSES,   /* list, in the order of the addresses: "020000" */
        CALL_DETAIL_DRIVERS,   /* list, in the order of the addresses: the current driver; "-" for none */
        CALL_DETAIL_GROUPS,    /* list, in the order of the addresses: number of the IOMMU group; "-" for none */
        CALL_DETAIL_DEVICES,   /* for people: the first devices with their names */
        CALL_DETAIL_OVERRIDES, /* list: guards that the call would override */
        CALL_DETAIL_RULE,      /* name of a rule */
        CALL_DETAIL_COUNT,     /* number of virtual functions that are to exist */
        _CALL_DETAIL_MAX,
} CallDetail;

/* The key of a detail for polkit, for example "addresses". */
const char *call_detail_to_string(CallDetail detail);

typedef struct CallDetails {
        char *texts[_CALL_DETAIL_MAX]; /* owned; NULL for none */
        uint64_t fingerprint;          /* of everything that was described: see call_details_mix() */
} CallDetails;

void call_details_done(CallDetails *details);
#define _cleanup_call_details_ _cleanup_(call_details_done)

/* Functions return 0 or -ENOMEM. */

/* Sets a detail to a formatted text, which is escaped as a message. */
int call_details_set(CallDetails *details, CallDetail detail, const char *format, ...) _printf_(3, 4);

/* Sets the guards; overrides is a mask of 1 << Guard. */
int call_details_set_overrides(CallDetails *details, unsigned overrides);

/* Sets the details of these devices. The fingerprint tells a card from the next card in the same slot. */
int call_details_set_devices(
                CallDetails *details, const Service *service, const Device *const *devices, size_t n_devices);

/* Sets the details of the members that exist, and the guards. The fingerprint is that of the whole plan. */
int call_details_set_plan(CallDetails *details, const Service *service, const Plan *plan);

/* Adds a text to the fingerprint; NULL counts as "". */
void call_details_mix(CallDetails *details, const char *text);
