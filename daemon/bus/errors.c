/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/errors.h"
#include "base/text.h"

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
