/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "policy/plan.h"

/* The result of a plan: what it found, and what it changed. */

/* A device whose driver changed. */
typedef struct DriverChange {
        PciAddress address;
        char before[DRIVER_NAME_MAX]; /* "" for none */
        char after[DRIVER_NAME_MAX];
} DriverChange;

typedef struct Report {
        FindingList findings;
        uint64_t fingerprint; /* of everything that the decision depends on; never 0 */
        DriverChange *changes;
        size_t n_changes; /* in the order of the addresses */
        char **warnings;  /* sentences, owned: the worker's, besides those of the plan that the daemon made */
        size_t n_warnings;
} Report;

void report_done(Report *report);

/* Adds a change in its place. A driver may be NULL. Returns 0 or -ENOMEM. */
int report_add_change(Report *report, PciAddress address, const char *before, const char *after);

/* Adds the changes that a detach or reattach makes. Returns 0 or -ENOMEM. */
int report_add_planned_changes(Report *report, const Plan *plan);
void report_drop_changes(Report *report);

/* Adds a warning. Returns 0 or -ENOMEM. */
int report_add_warning(Report *report, const char *warning);

/* Moves the warnings of the worker's plan into the report. */
void report_take_warnings(Report *report, Plan *plan);

/* Sets the drivers that a worker chose as the targets of the daemon's plan to detach. */
void report_update_targets(const Report *report, Plan *plan);
