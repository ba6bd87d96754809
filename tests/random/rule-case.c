/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule-case.h"
#include "rulebook.h"
#include "slot.h"

#include <string.h>

static const char *const statuses[] = {"waiting", "applied", "refused", "released", "other-card"};

CaseTable *case_table_new(void) {
        return g_hash_table_new_full(g_str_hash, g_str_equal, NULL, g_free);
}

Case *case_find(CaseTable *cases, const char *address) {
        return g_hash_table_lookup(cases, address);
}

void case_put(CaseTable *cases, const char *address, const char *rule, CaseStatus status) {
        Case *entry = g_new(Case, 1);

        *entry = (Case){rule, status};
        g_hash_table_replace(cases, (void *)slot_find(address)->address, entry);
}

void case_drop(CaseTable *cases, const char *address) {
        g_hash_table_remove(cases, address);
}

char *case_table_to_text(CaseTable *cases) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (unsigned i = 0; i < n_slots; i++) {
                const Case *entry = case_find(cases, slots[i].address);

                if (entry)
                        g_string_append_printf(
                                        text, "%s %s %s\n", slots[i].address, entry->rule, statuses[entry->status]);
        }
        return g_string_free(g_steal_pointer(&text), FALSE);
}

static const char *own_name(const char *name) {
        for (unsigned i = 0; i < n_rule_names; i++)
                if (g_str_equal(rule_names[i], name))
                        return rule_names[i];
        g_error("there is an unknown rule '%s'", name);
}

static CaseStatus find_status(const char *text) {
        unsigned i = 0;

        while (!g_str_equal(statuses[i], text))
                i++;
        return (CaseStatus)i;
}

/* "NAME FILE STATE ADDRESS STATUS MESSAGE,ADDRESS STATUS MESSAGE DETAILS,..."; a message may contain addresses too,
 * but no status after them. */
CaseTable *case_table_parse(const char *reply) {
        g_autoptr(GRegex) regex =
                        g_regex_new("([a-z0-9-]+) /[^ ]+\\.conf (?:active|off|masked) |"
                                    "([0-9a-f]{4}:[0-9a-f:.]+) (waiting|applied|refused|released|other-card)\\b",
                                        0, 0, NULL);
        g_autoptr(GMatchInfo) match = NULL;
        CaseTable *cases = case_table_new();
        const char *rule = NULL;

        for (g_regex_match(regex, reply, 0, &match); g_match_info_matches(match); g_match_info_next(match, NULL)) {
                g_autofree char *name = g_match_info_fetch(match, 1), *address = g_match_info_fetch(match, 2),
                                *status = g_match_info_fetch(match, 3);

                if (name && *name)
                        rule = own_name(name);
                else
                        case_put(cases, address, rule, find_status(status));
        }
        return cases;
}
