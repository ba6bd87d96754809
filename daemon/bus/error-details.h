/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/finding-rows.h"
#include "bus/request.h"

/* What an error tells for programs, besides its name and message: in the reply to a call with the option "error-details", and
 * about a job that has failed. */

typedef struct ErrorDetails {
        FindingSource source; /* with the selected device */
        bool has_device;      /* the selected device is known */
        int group;            /* IOMMU_GROUP_NONE for none */
        size_t n_more;        /* findings that were not kept */
        const char *rule;     /* its name; NULL for none */
} ErrorDetails;

/* Appends the entries {sv} to a dictionary. Returns 0 or more, or a negative errno of sd-bus. */
int error_details_append(sd_bus_message *message, const ErrorDetails *details);

/* Replies with the error, which may be unset, then the result tells it. details: what the second argument a{sv} of the reply
 * tells; NULL for a reply without it. Returns 0 or more, or a negative errno of sd-bus. */
int error_details_reply(sd_bus_message *call, int result, const sd_bus_error *error, const ErrorDetails *details);

/* What an error needs to know of a call whose job fails later. */
typedef struct FailureContext {
        const Service *service;
        bool tells_details;
        PlanVerb verb;
        PciAddress selected;
        int group;
        unsigned overrides;
        bool force;
} FailureContext;

FailureContext failure_context_new(const Service *service, const Request *request, PciAddress selected, int group);

/* Replies with the error of a job. */
int error_details_reply_job(sd_bus_message *call, const FailureContext *context, const WorkerResult *result);

/* Replies with the error of a call that changes rules. rule: the only rule that it is about; NULL for none. */
int error_details_reply_rule(sd_bus_message *call, bool tells_details, const sd_bus_error *error, const char *rule);

/* Appends the entries {sv} about a job that has failed; nothing for another job. tells_all: see ended_job_set_error(). */
int error_details_append_job(sd_bus_message *message, const Service *service, const EndedJob *job, bool tells_all);

/* Makes sure that the causes have one with this outcome, which the message describes. Outcomes that are neither obstacles nor
 * those of guards have no cause. Returns 0 or -ENOMEM. */
int error_details_add_cause(ObstacleList *obstacles, FindingList *findings, PlanVerb verb, Outcome outcome,
                PciAddress selected, const char *message);
