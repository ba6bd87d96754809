/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/log-fields.h"
#include "bus/call-handler.h"
#include "usage/processes.h"

/* A journal entry about a call: who called, with which options, and what came of it. Jobs log their ends themselves
 * (job/job-log.c), with the caller and the fields of this entry. */

#define CALLER_TEXT_MAX (TEXT_ESCAPED_MAX(PROCESS_COMMAND_MAX) + 64)
#define CALL_VERB_MAX 32

typedef struct CallEntry {
        uid_t uid;
        char verb[CALL_VERB_MAX];     /* "detach", "set-virtual-functions", "add-rule" */
        char caller[CALLER_TEXT_MAX]; /* "uid 0, process 1234 (vfioctl)": the process chose its name, so it is escaped */
        LogFields fields;             /* owned */
} CallEntry;

/* Begins the entry with the facts about the caller, as /proc shows them now. The caller frees it with call_entry_done(). */
void call_entry_begin(CallEntry *ret, const Service *service, const Caller *caller, const Request *request);
void call_entry_done(CallEntry *entry);
#define _cleanup_call_entry_ _cleanup_(call_entry_done)

/* Adds the devices that the call concerns. */
void call_entry_add_devices(CallEntry *entry, const Device *const *devices, size_t n_devices);

/* Logs that the call has changed something. */
void call_entry_log_done(CallEntry *entry, const char *message_id, const char *format, ...) _printf_(3, 4);

/* Logs the refusal of a call with this error. Nothing, if the call only reads, or if its user has too many entries
 * (job/log-quota.h). */
void call_entry_log_refusal(const Service *service, const Caller *caller, const Request *request, int error_number,
                const sd_bus_error *error);

/* The same for an entry that has begun. */
void call_entry_log_refused(CallEntry *entry, const Service *service, const sd_bus_error *error);
