/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/errors.h"
#include "base/text.h"

/* One entry for each outcome that clients can see, in the order of the enumeration. */
static const sd_bus_error_map error_map[] = {
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "NoSuchDevice", ENODEV),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "NoSuchGroup", ENXIO),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "NoIommu", EOPNOTSUPP),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "NoGroup", EOPNOTSUPP),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "NotEndpoint", EOPNOTSUPP),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "NoVirtualFunctions", EOPNOTSUPP),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "GroupNeedsConsent", EXDEV),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "NotViable", EXDEV),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "InUseStorage", EBUSY),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "InUseNetwork", EBUSY),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "InUseDisplay", EBUSY),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "InUseProcess", EBUSY),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "VirtualFunctionsInUse", EBUSY),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "FirmwareMapping", EOPNOTSUPP),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "PlanStale", ESTALE),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "Held", EBUSY),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "Foreign", EADDRINUSE),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "AlreadyDetached", EALREADY),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "NotDetached", ENOTCONN),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "Busy", EINPROGRESS),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "IdentityChanged", ESTALE),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "DriverUnavailable", ENOPKG),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "DriverDidNotBind", EIO),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "RolledBack", ECANCELED),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "Degraded", ENOTRECOVERABLE),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "Stuck", ETIMEDOUT),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "Cancelled", ECANCELED),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "LimitsExceeded", EDQUOT),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "RuleExists", EEXIST),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "NoSuchRule", ESRCH),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "RuleReadOnly", EROFS),
                SD_BUS_ERROR_MAP(BUS_ERROR_PREFIX "Failed", EIO),
                SD_BUS_ERROR_MAP_END,
};

/* All outcomes except Done, and InvalidSelector, which is a standard error of D-Bus; plus the end mark. */
static_assert(ELEMENTSOF(error_map) == _OUTCOME_MAX - 2 + 1, "each outcome has its errno");

int errors_register(void) {
        int r = sd_bus_error_add_map(error_map);
        return r < 0 ? r : 0;
}

int errors_set(sd_bus_error *error, int result, const Problem *problem) {
        char name[64];

        if (result < 0)
                return sd_bus_error_set_errno(error, result);
        /* A worker's message may have been cut in the middle of a character. */
        _cleanup_free_ char *message = text_escape_new(strempty(problem->message), TEXT_MESSAGE_ESCAPE);
        if (!message)
                return sd_bus_error_set_errno(error, -ENOMEM);
        if (problem->outcome == OUTCOME_INVALID_SELECTOR)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, message);
        (void)snprintf(name, sizeof(name), BUS_ERROR_PREFIX "%s", outcome_to_string(problem->outcome));
        return sd_bus_error_set(error, name, message);
}
