/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* The rows of findings, with facts for programs: a(sssba{sv}). */

/* What the rows are about. */
typedef struct FindingSource {
        const Service *service;
        PlanVerb verb;
        PciAddress selected; /* the device that the caller named, or the first of the group */
        bool force;          /* of a reattach: the caller forces it */
        unsigned overrides;  /* mask of 1 << Guard */
        const FindingList *findings;
        const ObstacleList *obstacles;
} FindingSource;

/* Whether the caller overrides the finding. */
bool finding_is_overridden(const FindingSource *source, const Finding *finding);

/* Whether nothing refuses the operation: there is no obstacle, and each finding is overridden. */
bool finding_rows_permit(const FindingSource *source);

/* Returns the number of the group of the device; IOMMU_GROUP_NONE if it has none, or is gone. */
int finding_group(const Service *service, PciAddress address);

/* Tells whether the outcome of a call with this verb is an obstacle. A device without a reset is one for a reset, but for a lease it is
 * the finding of a guard. */
bool finding_is_obstacle(PlanVerb verb, Outcome outcome);

/* Return the option that helps against a finding, or against an obstacle; NULL for none. */
const char *finding_option(const FindingSource *source);
const char *obstacle_option(const FindingSource *source, Outcome outcome);

/* Write what a person can do against a finding, or against an obstacle: a command or a sentence; "" for none. Return buffer. */
#define FINDING_CURE_MAX 128
const char *finding_cure(const FindingSource *source, const Finding *finding, char buffer[static FINDING_CURE_MAX]);
const char *obstacle_cure(const FindingSource *source, const Obstacle *obstacle, char buffer[static FINDING_CURE_MAX]);

/* Appends the array of all rows, first the obstacles. Returns 0 or more, or a negative errno. */
int finding_rows_append(sd_bus_message *message, const FindingSource *source);
