/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "model.h"
#include "policy/rule.h"

static Inventory *inventory;
static const Device *devices[3];

static void make_host(void) {
        PciFacts facts = make_facts("0000:3b:00.0", "e1000", 10);

        inventory = make_inventory();
        facts.ids.subsystem_vendor = 0x8086;
        facts.ids.subsystem_device = 0xa01f;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        put_device(inventory, "ffffffff:ff:1f.7", NULL, -1);
        put_bridge(inventory, "0000:00:1c.4", "pcieport", 1);
        devices[0] = get_device(inventory, "0000:3b:00.0");
        devices[1] = get_device(inventory, "ffffffff:ff:1f.7");
        devices[2] = get_device(inventory, "0000:00:1c.4");
}

static void check_ranges(const Rule *rule) {
        g_assert_cmpint(rule->vendor, <=, UINT16_MAX);
        g_assert_cmpint(rule->device, <=, UINT16_MAX);
        g_assert_cmpint(rule->subsystem_vendor, <=, UINT16_MAX);
        g_assert_cmpint(rule->subsystem_device, <=, UINT16_MAX);
        g_assert_true(rule->vendor >= 0 || rule->class_mask != 0);
        g_assert_cmpuint(rule->class & ~rule->class_mask, ==, 0);
        g_assert_cmpuint(rule->n_companions, <=, RULE_COMPANIONS_MAX);
        g_assert_cmpuint(rule->overrides, <, 1U << _GUARD_MAX);
        g_assert_cmpuint(rule->virtual_functions, <=, RULE_VIRTUAL_FUNCTIONS_MAX);
}

/* The rule that vfiod writes for the device wishes the same, and matches only this device. */
static void check_written(const Rule *rule, size_t device) {
        _cleanup_(rule_freep) Rule *again = NULL;
        _cleanup_free_ char *text = NULL;
        RuleFault fault;

        g_assert_cmpint(rule_make_text(devices[device], rule, &text), ==, 0);
        g_assert_cmpint(rule_parse("again", "again.conf", text, &again, &fault), ==, 0);
        for (size_t i = 0; i < 2; i++)
                g_assert_true((rule_match(again, devices[i], "") == RULE_MATCH) == (i == device));
        g_assert_cmpuint(again->virtual_functions, ==, rule->virtual_functions);
        g_assert_cmpuint(again->overrides, ==, rule->overrides);
        g_assert_true(again->all_companions == rule->all_companions);
        g_assert_cmpuint(again->n_companions, ==, rule->n_companions);
        for (size_t i = 0; i < rule->n_companions; i++) {
                g_assert_true(pci_address_equal(again->companions[i], rule->companions[i]));
                g_assert_true(rule_takes_along(again, rule->companions[i]));
        }
}

static void check(const Rule *rule) {
        check_ranges(rule);
        for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
                RuleMatch match = rule_match(rule, devices[i], "0000:00:1c.4/00.0");

                g_assert_true(match != RULE_OTHER_CARD || rule->has_address || rule->path);
                g_assert_true(match == RULE_NO_MATCH || devices[i]->endpoint);
        }
        check_written(rule, 0);
        check_written(rule, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = fuzz_text(data, size);
        _cleanup_(rule_freep) Rule *rule = NULL;
        RuleFault fault;

        if (!inventory)
                make_host();
        int r = rule_parse("fuzz", "fuzz.conf", text, &rule, &fault);
        g_assert_true(r == 0 || r == -EINVAL);
        g_assert_true((r == 0) == (rule != NULL));
        if (rule)
                check(rule);
        else
                fuzz_assert_message(fault.message);
        return 0;
}
