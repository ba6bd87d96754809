/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule-files.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/file.h>
#include <sys/stat.h>

/* The objects of rules: their properties, their signals, and what their methods write. */

#define RULES BUS_PATH "/rules"
#define NIC_TEXT "# mine\n[Match]\nVendor=8086\nDevice=10d3\n\n[Detach]\nOverride=storage network\n"
#define ABSENT_TEXT "[Match]\nVendor=ffff\n"
#define APPLIED(changing) "[('" NIC "', 'applied', '', {'Changing': <" changing ">})]"
#define MANY(changes) "([" changes "], " NO_OPTIONS ")"

static void rescan(Fixture *fixture) {
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
}

static void expect_rule(Fixture *fixture, const char *path, const char *property, const char *expected) {
        fixture_property(fixture, path, RULE_INTERFACE, property, expected);
}

static void expect_text(Fixture *fixture, const char *name, const char *expected) {
        g_autofree char *text = rule_file_read(fixture, RULES_OWN, name);
        g_assert_cmpstr(text, ==, expected);
}

static void set_enabled(Fixture *fixture, const char *path, bool enabled) {
        fixture_expect(fixture, path, RULE_INTERFACE, "SetEnabled",
                        enabled ? "(true, " NO_OPTIONS ")" : "(false, " NO_OPTIONS ")", "()");
}

static void refuse(Fixture *fixture, const char *path, const char *method, const char *arguments, const char *error,
                const char *pattern) {
        fixture_refused(fixture, path, RULE_INTERFACE, method, arguments, error, pattern);
}

static void test_properties(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "10-nic", NIC_TEXT);
        rule_file_put(fixture, RULES_OWN, "20-bad", "[Match]\nVendor=x\n");
        rule_file_link(fixture, RULES_OWN, "30-mask", "/dev/null");
        rule_file_put(fixture, RULES_SHIPPED, "40-off", "[Match]\nClass=02\n[Detach]\nEnabled=no\n");
        rescan(fixture);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded ('" RULES "/_310_2dnic'*"));
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        expect_rule(fixture, RULES "/_310_2dnic", "Name", "'10-nic'");
        expect_rule(fixture, RULES "/_310_2dnic", "State", "'active'");
        expect_rule(fixture, RULES "/_310_2dnic", "Reason", "''");
        expect_rule(fixture, RULES "/_310_2dnic", "Enabled", "true");
        expect_rule(fixture, RULES "/_310_2dnic", "Settings",
                        "{'Vendor': <'8086'>, 'Device': <'10d3'>, 'Companions': <@as []>, 'Override': <['storage', "
                        "'network']>}");
        expect_rule(fixture, RULES "/_310_2dnic", "MatchedDevices", "['" NIC "']");
        fixture_wait_property(fixture, RULES "/_310_2dnic", RULE_INTERFACE, "Matches", APPLIED("false"));
        g_autofree char *text = fixture_get(fixture, RULES "/_310_2dnic", RULE_INTERFACE, "Text");
        g_assert_nonnull(strstr(text, "# mine"));
        g_autofree char *file = fixture_get(fixture, RULES "/_310_2dnic", RULE_INTERFACE, "Path");
        g_assert_true(g_str_has_suffix(file, ".rules/10-nic.conf'"));

        expect_rule(fixture, RULES "/_320_2dbad", "State", "'off'");
        expect_rule(fixture, RULES "/_320_2dbad", "Line", "2");
        expect_rule(fixture, RULES "/_320_2dbad", "Enabled", "true");
        expect_rule(fixture, RULES "/_320_2dbad", "Reason", "\"Vendor= must have four hexadecimal digits, not 'x'\"");
        expect_rule(fixture, RULES "/_330_2dmask", "State", "'masked'");
        expect_rule(fixture, RULES "/_330_2dmask", "Enabled", "false");
        expect_rule(fixture, RULES "/_330_2dmask", "Text", "''");
        expect_rule(fixture, RULES "/_340_2doff", "State", "'disabled'");
        expect_rule(fixture, RULES "/_340_2doff", "Enabled", "false");
        expect_rule(fixture, RULES "/_340_2doff", "Settings",
                        "{'Class': <'02'>, 'Companions': <@as []>, 'Override': <@as []>}");
        expect_rule(fixture, RULES "/_340_2doff", "MatchedDevices", "[]");
        /* each object has one path, and no rule means no object */
        refuse(fixture, RULES "/_310_2d_6eic", "Remove", "(" NO_OPTIONS ",)", UNKNOWN_OBJECT, "*");
        refuse(fixture, RULES "/other", "Remove", "(" NO_OPTIONS ",)", UNKNOWN_OBJECT, "*");
        fixture_stop(fixture);
}

