/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/log-fields.h"

/* Who asked for a plan, for the journal. The file of a transaction has it, so that the next vfiod can name the caller, too. */

typedef struct PlanCaller {
        char *text;       /* "uid 1000, process 4711 (vfioctl)"; NULL if not known */
        LogFields fields; /* about the caller, the options or the rule */
} PlanCaller;

/* Longer texts are cut, more fields are left out. */
#define PLAN_CALLER_TEXT_MAX 1024
#define PLAN_CALLER_FIELDS_MAX 32

/* Copies the text and the fields, which may be NULL, and escapes them as messages. Replaces what the caller has. Returns 0 or -ENOMEM. */
int plan_caller_set(PlanCaller *caller, const char *text, const LogFields *fields);

/* The same for what somebody else has written: sets the text, and adds a field "VFIOD_NAME=value". Return 0; -EBADMSG for a text that
 * is empty, too long or not escaped, for another name, and for too many fields; or -ENOMEM. */
int plan_caller_read_text(PlanCaller *caller, const char *text);
int plan_caller_read_field(PlanCaller *caller, const char *field);

void plan_caller_done(PlanCaller *caller);
