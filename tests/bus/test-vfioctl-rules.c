/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "rule-files.h"

#include <unistd.h>

/* vfioctl's rule verbs, and how detach and reattach work with rules. */

/* The text with the names of the rule folders on a real host. */
static char *with_usual_folders(Fixture *fixture, const char *text) {
        static const char *const folders[][2] = {{RULES_TEMPORARY, "/run/vfiod/rules.d"},
                        {RULES_SHIPPED, "/usr/lib/vfiod/rules.d"}, {RULES_OWN, "/etc/vfiod/rules.d"}};
        g_autoptr(GString) shown = g_string_new(text);

        for (unsigned i = 0; i < G_N_ELEMENTS(folders); i++) {
                g_autofree char *folder = g_strdup_printf("%s.%s", fixture->state_folder, folders[i][0]);

                (void)g_string_replace(shown, folder, folders[i][1], 0);
        }
        return g_strdup(shown->str);
}

static void expect_output(const char *arguments, const char *pattern) {
        g_auto(ProgramResult) result = vfioctl("%s", arguments);

        expect_result(&result, 0, "", "%s", arguments);
        if (!g_pattern_match_simple(pattern, result.output))
                g_error("vfioctl %s: \"%s\" is not like \"%s\"", arguments, result.output, pattern);
}

/* Waits until a device has this state. */
static void wait_state(Fixture *fixture, const char *path, const char *state) {
        g_autofree char *expected = g_strdup_printf("'%s'", state);

        fixture_wait_property(fixture, path, DEVICE, "State", expected);
}

/* A folder of 24 files: valid rules, faulty rules, masks, and conflicting rules; and the effect of each. */
static void test_folder(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_files_copy(fixture, RULES_OWN, RULES_D "/etc");
        rule_files_copy(fixture, RULES_TEMPORARY, RULES_D "/run");
        rule_files_copy(fixture, RULES_SHIPPED, RULES_D "/lib");
        fixture_restart_daemon(fixture);
        wait_state(fixture, NIC_PATH, "detached");
        wait_state(fixture, PORT1_PATH, "detached");
        wait_state(fixture, BUS_PATH "/devices/_30000_3a04_3a00_2e0", "detached");
        wait_state(fixture, BUS_PATH "/devices/_310000_3a01_3a00_2e0", "detached");
        /* every other job has ended */
        fixture_wait_property(fixture, BUS_PATH "/groups/1", GROUP, "State", "'host'");
        fixture_wait_property(fixture, BUS_PATH "/groups/13", GROUP, "State", "'host'");

        g_auto(ProgramResult) list = vfioctl("rule list"), check = vfioctl("rule check");
        expect_result(&list, 0, "", "rule list");
        g_autofree char *shown = with_usual_folders(fixture, list.output);
        expect_golden_text(shown, "rule-list");
        expect_result(&check, 1, "*", "rule check");
        g_autofree char *faults = with_usual_folders(fixture, check.errors);
        expect_golden_text(faults, "rule-check");

        /* the same for each file by its own path */
        for (unsigned i = 0; i < 2; i++) {
                g_autofree char *folder = g_strdup(i == 0 ? "etc" : "lib");
                g_autofree char *command =
                                g_strdup_printf("sh -c 'exec %s rule check " RULES_D "/%s/*.conf'", VFIOCTL, folder);
                g_auto(GStrv) argv = NULL;

                g_assert_true(g_shell_parse_argv(command, NULL, &argv, NULL));
                g_auto(ProgramResult) files = program_run(
                                (const char *const *)argv, &(ProcessOptions){.environment = vfioctl_environment}, NULL);
                expect_result(&files, i == 0 ? 1 : 0, i == 0 ? "*" : "", "rule check FILE...");
                g_autoptr(GString) named = g_string_new(files.errors);
                (void)g_string_replace(named, RULES_D "/etc", "/etc/vfiod/rules.d", 0);
                if (i == 0)
                        g_assert_cmpstr(named->str, ==, faults);
        }
        fixture_stop(fixture);
}

