/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-case.h"

static const char *const status_table[_RULE_STATUS_MAX] = {
                [RULE_STATUS_WAITING] = "waiting",
                [RULE_STATUS_APPLIED] = "applied",
                [RULE_STATUS_REFUSED] = "refused",
                [RULE_STATUS_RELEASED] = "released",
                [RULE_STATUS_OTHER_CARD] = "other-card",
};

const char *rule_status_to_string(RuleStatus status) {
        return status_table[status];
}

static void case_done(RuleCase *rule_case) {
        free(rule_case->rule);
        free(rule_case->message);
}

void rule_case_list_done(RuleCaseList *list) {
        for (size_t i = 0; i < list->n_cases; i++)
                case_done(&list->cases[i]);
        free(list->cases);
}

static int compare_key(const void *key, const void *entry) {
        uint64_t a = *(const uint64_t *)key, b = pci_address_key(((const RuleCase *)entry)->address);
        return (a > b) - (a < b);
}

RuleCase *rule_case_find(const RuleCaseList *list, PciAddress address) {
        uint64_t key = pci_address_key(address);
        return list->n_cases > 0 ? bsearch(&key, list->cases, list->n_cases, sizeof(RuleCase), compare_key) : NULL;
}

static RuleCase *insert(RuleCaseList *list, PciAddress address) {
        RuleCase *grown = reallocarray(list->cases, list->n_cases + 1, sizeof(RuleCase));
        size_t i = list->n_cases;

        if (!grown)
                return NULL;
        list->cases = grown;
        for (; i > 0 && pci_address_key(grown[i - 1].address) > pci_address_key(address); i--)
                grown[i] = grown[i - 1];
        list->n_cases++;
        grown[i] = (RuleCase){.address = address, .changed = true};
        return &grown[i];
}

RuleCase *rule_case_obtain(RuleCaseList *list, PciAddress address, const char *rule) {
        RuleCase *rule_case = rule_case_find(list, address);

        if (!rule_case)
                rule_case = insert(list, address);
        if (!rule_case || free_and_strdup(&rule_case->rule, rule) < 0)
                return NULL;
        if (rule_case->running)
                return rule_case;
        rule_case_set(rule_case, RULE_STATUS_WAITING, NULL);
        rule_case->n_attempts = 0;
        rule_case->retry_us = 0;
        rule_case->hotplugged = rule_case->needs_release = false;
        rule_case->needs_driver = rule_case->needs_review = false;
        return rule_case;
}

void rule_case_remove(RuleCaseList *list, PciAddress address) {
        RuleCase *rule_case = rule_case_find(list, address);
        if (!rule_case)
                return;
        case_done(rule_case);
        list->changed = true;
        list->n_cases--;
        memmove(rule_case, rule_case + 1, (size_t)(list->cases + list->n_cases - rule_case) * sizeof(RuleCase));
}

bool rule_case_list_take_changed(RuleCaseList *list) {
        bool changed = TAKE_GENERIC(list->changed, bool, false);

        for (size_t i = 0; i < list->n_cases; i++)
                changed = TAKE_GENERIC(list->cases[i].changed, bool, false) || changed;
        return changed;
}

void rule_case_set(RuleCase *rule_case, RuleStatus status, const char *message) {
        rule_case->changed =
                        rule_case->changed || rule_case->status != status || !streq_ptr(rule_case->message, message);
        rule_case->status = status;
        (void)free_and_strdup(&rule_case->message, message);
}

void rule_case_set_running(RuleCase *rule_case, bool running) {
        rule_case->changed = rule_case->changed || rule_case->running != running;
        rule_case->running = running;
}
