/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* The entries that vfiod writes into the journal about changes and refusals, see "LOG" in vfiod(8). */

/* An entry. All texts are owned, and NULL if the entry has no such field. */
typedef struct JournalEntry {
        uint64_t time_us; /* CLOCK_REALTIME */
        char *message_id, *message;
        char *verb, *result, *reason, *options, *selector, *group, *job, *rule, *omitted;
        char *caller, *uid, *pid, *command, *unit, *session, *polkit;
        char **devices;         /* addresses */
        char **before, **after; /* "ADDRESS=DRIVER"; no driver is "" */
} JournalEntry;

typedef struct JournalEntries {
        JournalEntry *items;
        size_t count;
} JournalEntries;

void journal_entries_clear(JournalEntries *entries);

typedef struct JournalQuery {
        char *const *devices; /* only entries about one of these addresses; NULL for all */
        uint64_t since_us;    /* 0 for all */
        uint64_t last;        /* only the last entries; 0 for all */
} JournalQuery;

/* Reads the entries in the order of their times. Only entries of the process vfiod count: any user can write an entry with the
 * same fields. Returns 0; -EACCES if this user may not read the journal of the system; -ENOENT if there is none; or another
 * negative errno. */
int journal_read(const JournalQuery *query, JournalEntries *ret);
