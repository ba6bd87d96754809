/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule-files.h"

/* The methods for rules: what they write, what they reply, and what they refuse. */

#define RULES BUS_PATH "/rules"
#define RULE_HEAD "# Written by vfiod; see vfiod.rules(5).\n[Match]\n"
#define NIC_RULE \
        RULE_HEAD "Address=0000:05:00.0\nVendor=8086\nDevice=10d3\nSubsystem=8086:0000\n\n[Detach]\nCompanions=none\n"

static void wait_state(Fixture *fixture, const char *path, const char *state) {
        g_autofree char *expected = g_strdup_printf("'%s'", state);

        fixture_wait_property(fixture, path, DEVICE, "State", expected);
}

/* Waits until the job of the rule has ended. */
static void wait_applied(Fixture *fixture, const char *path) {
        fixture_wait_property(fixture, path, RULE_INTERFACE, "Matches",
                        "[('" NIC "', 'applied', '', {'Changing': <false>})]");
}

/* FOLDER stands for the rule folder of this environment. */
static void expect_rules(Fixture *fixture, const char *expected) {
        g_autofree char *folder = g_strdup_printf("%s.rules", fixture->state_folder);
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;

        reply = fixture_call(fixture, BUS_PATH, MANAGER, "ListRules", NULL, &error);
        g_assert_no_error(error);
        g_autofree char *text = g_variant_print(reply, false);
        g_autoptr(GString) shown = g_string_new(text);
        (void)g_string_replace(shown, folder, "FOLDER", 0);
        g_assert_cmpstr(shown->str, ==, expected);
}

static void expect_text(Fixture *fixture, const char *name, const char *expected) {
        g_autofree char *text = rule_file_read(fixture, RULES_OWN, name);
        g_assert_cmpstr(text, ==, expected);
}

static void add_rule(Fixture *fixture, const char *selector, const char *options, const char *name) {
        g_autofree char *file = rule_file_path(fixture, RULES_OWN, name);
        g_autofree char *expected = g_strdup_printf("('%s', '%s')", name, file);

        manager_expect(fixture, "AddRule", selector, options, expected);
}

static void remove_rule(Fixture *fixture, const char *name) {
        manager_expect(fixture, "RemoveRule", name, NO_OPTIONS, "()");
}

/* The rule is applied at once; a detached device stays detached after its removal. */
static void test_add(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_rules(fixture, "([],)");
        add_rule(fixture, "ens3", NO_OPTIONS, "0000-05-00.0");
        g_free(fixture_expect_signal(fixture, BUS_PATH " RulesChanged ()"));
        g_free(fixture_expect_signal(
                        fixture, NIC_PATH " PropertiesChanged ('" DEVICE "', {'MatchedRule': <'0000-05-00.0'>}, *"));
        fixture_property(fixture, NIC_PATH, DEVICE, "MatchedRule", "'0000-05-00.0'");
        fixture_property(fixture, PORT1_PATH, DEVICE, "MatchedRule", "''");
        expect_text(fixture, "0000-05-00.0", NIC_RULE);
        wait_applied(fixture, RULES "/_30000_2d05_2d00_2e0");
        expect_rules(fixture,
                        "([('0000-05-00.0', 'FOLDER/0000-05-00.0.conf', 'active', [('0000:05:00.0', 'applied', '', "
                        "{'Changing': <false>})], "
                        "{'Enabled': <true>, 'Writable': <true>})],)");

        remove_rule(fixture, "0000-05-00.0");
        g_free(fixture_expect_signal(fixture, BUS_PATH " RulesChanged ()"));
        g_free(fixture_expect_signal(fixture, NIC_PATH " PropertiesChanged ('" DEVICE "', {'MatchedRule': <''>}, *"));
        fixture_property(fixture, NIC_PATH, DEVICE, "MatchedRule", "''");
        expect_text(fixture, "0000-05-00.0", NULL);
        expect_rules(fixture, "([],)");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");

        /* the next daemon reads it too */
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
        add_rule(fixture, "group:12", "{'name': <'one-endpoint'>}", "one-endpoint");
        expect_text(fixture, "one-endpoint", NIC_RULE);
        wait_state(fixture, NIC_PATH, "detached");
        fixture_restart_daemon(fixture);
        wait_applied(fixture, RULES "/one_2dendpoint");
        expect_rules(fixture,
                        "([('one-endpoint', 'FOLDER/one-endpoint.conf', 'active', [('0000:05:00.0', 'applied', '', "
                        "{'Changing': <false>})], "
                        "{'Enabled': <true>, 'Writable': <true>})],)");
        fixture_stop(fixture);
}