static void test_list(void) {
        Fixture *fixture = fixture_start(NULL);

        EXPECT(0, "vfioctl: there are no rules\n", "rule list");
        EXPECT(0, "", "rule list --quiet");
        json_t *none = vfioctl_json("rule list");
        expect_json(none, "rules", "[]");
        json_decref(none);

        rule_file_put(fixture, RULES_OWN, "bad", "[Match]\nVendor=x\n");
        rule_file_put(fixture, RULES_OWN, "nic", "[Match]\nVendor=8086\nDevice=10d3\n");
        rule_file_link(fixture, RULES_OWN, "mask", "/dev/null");
        fixture_restart_daemon(fixture);
        fixture_wait_property(fixture, BUS_PATH "/rules/nic", RULE_INTERFACE, "Matches",
                        "[('" NIC "', 'applied', '', {'Changing': <false>})]");
        json_t *rules = vfioctl_json("rule list");
        expect_json(rules, "rules.0.name", "\"bad\"");
        expect_json(rules, "rules.0.state", "\"off\"");
        expect_json(rules, "rules.0.line", "2");
        expect_json(rules, "rules.0.fault", "\"Vendor= must have four hexadecimal digits, not 'x'\"");
        expect_json(rules, "rules.0.devices", "[]");
        expect_json(rules, "rules.1.state", "\"masked\"");
        expect_json(rules, "rules.1.line", "null");
        expect_json(rules, "rules.1.fault", "null");
        expect_json(rules, "rules.2.devices",
                        "[{\"address\":\"0000:05:00.0\",\"status\":\"applied\",\"message\":null,\"changing\":false}]");
        g_assert_cmpuint(json_object_size(json_array_get(json_object_get(rules, "rules"), 0)), ==, 7);
        json_decref(rules);
        g_auto(ProgramResult) bare = vfioctl("rule list --no-legend");
        g_assert_true(g_str_has_prefix(bare.output, "bad  off "));
        fixture_stop(fixture);
}

static void test_add_and_remove(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_output("rule add ens3",
                        "Rule 0000-05-00.0: *.rules/0000-05-00.0.conf\nThe rule acts now: 1 device will be "
                        "detached.\n");
        wait_state(fixture, NIC_PATH, "detached");
        EXPECT(5, "vfioctl: *.rules/0000-05-00.0.conf exists: *vfioctl rule remove 0000-05-00.0*", "rule add ens3");
        EXPECT(0, "", "rule add ens4 --name=vf --virtual-functions=4 --quiet");
        g_autofree char *text = rule_file_read(fixture, RULES_OWN, "vf");
        g_assert_nonnull(strstr(text, "VirtualFunctions=4\n"));
        EXPECT(0, "", "rule add ens1 --name two --companion ens2 --override=storage,network");
        g_autofree char *two = rule_file_read(fixture, RULES_OWN, "two");
        g_assert_nonnull(strstr(two, "Companions=0000:03:02.0\nOverride=storage network\n"));
        json_t *added = vfioctl_json("rule add 06:00.0 --group --name gpu");
        expect_json(added, "name", "\"gpu\"");
        g_assert_nonnull(json_object_get(added, "file"));
        expect_json(added, "will_detach", "[\"0000:06:00.0\",\"0000:06:00.1\"]");
        expect_json(added, "warnings", "[]");
        g_assert_cmpuint(json_object_size(added), ==, 4);
        json_decref(added);
        g_autofree char *gpu = rule_file_read(fixture, RULES_OWN, "gpu");
        g_assert_nonnull(strstr(gpu, "Companions=all\n"));
        wait_state(fixture, BUS_PATH "/devices/_30000_3a06_3a00_2e1", "detached");

        EXPECT(2, "vfioctl: *name*", "rule add ens3 --name=a/b");
        EXPECT(2, "vfioctl: *guard 'x'*", "rule add ens3 --override=x");
        EXPECT(2, "vfioctl: *no companion*", "rule add ens1 --companion ens3");
        EXPECT(2, "vfioctl: *UTF-8*", "rule add ens1 --name '\xff'");
        EXPECT(3, "vfioctl: *'wlan9'*", "rule add wlan9");
        EXPECT(5, "vfioctl: *bridge*", "rule add " BRIDGE);
        EXPECT(3, "vfioctl: There is no rule of that name*", "rule remove nothing");
        EXPECT(2, "vfioctl: *UTF-8*", "rule remove '\xff'");

        expect_output("rule remove vf",
                        "Rule vf was removed.\nDevices that it detached stay detached until they are reattached.\n");
        json_t *removed = vfioctl_json("rule remove two");
        expect_json(removed, "removed", "\"two\"");
        json_decref(removed);
        EXPECT(0, "", "rule remove gpu --quiet");
        EXPECT(3, "vfioctl: There is no rule*", "rule remove gpu");
        wait_state(fixture, NIC_PATH, "detached");

        /* a rule with lower priority applies again, and cannot be removed */
        rule_file_put(fixture, RULES_SHIPPED, "0000-05-00.0", "[Match]\nVendor=ffff\n");
        EXPECT(0, "vfioctl: the rule of the same name in *.rules.lib/0000-05-00.0.conf is active now\n",
                        "rule remove 0000-05-00.0");
        EXPECT(5, "vfioctl: vfiod cannot remove *.rules.lib/0000-05-00.0.conf. Mask it: *", "rule remove 0000-05-00.0");
        EXPECT(5, "vfioctl: vfiod cannot remove *.rules.lib/0000-05-00.0.conf. Mask it: *", "rule remove 0000-05-00.0");
        fixture_stop(fixture);
}

