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

/* So that no line is too long for rule_parse(). */
#define ADDRESSES_PER_LINE 8

static void write_companions(FILE *stream, const Rule *wish) {
        if (wish->n_companions == 0)
                fprintf(stream, "Companions=%s\n", wish->all_companions ? "all" : "none");
        for (size_t i = 0; i < wish->n_companions; i++) {
                bool last = (i + 1) % ADDRESSES_PER_LINE == 0 || i + 1 == wish->n_companions;

                fprintf(stream, "%s%s%s", i % ADDRESSES_PER_LINE == 0 ? "Companions=" : " ",
                                PCI_ADDRESS_TEXT(wish->companions[i]), last ? "\n" : "");
        }
}

static void write_overrides(FILE *stream, unsigned overrides) {
        const char *separator = "Override=";

        for (Guard guard = 0; guard < _GUARD_MAX; guard++)
                if (overrides & 1U << guard) {
                        fprintf(stream, "%s%s", separator, guard_to_string(guard));
                        separator = " ";
                }
        if (overrides != 0)
                fputc('\n', stream);
}

int rule_make_text(const Device *device, const Rule *wish, char **ret) {
        _cleanup_free_ char *text = NULL;
        const PciIds *ids = &device->ids;
        size_t size;

        FILE *stream = open_memstream(&text, &size);
        if (!stream)
                return -ENOMEM;
        fprintf(stream, "# Written by vfiod; see vfiod.rules(5).\n[Match]\nAddress=%s\nVendor=%04x\nDevice=%04x\n",
                        PCI_ADDRESS_TEXT(device->address), ids->vendor, ids->device);
        if (ids->subsystem_vendor != 0)
                fprintf(stream, "Subsystem=%04x:%04x\n", ids->subsystem_vendor, ids->subsystem_device);
        fputs("\n[Detach]\n", stream);
        if (wish->driver)
                fprintf(stream, "Driver=%s\n", wish->driver);
        write_companions(stream, wish);
        write_overrides(stream, wish->overrides);
        if (wish->virtual_functions > 0)
                fprintf(stream, "VirtualFunctions=%u\n", wish->virtual_functions);
        if (fclose(stream) != 0)
                return -ENOMEM;
        *ret = TAKE_PTR(text);
        return 0;
}
