/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "rule-files.h"
#include "stub.h"
#include "terminal.h"

#include <glib/gstdio.h>

/* export and apply: one file for the rules and the numbers of virtual functions. */

#define PF "0000:07:00.0"
#define ABSENT "{\"name\": \"absent\", \"match\": {\"model\": \"ffff:0001\"}}"

static char *host_file;

static void put(const char *text) {
        g_assert_true(g_file_set_contents(host_file, text, -1, NULL));
}

static void rescan(Fixture *fixture) {
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
}

static void expect_text(Fixture *fixture, const char *name, const char *expected) {
        g_autofree char *text = rule_file_read(fixture, RULES_OWN, name);
        g_assert_cmpstr(text, ==, expected);
}

static void expect_apply(const char *options, int status, const char *pattern) {
        g_auto(ProgramResult) result = vfioctl("apply %s %s", host_file, options);

        if (result.status != status || !g_pattern_match_simple(pattern, result.output))
                g_error("apply %s: %d, \"%s\", \"%s\" is not %d, \"%s\"", options, result.status, result.output,
                                result.errors, status, pattern);
}

static void begin(Fixture **fixture) {
        g_autofree char *folder = g_dir_make_tmp("vfiod-host-XXXXXX", NULL);

        *fixture = fixture_start(NULL);
        host_file = g_build_filename(folder, "host.json", NULL);
}

static void end(Fixture *fixture) {
        g_autofree char *folder = g_path_get_dirname(host_file);

        (void)g_unlink(host_file);
        (void)g_rmdir(folder);
        g_clear_pointer(&host_file, g_free);
        fixture_stop(fixture);
}

static void write_export(void) {
        g_auto(ProgramResult) exported = vfioctl("export");

        g_assert_cmpint(exported.status, ==, 0);
        put(exported.output);
}

/* What export prints is what apply finds. */
static void test_round_trip(void) {
        Fixture *fixture;

        begin(&fixture);
        EXPECT(0, "", "vfs ens4 3 --quiet");
        rule_file_put(fixture, RULES_OWN, "10-all",
                        "# kept\n[Match]\nAddress=0000:3b:00.0\nPath=0000:00:1c.4/00.0\nVendor=ffff\nDevice=10d3\n"
                        "Subsystem=8086:a01f\nClass=0200\n[Detach]\nEnabled=no\nDriver=vfio-pci\n"
                        "Companions=0000:3b:00.1 0000:3b:00.2\nOverride=storage\nOverride=network\n"
                        "VirtualFunctions=8\n");
        rule_file_put(fixture, RULES_OWN, "20-vendor", "[Match]\nVendor=ffff\n[Detach]\nCompanions=all\n");
        rule_file_link(fixture, RULES_OWN, "30-mask", "/dev/null");
        rule_file_put(fixture, RULES_SHIPPED, "40-shipped", "[Match]\nVendor=ffff\n");
        rescan(fixture);
        write_export();
        expect_apply("--check", 0, "Nothing to change.\n");
        g_autofree char *arguments = g_strdup_printf("apply %s --yes", host_file);
        json_t *unchanged = vfioctl_json(arguments);
        expect_json(unchanged, "changed", "false");
        json_decref(unchanged);
        json_t *exported = vfioctl_json("export");
        expect_json(exported, "vfiod", "1");
        expect_json(exported, "rules.0.match.model", "\"ffff:10d3\"");
        expect_json(exported, "rules.0.enabled", "false");
        expect_json(exported, "rules.1.match.vendor", "\"ffff\"");
        expect_json(exported, "rules.1.detach.companions", "\"all\"");
        expect_json(exported, "rules.2", "{\"name\":\"30-mask\",\"masked\":true}");
        expect_json(exported, "rules.3", NULL);
        expect_json(exported, "virtual-functions",
                        "[{\"match\":{\"address\":\"" PF "\",\"model\":\"8086:10c9\"},\"count\":3}]");
        json_decref(exported);

        /* another host becomes the same by it */
        rule_file_remove(fixture, RULES_OWN, "10-all");
        rule_file_remove(fixture, RULES_OWN, "30-mask");
        rule_file_put(fixture, RULES_OWN, "50-other", "x");
        rescan(fixture);
        EXPECT(0, "", "vfs ens4 0 --quiet");
        expect_apply("--check", 9,
                        "*--- rule 50-other (with an error)\n+++ rule 50-other (none)\n*Nothing was changed.\nThe "
                        "virtual "
                        "functions last until the next boot: *\n");
        expect_text(fixture, "50-other", "x");
        g_autofree char *check_arguments = g_strdup_printf("apply %s --check", host_file);
        json_t *check = vfioctl_json_with(9, check_arguments);
        expect_json(check, "virtual_functions.0",
                        "{\"address\":\"" PF "\",\"before\":0,\"after\":3,\"persistent\":false}");
        json_decref(check);
        expect_apply("--yes", 0,
                        "--- rule 10-all (none)\n+++ rule 10-all\n+?Match]\n*Changed.\nThe virtual functions last "
                        "until "
                        "the next boot: *\n");
        expect_apply("--check", 0, "Nothing to change.\n");
        expect_text(fixture, "50-other", NULL);
        fixture_property(fixture, BUS_PATH "/devices/_30000_3a07_3a00_2e0", DEVICE, "VirtualFunctions",
                        "['0000:07:10.0', '0000:07:10.1', '0000:07:10.2']");
        end(fixture);
}