static void test_not_authorized(void) {
        static const char *const changes[] = {"rule add ens3", "rule remove x"},
                                 *const reads[] = {"rule list", "rule check"};
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "x", "[Match]\nVendor=ffff\nDevice=ffff\n");
        expect_output("rescan", "");
        for (unsigned i = 0; i < 2; i++)
                for (unsigned k = 0; k < 2; k++) {
                        g_autofree char *command =
                                        g_strdup_printf("setpriv --reuid=65534 --regid=65534 --clear-groups %s %s",
                                                        VFIOCTL, k == 0 ? changes[i] : reads[i]);
                        g_auto(GStrv) argv = g_strsplit(command, " ", -1);
                        g_auto(ProgramResult) result = program_run((const char *const *)argv, NULL, NULL);

                        expect_result(&result, k == 0 ? 4 : 0, k == 0 ? "vfioctl: Only root may call *" : "*", "%s",
                                        command);
                }
        fixture_stop(fixture);
}

static void write_file(const char *path, const char *text, ssize_t size) {
        g_assert_true(g_file_set_contents(path, text, size, NULL));
}

static void test_check(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *folder = g_dir_make_tmp("vfiod-rules-XXXXXX", NULL);
        g_autofree char *good = g_build_filename(folder, "good.conf", NULL),
                        *bad = g_build_filename(folder, "bad", NULL);
        g_autofree char *latin = g_build_filename(folder, "latin", NULL),
                        *binary = g_build_filename(folder, "bin", NULL);
        g_autofree char *empty = g_build_filename(folder, "empty", NULL),
                        *large = g_build_filename(folder, "large", NULL);
        g_autofree char *blanks = g_strnfill(300 * 1024, '\n');

        write_file(good, "[Match]\nClass=02\n", -1);
        write_file(bad, "[Match]\n\nClass=0x\n", -1);
        write_file(latin, "# \xe4\n[Match]\nClass=02\n", -1);
        write_file(binary, "[Match]\0", 8);
        write_file(empty, "", 0);
        write_file(large, blanks, -1);
        EXPECT(0, "", "rule check");
        EXPECT(0, "", "rule check %s %s", good, empty);
        EXPECT(1, "*/bad:3: Class= must have two, four or six hexadecimal digits, not '0x'\n", "rule check %s %s", bad,
                        good);
        EXPECT(1, "*/latin:1: column 3 has a control character or is not UTF-8\n", "rule check %s", latin);
        EXPECT(1, "*/bin:1: it contains a NUL byte, so it is not text\n", "rule check %s", binary);
        EXPECT(1, "*/large: it is too large: a rule has at most 64 KiB\n", "rule check %s", large);
        EXPECT(1, "*/none: No such file or directory\n", "rule check %s/none", folder);
        EXPECT(1, "*: Is a directory\n", "rule check %s", folder);
        EXPECT(1, "*/bad:3: *\n*/none: *\n*/bin:1: *\n", "rule check %s %s %s/none %s", bad, good, folder, binary);

        g_autofree char *arguments = g_strdup_printf("rule check %s %s/none", bad, folder);
        json_t *faults = vfioctl_json_with(1, arguments);
        expect_json(faults, "faults.0.line", "3");
        expect_json(faults, "faults.0.fault", "\"Class= must have two, four or six hexadecimal digits, not '0x'\"");
        expect_json(faults, "faults.1.line", "null");
        expect_json(faults, "faults.2", NULL);
        json_decref(faults);
        json_t *none = vfioctl_json("rule check");
        expect_json(none, "faults", "[]");
        json_decref(none);

        const char *const files[] = {good, bad, latin, binary, empty, large};
        for (unsigned i = 0; i < G_N_ELEMENTS(files); i++)
                g_assert_cmpint(unlink(files[i]), ==, 0);
        g_assert_cmpint(rmdir(folder), ==, 0);
        fixture_stop(fixture);
}

