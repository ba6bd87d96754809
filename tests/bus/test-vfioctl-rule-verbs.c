/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "rule-files.h"
#include "terminal.h"

#include <glib/gstdio.h>

/* rule show, enable, disable, edit; and what rule add says about its effect. */

#define NIC_TEXT "# mine\n[Match]\nVendor=8086\nDevice=10d3\n"
#define ABSENT_TEXT "[Match]\nVendor=ffff\n"

static void expect_output(const char *arguments, int status, const char *pattern) {
        g_auto(ProgramResult) result = vfioctl("%s", arguments);

        g_assert_cmpint(result.status, ==, status);
        if (!g_pattern_match_simple(pattern, result.output))
                g_error("vfioctl %s: \"%s\" is not like \"%s\"", arguments, result.output, pattern);
}

static void rescan(Fixture *fixture) {
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
}

static void expect_text(Fixture *fixture, const char *name, const char *expected) {
        g_autofree char *text = rule_file_read(fixture, RULES_OWN, name);
        g_assert_cmpstr(text, ==, expected);
}

static void test_show(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "10-nic", NIC_TEXT);
        rule_file_put(fixture, RULES_OWN, "20-nic", NIC_TEXT);
        rule_file_put(fixture, RULES_OWN, "30-none", ABSENT_TEXT);
        rule_file_put(fixture, RULES_OWN, "40-bad", "[Match]\nColour=red\n");
        rescan(fixture);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        expect_output("rule show 10-nic", 0,
                        "*Rule: 10-nic\n*File: *.rules/10-nic.conf\n*State: active\n*Devices: " NIC
                        ": applied\n\n" NIC_TEXT);
        expect_output("rule show 20-nic", 0, "*State: active\n*Devices: " NIC ": rule 10-nic comes first\n\n*");
        expect_output("rule show 30-none", 0, "*State: active\n*Devices: none matches\n\n*");
        expect_output("rule show 40-bad", 0, "*State: off\n*Reason: line 2: ?Match] has no key 'Colour'\n\n*");
        EXPECT(3, "vfioctl: There is no rule of that name*", "rule show 50");
        EXPECT(3, "vfioctl: There is no rule of that name*", "rule show a/b");
        json_t *rule = vfioctl_json("rule show 10-nic");
        expect_json(rule, "name", "\"10-nic\"");
        expect_json(rule, "enabled", "true");
        expect_json(rule, "settings.Vendor", "\"8086\"");
        expect_json(rule, "devices.0.status", "\"applied\"");
        expect_json(rule, "reason", "null");
        json_decref(rule);
        fixture_stop(fixture);
}

static void test_switch(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "nic", NIC_TEXT);
        rescan(fixture);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        expect_output("rule disable nic", 0,
                        "Rule nic is disabled. Devices that it detached stay detached until they are reattached.\n");
        expect_text(fixture, "nic", NIC_TEXT "\n[Detach]\nEnabled=no\n");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        EXPECT(0, "", "reattach ens3 --quiet");
        expect_output("rule enable nic --no-apply", 0,
                        "Rule nic is enabled. It acts when a device is plugged in again, or when vfiod starts.\n");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        EXPECT(0, "", "rule disable nic --quiet");
        expect_output("rule enable nic --wait", 0, "Rule nic is enabled. It acts now.\n" NIC ": applied\n");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        EXPECT(3, "vfioctl: There is no rule*", "rule enable none");
        fixture_stop(fixture);
}

/* Runs vfioctl with this script as the editor. */
static ProgramResult edit(const char *script, const char *arguments) {
        g_autofree char *command = g_strdup_printf("rule edit %s", arguments), *editor = NULL;
        g_auto(GStrv) argv = vfioctl_argv(command);
        g_autoptr(GPtrArray) environment = g_ptr_array_new();
        g_autofree char *folder = g_dir_make_tmp("vfiod-editor-XXXXXX", NULL);
        g_autofree char *program = g_build_filename(folder, "editor", NULL);
        g_autofree char *text = g_strdup_printf("#!/bin/sh\n%s\n", script);

        g_assert_true(g_file_set_contents(program, text, -1, NULL));
        g_assert_cmpint(g_chmod(program, 0755), ==, 0);
        editor = g_strdup_printf("SYSTEMD_EDITOR=%s", program);
        for (const char *const *variable = vfioctl_environment; *variable; variable++)
                g_ptr_array_add(environment, (char *)*variable);
        g_ptr_array_add(environment, editor);
        g_ptr_array_add(environment, NULL);
        ProgramResult result = program_run((const char *const *)argv,
                        &(ProcessOptions){.environment = (const char *const *)environment->pdata}, NULL);
        (void)g_unlink(program);
        (void)g_rmdir(folder);
        return result;
}