/* What vfiod shows of a text depends on who may read it, how long it is, and what is in it. */
/* While the job of a rule runs, the rule says so. The end of the job is signalled, also if the status stays the same. */
static void test_changing(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        rule_file_put(fixture, RULES_OWN, "nic", NIC_TEXT);
        rescan(fixture);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        expect_rule(fixture, RULES "/nic", "Matches", APPLIED("true"));
        fake_kernel_do(fixture->kernel, "resume");
        g_free(fixture_expect_signal(fixture,
                        RULES "/nic PropertiesChanged ('" RULE_INTERFACE
                              "', {*'Matches': <" APPLIED("false") ">*}, *"));
        expect_rule(fixture, RULES "/nic", "Matches", APPLIED("false"));
        fixture_stop(fixture);
}

static void test_texts(void) {
        g_autofree char *blanks = g_strnfill(8 * 1024, '\n'), *large = g_strconcat(ABSENT_TEXT, blanks, NULL);
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "large", large);
        rule_file_put(fixture, RULES_OWN, "latin", "# \xe4\n" ABSENT_TEXT);
        rule_file_put(fixture, RULES_OWN, "secret", ABSENT_TEXT);
        g_autofree char *secret = rule_file_path(fixture, RULES_OWN, "secret");
        g_assert_cmpint(chmod(secret, 0640), ==, 0);
        rescan(fixture);
        expect_rule(fixture, RULES "/large", "Text", "''");
        expect_rule(fixture, RULES "/latin", "Text", "''");
        expect_rule(fixture, RULES "/secret", "Text", "''");
        refuse(fixture, RULES "/large", "SetEnabled", "(false, " NO_OPTIONS ")", "Failed", "*longer than 8 KiB*");
        fixture_stop(fixture);
}

/* Everybody may open the folder of the rules, and lock it: that stops nobody. A rule with an error cannot be enabled. */
static void test_locked(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "absent", ABSENT_TEXT);
        rule_file_put(fixture, RULES_OWN, "wrong", "[Match]\nnonsense\n");
        g_autofree char *path = rule_file_path(fixture, RULES_OWN, "absent"), *folder = g_path_get_dirname(path);
        rescan(fixture);
        int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(flock(fd, LOCK_EX | LOCK_NB), ==, 0);
        set_enabled(fixture, RULES "/absent", false);
        expect_rule(fixture, RULES "/absent", "State", "'disabled'");
        g_assert_cmpint(close(fd), ==, 0);
        refuse(fixture, RULES "/wrong", "SetEnabled", "(true, " NO_OPTIONS ")", "Failed",
                        "*has an error in line 2, so it is off*");
        fixture_stop(fixture);
}

/* A rule of the administrator: one line of its text changes, and no device. */
static void test_own(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "nic", NIC_TEXT);
        rescan(fixture);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        set_enabled(fixture, RULES "/nic", true);
        expect_text(fixture, "nic", NIC_TEXT);
        set_enabled(fixture, RULES "/nic", false);
        g_free(fixture_expect_signal(
                        fixture, RULES "/nic PropertiesChanged ('" RULE_INTERFACE "', {*'Enabled': <false>*"));
        g_free(fixture_expect_signal(
                        fixture, RULES "/nic PropertiesChanged ('" RULE_INTERFACE "', {'MatchedDevices': <@as []>*"));
        expect_text(fixture, "nic",
                        "# mine\n[Match]\nVendor=8086\nDevice=10d3\n\n[Detach]\nEnabled=no\nOverride=storage "
                        "network\n");
        expect_rule(fixture, RULES "/nic", "State", "'disabled'");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fixture_property(fixture, NIC_PATH, DEVICE, "MatchedRule", "''");
        set_enabled(fixture, RULES "/nic", false);

        /* with no-apply, nothing is detached before a hot-plug or a restart */
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
        fixture_expect(fixture, RULES "/nic", RULE_INTERFACE, "SetEnabled", "(true, {'no-apply': <true>})", "()");
        expect_text(fixture, "nic", NIC_TEXT);
        expect_rule(fixture, RULES "/nic", "Matches",
                        "[('" NIC "', 'released', 'the rule is not applied before the device is plugged in again, or "
                        "vfiod starts', {'Changing': <false>})]");
        rescan(fixture);
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_restart_daemon(fixture);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");

        rule_file_put(fixture, RULES_OWN, "bad", "x");
        rescan(fixture);
        refuse(fixture, RULES "/bad", "SetEnabled", "(false, " NO_OPTIONS ")", "Failed", "*bad.conf has an error*");
        refuse(fixture, RULES "/nic", "SetEnabled", "(false, {'name': <'x'>})", INVALID_ARGS, "*no option 'name'*");
        fixture_expect(fixture, RULES "/nic", RULE_INTERFACE, "Remove", "(" NO_OPTIONS ",)", "()");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" RULES "/nic'*"));
        expect_text(fixture, "nic", NULL);
        fixture_stop(fixture);
}

