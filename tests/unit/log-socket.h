/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* A stand-in for the journal: a datagram socket that receives what vfiod logs. A thread reads it, because vfiod drops a line
 * that the socket does not take at once. An entry is its text: lines "NAME=value". */

typedef struct LogSocket LogSocket;

LogSocket *log_socket_start(void);
/* Accepts NULL and returns NULL. */
LogSocket *log_socket_stop(LogSocket *log);
const char *log_socket_get_path(const LogSocket *log);

/* Waits for the next entry with this message id, and passes over all earlier entries. The test fails after a deadline. The
 * entry is valid until the end. */
const char *log_socket_expect(LogSocket *log, const char *message_id);

/* Counts all entries with this message id that were sent until now. */
unsigned log_socket_count(LogSocket *log, const char *message_id);

/* Checks that the entry has a line for each pattern (see g_pattern_match_simple()); of a pattern that begins with "!", that it
 * has none. The list of patterns ends with NULL. */
void log_entry_check(const char *entry, const char *const *patterns);
#define log_entry_expect(entry, ...) log_entry_check(entry, (const char *const[]){__VA_ARGS__, NULL})