/* Any selector of a device is written as its address. */
static void test_options(void) {
        Fixture *fixture = fixture_start(NULL);

        add_rule(fixture, "ens1", "{'name': <'all'>, 'companions': <['*']>, 'override': <['network', 'storage']>}",
                        "all");
        expect_text(fixture, "all",
                        RULE_HEAD "Address=0000:03:01.0\nVendor=8086\nDevice=100e\nSubsystem=1af4:1100\n\n"
                                  "[Detach]\nCompanions=all\nOverride=storage network\n");
        wait_state(fixture, PORT2_PATH, "detached");
        wait_state(fixture, PORT1_PATH, "detached");
        add_rule(fixture, "pci_0000_06_00_0", "{'name': <'gpu'>, 'companions': <['06:00.1']>}", "gpu");
        expect_text(fixture, "gpu",
                        RULE_HEAD "Address=0000:06:00.0\nVendor=10de\nDevice=2484\nSubsystem=10de:146b\n\n"
                                  "[Detach]\nCompanions=0000:06:00.1\n");
        add_rule(fixture, "07:00.0", "{'name': <'functions'>, 'virtual-functions': <uint32 7>, 'companions': <@as []>}",
                        "functions");
        expect_text(fixture, "functions",
                        RULE_HEAD "Address=0000:07:00.0\nVendor=8086\nDevice=10c9\nSubsystem=8086:a03c\n\n"
                                  "[Detach]\nCompanions=none\nVirtualFunctions=7\n");
        /* a PCI domain with five digits */
        add_rule(fixture, "nvme1n1", NO_OPTIONS, "10000-01-00.0");
        fixture_stop(fixture);
}

static void test_refusals(void) {
        static const struct {
                const char *selector, *options, *error, *pattern;
        } refused[] = {
                        {"wlan9", NO_OPTIONS, "NoSuchDevice", "*'wlan9'*"},
                        {"group:99", NO_OPTIONS, "NoSuchGroup", "*99*"},
                        {"group:10", NO_OPTIONS, INVALID_ARGS, "Group 10 has 2 endpoints*"},
                        {"group:2", NO_OPTIONS, "NotEndpoint", "Group 2 has only bridges*"},
                        {BRIDGE, NO_OPTIONS, "NotEndpoint", BRIDGE " is a bridge*"},
                        {"", NO_OPTIONS, INVALID_ARGS, "*"},
                        {"../../etc", NO_OPTIONS, "NoSuchDevice", "*"},
                        {"ens3", "{'nonsense': <1>}", INVALID_ARGS, "AddRule has no option 'nonsense'."},
                        {"ens3", "{'plan': <'1234567812345678'>}", INVALID_ARGS, "AddRule has no option 'plan'."},
                        {"ens3", "{'dry-run': <1>}", INVALID_ARGS, "Option 'dry-run' is true or false (b)."},
                        {"ens3", "{'name': <1>}", INVALID_ARGS, "Option 'name' is a string*"},
                        {"ens3", "{'name': <''>}", INVALID_ARGS, "A rule's name has*"},
                        {"ens3", "{'name': <'../x'>}", INVALID_ARGS, "A rule's name has*"},
                        {"ens3", "{'name': <'.x'>}", INVALID_ARGS, "A rule's name has*"},
                        {"ens3", "{'name': <'a\\nb'>}", INVALID_ARGS, "A rule's name has*"},
                        {"ens3", "{'override': <['nonsense']>}", INVALID_ARGS, "There is no guard 'nonsense'*"},
                        {"ens3", "{'override': <'storage'>}", INVALID_ARGS, "Option 'override' is a list*"},
                        {"ens3", "{'companions': <['ens1']>}", INVALID_ARGS, "'ens1' is no companion*"},
                        {"ens1", "{'companions': <['ens1']>}", INVALID_ARGS, "'ens1' is no companion*"},
                        {"ens1", "{'companions': <['" BRIDGE "']>}", INVALID_ARGS, "'" BRIDGE "' is no companion*"},
                        {"ens1", "{'companions': <['wlan9']>}", "NoSuchDevice", "*'wlan9'*"},
                        {"ens1", "{'companions': <['x\\n[Detach]']>}", INVALID_ARGS, "*"},
                        {"ens1", "{'companions': <['ens2']>, 'companions': <['ens2']>}", INVALID_ARGS, "*twice*"},
                        {"ens4", "{'virtual-functions': <uint32 8>}", INVALID_ARGS,
                                        "*can have 7 virtual functions, not 8."},
                        {"ens3", "{'virtual-functions': <uint32 1>}", INVALID_ARGS, "*can have 0 virtual functions*"},
                        {"ens4", "{'virtual-functions': <uint32 0>}", INVALID_ARGS, "Option 'virtual-functions' is*"},
                        {"ens4", "{'virtual-functions': <uint32 65536>}", INVALID_ARGS,
                                        "Option 'virtual-functions' is*"},
                        {"ens4", "{'virtual-functions': <1>}", INVALID_ARGS, "Option 'virtual-functions' is*"},
        };
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(refused); i++)
                manager_refused(fixture, "AddRule", refused[i].selector, refused[i].options, refused[i].error,
                                refused[i].pattern);
        g_autofree char *name = g_strnfill(128, 'x'), *options = g_strdup_printf("{'name': <'%s'>}", name);
        manager_refused(fixture, "AddRule", "ens3", options, INVALID_ARGS, "A rule's name has*");
        g_autoptr(GString) many = g_string_new("{'companions': <['ens2'");
        for (unsigned i = 0; i < 1024; i++)
                g_string_append(many, ", 'ens2'");
        g_string_append(many, "]>}");
        manager_refused(fixture, "AddRule", "ens1", many->str, INVALID_ARGS, "*1024 entries*");

        manager_refused(fixture, "RemoveRule", "none", NO_OPTIONS, "NoSuchRule", "There is no rule of that name*");
        manager_refused(fixture, "RemoveRule", "../x", NO_OPTIONS, "NoSuchRule", "*");
        manager_refused(fixture, "RemoveRule", "", NO_OPTIONS, "NoSuchRule", "*");
        manager_refused(fixture, "RemoveRule", "none", "{'x': <1>}", INVALID_ARGS, "RemoveRule has no option 'x'.");

        /* the refused calls have left no file */
        expect_rules(fixture, "([],)");
        g_autofree char *folder = g_strdup_printf("%s.rules", fixture->state_folder);
        g_assert_false(g_file_test(folder, G_FILE_TEST_EXISTS));
        for (unsigned i = 0; i < fixture->signals->len; i++)
                g_assert_null(strstr(fixture->signals->pdata[i], "RulesChanged"));
        fixture_stop(fixture);
}

