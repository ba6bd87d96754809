/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <syslog.h>

/* Logging that never waits. While a device is stuck in the kernel, systemd-journald may be stuck with it (it reads the
 * uevent attribute of devices that kernel messages name), so a line that finds no room is dropped. */

/* Where lines go: to the journal's socket where stderr is one of systemd's streams, to stderr otherwise. Call once,
 * at the start. */
void log_open(void);

/* One line, priority LOG_ERR ... LOG_DEBUG. */
void log_write(int priority, const char *format, ...) _printf_(2, 3);

#define log_error(...) log_write(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)

/* Logs an error with the text of a negative errno at its end, and returns that errno. */
#define log_error_errno(error, format, ...) \
        ({ \
                int _error = (error); \
                log_write(LOG_ERR, format ": %s", ##__VA_ARGS__, strerror(-_error)); \
                _error; \
        })

/* A line that a program may look for: with its catalog id and the fields of what it is about. Fields that do not
 * apply are NULL. */
typedef struct LogEvent {
        int priority;
        const char *message_id; /* 32 hex digits, see systemd/vfiod.catalog */
        const char *address;    /* PCI_ADDRESS= */
        const char *group;      /* IOMMU_GROUP= */
        const char *job;        /* VFIOD_JOB= */
        const char *caller;     /* VFIOD_CALLER= */
} LogEvent;

void log_event(const LogEvent *event, const char *format, ...) _printf_(2, 3);

#define MESSAGE_DETACHED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c01"
#define MESSAGE_REATTACHED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c02"
#define MESSAGE_JOB_FAILED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c03"
#define MESSAGE_STUCK "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c04"
#define MESSAGE_RULE_REFUSED "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c05"
#define MESSAGE_NOT_VIABLE "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c06"
#define MESSAGE_FUNCTIONS_SET "6fd1a2c9a1c84a4fa1a0a9a2e7bd3c10"