static void test_persistent(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_output("detach ens3 --persistent",
                        "0000:05:00.0: e1000e -> vfio-pci\nNode: /dev/vfio/12\nQEMU: *\n"
                        "Rule: *.rules/0000-05-00.0.conf\n");
        g_autofree char *nic = rule_file_read(fixture, RULES_OWN, "0000-05-00.0");
        g_assert_nonnull(strstr(nic, "Address=0000:05:00.0\n"));
        /* the rule stays */
        EXPECT(0,
                        "vfioctl: rule 0000-05-00.0 will detach 0000:05:00.0 again when the device appears the next "
                        "time, or when "
                        "vfiod starts. To prevent that: vfioctl rule remove 0000-05-00.0\n",
                        "reattach ens3");
        EXPECT(0, "", "detach ens3");
        EXPECT(0, "", "reattach ens3 --quiet");
        fixture_restart_daemon(fixture);
        wait_state(fixture, NIC_PATH, "detached");
        EXPECT(5, "vfioctl: *.conf exists: *\nvfioctl: nothing was detached, and no rule was written.\n",
                        "detach ens3 --persistent");
        EXPECT(0, "", "rule remove 0000-05-00.0 --quiet");
        EXPECT(0, "", "reattach ens3");

        /* a device that is detached already gets a rule; the whole group by its name, or by consent */
        EXPECT(0, "", "detach group:10");
        json_t *again = vfioctl_json("detach group:10 --persistent");
        expect_json(again, "changes", "[]");
        expect_json(again, "node", "\"/dev/vfio/10\"");
        g_autofree char *file = json_at(again, "rule");
        g_assert_true(g_str_has_suffix(file, ".rules/0000-03-01.0.conf\""));
        json_decref(again);
        g_autofree char *port = rule_file_read(fixture, RULES_OWN, "0000-03-01.0");
        g_assert_nonnull(strstr(port, "Address=0000:03:01.0\n"));
        g_assert_nonnull(strstr(port, "Companions=all\n"));
        EXPECT(0, "", "detach 06:00.0 --companion 06:00.1 --persistent");
        g_autofree char *gpu = rule_file_read(fixture, RULES_OWN, "0000-06-00.0");
        g_assert_nonnull(strstr(gpu, "Companions=0000:06:00.1\n"));

        /* without --persistent: as before */
        json_t *plain = vfioctl_json("detach ens4");
        expect_json(plain, "rule", "null");
        json_decref(plain);
        EXPECT(5, "vfioctl: *", "detach ens4");
        /* a refused detach writes no rule */
        EXPECT(5, "vfioctl: *", "detach " BRIDGE " --persistent");
        g_autofree char *none = rule_file_read(fixture, RULES_OWN, "0000-02-00.0");
        g_assert_null(none);
        fixture_stop(fixture);
}

/* vfioctl checks that it can write the rule before it detaches anything. */
static void test_persistent_checks_first(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "0000-05-00.0", "[Match]\nVendor=ffff\n");
        EXPECT(5, "vfioctl: *.conf exists: *--name*\nvfioctl: nothing was detached, and no rule was written.\n",
                        "detach ens3 --persistent");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        EXPECT(2, "vfioctl: *name*\nvfioctl: nothing was detached*", "detach ens3 --persistent --name=a/b");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        expect_output("detach ens3 --persistent --name=nic", "0000:05:00.0: *Rule: *.rules/nic.conf\n");
        wait_state(fixture, NIC_PATH, "detached");
        g_autofree char *nic = rule_file_read(fixture, RULES_OWN, "nic");
        g_assert_nonnull(strstr(nic, "Address=0000:05:00.0\n"));
        fixture_stop(fixture);

        /* there is a file instead of the folder */
        fixture = fixture_start(NULL);
        g_autofree char *folder = g_strdup_printf("%s." RULES_OWN, fixture->state_folder);
        g_assert_true(g_file_set_contents(folder, "", 0, NULL));
        EXPECT(1, "vfioctl: Cannot write *: Not a directory.\nvfioctl: nothing was detached*",
                        "detach ens3 --persistent");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        EXPECT(5, "vfioctl: *bridges*", "detach group:2 --persistent");
        fixture_stop(fixture);
}