/* Existing files are not changed. Files in other folders cannot be removed, but vfiod's own file with the same name
 * can. */
static void test_files(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "taken", "[Match]\nVendor=1\n");
        rule_file_link(fixture, RULES_OWN, "masked", "/dev/null");
        rule_file_put(fixture, RULES_SHIPPED, "shipped", "[Match]\nVendor=ffff\n");
        rule_file_put(fixture, RULES_TEMPORARY, "temporary", "[Match]\nVendor=ffff\n");
        fixture_restart_daemon(fixture);
        manager_refused(fixture, "AddRule", "ens3", "{'name': <'taken'>}", "RuleExists",
                        "*.rules/taken.conf exists: *");
        manager_refused(fixture, "AddRule", "ens3", "{'name': <'masked'>}", "RuleExists", "*");
        expect_text(fixture, "taken", "[Match]\nVendor=1\n");
        manager_refused(fixture, "RemoveRule", "shipped", NO_OPTIONS, "RuleReadOnly",
                        "vfiod cannot remove *.rules.lib/shipped.conf. Mask it: ln -s /dev/null "
                        "*.rules/shipped.conf*");
        manager_refused(fixture, "RemoveRule", "temporary", NO_OPTIONS, "RuleReadOnly", "*");

        add_rule(fixture, "ens3", "{'name': <'shipped'>}", "shipped");
        wait_state(fixture, NIC_PATH, "detached");
        remove_rule(fixture, "shipped");
        manager_refused(fixture, "RemoveRule", "shipped", NO_OPTIONS, "RuleReadOnly", "*");
        remove_rule(fixture, "masked");
        remove_rule(fixture, "taken");
        expect_text(fixture, "taken", NULL);

        /* a file whose name is no name of a rule */
        rule_file_put(fixture, RULES_OWN, "bad name", "[Match]\nVendor=ffff\n");
        fixture_restart_daemon(fixture);
        manager_refused(fixture, "RemoveRule", "bad name", NO_OPTIONS, "Failed",
                        "vfiod cannot remove *.rules/bad name.conf, because its name is no valid name of a rule. "
                        "Remove it by hand*");
        rule_file_remove(fixture, RULES_OWN, "bad name");
        fixture_restart_daemon(fixture);

        /* an administrator has removed it meanwhile: this counts as success */
        add_rule(fixture, "ens3", "{'name': <'by-hand'>}", "by-hand");
        rule_file_remove(fixture, RULES_OWN, "by-hand");
        remove_rule(fixture, "by-hand");
        manager_refused(fixture, "RemoveRule", "by-hand", NO_OPTIONS, "NoSuchRule", "*");

        /* a folder that cannot be created */
        g_autofree char *folder = g_strdup_printf("%s.rules", fixture->state_folder);
        g_autofree char *lock = g_build_filename(folder, ".vfiod.lock", NULL);
        g_assert_cmpint(unlink(lock), ==, 0);
        g_assert_cmpint(rmdir(folder), ==, 0);
        g_assert_true(g_file_set_contents(folder, "", 0, NULL));
        manager_refused(fixture, "AddRule", "ens3", NO_OPTIONS, "Failed", "Cannot write *: Not a directory.");
        manager_refused(fixture, "RemoveRule", "x", NO_OPTIONS, "Failed", "Cannot delete *: Not a directory.");
        g_assert_cmpint(unlink(folder), ==, 0);
        fixture_stop(fixture);
}

