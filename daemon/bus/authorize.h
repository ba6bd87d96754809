/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/text.h"
#include "bus/service.h"
#include "usage/processes.h"

/* Who calls, and who may do what. Methods that only read need nothing from here. A method that changes something, or that
 * costs a process of ours, first reads its arguments, then asks here who the caller is. The bus daemon is asked by an
 * asynchronous call, so the loop never waits; the call is held until the answer comes. */

typedef struct Caller {
        uid_t uid;
        pid_t pid; /* 0 where the bus daemon does not say */
} Caller;

/* How a call goes on when its caller is known. */
typedef struct NextStep {
        /* Returns as a method handler does. May be called later than the handler that asked: everything is looked up
         * again in the model. request stays owned by authorize.c. */
        int (*run)(Service *service, sd_bus_message *call, const Caller *caller, void *request, sd_bus_error *error);
        void *request; /* arguments that were read; taken over, also on failure */
        void (*free_request)(void *request);
        size_t size; /* bytes that the request has of the caller's texts */
} NextStep;

/* Goes on if the caller is root; otherwise the call is answered with AccessDenied, also where the bus daemon does not say
 * who the caller is. Returns 1 (the answer comes later); or a negative errno with the error filled in: LimitsExceeded for
 * a connection that has too many held calls. */
int authorize_change(Service *service, sd_bus_message *call, NextStep *next, sd_bus_error *error);

/* The same for methods that everybody may call, and that need the uid for a quota. */
int authorize_anybody(Service *service, sd_bus_message *call, NextStep *next, sd_bus_error *error);

/* "uid 0, process 1234 (vfioctl)" for logs and jobs, into buffer, which is returned. The process chose its name itself: the
 * name is escaped. */
#define CALLER_TEXT_MAX (TEXT_ESCAPED_MAX(PROCESS_COMMAND_MAX) + 64)
const char *authorize_caller_text(const Service *service, const Caller *caller, char buffer[static CALLER_TEXT_MAX]);

/* Answers all held calls with an error. At the end of the service. */
void authorize_done(Service *service);
