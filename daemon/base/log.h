/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/log-fields.h"
#include <syslog.h>

/* Logging that never blocks. While a device is stuck in the kernel, systemd-journald can block, too: it reads the
 * attribute "uevent" of devices that kernel messages name (measured on kernel 6.1). So a line is dropped if journald
 * does not accept it at once. */

/* Chooses the target: the journal's socket if stderr is a socket, which systemd sets up for services; otherwise
 * stderr. Call this once at the start. Without this call, lines go to stderr. */
void log_open(void);

/* Sends lines to the datagram socket at this path, as to the journal. For tests. Returns 0 or a negative errno. */
int log_open_at(const char *path);

/* The priority of a log line, its message id in the catalog, and its journal fields. All are borrowed for the duration of
 * the call. */
typedef struct LogEvent {
        int priority;            /* LOG_ERR ... LOG_DEBUG */
        const char *message_id;  /* 32 hex digits, see systemd/vfiod.catalog; NULL for none */
        const LogFields *fields; /* NULL for none */
} LogEvent;

/* Logs one line. Line breaks in the text are escaped. Errors are ignored. */
void log_event(const LogEvent *event, const char *format, ...) _printf_(2, 3);

#define log_write(level, ...) log_event(&(LogEvent){.priority = (level)}, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)

/* Logs an error, followed by the description of the negative errno, and returns that errno. */
#define log_error_errno(error, format, ...) \
        ({ \
                int _error = (error); \
                log_error(format ": %s", ##__VA_ARGS__, strerror(-_error)); \
                _error; \
        })

#define MESSAGE_DETACHED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c01"
#define MESSAGE_REATTACHED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c02"
#define MESSAGE_JOB_FAILED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c03"
#define MESSAGE_STUCK "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c04"
#define MESSAGE_RULE_REFUSED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c05"
#define MESSAGE_NOT_VIABLE "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c06"
#define MESSAGE_REFUSED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c07"
#define MESSAGE_RULE_ADDED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c08"
#define MESSAGE_RULE_REMOVED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c09"
#define MESSAGE_FUNCTIONS_SET "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c10"
#define MESSAGE_RESCAN_ASKED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c11"
#define MESSAGE_CANCEL_ASKED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c12"
#define MESSAGE_ENTRIES_OMITTED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c13"
#define MESSAGE_LEASE_BEGAN "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c14"
#define MESSAGE_LEASE_LINGERS "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c15"
#define MESSAGE_LEASE_OVER "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c16"
#define MESSAGE_REVERT_SET "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c17"
#define MESSAGE_REVERT_DUE "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c18"
#define MESSAGE_REVERT_WAITS "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c19"
#define MESSAGE_REVERT_CONFIRMED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c20"
#define MESSAGE_RULES_CHANGED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c21"
#define MESSAGE_RESET "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c22"