/* A rule of a package is masked in /etc; an edit makes a copy there. */
static void test_shipped(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_SHIPPED, "x", ABSENT_TEXT);
        rule_file_put(fixture, RULES_SHIPPED, "off", ABSENT_TEXT "[Detach]\nEnabled=no\nDriver=vfio-pci\n");
        rule_file_link(fixture, RULES_OWN, "alone", "/dev/null");
        rescan(fixture);
        set_enabled(fixture, RULES "/x", false);
        g_autofree char *mask = rule_file_path(fixture, RULES_OWN, "x");
        g_autofree char *target = g_file_read_link(mask, NULL);
        g_assert_cmpstr(target, ==, "/dev/null");
        expect_rule(fixture, RULES "/x", "State", "'masked'");
        set_enabled(fixture, RULES "/x", true);
        g_assert_false(g_file_test(mask, G_FILE_TEST_EXISTS | G_FILE_TEST_IS_SYMLINK));
        expect_rule(fixture, RULES "/x", "State", "'active'");
        set_enabled(fixture, RULES "/off", true);
        expect_text(fixture, "off", ABSENT_TEXT "[Detach]\nDriver=vfio-pci\n");
        refuse(fixture, RULES "/alone", "SetEnabled", "(true, " NO_OPTIONS ")", "NoSuchRule", "*");
        refuse(fixture, RULES "/x", "Remove", "(" NO_OPTIONS ",)", "RuleReadOnly", "*Mask it*");

        fixture_expect(fixture, RULES "/x", RULE_INTERFACE, "Edit", "('[Match]\\nClass=ff\\n', {'dry-run': <true>})",
                        "()");
        expect_text(fixture, "x", NULL);
        fixture_expect(fixture, RULES "/x", RULE_INTERFACE, "Edit", "('[Match]\\nClass=ff\\n', " NO_OPTIONS ")", "()");
        expect_text(fixture, "x", "[Match]\nClass=ff\n");
        g_free(fixture_expect_signal(
                        fixture, RULES "/x PropertiesChanged ('" RULE_INTERFACE "', {*'Settings': <{'Class': <'ff'>*"));
        refuse(fixture, RULES "/x", "Edit", "('[Match]\\nClass=0\\n', " NO_OPTIONS ")", INVALID_ARGS,
                        "Rule x, line 2: Class= must have*");
        expect_text(fixture, "x", "[Match]\nClass=ff\n");
        fixture_stop(fixture);
}

