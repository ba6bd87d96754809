/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule/rule-reach.h"

/* The new rules, NULL for changes without a text. */
typedef struct NewRules {
        Rule **rules;
        size_t n_rules;
} NewRules;

static void new_rules_done(NewRules *list) {
        for (size_t i = 0; i < list->n_rules; i++)
                rule_free(list->rules[i]);
        free(list->rules);
}

static int parse_all(const RuleChangeList *changes, NewRules *list) {
        RuleFault fault;
        int r = 0;

        if (!(list->rules = calloc(changes->n_changes + 1, sizeof(Rule *))))
                return -ENOMEM;
        for (size_t i = 0; i < changes->n_changes && r >= 0; i++) {
                const RuleChange *change = &changes->changes[i];

                if (change->text)
                        r = rule_parse(change->name, "", change->text, &list->rules[i], &fault);
                list->n_rules = i + 1;
        }
        return r;
}

static bool is_changed(const RuleChangeList *changes, const char *name) {
        for (size_t i = 0; i < changes->n_changes; i++)
                if (streq(changes->changes[i].name, name))
                        return true;
        return false;
}

/* Tells whether a new rule matches the device. */
static bool is_matched(const NewRules *list, const Kernel *kernel, const Device *device) {
        char path[PCI_PATH_MAX] = "";
        bool is_read = false;

        for (size_t i = 0; i < list->n_rules; i++) {
                const Rule *rule = list->rules[i];

                /* First as if its path were the right one. */
                if (!rule || rule_match(rule, device, strempty(rule->path)) != RULE_MATCH)
                        continue;
                if (rule->path && !is_read) {
                        (void)pci_device_read_path(kernel, device->address, path);
                        is_read = true;
                }
                if (!rule->path || streq(rule->path, path))
                        return true;
        }
        return false;
}

int rule_reach_mark(const RuleChangeList *changes, const RuleCaseList *cases, const Kernel *kernel,
                const Inventory *inventory, bool *marks) {
        _cleanup_(new_rules_done) NewRules list = {};
        size_t n;

        int r = parse_all(changes, &list);
        if (r < 0)
                return r;
        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++) {
                const RuleCase *rule_case = rule_case_find(cases, devices[i]->address);

                marks[i] = (rule_case && rule_case->rule && is_changed(changes, rule_case->rule)) ||
                                is_matched(&list, kernel, devices[i]);
        }
        return 0;
}
