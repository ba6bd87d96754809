/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/error-details.h"

/* The replies to methods that change devices. Functions return 0 or more, or a negative errno of sd-bus. */

/* Appends a change to a list. */
int change_reply_append(sd_bus_message *reply, PciAddress address, const char *before, const char *after);

/* Replies with the changes of a job. */
int change_reply(sd_bus_message *call, const Report *report);

/* Replies to StartDetach and its like; NULL for no job. */
int change_reply_job(sd_bus_message *call, const Job *job);

/* Replies with an error if the job failed. Returns whether it did. */
bool change_reply_failure(sd_bus_message *call, const FailureContext *context, const WorkerResult *result);
