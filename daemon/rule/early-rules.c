/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/early-rules.h"

bool early_rules_have(const Rule *rule) {
        return !rule->path && rule->virtual_functions == 0;
}

bool early_rules_exist(const RuleBook *book) {
        for (size_t i = 0; i < book->n_files; i++)
                if (book->files[i].rule && early_rules_have(book->files[i].rule))
                        return true;
        return false;
}

bool early_rules_cover(const RuleBook *book, const Device *device) {
        for (size_t i = 0; i < book->n_files; i++) {
                const Rule *rule = book->files[i].rule;

                if (rule && early_rules_have(rule) && rule_match(rule, device, "") == RULE_MATCH)
                        return true;
        }
        return false;
}
