/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* Results of operations.
 *
 * A function with several legitimate results returns an int. A negative value is an errno: it is fatal for the request, and
 * callers forward it unchanged. Zero is success. A positive value is an Outcome: a result that the client can act on. Only
 * bus/ converts an Outcome to the D-Bus error of the same name. */

typedef enum Outcome {
        OUTCOME_DONE,
        OUTCOME_NO_SUCH_DEVICE,
        OUTCOME_NO_SUCH_GROUP,
        OUTCOME_NO_IOMMU,
        OUTCOME_NO_GROUP,
        OUTCOME_NOT_ENDPOINT,
        OUTCOME_NO_VIRTUAL_FUNCTIONS,
        OUTCOME_GROUP_NEEDS_CONSENT,
        OUTCOME_NOT_VIABLE,
        OUTCOME_IN_USE_STORAGE,
        OUTCOME_IN_USE_NETWORK,
        OUTCOME_IN_USE_DISPLAY,
        OUTCOME_IN_USE_CONSOLE,
        OUTCOME_IN_USE_MEMORY,
        OUTCOME_IN_USE_PROCESS,
        OUTCOME_VIRTUAL_FUNCTIONS_IN_USE,
        OUTCOME_FIRMWARE_MAPPING,
        OUTCOME_NOT_ANSWERING,
        OUTCOME_PLAN_STALE,
        OUTCOME_SURVEY_TIMED_OUT,
        OUTCOME_HELD,
        OUTCOME_LEASED,
        OUTCOME_UNSAFE_INTERRUPTS,
        OUTCOME_NO_RESET,
        OUTCOME_FOREIGN,
        OUTCOME_ALREADY_DETACHED,
        OUTCOME_NOT_DETACHED,
        OUTCOME_NO_REVERT,
        OUTCOME_BUSY,
        OUTCOME_IDENTITY_CHANGED,
        OUTCOME_DRIVER_UNAVAILABLE,
        OUTCOME_DRIVER_DID_NOT_BIND,
        OUTCOME_ROLLED_BACK,
        OUTCOME_DEGRADED,
        OUTCOME_STUCK,
        OUTCOME_CANCELLED,
        OUTCOME_LIMITS_EXCEEDED,
        OUTCOME_INVALID_SELECTOR,
        OUTCOME_RULE_EXISTS,
        OUTCOME_NO_SUCH_RULE,
        OUTCOME_RULE_READ_ONLY,
        OUTCOME_RULE_CHANGED,
        OUTCOME_FAILED,
        _OUTCOME_MAX,
        _OUTCOME_INVALID = -EINVAL,
} Outcome;

/* Returns the last part of the D-Bus error name, for example "NoSuchDevice", as a static string; or NULL for an
 * invalid value. outcome_from_string() is the reverse, and returns _OUTCOME_INVALID for another text. */
const char *outcome_to_string(Outcome outcome);
Outcome outcome_from_string(const char *text);

/* An Outcome with a message for people. */
typedef struct Problem {
        Outcome outcome;
        char *message; /* owned */
} Problem;

/* Frees the message and resets the problem to OUTCOME_DONE. */
void problem_done(Problem *problem);
#define _cleanup_problem_ _cleanup_(problem_done)

/* Stores the outcome and the formatted message, and replaces the former ones. The message is escaped (base/text.h),
 * so it may quote names that others chose. Returns the outcome, so that callers can return the result of this call;
 * or -ENOMEM. */
int problem_set(Problem *problem, Outcome outcome, const char *format, ...) _printf_(3, 4);