/* Only devices that can have virtual functions are asked for: a host with thousands of others is not slower. */
static void test_calls(void) {
        Stub *stub = stub_start();

        stub_answer(stub, "ListRules", "(@a(sssa(sssa{sv})a{sv}) [],)");
        stub_answer(stub, "ListDevices",
                        "([('" PORT1 "', objectpath '/1', 10, 'host', 'e1000', uint32 131072, uint16 32902, uint16 "
                        "4110, ['ens1'], {'Endpoint': <true>}), ('" PF
                        "', '/2', 14, 'host', 'igb', 131072, 32902, 4297, ['ens4'], {'Endpoint': <true>, "
                        "'VirtualFunctionsMax': <uint32 7>})],)");
        stub_answer(stub, "GetDevice", "(objectpath '/2',)");
        stub_answer(stub, "GetAll",
                        "({'Address': <'" PF "'>, 'VendorId': <uint16 32902>, 'DeviceId': <uint16 4297>, "
                        "'VirtualFunctionsMax': <uint32 7>, 'VirtualFunctions': <['0000:07:10.0']>},)");
        json_t *exported = vfioctl_json("export");
        expect_json(exported, "virtual-functions.0.count", "1");
        expect_json(exported, "virtual-functions.1", NULL);
        json_decref(exported);
        g_assert_cmpuint(stub_count_calls(stub, "ListDevices"), ==, 1);
        g_assert_cmpuint(stub_count_calls(stub, "GetDevice"), ==, 1);
        g_assert_cmpuint(stub_count_calls(stub, "GetAll"), ==, 1);
        stub_stop(stub);
}

/* A rule whose meaning stays keeps its file, with its comments. */
static void test_difference(void) {
        Fixture *fixture;

        begin(&fixture);
        rule_file_put(fixture, RULES_OWN, "absent", "# mine\n[Match]\nDevice=0x0001\nVendor=FFFF\n");
        rescan(fixture);
        put("{\"vfiod\": 1, \"rules\": [" ABSENT "]}");
        expect_apply("--yes", 0, "Nothing to change.\n");
        expect_text(fixture, "absent", "# mine\n[Match]\nDevice=0x0001\nVendor=FFFF\n");
        put("{\"vfiod\": 1, \"rules\": [{\"name\": \"absent\", \"match\": {\"model\": \"ffff:0001\"}, \"detach\": "
            "{\"companions\": \"all\"}}]}");
        expect_apply("--check", 9,
                        "--- rule absent\n+++ rule absent\n ?Match]\n Vendor=ffff\n Device=0001\n \n ?Detach]\n"
                        "-Companions=none\n+Companions=all\nNothing was changed.\n");
        /* nobody agrees */
        expect_apply("", 5, "");
        expect_text(fixture, "absent", "# mine\n[Match]\nDevice=0x0001\nVendor=FFFF\n");
        expect_apply("--yes", 0, "*Changed.\n");
        expect_text(fixture, "absent", "[Match]\nVendor=ffff\nDevice=0001\n\n[Detach]\nCompanions=all\n");
        end(fixture);
}

