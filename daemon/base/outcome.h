/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* How things end.
 *
 * A function that can end in more than one legitimate way returns an int: negative is an errno, fatal for the request
 * and forwarded unchanged; zero is success; positive is an Outcome, something the domain knows and a client can act on.
 * Only bus/ turns an Outcome into a D-Bus error, of the same name. */

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
        OUTCOME_IN_USE_PROCESS,
        OUTCOME_VIRTUAL_FUNCTIONS_IN_USE,
        OUTCOME_FIRMWARE_MAPPING,
        OUTCOME_PLAN_STALE,
        OUTCOME_HELD,
        OUTCOME_FOREIGN,
        OUTCOME_ALREADY_DETACHED,
        OUTCOME_NOT_DETACHED,
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
        OUTCOME_FAILED,
        _OUTCOME_MAX,
        _OUTCOME_INVALID = -EINVAL,
} Outcome;

/* "NoSuchDevice": the last part of the D-Bus error's name. Static; NULL for a value that is none. */
const char *outcome_to_string(Outcome outcome);

/* An Outcome with what a person needs to know of it. */
typedef struct Problem {
        Outcome outcome;
        char *message; /* owned */
} Problem;

void problem_done(Problem *problem);
#define _cleanup_problem_ _cleanup_(problem_done)

/* Records the outcome and its message, in place of what was there. The message is escaped (base/text.h), so it may quote what others named. Returns
 * the outcome, or -ENOMEM, which the caller returns too. */
int problem_set(Problem *problem, Outcome outcome, const char *format, ...) _printf_(3, 4);
