/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "lessee.h"
#include "terminal.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* The real polkitd, with the shipped actions and the shipped example of a rule: the members of the group kvm may detach,
 * reattach and lease one card, with its whole group, and nothing else. */

#define DETACHED "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)"
#define REATTACHED "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)"
#define CHALLENGED "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"

/* Files that polkitd sees in another place. */
typedef struct Files {
        char *folder, *rules, *rule, *users, *groups;
} Files;

static char *write_file(const char *folder, const char *name, const char *text) {
        char *path = g_build_filename(folder, name, NULL);

        g_assert_true(g_file_set_contents(path, text, -1, NULL));
        return path;
}

static char *read_file(const char *path) {
        g_autoptr(GError) error = NULL;
        char *text = NULL;

        (void)g_file_get_contents(path, &text, NULL, &error);
        g_assert_no_error(error);
        return text;
}

/* alice is a member of kvm, and bob is not. */
static void files_make(Files *files) {
        *files = (Files){.folder = g_dir_make_tmp("vfiod-polkitd-XXXXXX", NULL)};
        g_assert_cmpint(g_chmod(files->folder, 0755), ==, 0);
        files->rules = g_build_filename(files->folder, "rules.d", NULL);
        g_assert_cmpint(g_mkdir(files->rules, 0755), ==, 0);

        g_autofree char *example = read_file(POLKIT_EXAMPLE);
        g_autoptr(GRegex) card = g_regex_new("var card = \\[.*\\];", 0, 0, NULL);
        g_autofree char *rule = g_regex_replace_literal(card, example, -1, 0, "var card = [\"" NIC "\"];", 0, NULL);
        g_assert_cmpstr(rule, !=, example);
        files->rule = write_file(files->rules, "50-vfiod.rules", rule);

        g_autofree char *users = read_file("/etc/passwd");
        g_autofree char *more_users = g_strdup_printf("%salice:x:%u:%u::/:/bin/sh\nbob:x:%u:%u::/:/bin/sh\n", users,
                        ALICE_UID, ALICE_UID, BOB_UID, BOB_UID);
        files->users = write_file(files->folder, "passwd", more_users);
        g_autofree char *groups = read_file("/etc/group");
        g_autoptr(GRegex) kvm = g_regex_new("^kvm:.*\n", G_REGEX_MULTILINE, 0, NULL);
        g_autofree char *without = g_regex_replace_literal(kvm, groups, -1, 0, "", 0, NULL);
        g_autofree char *more_groups = g_strdup_printf(
                        "%skvm:x:%u:alice\nadmins:x:%u:alice\n", without, ALICE_UID + 100, ALICE_UID + 101);
        files->groups = write_file(files->folder, "group", more_groups);
}

static void files_remove(Files *files) {
        (void)g_unlink(files->rule);
        (void)g_unlink(files->users);
        (void)g_unlink(files->groups);
        (void)g_rmdir(files->rules);
        (void)g_rmdir(files->folder);
        g_free(files->folder);
        g_free(files->rules);
        g_free(files->rule);
        g_free(files->users);
        g_free(files->groups);
}

static void bind_over(const char *from, const char *to) {
        if (mount(from, to, NULL, MS_BIND, NULL) < 0)
                _exit(126);
}

/* Runs in the child. */
static void use_files(void *userdata) {
        const Files *files = userdata;

        bind_over(POLKIT_FOLDER, "/usr/share/polkit-1/actions");
        bind_over(files->rules, "/etc/polkit-1/rules.d");
        bind_over(files->users, "/etc/passwd");
        bind_over(files->groups, "/etc/group");
}

static void on_name(GDBusConnection *connection, const char *name, const char *owner, void *userdata) {
        (void)connection, (void)name, (void)owner;
        *(bool *)userdata = true;
}

static Process *start_polkitd(Fixture *fixture, Files *files) {
        const char *const argv[] = {"/usr/lib/polkit-1/polkitd", "--no-debug", NULL};
        bool appeared = false;

        Process *polkitd = process_start(
                        argv, &(ProcessOptions){.private_mounts = true, .setup = use_files, .userdata = files});
        guint watch = g_bus_watch_name_on_connection(fixture->connection, POLKIT_NAME, G_BUS_NAME_WATCHER_FLAGS_NONE,
                        on_name, NULL, &appeared, NULL);
        while (!appeared)
                (void)g_main_context_iteration(NULL, true);
        g_bus_unwatch_name(watch);
        return polkitd;
}