/* The message is followed by the name of the file that has the user's text. */
static void expect_kept(const ProgramResult *result, int status, const char *pattern, const char *text) {
        static const char where[] = "Your text is in ";
        g_autofree char *full = g_strconcat(pattern, where, "*.conf\n", NULL), *kept = NULL;

        expect_result(result, status, full, "edit");
        g_autofree char *path = g_strstrip(g_strdup(strstr(result->errors, where) + strlen(where)));
        g_assert_true(g_file_get_contents(path, &kept, NULL, NULL));
        g_assert_cmpstr(kept, ==, text);
        g_assert_cmpint(g_unlink(path), ==, 0);
}

/* Somebody else changes the rule while the editor runs, or vfiod refuses: the user loses nothing. */
static void test_edit_kept(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "x", ABSENT_TEXT);
        rescan(fixture);
        g_autofree char *path = rule_file_path(fixture, RULES_OWN, "x");
        g_autofree char *other = g_strdup_printf("echo '# other' >> %s; echo '# mine' >> \"$1\"", path);
        g_auto(ProgramResult) changed = edit(other, "x");
        expect_kept(&changed, 5, "vfioctl: x was changed by somebody else since you read it.*\n",
                        ABSENT_TEXT "# mine\n");
        expect_text(fixture, "x", ABSENT_TEXT "# other\n");
        g_autofree char *removed = g_strdup_printf("rm %s; mkdir %s; echo '# mine' >> \"$1\"", path, path);
        g_auto(ProgramResult) refused = edit(removed, "x");
        expect_kept(&refused, 5, "vfioctl: x was changed by*\n", ABSENT_TEXT "# other\n# mine\n");
        g_assert_cmpint(g_rmdir(path), ==, 0);
        fixture_stop(fixture);
}

static void test_edit(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "x", ABSENT_TEXT);
        rule_file_link(fixture, RULES_OWN, "mask", "/dev/null");
        rule_file_put(fixture, RULES_SHIPPED, "shipped", ABSENT_TEXT);
        rescan(fixture);
        g_auto(ProgramResult) same = edit("exit 0", "x");
        g_assert_cmpstr(same.output, ==, "Rule x was not changed.\n");
        g_auto(ProgramResult) changed = edit("echo 'Device=000a' >> \"$1\"", "x");
        g_assert_cmpstr(changed.output, ==, "Rule x was changed.\n");
        expect_text(fixture, "x", ABSENT_TEXT "Device=000a\n");
        g_auto(ProgramResult) wrong = edit("echo 'Colour=red' >> \"$1\"", "x");
        expect_kept(&wrong, 1, "vfioctl: x:4: ?Match] has no key 'Colour'\nThe rule was not changed.\n",
                        ABSENT_TEXT "Device=000a\nColour=red\n");
        g_auto(ProgramResult) failed = edit("echo 'Class=02' >> \"$1\"; exit 3", "x");
        expect_kept(&failed, 1, "vfioctl: the editor failed. Nothing was changed.\n",
                        ABSENT_TEXT "Device=000a\nClass=02\n");
        g_auto(ProgramResult) gone = edit("exit 3", "x");
        expect_result(&gone, 1, "vfioctl: the editor failed. Nothing was changed.\n", "edit");
        expect_text(fixture, "x", ABSENT_TEXT "Device=000a\n");
        g_auto(ProgramResult) copy = edit("echo 'Device=000b' >> \"$1\"", "shipped");
        g_assert_cmpint(copy.status, ==, 0);
        expect_text(fixture, "shipped", ABSENT_TEXT "Device=000b\n");
        g_auto(ProgramResult) mask = edit("exit 0", "mask");
        expect_result(&mask, 5, "vfioctl: vfiod does not show the text of rule mask*", "edit");
        fixture_stop(fixture);
}

/* On a terminal, a wrong text is offered again. */
static void test_edit_again(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *folder = g_dir_make_tmp("vfiod-editor-XXXXXX", NULL);
        g_autofree char *program = g_build_filename(folder, "editor", NULL),
                        *variable = g_strdup_printf("SYSTEMD_EDITOR=%s", program);
        const char *const environment[] = {"LC_ALL=C.UTF-8", "TERM=xterm", variable, NULL};
        g_auto(GStrv) argv = vfioctl_argv("rule edit x");

        rule_file_put(fixture, RULES_OWN, "x", ABSENT_TEXT);
        rescan(fixture);
        /* the first time, it adds an error; then it corrects the error */
        g_assert_true(g_file_set_contents(program,
                        "#!/bin/sh\nif grep -q Devcie \"$1\"; then sed -i s/Devcie/Device/ \"$1\"; else echo "
                        "Devcie=000a >> \"$1\"; fi\n",
                        -1, NULL));
        g_assert_cmpint(g_chmod(program, 0755), ==, 0);
        Terminal *terminal = terminal_open(80);
        Process *process = terminal_start(terminal, (const char *const *)argv, environment);
        g_autofree char *question = terminal_expect(terminal, "Edit again? [y/N] ");
        g_assert_nonnull(strstr(question, "x:3: [Match] has no key 'Devcie'"));
        expect_text(fixture, "x", ABSENT_TEXT);
        terminal_type(terminal, "y\n");
        process_expect_line(process, "Rule x was changed.");
        g_free(terminal_read_rest(terminal));
        g_assert_cmpint(process_finish(process), ==, 0);
        expect_text(fixture, "x", ABSENT_TEXT "Device=000a\n");
        (void)terminal_close(terminal);
        (void)g_unlink(program);
        (void)g_rmdir(folder);
        fixture_stop(fixture);
}