/* If one thing fails, all is as before. */
static void test_failure(void) {
        Fixture *fixture;

        begin(&fixture);
        EXPECT(0, "", "vfs ens4 2 --quiet");
        rule_file_put(fixture, RULES_OWN, "old", "[Match]\nVendor=ffff\n");
        rescan(fixture);
        g_autofree char *path = rule_file_path(fixture, RULES_OWN, "absent"), *folder = g_path_get_dirname(path);
        g_autofree char *obstacle = g_build_filename(folder, ".absent.new", NULL);
        g_assert_cmpint(g_mkdir(obstacle, 0755), ==, 0);
        put("{\"vfiod\": 1, \"rules\": [{\"name\": \"first\", \"match\": {\"vendor\": \"ffff\"}}, " ABSENT
            "], \"virtual-functions\": [{\"match\": {\"model\": \"8086:10c9\"}, \"count\": 5}]}");
        g_auto(ProgramResult) result = vfioctl("apply %s --yes", host_file);
        expect_result(&result, 1,
                        "vfioctl: Cannot change the rules: *\nvfioctl: no rule was changed.\nvfioctl: " PF
                        " has 2 virtual functions again, but they are new: they were removed meanwhile.\n",
                        "apply");
        expect_text(fixture, "old", "[Match]\nVendor=ffff\n");
        expect_text(fixture, "first", NULL);
        g_autofree char *functions =
                        fixture_get(fixture, BUS_PATH "/devices/_30000_3a07_3a00_2e0", DEVICE, "VirtualFunctions");
        g_assert_cmpstr(functions, ==, "['0000:07:10.0', '0000:07:10.1']");
        g_assert_cmpint(rmdir(obstacle), ==, 0);
        end(fixture);
}

/* A rule is changed, removed or added while the user reads the differences: nothing of that is lost. */
static void test_meanwhile(void) {
        static const char *const changes[][2] = {
                        {"old", "[Match]\nVendor=fffe\n"}, {"old", NULL}, {"first", "[Match]\nVendor=fffe\n"}};
        const char *const environment[] = {"LC_ALL=C.UTF-8", "TERM=xterm", NULL};

        for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
                Fixture *fixture;

                begin(&fixture);
                rule_file_put(fixture, RULES_OWN, "old", "[Match]\nVendor=ffff\n");
                rescan(fixture);
                put("{\"vfiod\": 1, \"rules\": [{\"name\": \"first\", \"match\": {\"vendor\": \"ffff\"}}], "
                    "\"virtual-functions\": [{\"match\": {\"model\": \"8086:10c9\"}, \"count\": 5}]}");
                g_autofree char *arguments = g_strdup_printf("apply %s", host_file);
                g_auto(GStrv) argv = vfioctl_argv(arguments);
                Terminal *terminal = terminal_open(80);
                Process *process = terminal_start(terminal, (const char *const *)argv, environment);
                g_free(terminal_expect(terminal, "Change this? [y/N] "));
                if (changes[i][1])
                        rule_file_put(fixture, RULES_OWN, changes[i][0], changes[i][1]);
                else
                        rule_file_remove(fixture, RULES_OWN, changes[i][0]);
                terminal_type(terminal, "y\n");
                g_autofree char *message = terminal_read_rest(terminal);
                g_assert_nonnull(strstr(message, "was changed by somebody else"));
                g_assert_nonnull(strstr(message, "vfioctl: nothing was changed."));
                g_assert_cmpint(process_finish(process), ==, 5);
                (void)terminal_close(terminal);
                expect_text(fixture, changes[i][0], changes[i][1]);
                if (i != 2)
                        expect_text(fixture, "first", NULL);
                fixture_property(fixture, BUS_PATH "/devices/_30000_3a07_3a00_2e0", DEVICE, "VirtualFunctions", "[]");
                end(fixture);
        }
}

