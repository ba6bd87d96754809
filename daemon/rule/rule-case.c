/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-case.h"

static void case_done(RuleCase *rule_case) {
        free(rule_case->rule);
        free(rule_case->message);
        *rule_case = (RuleCase){};
}

void rule_case_list_done(RuleCaseList *list) {
        for (size_t i = 0; i < list->n_cases; i++)
                case_done(&list->cases[i]);
        free(list->cases);
        *list = (RuleCaseList){};
}

static size_t position(const RuleCaseList *list, PciAddress address) {
        size_t low = 0, high = list->n_cases;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (pci_address_key(list->cases[middle].address) < pci_address_key(address))
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

RuleCase *rule_case_find(const RuleCaseList *list, PciAddress address) {
        size_t i = position(list, address);
        return i < list->n_cases && pci_address_equal(list->cases[i].address, address) ? &list->cases[i] : NULL;
}

static int insert(RuleCaseList *list, PciAddress address, RuleCase **ret) {
        size_t i = position(list, address);

        if (list->n_cases == list->n_allocated) {
                size_t wanted = list->n_allocated ? list->n_allocated * 2 : 8;
                RuleCase *grown = reallocarray(list->cases, wanted, sizeof(RuleCase));
                if (!grown)
                        return -ENOMEM;
                list->cases = grown;
                list->n_allocated = wanted;
        }
        memmove(list->cases + i + 1, list->cases + i, (list->n_cases - i) * sizeof(RuleCase));
        list->n_cases++;
        list->cases[i] = (RuleCase){.address = address, .changed = true};
        *ret = &list->cases[i];
        return 0;
}

int rule_case_obtain(RuleCaseList *list, PciAddress address, const char *rule, RuleCase **ret) {
        RuleCase *rule_case = rule_case_find(list, address);
        int r;

        if (!rule_case && (r = insert(list, address, &rule_case)) < 0)
                return r;
        if ((r = free_and_strdup(&rule_case->rule, rule)) < 0)
                return r;
        if (rule_case->ticket == 0) {
                rule_case_set(rule_case, RULE_STATUS_WAITING, NULL);
                rule_case->n_attempts = 0;
                rule_case->retry_us = 0;
                rule_case->hotplugged = rule_case->needs_release = false;
        }
        *ret = rule_case;
        return 0;
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
        bool changed = list->changed;

        list->changed = false;
        for (size_t i = 0; i < list->n_cases; i++) {
                changed = changed || list->cases[i].changed;
                list->cases[i].changed = false;
        }
        return changed;
}

void rule_case_set(RuleCase *rule_case, RuleStatus status, const char *message) {
        rule_case->changed =
                        rule_case->changed || rule_case->status != status || !streq_ptr(rule_case->message, message);
        rule_case->status = status;
        (void)free_and_strdup(&rule_case->message, message);
}
