/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "terminal.h"

#include <glib/gstdio.h>
#include <string.h>

/* What vfioctl prints on a terminal: colours, and a pager for what does not fit. The names of virsh, and help. */

#define MARK "VFIOCTL_PAGER=sed s/^/paged:/"

/* The output on a terminal of 24 lines, with these variables of the environment, which end in NULL. */
static char *on_terminal(const char *arguments, const char *const *environment) {
        g_auto(GStrv) argv = vfioctl_argv(arguments);
        g_autoptr(GPtrArray) variables = g_ptr_array_new();
        Terminal *terminal = terminal_open(200);

        for (unsigned i = 0; vfioctl_environment[i]; i++)
                g_ptr_array_add(variables, (char *)vfioctl_environment[i]);
        for (unsigned i = 0; environment[i]; i++)
                g_ptr_array_add(variables, (char *)environment[i]);
        g_ptr_array_add(variables, NULL);
        Process *client =
                        terminal_start_all(terminal, (const char *const *)argv, (const char *const *)variables->pdata);
        char *shown = terminal_read_rest(terminal);
        g_assert_cmpint(process_finish(client), ==, 0);
        terminal_close(terminal);
        return shown;
}

#define ON_TERMINAL(arguments, ...) on_terminal(arguments, (const char *const[]){__VA_ARGS__, NULL})

static void test_pager(void) {
        Fixture *fixture = fixture_start(NULL);

        g_unsetenv("SUDO_UID");
        g_unsetenv("PAGER");
        g_autofree char *paged = ON_TERMINAL("groups", MARK);
        g_assert_true(g_str_has_prefix(paged, "paged:GROUP/ADDRESS"));
        g_assert_nonnull(strstr(paged, "\npaged:16 "));
        g_autofree char *fits = ON_TERMINAL("list", MARK);
        g_assert_true(g_str_has_prefix(fits, "ADDRESS"));
        g_autofree char *unwanted = ON_TERMINAL("groups --no-pager", MARK);
        g_assert_true(g_str_has_prefix(unwanted, "GROUP/ADDRESS"));
        g_autofree char *cat = ON_TERMINAL("groups", "VFIOCTL_PAGER=", "PAGER=sed s/^/paged:/");
        g_assert_true(g_str_has_prefix(cat, "GROUP/ADDRESS"));
        g_autofree char *other = ON_TERMINAL("groups", "PAGER=sed s/^/other:/");
        g_assert_true(g_str_has_prefix(other, "other:GROUP/ADDRESS"));
        g_autofree char *first = ON_TERMINAL("groups", MARK, "PAGER=sed s/^/other:/");
        g_assert_true(g_str_has_prefix(first, "paged:GROUP/ADDRESS"));
        g_autofree char *help = ON_TERMINAL("--help", MARK);
        g_assert_true(g_str_has_prefix(help, "paged:vfioctl "));
        /* a pager that ends early */
        g_autofree char *early = ON_TERMINAL("groups", "PAGER=head -n 1");
        g_assert_true(g_str_has_prefix(early, "GROUP/ADDRESS"));
        g_assert_null(strstr(early, "0000:00:00.0"));
        /* no pager is installed */
        g_autofree char *none = ON_TERMINAL("groups", "PAGER=/nonexistent/pager", "PATH=/nonexistent");
        g_assert_true(g_str_has_prefix(none, "GROUP/ADDRESS"));
        /* no shell reads the name of the pager */
        g_autofree char *plain = ON_TERMINAL("groups", "PAGER=sed s/^/$(id)/;", "PATH=/usr/bin:/bin");
        g_assert_null(strstr(plain, "uid="));
        /* a pipe has no pager */
        (void)g_setenv("VFIOCTL_PAGER", "sed s/^/paged:/", true);
        g_auto(ProgramResult) pipe = vfioctl("groups");
        g_unsetenv("VFIOCTL_PAGER");
        g_assert_true(g_str_has_prefix(pipe.output, "GROUP/ADDRESS"));
        fixture_stop(fixture);
}

/* With the rights of another user, only less is used, and it can start no commands. */
static void test_secure(void) {
        static const char script[] = "#!/bin/sh\necho \"less:$LESSSECURE:$LESS\"; cat > /dev/null\n";
        g_autofree char *folder = g_dir_make_tmp(NULL, NULL), *less = g_build_filename(folder, "less", NULL);
        g_autofree char *path = g_strdup_printf("PATH=%s:/usr/bin:/bin", folder);
        Fixture *fixture = fixture_start(NULL);

        g_assert_true(g_file_set_contents_full(less, script, -1, G_FILE_SET_CONTENTS_NONE, 0700, NULL));
        g_autofree char *usual = ON_TERMINAL("groups", path);
        g_assert_cmpstr(usual, ==, "less::FRSXMK\r\n");
        g_autofree char *secure = ON_TERMINAL("groups", path, "SUDO_UID=1000", MARK);
        g_assert_cmpstr(secure, ==, "less:1:FRSXMK\r\n");
        g_autofree char *cat = ON_TERMINAL("groups", path, "SUDO_UID=1000", "PAGER=cat");
        g_assert_true(g_str_has_prefix(cat, "GROUP/ADDRESS"));
        g_assert_cmpint(g_unlink(less), ==, 0);
        g_assert_cmpint(g_rmdir(folder), ==, 0);
        fixture_stop(fixture);
}

