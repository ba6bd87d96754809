/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/obstacle.h"
#include "base/text.h"

#include <stdarg.h>

static const char *const names[_OUTCOME_MAX] = {
                [OUTCOME_GROUP_NEEDS_CONSENT] = "consent",
                [OUTCOME_NOT_VIABLE] = "not-viable",
                [OUTCOME_VIRTUAL_FUNCTIONS_IN_USE] = "virtual-functions",
                [OUTCOME_NOT_ANSWERING] = "not-answering",
                [OUTCOME_HELD] = "held",
                [OUTCOME_LEASED] = "leased",
                [OUTCOME_NO_RESET] = "no-reset",
                [OUTCOME_FOREIGN] = "foreign",
                [OUTCOME_ALREADY_DETACHED] = "already-detached",
                [OUTCOME_NOT_DETACHED] = "not-detached",
                [OUTCOME_BUSY] = "busy",
                [OUTCOME_IDENTITY_CHANGED] = "identity-changed",
                [OUTCOME_DRIVER_UNAVAILABLE] = "driver-unavailable",
                [OUTCOME_STUCK] = "stuck",
};

const char *obstacle_to_string(Outcome outcome) {
        return names[outcome];
}

/* Takes the message over, also on failure. */
static int append(ObstacleList *list, Outcome outcome, PciAddress address, char *message) {
        _cleanup_free_ char *owned = message;

        if (!ARRAY_GROW(list->obstacles, list->n_obstacles))
                return -ENOMEM;
        list->obstacles[list->n_obstacles++] =
                        (Obstacle){.outcome = outcome, .address = address, .message = TAKE_PTR(owned)};
        return 0;
}

int obstacle_list_add(ObstacleList *list, Outcome outcome, PciAddress address, const char *format, ...) {
        va_list arguments;
        char *message;

        va_start(arguments, format);
        int r = text_format_message(&message, format, arguments);
        va_end(arguments);
        return r < 0 ? r : append(list, outcome, address, message);
}

int obstacle_list_take(ObstacleList *list, PciAddress address, Problem *problem) {
        Outcome outcome = problem->outcome;
        char *message = TAKE_PTR(problem->message);

        problem_done(problem);
        return append(list, outcome, address, message);
}

void obstacle_list_drop(ObstacleList *list, Outcome outcome) {
        size_t n = 0;

        for (size_t i = 0; i < list->n_obstacles; i++)
                if (list->obstacles[i].outcome == outcome)
                        free(list->obstacles[i].message);
                else
                        list->obstacles[n++] = list->obstacles[i];
        list->n_obstacles = n;
}

void obstacle_list_done(ObstacleList *list) {
        for (size_t i = 0; i < list->n_obstacles; i++)
                free(list->obstacles[i].message);
        free(list->obstacles);
        *list = (ObstacleList){};
}
