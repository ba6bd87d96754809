/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/rule.h"

#include <ctype.h>

Rule *rule_free(Rule *rule) {
        if (!rule)
                return NULL;
        free(rule->name);
        free(rule->file);
        free(rule->path);
        free(rule->driver);
        free(rule->companions);
        free(rule);
        return NULL;
}

bool rule_name_is_valid(const char *name) {
        size_t length = strlen(name);

        if (length == 0 || length >= RULE_NAME_MAX || name[0] == '.')
                return false;
        for (const char *c = name; *c; c++)
                if (!isalnum((unsigned char)*c) && !strchr("-_.", *c))
                        return false;
        return true;
}

static bool ids_match(const Rule *rule, const PciIds *ids) {
        return (rule->vendor < 0 || rule->vendor == ids->vendor) && (rule->device < 0 || rule->device == ids->device) &&
                        (rule->subsystem_vendor < 0 ||
                                        (rule->subsystem_vendor == ids->subsystem_vendor &&
                                                        rule->subsystem_device == ids->subsystem_device)) &&
                        (ids->class & rule->class_mask) == rule->class;
}

RuleMatch rule_match(const Rule *rule, const Device *device, const char *path) {
        if (!device->present || !device->endpoint)
                return RULE_NO_MATCH;
        if ((rule->has_address && !pci_address_equal(rule->address, device->address)) ||
                        (rule->path && !streq(rule->path, path)))
                return RULE_NO_MATCH;
        if (ids_match(rule, &device->ids))
                return RULE_MATCH;
        return rule->has_address || rule->path ? RULE_OTHER_CARD : RULE_NO_MATCH;
}

bool rule_takes_along(const Rule *rule, PciAddress companion) {
        for (size_t i = 0; i < rule->n_companions; i++)
                if (pci_address_equal(rule->companions[i], companion))
                        return true;
        return rule->all_companions;
}