/* On a terminal, the user decides which text remains. */
static void test_edit_other(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *folder = g_dir_make_tmp("vfiod-editor-XXXXXX", NULL),
                        *path = rule_file_path(fixture, RULES_OWN, "x");
        g_autofree char *program = g_build_filename(folder, "editor", NULL),
                        *variable = g_strdup_printf("SYSTEMD_EDITOR=%s", program),
                        *script = g_strdup_printf("#!/bin/sh\necho '# other' >> %s\necho '# mine' >> \"$1\"\n", path);
        const char *const environment[] = {"LC_ALL=C.UTF-8", "TERM=xterm", variable, NULL};
        g_auto(GStrv) argv = vfioctl_argv("rule edit x");

        rule_file_put(fixture, RULES_OWN, "x", ABSENT_TEXT);
        rescan(fixture);
        g_assert_true(g_file_set_contents(program, script, -1, NULL));
        g_assert_cmpint(g_chmod(program, 0755), ==, 0);
        Terminal *terminal = terminal_open(80);
        Process *process = terminal_start(terminal, (const char *const *)argv, environment);
        g_free(terminal_expect(terminal, "Replace that text by yours? [y/N] "));
        expect_text(fixture, "x", ABSENT_TEXT "# other\n");
        terminal_type(terminal, "y\n");
        process_expect_line(process, "Rule x was changed.");
        g_free(terminal_read_rest(terminal));
        g_assert_cmpint(process_finish(process), ==, 0);
        expect_text(fixture, "x", ABSENT_TEXT "# mine\n");
        (void)terminal_close(terminal);
        (void)g_unlink(program);
        (void)g_rmdir(folder);
        fixture_stop(fixture);
}

static void test_add(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_output("rule add ens3 --no-apply --name=nic", 0,
                        "Rule nic: *nic.conf\nThe rule acts when the device is plugged in again, or when vfiod "
                        "starts.\n");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        EXPECT(0, "", "rule remove nic --quiet");
        expect_output("rule add ens3 --wait --name=nic", 0,
                        "Rule nic: *nic.conf\nThe rule acts now: 1 device will be detached.\n" NIC ": applied\n");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        /* a rule that comes first */
        EXPECT(0, "vfioctl: warning: rule nic comes first and matches the device, too: this rule never applies to it\n",
                        "rule add ens3 --name=nic2");
        EXPECT(0, "", "rule add ens1 --group --name=ports");
        /* a guard refuses: it is the display of the host */
        g_auto(ProgramResult) refused = vfioctl("rule add 0000:00:01.0 --name=gpu --wait");
        g_assert_cmpint(refused.status, ==, 5);
        g_assert_true(g_pattern_match_simple(
                        "vfioctl: warning: the guard 'display' refuses as long as this is so: *", refused.errors));
        g_assert_true(g_pattern_match_simple(
                        "Rule gpu: *The rule detaches nothing now.\n0000:00:01.0: refused: *", refused.output));
        json_t *json = vfioctl_json_with(5, "rule add 0000:00:01.0 --name=gpu2 --wait");
        expect_json(json, "rule.devices", "[]");
        json_decref(json);
        fixture_stop(fixture);
}

/* Files are checked without a daemon. */
static void test_check(void) {
        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        EXPECT(1, "/dev/fd/none: No such file or directory\n", "rule check /dev/fd/none");
        EXPECT(0, "", "rule check " RULES_D "/lib/60-disks.conf");
        EXPECT(1, RULES_D "/etc/30-key.conf:3: ?Match] has no key 'Model'\n", "rule check " RULES_D "/etc/30-key.conf");
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-rule-verbs/show", test_show);
        g_test_add_func("/bus/vfioctl-rule-verbs/switch", test_switch);
        g_test_add_func("/bus/vfioctl-rule-verbs/edit", test_edit);
        g_test_add_func("/bus/vfioctl-rule-verbs/edit-kept", test_edit_kept);
        g_test_add_func("/bus/vfioctl-rule-verbs/edit-again", test_edit_again);
        g_test_add_func("/bus/vfioctl-rule-verbs/edit-other", test_edit_other);
        g_test_add_func("/bus/vfioctl-rule-verbs/add", test_add);
        g_test_add_func("/bus/vfioctl-rule-verbs/check", test_check);
        return g_test_run();
}