static void test_refusals(void) {
        static const struct {
                const char *text, *message;
        } wrong[] = {
                        {"{", "line 1: *"},
                        {"[]", "the file: must be a JSON object"},
                        {"{}", "vfiod: must be 1*"},
                        {"{\"vfiod\": 2}", "vfiod: must be 1*"},
                        {"{\"vfiod\": 1, \"vfiod\": 1}", "line 1: duplicate*"},
                        {"{\"vfiod\": 1, \"rule\": []}", "rule: there is no such key"},
                        {"{\"vfiod\": 1, \"rules\": {}}", "rules: must be a list*"},
                        {"{\"vfiod\": 1, \"rules\": [1]}", "rules?0]: must be an object"},
                        {"{\"vfiod\": 1, \"rules\": [{\"name\": \"a/b\"}]}", "rules?0].name: must be*"},
                        {"{\"vfiod\": 1, \"rules\": [{\"name\": \"a\"}]}", "rules?0].match: must be an object"},
                        {"{\"vfiod\": 1, \"rules\": [" ABSENT ", " ABSENT "]}", "rules?1].name: another*"},
                        {"{\"vfiod\": 1, \"rules\": [{\"name\": \"a\", \"match\": {\"colour\": 1}}]}",
                                        "rules?0].match.colour: there is no such key"},
                        {"{\"vfiod\": 1, \"rules\": [{\"name\": \"a\", \"match\": {\"vendor\": \"8086\\nDevice=1\"}}]}",
                                        "rules?0].match.vendor: must be a string of one line"},
                        {"{\"vfiod\": 1, \"rules\": [{\"name\": \"a\", \"match\": {\"class\": \"x\"}}]}",
                                        "rules?0]: Class= must have*"},
                        {"{\"vfiod\": 1, \"rules\": [{\"name\": \"a\", \"match\": {\"vendor\": \"8086\"}, \"detach\": "
                         "{\"driver\": 1}}]}",
                                        "rules?0].detach.driver: must be*"},
                        {"{\"vfiod\": 1, \"rules\": [{\"name\": \"a\", \"masked\": true, \"match\": {}}]}",
                                        "rules?0].match: there is no such key"},
                        {"{\"vfiod\": 1, \"virtual-functions\": [{\"match\": {}, \"count\": 1}]}",
                                        "virtual-functions?0].match: must be*"},
                        {"{\"vfiod\": 1, \"virtual-functions\": [{\"match\": {\"model\": \"8086:10c9\"}, \"count\": "
                         "-1}]}",
                                        "virtual-functions?0].count: must be*"},
        };
        Fixture *fixture;

        begin(&fixture);
        for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_autofree char *pattern = g_strdup_printf("vfioctl: *host.json: %s\n", wrong[i].message);

                put(wrong[i].text);
                EXPECT(1, pattern, "apply %s --yes", host_file);
        }
        put("{\"vfiod\": 1, \"virtual-functions\": [{\"match\": {\"model\": \"ffff:10c9\"}, \"count\": 1}]}");
        EXPECT(3, "vfioctl: virtual-functions?0]: no device of this host*", "apply %s --yes", host_file);
        put("{\"vfiod\": 1, \"virtual-functions\": [{\"match\": {\"address\": \"" PF "\"}, \"count\": 8}]}");
        EXPECT(5, "vfioctl: virtual-functions?0]: * can have 7 virtual functions, not 8.\n", "apply %s --yes",
                        host_file);
        EXPECT(1, "vfioctl: /none: No such file or directory\n", "apply /none");
        EXPECT(2, "vfioctl: 'apply' needs one file*", "apply");
        rule_file_put(fixture, RULES_OWN, "bad", "x");
        rescan(fixture);
        EXPECT(1, "vfioctl: Rule bad has an error*", "export");
        end(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-apply/round-trip", test_round_trip);
        g_test_add_func("/bus/vfioctl-apply/calls", test_calls);
        g_test_add_func("/bus/vfioctl-apply/difference", test_difference);
        g_test_add_func("/bus/vfioctl-apply/failure", test_failure);
        g_test_add_func("/bus/vfioctl-apply/meanwhile", test_meanwhile);
        g_test_add_func("/bus/vfioctl-apply/refusals", test_refusals);
        return g_test_run();
}
