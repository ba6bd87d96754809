/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"

#include <systemd/sd-bus.h>

/* Reads values from a D-Bus message into the members of structs. Tables say which value goes into which member.
 * Every string is escaped as a message (daemon/base/text.h). The daemon has done so already, but what is printed later
 * must not depend on that. All functions return 0 or a negative errno. */

/* Says into which member of a struct a value goes. The D-Bus signature says what type the member has. */
typedef struct Field {
        const char *name; /* name of the property; NULL for a column of a row */
        const char *signature;
        size_t offset;
        bool is_sentence; /* a string, or strings, for people: it is translated (language.h) */
} Field;

#define FIELD(type, name, signature, member) \
        { name, signature, offsetof(type, member) }
#define COLUMN(type, signature, member) FIELD(type, NULL, signature, member)
#define SENTENCE_FIELD(type, name, signature, member) \
        { name, signature, offsetof(type, member), true }
#define SENTENCE_COLUMN(type, member) SENTENCE_FIELD(type, NULL, "s", member)

/* One row of an array of structs. Every row ends in a{sv}, so that a later vfiod can add to it. */
typedef struct RowType {
        const char *contents; /* the D-Bus signature of the row, with its a{sv} */
        size_t item_size;
        const Field *columns; /* all before the a{sv} */
        size_t n_columns;
        const Field *details; /* known keys of the a{sv}; others are skipped. NULL for none */
        size_t n_details;
} RowType;

int decode_string(sd_bus_message *m, char type, char **target);

/* The same for a sentence, which is translated. */
int decode_sentence(sd_bus_message *m, char **target);

int decode_bool(sd_bus_message *m, bool *target);

/* Reads an a{sv} into the members of the object that the fields name. Skips keys that are not among the fields. */
int decode_dictionary(sd_bus_message *m, const Field *fields, size_t n_fields, void *object);

/* Reads an array of structs. The caller frees the items, also after a failure: then they hold what was read so far. */
int decode_rows(sd_bus_message *m, const RowType *type, void **items, size_t *count);

/* Frees the strings and lists that the fields name, and sets them to NULL. */
void fields_clear(const Field *fields, size_t n_fields, void *object);

/* Frees the items of an array from decode_rows(), with all columns and details. */
void rows_free(const RowType *type, void *items, size_t count);

/* Reads the a(sssa{sv}) of changes, of blockers and of the devices of a rule. The old list is cleared and replaced. */
int decode_entries(sd_bus_message *m, EntryList *ret_entries);

/* The same for the a(isa{sv}) of a plan for all groups. */
int decode_group_uses(sd_bus_message *m, GroupUseList *ret_groups);

/* The rows of findings. */
extern const RowType finding_rows;
int decode_findings(sd_bus_message *m, FindingList *ret_findings);

/* Defines a function that clears a list, and a function that reads a whole list and replaces the old list with it.
 * After a failure the old list is unchanged. */
#define DEFINE_LIST_DECODER(function, List, clear, rows) \
        void clear(List *list) { \
                rows_free(&(rows), list->items, list->count); \
                *list = (List){0}; \
        } \
\
        int function(sd_bus_message *m, List *ret_list) { \
                _cleanup_(clear) List list = {0}; \
                void *items = NULL; \
\
                int r = decode_rows(m, &(rows), &items, &list.count); \
                list.items = items; \
                if (r < 0) \
                        return r; \
                clear(ret_list); \
                *ret_list = TAKE_STRUCT(list); \
                return 0; \
        }