/* The real polkitd reads the translations of the actions: what it would ask in a language. */
static void test_languages(void) {
        static const struct {
                const char *language, *text;
        } cases[] = {{"C", "Detach PCI devices for virtual machines, and reset them"},
                        {"fr_FR.UTF-8", "Detach PCI devices for virtual machines, and reset them"},
                        {"de_DE.UTF-8", "PCI-Geräte für virtuelle Maschinen abtrennen, und sie zurücksetzen"},
                        {"zh_CN.UTF-8", "为虚拟机分离 PCI 设备，以及复位它们"}};
        Fixture *fixture = fixture_start(NULL);
        Files files;

        files_make(&files);
        Process *polkitd = start_polkitd(fixture, &files);
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(GError) error = NULL;
                g_autoptr(GVariant) reply = g_dbus_connection_call_sync(fixture->connection, POLKIT_NAME,
                                "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority",
                                "EnumerateActions", g_variant_new("(s)", cases[i].language), NULL,
                                G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, &error);

                g_assert_no_error(error);
                g_autofree char *text = g_variant_print(reply, FALSE),
                                *wanted = g_strdup_printf("('org.vfiod1.detach', '%s', ", cases[i].text);
                g_test_message("%s", cases[i].language);
                g_assert_nonnull(strstr(text, wanted));
        }
        g_assert_cmpint(kill(process_get_pid(polkitd), SIGKILL), ==, 0);
        g_assert_cmpint(process_finish(polkitd), ==, 128 + SIGKILL);
        fixture_stop(fixture);
        files_remove(&files);
}

static Pending *call_from(GDBusConnection *connection, const char *method, const char *arguments) {
        return connection_call_start(connection, G_DBUS_CALL_FLAGS_NONE, BUS_PATH, MANAGER, method, arguments);
}

static void test_example(void) {
        Fixture *fixture = fixture_start(NULL);
        Files files;

        files_make(&files);
        Process *polkitd = start_polkitd(fixture, &files);
        GDBusConnection *alice = private_bus_connect_as(ALICE_UID), *bob = private_bus_connect_as(BOB_UID),
                        *root = fixture->connection;
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");

        /* by default, an administrator has to authenticate */
        pending_refused(call_from(bob, "Detach", "('ens3', " NO_OPTIONS ")"), CHALLENGED, "*org.vfiod1.detach*");
        /* the rule permits alice this card */
        pending_expect(call_from(alice, "Detach", "('ens3', " NO_OPTIONS ")"), DETACHED);
        pending_refused(call_from(bob, "Reattach", "('ens3', " NO_OPTIONS ")"), CHALLENGED, "*org.vfiod1.reattach*");
        pending_expect(call_from(alice, "Reattach", "('ens3', " NO_OPTIONS ")"), REATTACHED);
        pending_refused(call_from(bob, "Lease", "('ens3', " NO_OPTIONS ")"), CHALLENGED, "*org.vfiod1.lease*");
        fixture->connection = alice;
        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        fixture->connection = root;
        (void)close(lessee_claim(fixture, ticket));
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" LEASE1 "'*"));
        /* but no other card, no option that needs more, and no rule */
        pending_refused(call_from(alice, "Detach", "('ens1', {'companions': <['*']>})"), CHALLENGED,
                        "*org.vfiod1.detach*");
        pending_refused(call_from(alice, "Detach", "('ens3', {'override': <['network']>})"), CHALLENGED,
                        "*org.vfiod1.override-guard*");
        pending_refused(call_from(alice, "AddRule", "('ens3', " NO_OPTIONS ")"), CHALLENGED,
                        "*org.vfiod1.manage-rules*");
        pending_refused(call_from(alice, "Rescan", "(" NO_OPTIONS ",)"), CHALLENGED, "*org.vfiod1.rescan*");
        pending_refused(call_from(alice, "Plan", "('ens3', 'detach', {'inspect': <true>})"), CHALLENGED,
                        "*org.vfiod1.inspect*");
        fixture_driver(fixture, NIC, "e1000e");

        g_object_unref(alice);
        g_object_unref(bob);
        (void)kill(process_get_pid(polkitd), SIGKILL);
        (void)process_finish(polkitd);
        files_remove(&files);
        fixture_stop(fixture);
}

/* The real vfioctl and pkttyagent: the prompt in the terminal names the device. */
static void test_prompt(void) {
        Fixture *fixture = fixture_start(NULL);
        Files files;

        files_make(&files);
        Process *polkitd = start_polkitd(fixture, &files);
        g_autofree char *command = g_strdup_printf("mount --bind %s /etc/passwd && mount --bind %s /etc/group && exec "
                                                   "setpriv --reuid=%u --regid=%u --clear-groups %s detach ens3",
                        files.users, files.groups, BOB_UID, BOB_UID, VFIOCTL);
        const char *const argv[] = {"unshare", "--mount", "--propagation", "unchanged", "sh", "-c", command, NULL};
        Terminal *terminal = terminal_open(200);

        Process *process = terminal_start(terminal, argv, vfioctl_environment);
        g_free(terminal_expect(terminal, "Authentication is required to detach " NIC " ("));
        g_free(terminal_expect(terminal, "ens3) from the drivers of this host, or to reset "));
        terminal_type(terminal, "\x03");
        g_free(terminal_read_rest(terminal));
        g_assert_cmpint(process_finish(process), !=, 0);
        fixture_driver(fixture, NIC, "e1000e");
        terminal_close(terminal);

        (void)kill(process_get_pid(polkitd), SIGKILL);
        (void)process_finish(polkitd);
        files_remove(&files);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/polkitd/example", test_example);
        g_test_add_func("/bus/polkitd/languages", test_languages);
        g_test_add_func("/bus/polkitd/prompt", test_prompt);
        return g_test_run();
}