/* All changes of one call, or none. */
static void test_many(void) {
        static const struct {
                const char *changes, *error, *pattern;
        } refused[] = {
                        {"('b', 'write', {'Text': <'[Match]\\nClass=0\\n'>})", INVALID_ARGS, "Rule b, line 2: *"},
                        {"('b', 'write', {'Text': <'[Match]\\nClass=02'>, 'Text': <'x'>})", INVALID_ARGS, "*twice*"},
                        {"('b', 'write', @a{sv} {})", INVALID_ARGS, "A change of a rule is*"},
                        {"('b', 'delete', {'Text': <'x'>})", INVALID_ARGS, "A change of a rule is*"},
                        {"('b', 'wipe', @a{sv} {})", INVALID_ARGS, "A change of a rule is*"},
                        {"('../b', 'mask', @a{sv} {})", INVALID_ARGS, "*no name of a rule*"},
                        {"('a', 'mask', @a{sv} {})", INVALID_ARGS, "Rule a is given twice."},
                        {"('b', 'delete', @a{sv} {})", "NoSuchRule", "*no rule b*"},
                        {"('b', 'enable', @a{sv} {})", "NoSuchRule", "*no rule b*"},
                        {"('shipped', 'delete', @a{sv} {})", "RuleReadOnly", "*shipped.conf*"},
        };
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "a", ABSENT_TEXT);
        rule_file_put(fixture, RULES_SHIPPED, "shipped", ABSENT_TEXT);
        rescan(fixture);
        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++) {
                g_autofree char *arguments = g_strdup_printf(
                                MANY("('a', 'write', {'Text': <'[Match]\\nClass=02\\n'>}), %s"), refused[i].changes);

                fixture_refused(fixture, BUS_PATH, MANAGER, "ChangeRules", arguments, refused[i].error,
                                refused[i].pattern);
                expect_text(fixture, "a", ABSENT_TEXT);
        }
        /* the worker cannot write the second file */
        g_autofree char *obstacle = rule_file_path(fixture, RULES_OWN, "b");
        g_assert_cmpint(g_mkdir(obstacle, 0755), ==, 0);
        fixture_refused(fixture, BUS_PATH, MANAGER, "ChangeRules",
                        MANY("('a', 'delete', @a{sv} {}), ('c', 'mask', @a{sv} {}), ('b', 'write', {'Text': "
                             "<'[Match]\\nClass=02\\n'>})"),
                        "Failed", "*Nothing was changed.");
        expect_text(fixture, "a", ABSENT_TEXT);
        g_autofree char *mask = rule_file_path(fixture, RULES_OWN, "c");
        g_assert_false(g_file_test(mask, G_FILE_TEST_IS_SYMLINK));
        g_assert_cmpint(rmdir(obstacle), ==, 0);

        fixture_expect(fixture, BUS_PATH, MANAGER, "ChangeRules",
                        MANY("('a', 'delete', @a{sv} {}), ('shipped', 'mask', @a{sv} {}), ('b', 'write', {'Text': "
                             "<'[Match]\\nClass=ff\\n'>})"),
                        "()");
        expect_text(fixture, "a", NULL);
        expect_text(fixture, "b", "[Match]\nClass=ff\n");
        expect_rule(fixture, RULES "/shipped", "State", "'masked'");
        fixture_stop(fixture);
}

static guint64 get_version(Fixture *fixture, const char *path) {
        g_autofree char *text = fixture_get(fixture, path, RULE_INTERFACE, "VersionId");
        guint64 version = g_ascii_strtoull(text, NULL, 10);

        /* JavaScript has no integers above this. */
        g_assert_cmpuint(version, <, G_GUINT64_CONSTANT(1) << 53);
        return version;
}

static void refuse_versions(Fixture *fixture, guint64 a, guint64 new) {
        g_autofree char *edit = g_strdup_printf(
                        "('[Match]\\nVendor=ffff\\n', {'version-id': <uint64 %" G_GUINT64_FORMAT ">})", a);
        g_autofree char *many = g_strdup_printf(
                        MANY("('a', 'delete', {'VersionId': <uint64 %" G_GUINT64_FORMAT
                             ">}), ('new', 'write', {'Text': "
                             "<'[Match]\\nVendor=ffff\\n'>, 'VersionId': <uint64 %" G_GUINT64_FORMAT ">})"),
                        a, new);

        if (a != get_version(fixture, RULES "/a"))
                refuse(fixture, RULES "/a", "Edit", edit, "RuleChanged", "a was changed by somebody else*");
        fixture_refused(fixture, BUS_PATH, MANAGER, "ChangeRules", many, "RuleChanged",
                        "A rule was changed by somebody else since you read it. Nothing was changed: *");
}

