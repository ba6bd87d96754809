/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-case.h"

static void case_done(RuleCase *one) {
        free(one->rule);
        free(one->message);
        *one = (RuleCase){};
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
        RuleCase *one = rule_case_find(list, address);
        int r;

        if (!one && (r = insert(list, address, &one)) < 0)
                return r;
        if ((r = free_and_strdup(&one->rule, rule)) < 0)
                return r;
        if (one->ticket == 0) {
                rule_case_set(one, RULE_STATUS_WAITING, NULL);
                one->attempts = 0;
                one->retry_us = 0;
                one->fresh = one->release = false;
        }
        *ret = one;
        return 0;
}

void rule_case_remove(RuleCaseList *list, PciAddress address) {
        RuleCase *one = rule_case_find(list, address);
        if (!one)
                return;
        case_done(one);
        list->changed = true;
        list->n_cases--;
        memmove(one, one + 1, (size_t)(list->cases + list->n_cases - one) * sizeof(RuleCase));
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

void rule_case_set(RuleCase *one, RuleStatus status, const char *message) {
        one->changed = one->changed || one->status != status || !streq_ptr(one->message, message);
        one->status = status;
        (void)free_and_strdup(&one->message, message);
}
