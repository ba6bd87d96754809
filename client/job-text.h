/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"

#include <jansson.h>

/* Texts and JSON about a job. */

/* Returns for example "uid 0, process 1234 (vfioctl)" or "rule nic", which the caller frees. NULL without memory. */
char *job_caller_in_words(const JobCaller *caller);

/* The same for the property Caller of a Job as JSON; and what job_to_json() has for it. */
char *job_caller_json_in_words(json_t *caller);
json_t *job_caller_json_to_json(json_t *caller);

/* The keys of a job, as in vfioctl(1). Returns a new reference, or NULL without memory. */
json_t *job_to_json(const Job *job);