/* A change by hand is applied by a rescan. */
static void test_rescan(void) {
        const char *const as_nobody[] = {
                        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", VFIOCTL, "rescan", NULL};
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "nic", "[Match]\nVendor=8086\nDevice=10d3\n");
        EXPECT(0, "vfioctl: there are no rules\n", "rule list");
        g_auto(ProgramResult) refused = program_run(as_nobody, NULL, NULL);
        expect_result(&refused, 4, "vfioctl: Only root may call *", "rescan by nobody");
        EXPECT(0, "vfioctl: there are no rules\n", "rule list");
        expect_output("rescan", "");
        g_free(fixture_expect_signal(fixture, BUS_PATH " RulesChanged ()"));
        expect_output("rule list --no-legend", "nic *active 0000:05:00.0 applied\n");
        wait_state(fixture, NIC_PATH, "detached");

        rule_file_remove(fixture, RULES_OWN, "nic");
        rule_file_put(fixture, RULES_OWN, "bad", "x");
        expect_output("rescan", "");
        expect_output("rule list --no-legend", "bad *off *bad.conf:1: this is neither*\n");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");

        /* the folder cannot be read: the old rules stay valid */
        g_autofree char *folder = g_strdup_printf("%s.rules.run", fixture->state_folder);
        g_assert_true(g_file_set_contents(folder, "", 0, NULL));
        EXPECT(1, "vfioctl: Cannot read all devices and rules again: Not a directory\n", "rescan");
        expect_output("rule list --no-legend", "bad *off *\n");
        fixture_stop(fixture);
}

static void test_usage(void) {
        static const char *const wrong[] = {"rule", "rule lis", "rule list x", "rule add", "rule add a b",
                        "rule remove", "rule remove a b", "rule list --name=x", "rule remove x --group",
                        "rule add x --persistent", "rule add x --force", "rule add x --virtual-functions=0",
                        "rule add x --virtual-functions", "rule add x --virtual-functions=-1",
                        "rule add x --virtual-functions=4294967296", "rule check --group", "detach x --name=y",
                        "detach x --persistent --dry-run", "reattach x --persistent", "plan x --persistent",
                        "rescan x"};

        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++)
                EXPECT(2, "vfioctl: *Try 'vfioctl --help'.\n", "%s", wrong[i]);
        g_auto(ProgramResult) help = vfioctl("--help");
        g_assert_true(g_pattern_match_simple(
                        "*rule list*rule add*rule remove*rule check*rescan*--persistent*", help.output));
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

/* A name that begins with a dash: the commands that vfioctl and vfiod advise have "--" before it. A rule is named once, with
 * all its devices. */
static void test_dash(void) {
        Fixture *fixture = fixture_start(NULL);

        EXPECT(0, "", "rule add ens1 --group --name=-x");
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "State", "'detached'");
        EXPECT(5, "vfioctl: * exists: *(vfioctl rule remove -- -x).\n", "rule add ens1 --name=-x");
        EXPECT(0,
                        "vfioctl: rule -x will detach 0000:03:01.0, 0000:03:02.0 again when the device appears the "
                        "next time, "
                        "or when vfiod starts. To prevent that: vfioctl rule remove -- -x\n",
                        "reattach ens1");
        EXPECT(2, "vfioctl: unknown option '-x'\nIf this is a name *", "rule remove -x");
        EXPECT(0, "", "rule remove -- -x");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-rules/folder", test_folder);
        g_test_add_func("/bus/vfioctl-rules/list", test_list);
        g_test_add_func("/bus/vfioctl-rules/add-and-remove", test_add_and_remove);
        g_test_add_func("/bus/vfioctl-rules/not-authorized", test_not_authorized);
        g_test_add_func("/bus/vfioctl-rules/check", test_check);
        g_test_add_func("/bus/vfioctl-rules/persistent", test_persistent);
        g_test_add_func("/bus/vfioctl-rules/persistent-checks-first", test_persistent_checks_first);
        g_test_add_func("/bus/vfioctl-rules/rescan", test_rescan);
        g_test_add_func("/bus/vfioctl-rules/usage", test_usage);
        g_test_add_func("/bus/vfioctl-rules/dash", test_dash);
        return g_test_run();
}