/* A change is made only to the version that its caller has seen, also if vfiod has not seen the file yet. */
static void test_version(void) {
        Fixture *fixture = fixture_start(NULL);

        rule_file_put(fixture, RULES_OWN, "a", ABSENT_TEXT);
        rule_file_put(fixture, RULES_OWN, "secret", ABSENT_TEXT);
        g_autofree char *secret = rule_file_path(fixture, RULES_OWN, "secret");
        g_assert_cmpint(chmod(secret, 0600), ==, 0);
        rescan(fixture);
        guint64 a = get_version(fixture, RULES "/a"), hidden = get_version(fixture, RULES "/secret");
        g_assert_cmpuint(a, !=, 0);
        g_assert_cmpuint(hidden, !=, 0);
        rule_file_put(fixture, RULES_OWN, "a", NIC_TEXT);
        refuse_versions(fixture, a, 0);
        expect_text(fixture, "a", NIC_TEXT);
        guint64 next = get_version(fixture, RULES "/a");
        g_assert_cmpuint(next, !=, a);
        refuse_versions(fixture, a, 0);
        refuse_versions(fixture, next, 7);
        expect_text(fixture, "new", NULL);
        rule_file_put(fixture, RULES_OWN, "new", NIC_TEXT);
        refuse_versions(fixture, next, 0);
        expect_text(fixture, "a", NIC_TEXT);
        expect_text(fixture, "new", NIC_TEXT);
        g_autofree char *edit = g_strdup_printf(
                        "('[Match]\\nVendor=ffff\\n', {'version-id': <uint64 %" G_GUINT64_FORMAT ">})", hidden);
        fixture_expect(fixture, RULES "/a", RULE_INTERFACE, "Edit", "('[Match]\\nVendor=ffff\\n', " NO_OPTIONS ")",
                        "()");
        g_assert_cmpuint(get_version(fixture, RULES "/a"), ==, a);
        /* with the right versions, the changes are made */
        g_autofree char *good = g_strdup_printf(
                        MANY("('a', 'mask', {'VersionId': <uint64 %" G_GUINT64_FORMAT ">}), ('b', 'write', {'Text': "
                             "<'[Match]\\nVendor=ffff\\n'>, 'VersionId': <uint64 0>})"),
                        a);
        fixture_expect(fixture, BUS_PATH, MANAGER, "ChangeRules", good, "()");
        expect_text(fixture, "b", ABSENT_TEXT);
        expect_rule(fixture, RULES "/a", "State", "'masked'");
        fixture_expect(fixture, RULES "/secret", RULE_INTERFACE, "Edit", edit, "()");
        rule_file_remove(fixture, RULES_OWN, "secret");
        rule_file_put(fixture, RULES_OWN, "secret", ABSENT_TEXT);
        refuse(fixture, RULES "/secret", "Edit", edit, "RuleChanged", "secret was changed*");
        fixture_stop(fixture);
}

static guint64 inode(const char *path) {
        GStatBuf status;

        g_assert_cmpint(g_lstat(path, &status), ==, 0);
        return (guint64)status.st_ino;
}

/* A worker was killed in the middle of several changes: the daemon applies the former rules, and lets a worker restore the files. */
static void test_interrupted(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.reads_log = true});

        fixture_stop_daemon(fixture);
        rule_file_put(fixture, RULES_OWN, ".nic.former", NIC_TEXT);
        rule_file_put(fixture, RULES_OWN, "new", "[Match]\nVendor=8086\nDevice=100e\n");
        g_autofree char *hidden = rule_file_path(fixture, RULES_OWN, ".nic.former");
        g_autofree char *folder = g_path_get_dirname(hidden);
        g_autofree char *former = g_build_filename(folder, ".nic.former", NULL);
        g_autofree char *journal = g_build_filename(folder, ".vfiod.changes", NULL);
        g_autofree char *new = rule_file_path(fixture, RULES_OWN, "new");
        g_assert_cmpint(g_rename(hidden, former), ==, 0);
        g_autofree char *text =
                        g_strdup_printf("vfiod-changes 1\nnic %" G_GUINT64_FORMAT " 0\nnew 0 %" G_GUINT64_FORMAT "\n",
                                        inode(former), inode(new));
        g_assert_true(g_file_set_contents(journal, text, -1, NULL));
        fixture_start_daemon(fixture);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fixture_wait_log(fixture, "*A change of 2 rules in*was interrupted: the former rules are back.*");
        rescan(fixture);
        expect_text(fixture, "nic", NIC_TEXT);
        expect_text(fixture, "new", NULL);
        expect_rule(fixture, RULES "/nic", "State", "'active'");
        g_assert_false(g_file_test(journal, G_FILE_TEST_EXISTS));
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/rule-objects/properties", test_properties);
        g_test_add_func("/bus/rule-objects/changing", test_changing);
        g_test_add_func("/bus/rule-objects/texts", test_texts);
        g_test_add_func("/bus/rule-objects/own", test_own);
        g_test_add_func("/bus/rule-objects/locked", test_locked);
        g_test_add_func("/bus/rule-objects/shipped", test_shipped);
        g_test_add_func("/bus/rule-objects/many", test_many);
        g_test_add_func("/bus/rule-objects/version", test_version);
        g_test_add_func("/bus/rule-objects/interrupted", test_interrupted);
        return g_test_run();
}