/* Masks and faults in the list; the list can be sent whatever a file is called. */
static void test_list(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "10-bad", "[Match]\nVendor=x\n");
        rule_file_link(fixture, RULES_OWN, "20-masked", "/dev/null");
        rule_file_put(fixture, RULES_OWN, "30-\xff\n", "[Match]\nVendor=ffff\n");
        rule_file_put(fixture, RULES_OWN, "40-none", "[Match]\nVendor=ffff\n");
        fixture_restart_daemon(fixture);
        expect_rules(fixture,
                        "([('10-bad', 'FOLDER/10-bad.conf', 'off', [], {'Enabled': <true>, 'Writable': <true>, "
                        "'Fault': <\"Vendor= must "
                        "have four hexadecimal "
                        "digits, not "
                        "'x'\">, 'Line': <uint32 2>}), ('20-masked', 'FOLDER/20-masked.conf', 'masked', [], "
                        "{'Enabled': <false>, 'Writable': <true>}), "
                        "('30-\\\\xff\\\\x0a', 'FOLDER/30-\\\\xff\\\\x0a.conf', 'off', [], {'Enabled': <true>, "
                        "'Writable': <true>, "
                        "'Fault': <\"its name is "
                        "too "
                        "long, or has other "
                        "characters than letters, digits, '-', '_' and '.'\">, 'Line': <uint32 0>}), "
                        "('40-none', 'FOLDER/40-none.conf', 'active', [], {'Enabled': <true>, 'Writable': <true>})],)");
        fixture_stop(fixture);
}

/* A NUL byte is a fault of its line, for vfiod and for the check of a file. */
static void test_nul(void) {
        static const char text[] = "[Match]\nVendor=ffff\nDev\0ice=1\n";
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *path = rule_file_path(fixture, RULES_OWN, "nul");

        rule_file_put(fixture, RULES_OWN, "nul", "[Match]\nVendor=ffff\n");
        g_assert_true(g_file_set_contents(path, text, sizeof(text) - 1, NULL));
        fixture_restart_daemon(fixture);
        expect_rules(fixture,
                        "([('nul', 'FOLDER/nul.conf', 'off', [], {'Enabled': <true>, 'Writable': <true>, 'Fault': <'it "
                        "is not a text file: it contains a NUL byte'>, 'Line': <uint32 3>})],)");
        g_autofree char *expected = g_strdup_printf("%s:3: it contains a NUL byte, so it is not text\n", path);
        g_auto(ProgramResult) checked =
                        program_run((const char *const[]){VFIOCTL, "rule", "check", path, NULL}, NULL, NULL);
        g_assert_cmpstr(checked.errors, ==, expected);
        g_assert_cmpint(checked.status, ==, 1);
        fixture_stop(fixture);
}

static void check(Fixture *fixture, const char *text, const char *expected) {
        g_autoptr(GVariant) reply = NULL;
        g_autoptr(GError) error = NULL;

        reply = g_dbus_connection_call_sync(fixture->connection, BUS_NAME, BUS_PATH, MANAGER, "CheckRule",
                        g_variant_new("(s)", text), NULL, G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, &error);
        g_assert_no_error(error);
        g_autofree char *shown = g_variant_print(reply, false);
        g_assert_cmpstr(shown, ==, expected);
}

static void test_check(void) {
        g_autofree char *large = g_strnfill(64 * 1024 + 1, '\n'), *largest = g_strnfill(64 * 1024, '\n');
        Fixture *fixture = fixture_start(NULL);

        check(fixture, "[Match]\nVendor=8086\n", "(0, '')");
        check(fixture, "[Match]\nVendor=8086\nx", "(3, \"this is neither a section like [Match] nor KEY=VALUE: 'x'\")");
        check(fixture, "", "(0, 'the section [Match] is missing')");
        check(fixture, large, "(0, 'it is too large: a rule has at most 64 KiB')");
        check(fixture, largest, "(0, 'the section [Match] is missing')");
        expect_rules(fixture, "([],)");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/rules/add", test_add);
        g_test_add_func("/bus/rules/options", test_options);
        g_test_add_func("/bus/rules/refusals", test_refusals);
        g_test_add_func("/bus/rules/files", test_files);
        g_test_add_func("/bus/rules/list", test_list);
        g_test_add_func("/bus/rules/nul", test_nul);
        g_test_add_func("/bus/rules/check", test_check);
        return g_test_run();
}
