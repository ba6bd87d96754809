/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/call-details.h"
#include "bus/request.h"

/* How a call continues when the caller is known and may make it. */

typedef struct Caller {
        uid_t uid;
        pid_t pid;          /* 0 if the bus daemon does not tell it */
        const char *polkit; /* what polkit answered, in words for the log; NULL if it was not asked */
} Caller;

typedef struct CallHandler {
        /* Makes the call. Returns like a method handler. This runs later than the method handler, so it must find all
         * devices again. The request may be changed. */
        int (*run)(Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error);

        /* Describes what the call would do now, for polkit. NULL if it concerns no device. Returns 0; an outcome if the
         * call cannot be made at all, which is then its answer; or -ENOMEM. */
        int (*describe)(const Service *service, const Request *request, CallDetails *details, Problem *problem);

        /* Adds what stands against the call, for the details of its error. NULL: only the error itself is known. Returns 0
         * or -ENOMEM. */
        int (*explain)(const Service *service, const Request *request, ObstacleList *obstacles);

        /* Returns what the call needs besides what its method and options need: a mask of 1 << Action. NULL for nothing. */
        unsigned (*get_needs)(const Service *service, const Request *request);

        /* Returns who started the object of the call; 0 for root. Without this, only root may call a method of
         * ACTION_OWNER. */
        uid_t (*get_owner)(const Service *service, const Request *request);
} CallHandler;
