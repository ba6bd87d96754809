/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/matched-rules.h"
#include "bus/notify.h"

/* A case for another card than the one that the rule names is no match. */
static const char *rule_of(const RuleCase *rule_case) {
        return rule_case && rule_case->status != RULE_STATUS_OTHER_CARD ? rule_case->rule : NULL;
}

const char *matched_rule_find(const Service *service, PciAddress address) {
        return rule_of(rule_case_find(rule_keeper_cases(service->rules), address));
}

static void free_matches(MatchedRule *matches, size_t n) {
        for (size_t i = 0; i < n; i++)
                free(matches[i].rule);
        free(matches);
}

void matched_rules_done(Service *service) {
        free_matches(service->matches, service->n_matches);
        service->matches = NULL;
        service->n_matches = 0;
}

/* Lists what the rules match now, sorted by address. The caller frees *ret with free_matches(). */
static int list_matches(const Service *service, MatchedRule **ret, size_t *ret_n) {
        const RuleCaseList *list = rule_keeper_cases(service->rules);
        size_t n = 0;

        MatchedRule *matches = calloc(list->n_cases + 1, sizeof(MatchedRule));
        if (!matches)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_cases; i++) {
                const char *rule = rule_of(&list->cases[i]);

                if (!rule)
                        continue;
                matches[n] = (MatchedRule){list->cases[i].address, strdup(rule)};
                if (!matches[n++].rule) {
                        free_matches(matches, n);
                        return -ENOMEM;
                }
        }
        *ret = matches;
        *ret_n = n;
        return 0;
}

static int tell(const Service *service, PciAddress address) {
        return inventory_find_device(service->inventory, address) ? notify_matched_rule(service, address) : 0;
}

int matched_rules_tell(Service *service) {
        MatchedRule *matches = NULL;
        size_t n = 0, old = 0, new = 0;

        int r = list_matches(service, &matches, &n);
        if (r < 0)
                return r;
        while (r >= 0 && (old < service->n_matches || new < n)) {
                uint64_t old_key =
                                old < service->n_matches ? pci_address_key(service->matches[old].address) : UINT64_MAX;
                uint64_t new_key = new < n ? pci_address_key(matches[new].address) : UINT64_MAX;
                uint64_t key = old_key < new_key ? old_key : new_key;
                PciAddress address = old_key == key ? service->matches[old].address : matches[new].address;
                const char *before = old_key == key ? service->matches[old++].rule : NULL;
                const char *after = new_key == key ? matches[new ++].rule : NULL;

                if (!streq_ptr(before, after))
                        r = tell(service, address);
        }
        matched_rules_done(service);
        service->matches = matches;
        service->n_matches = n;
        return r < 0 ? r : 0;
}
