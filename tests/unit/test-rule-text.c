/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/rule.h"

#include <glib.h>

/* The texts that vfiod writes for rules. */

static Rule *parse(const char *text) {
        RuleFault fault;
        Rule *rule = NULL;

        g_assert_cmpint(rule_parse("test", "test.conf", text, &rule, &fault), ==, 0);
        return rule;
}

/* Two rules that mean the same have one text. */
static void test_format(void) {
        static const char same[] = "[Match]\nAddress=0000:3b:00.0\nPath=0000:00:1c.4/00.0\nVendor=8086\nDevice=10d3\n"
                                   "Subsystem=8086:a01f\nClass=0200\n\n[Detach]\nEnabled=no\nDriver=vfio-pci\n"
                                   "Companions=0000:3b:00.1\nOverride=storage network\nVirtualFunctions=8\n";
        static const char other[] = "# x\n[Detach]\nVirtualFunctions=08\nOverride=network\nOverride=storage\n"
                                    "Companions=0000:3b:00.1\nDriver=vfio-pci\nEnabled=no\n[Match]\nClass=0x0200\n"
                                    "Subsystem=0x8086:A01F\nDevice=10D3\nVendor=0x8086\nPath=0000:00:1c.4/00.0\n"
                                    "Address=0000:3b:00.0\n";
        static const char *const classes[] = {"02", "0200", "010802"};
        _cleanup_(rule_freep) Rule *a = parse(same), *b = parse(other);
        _cleanup_free_ char *text_a = NULL, *text_b = NULL;

        g_assert_cmpint(rule_format(a, &text_a), ==, 0);
        g_assert_cmpint(rule_format(b, &text_b), ==, 0);
        g_assert_cmpstr(text_a, ==, same);
        g_assert_cmpstr(text_b, ==, same);
        for (size_t i = 0; i < G_N_ELEMENTS(classes); i++) {
                g_autofree char *expected =
                                g_strdup_printf("[Match]\nClass=%s\n\n[Detach]\nCompanions=none\n", classes[i]);
                _cleanup_(rule_freep) Rule *rule = parse(expected);
                _cleanup_free_ char *text = NULL;

                g_assert_cmpint(rule_format(rule, &text), ==, 0);
                g_assert_cmpstr(text, ==, expected);
        }
}

/* One line comes or goes; all others stay. */
static void test_enabled(void) {
        static const char *const pairs[][2] = {
                        {"# c\n[Match]\nClass=02\n", "# c\n[Match]\nClass=02\n\n[Detach]\nEnabled=no\n"},
                        {"[Match]\nClass=02", "[Match]\nClass=02\n\n[Detach]\nEnabled=no\n"},
                        {"[Match]\nClass=02\n[Detach]", "[Match]\nClass=02\n[Detach]\nEnabled=no\n"},
                        {"[Detach]\n# x\nDriver=vfio-pci\n[Match]\nClass=02\n",
                                        "[Detach]\nEnabled=no\n# x\nDriver=vfio-pci\n[Match]\nClass=02\n"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(pairs); i++) {
                _cleanup_free_ char *off = NULL, *on = NULL, *still = NULL;

                g_assert_cmpint(rule_set_enabled(pairs[i][0], false, &off), ==, 0);
                g_assert_cmpstr(off, ==, pairs[i][1]);
                g_assert_cmpint(rule_set_enabled(off, false, &still), ==, 0);
                g_assert_cmpstr(still, ==, off);
                g_assert_cmpint(rule_set_enabled(off, true, &on), ==, 0);
                _cleanup_(rule_freep) Rule *disabled = parse(off), *enabled = parse(on);
                g_assert_true(disabled->disabled);
                g_assert_false(enabled->disabled);
        }
        Rule *none = NULL;
        RuleFault fault;
        g_assert_cmpint(rule_parse("x", "x", "[Match]\nClass=02\n[Detach]\nEnabled=maybe\n", &none, &fault), ==,
                        -EINVAL);
        g_assert_cmpuint(fault.line, ==, 4);
        g_assert_cmpstr(fault.message, ==, "Enabled= must be yes or no, not 'maybe'");
        _cleanup_free_ char *spaced = NULL, *said = NULL;
        g_assert_cmpint(rule_set_enabled("[Match]\nClass=02\n[Detach]\nEnabled = no\n", true, &spaced), ==, 0);
        g_assert_cmpstr(spaced, ==, "[Match]\nClass=02\n[Detach]\n");
        g_assert_cmpint(rule_set_enabled("[Match]\nClass=02\n[Detach]\nEnabled=yes\n", false, &said), ==, 0);
        g_assert_cmpstr(said, ==, "[Match]\nClass=02\n[Detach]\nEnabled=no\n");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/rule-text/format", test_format);
        g_test_add_func("/rule-text/enabled", test_enabled);
        return g_test_run();
}
