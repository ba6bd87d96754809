/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/* What a plan comes to: what it found, and what it changed. */

/* A device that ended on another driver than it began on. */
typedef struct DriverChange {
        PciAddress address;
        char before[DRIVER_NAME_MAX]; /* "" for none */
        char after[DRIVER_NAME_MAX];
} DriverChange;

typedef struct Report {
        FindingList findings;
        uint64_t fingerprint; /* of all that the decision rests on; never 0 */
        DriverChange *changes;
        size_t n_changes; /* in the order of the addresses */
} Report;

void report_done(Report *report);

/* Makes room for so many changes; those that there were are dropped. Returns 0 or -ENOMEM. */
int report_reserve_changes(Report *report, size_t n);
void report_add_change(Report *report, PciAddress address, const char *before, const char *after);
void report_sort_changes(Report *report);
