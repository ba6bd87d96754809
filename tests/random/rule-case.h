/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <glib.h>

/* The state of a card for which there is a rule, or that has returned to its slot. */

typedef enum CaseStatus {
        CASE_WAITING,
        CASE_APPLIED,
        CASE_REFUSED,
        CASE_RELEASED,
        CASE_OTHER_CARD,
} CaseStatus;

typedef struct Case {
        const char *rule; /* its name; NULL for a card that returned */
        CaseStatus status;
} Case;

typedef GHashTable CaseTable; /* address of a slot -> Case */

CaseTable *case_table_new(void);
/* NULL for none. */
Case *case_find(CaseTable *cases, const char *address);
void case_put(CaseTable *cases, const char *address, const char *rule, CaseStatus status);
void case_drop(CaseTable *cases, const char *address);

/* One line for each case, ordered by address. */
char *case_table_to_text(CaseTable *cases);

/* Parses the reply of ListRules, as text. */
CaseTable *case_table_parse(const char *reply);