static void test_colors(void) {
        Fixture *fixture = fixture_start(NULL);

        EXPECT(0, "", "detach ens3");
        g_autofree char *colored = ON_TERMINAL("list", "NO_COLOR=");
        g_assert_nonnull(strstr(colored, "\x1b[32mdetached"));
        g_autofree char *plain = ON_TERMINAL("list", "NO_COLOR=1");
        g_assert_null(strchr(plain, '\x1b'));
        g_autofree char *groups = ON_TERMINAL("groups --no-pager", "NO_COLOR=");
        g_assert_nonnull(strstr(groups, "\x1b[32mdetached"));
        g_autofree char *shown = ON_TERMINAL("show ens3", "NO_COLOR=");
        g_assert_nonnull(strstr(shown, "State: \x1b[32mdetached\x1b[0m"));
        /* an option decides before the environment, and SYSTEMD_COLORS before NO_COLOR, as for systemctl */
        g_autofree char *never = ON_TERMINAL("list --color=never", "SYSTEMD_COLORS=1");
        g_assert_null(strchr(never, '\x1b'));
        g_autofree char *always = ON_TERMINAL("list --color=always", "NO_COLOR=1", "TERM=dumb");
        g_assert_nonnull(strstr(always, "\x1b[32mdetached"));
        g_autofree char *automatic = ON_TERMINAL("list --color=auto", "NO_COLOR=1");
        g_assert_null(strchr(automatic, '\x1b'));
        g_autofree char *systemd = ON_TERMINAL("list", "NO_COLOR=1", "SYSTEMD_COLORS=16");
        g_assert_nonnull(strstr(systemd, "\x1b[32mdetached"));
        g_autofree char *off = ON_TERMINAL("list", "NO_COLOR=", "SYSTEMD_COLORS=0");
        g_assert_null(strchr(off, '\x1b'));
        g_autofree char *dumb = ON_TERMINAL("list", "NO_COLOR=", "TERM=dumb");
        g_assert_null(strchr(dumb, '\x1b'));
        /* a pipe */
        g_auto(ProgramResult) pipe = vfioctl("list"), forced = vfioctl("list --color always"),
                              json = vfioctl("list --json --color=always");
        g_assert_null(strchr(pipe.output, '\x1b'));
        g_assert_nonnull(strstr(forced.output, "\x1b[32mdetached"));
        g_assert_null(strchr(json.output, '\x1b'));
        EXPECT(2, "vfioctl: --color is auto, always or never, not 'blue'\n*", "list --color=blue");
        fixture_stop(fixture);
}

/* The names that virsh has. */
static void test_nodedev(void) {
        Fixture *fixture = fixture_start(NULL);

        g_auto(ProgramResult) list = vfioctl("nodedev-list --cap pci");
        expect_result(&list, 0, "", "nodedev-list");
        g_assert_true(g_str_has_prefix(list.output, "pci_0000_00_00_0\npci_0000_00_01_0\n"));
        g_assert_true(g_str_has_suffix(list.output, "\npci_10000_01_00_0\n"));
        EXPECT(2, "vfioctl: vfioctl knows only PCI devices: use --cap pci\n*", "nodedev-list --cap usb");
        EXPECT(0, "", "nodedev-detach pci_0000_05_00_0 --driver vfio");
        fixture_driver(fixture, NIC, "vfio-pci");
        EXPECT(0, "", "nodedev-reattach pci_0000_05_00_0");
        fixture_driver(fixture, NIC, "e1000e");
        EXPECT(5, "vfioctl: 0000:05:00.0 is not detached: *\n", "nodedev-reset pci_0000_05_00_0");
        fixture_stop(fixture);
}

static void test_help(void) {
        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        g_auto(ProgramResult) help = vfioctl("help"), option = vfioctl("--help");
        expect_result(&help, 0, "", "help");
        g_assert_cmpstr(help.output, ==, option.output);
        g_assert_nonnull(strstr(help.output, "\n  help [COMMAND] "));
        g_assert_null(strstr(help.output, "nodedev"));
        g_auto(ProgramResult) verb = vfioctl("help rule add");
        expect_result(&verb, 0, "", "help rule add");
        g_assert_true(g_pattern_match_simple(
                        "vfioctl rule add SELECTOR *\n\nDetach this device whenever it appears.\n\nOptions:\n      "
                        "--group "
                        "*\n      --companion SELECTOR *\n\nOptions of all commands: see 'vfioctl help'. See also "
                        "vfioctl(1).\n",
                        verb.output));
        EXPECT(2, "vfioctl: unknown command 'lits': do you mean 'list'?\n*", "help lits");
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-pager/pager", test_pager);
        g_test_add_func("/bus/vfioctl-pager/secure", test_secure);
        g_test_add_func("/bus/vfioctl-pager/colors", test_colors);
        g_test_add_func("/bus/vfioctl-pager/nodedev", test_nodedev);
        g_test_add_func("/bus/vfioctl-pager/help", test_help);
        return g_test_run();
}
