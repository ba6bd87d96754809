/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* The fields of a journal entry, besides its message: programs search for them. A field can occur several times. Without
 * memory, a field is missing: the log must not make a job fail. */
typedef struct LogFields {
        char **texts; /* "NAME=value", owned */
        size_t n_texts;
} LogFields;

/* The journal drops an entry that has more fields. */
#define LOG_FIELDS_MAX 1000

/* Adds a field with a formatted value; nothing if the value is empty, or if there are LOG_FIELDS_MAX fields. The value can
 * contain any bytes: it is escaped as a message when it is written. */
void log_fields_add(LogFields *fields, const char *name, const char *format, ...) _printf_(3, 4);

/* Adds copies of the other fields. */
void log_fields_add_all(LogFields *fields, const LogFields *others);

/* Returns the value of the first field with this name, which the list owns. NULL if there is none. */
const char *log_fields_find(const LogFields *fields, const char *name);

void log_fields_done(LogFields *fields);
#define _cleanup_log_fields_ _cleanup_(log_fields_done)
