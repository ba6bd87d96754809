/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/outcome.h"
#include "base/text.h"

#include <stdarg.h>

static const char *const outcome_table[_OUTCOME_MAX] = {
                [OUTCOME_DONE] = "Done",
                [OUTCOME_NO_SUCH_DEVICE] = "NoSuchDevice",
                [OUTCOME_NO_SUCH_GROUP] = "NoSuchGroup",
                [OUTCOME_NO_IOMMU] = "NoIommu",
                [OUTCOME_NO_GROUP] = "NoGroup",
                [OUTCOME_NOT_ENDPOINT] = "NotEndpoint",
                [OUTCOME_NO_VIRTUAL_FUNCTIONS] = "NoVirtualFunctions",
                [OUTCOME_GROUP_NEEDS_CONSENT] = "GroupNeedsConsent",
                [OUTCOME_NOT_VIABLE] = "NotViable",
                [OUTCOME_IN_USE_STORAGE] = "InUseStorage",
                [OUTCOME_IN_USE_NETWORK] = "InUseNetwork",
                [OUTCOME_IN_USE_DISPLAY] = "InUseDisplay",
                [OUTCOME_IN_USE_CONSOLE] = "InUseConsole",
                [OUTCOME_IN_USE_MEMORY] = "InUseMemory",
                [OUTCOME_IN_USE_PROCESS] = "InUseProcess",
                [OUTCOME_VIRTUAL_FUNCTIONS_IN_USE] = "VirtualFunctionsInUse",
                [OUTCOME_FIRMWARE_MAPPING] = "FirmwareMapping",
                [OUTCOME_NOT_ANSWERING] = "NotAnswering",
                [OUTCOME_PLAN_STALE] = "PlanStale",
                [OUTCOME_SURVEY_TIMED_OUT] = "SurveyTimedOut",
                [OUTCOME_HELD] = "Held",
                [OUTCOME_LEASED] = "Leased",
                [OUTCOME_UNSAFE_INTERRUPTS] = "UnsafeInterrupts",
                [OUTCOME_NO_RESET] = "NoReset",
                [OUTCOME_FOREIGN] = "Foreign",
                [OUTCOME_ALREADY_DETACHED] = "AlreadyDetached",
                [OUTCOME_NOT_DETACHED] = "NotDetached",
                [OUTCOME_NO_REVERT] = "NoRevert",
                [OUTCOME_BUSY] = "Busy",
                [OUTCOME_IDENTITY_CHANGED] = "IdentityChanged",
                [OUTCOME_DRIVER_UNAVAILABLE] = "DriverUnavailable",
                [OUTCOME_DRIVER_DID_NOT_BIND] = "DriverDidNotBind",
                [OUTCOME_ROLLED_BACK] = "RolledBack",
                [OUTCOME_DEGRADED] = "Degraded",
                [OUTCOME_STUCK] = "Stuck",
                [OUTCOME_CANCELLED] = "Cancelled",
                [OUTCOME_LIMITS_EXCEEDED] = "LimitsExceeded",
                [OUTCOME_INVALID_SELECTOR] = "InvalidSelector",
                [OUTCOME_RULE_EXISTS] = "RuleExists",
                [OUTCOME_NO_SUCH_RULE] = "NoSuchRule",
                [OUTCOME_RULE_READ_ONLY] = "RuleReadOnly",
                [OUTCOME_RULE_CHANGED] = "RuleChanged",
                [OUTCOME_FAILED] = "Failed",
};

const char *outcome_to_string(Outcome outcome) {
        if (outcome < 0 || outcome >= _OUTCOME_MAX)
                return NULL;
        return outcome_table[outcome];
}

Outcome outcome_from_string(const char *text) {
        for (Outcome outcome = 0; outcome < _OUTCOME_MAX; outcome++)
                if (streq(text, outcome_table[outcome]))
                        return outcome;
        return _OUTCOME_INVALID;
}

void problem_done(Problem *problem) {
        free(problem->message);
        *problem = (Problem){};
}

int problem_set(Problem *problem, Outcome outcome, const char *format, ...) {
        char *message;
        va_list arguments;

        va_start(arguments, format);
        int r = text_format_message(&message, format, arguments);
        va_end(arguments);
        if (r < 0)
                return r;
        free(problem->message);
        *problem = (Problem){.outcome = outcome, .message = message};
        return (int)outcome;
}
