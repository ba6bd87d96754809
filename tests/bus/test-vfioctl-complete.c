/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "terminal.h"

#include <string.h>

/* Completion: what vfioctl offers, and what bash, zsh and fish make of it. */

/* The first words of the lines, with blanks between them. */
static char *offered(const char *arguments) {
        g_auto(ProgramResult) result = vfioctl("complete %s", arguments);
        g_autoptr(GString) words = g_string_new(NULL);

        expect_result(&result, 0, "", arguments);
        g_auto(GStrv) lines = g_strsplit(result.output, "\n", -1);
        for (unsigned i = 0; lines[i] && *lines[i]; i++)
                g_string_append_printf(words, "%s%.*s", i > 0 ? " " : "", (int)strcspn(lines[i], "\t"), lines[i]);
        return g_string_free(g_steal_pointer(&words), false);
}

static void test_offers(void) {
        static const struct {
                const char *arguments, *expected;
        } cases[] = {
                        {"de", "devices detach"},
                        {"nothing-like-that", ""},
                        {"rule ''", "list add show enable disable edit remove check"},
                        {"--json rule r", "remove"},
                        {"help le", "lease leases"},
                        {"detach ens", "ens1 ens2 ens3 ens4"},
                        {"detach 0000:05", "0000:05:00.0"},
                        {"detach 05:", "05:00.0"},
                        {"detach 02:", ""}, /* a bridge */
                        {"show 02:", "02:00.0"},
                        {"show ens1 e", ""},
                        {"list ens1 nvme", "nvme0n1 nvme1n1"},
                        {"plan group:1", "group:1 group:10 group:11 group:12 group:13 group:14 group:15 group:16"},
                        {"detach ens1 --comp", "--companion="},
                        {"detach --companion ens", "ens1 ens2 ens3 ens4"},
                        {"detach ens1 --companion=ens2", "--companion=ens2"},
                        {"detach --companion ens2 ens1", "ens1"},
                        {"detach --override=storage,n", "--override=storage,network --override=storage,no-reset"},
                        {"detach --group --override n", "network no-reset"},
                        {"list --state=de", "--state=detached"},
                        {"list --class=network,d", "--class=network,display"},
                        {"list -o M", "MODEL"},
                        {"groups -o STATE,R", "STATE,REVERTS"},
                        {"--sort=M", "--sort=MODEL"},
                        {"list --driver=nvme,i", "--driver=nvme,i801_smbus --driver=nvme,igb"},
                        {"list --driver=none", "--driver=none"},
                        {"list --color=a", "--color=auto --color=always"},
                        {"show ens1 --c", "--cloud-hypervisor --crosvm --cdi --color="},
                        {"show ens1 --li", "--libvirt"},
                        {"list --li", ""},
                        {"met", "metrics"},
                        {"reattach --f", "--force"},
                        {"list --f", ""},
                        {"rule remove ''", "0000-05-00.0"},
                        {"rule check x", ":files"},
                        {"lease ens1 -- ''", ":commands"},
                        {"lease ens1 -- ls ''", ":files"},
                        {"lease en", "ens1 ens2 ens3 ens4"},
                        {"cancel ''", ""},
                        {"nodedev-d", "nodedev-detach nodedev-dumpxml"},
        };
        Fixture *fixture = fixture_start(NULL);

        EXPECT(0, "", "rule add ens3 --quiet");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *words = offered(cases[i].arguments);

                if (!g_str_equal(words, cases[i].expected))
                        g_error("%s: '%s' instead of '%s'", cases[i].arguments, words, cases[i].expected);
        }
        /* the meaning follows a tab */
        g_auto(ProgramResult) verb = vfioctl("complete det");
        g_assert_cmpstr(verb.output, ==, "detach\tMove a whole group to vfio drivers, for a virtual machine\n");
        fixture_stop(fixture);

        /* without vfiod, and without words */
        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        EXPECT(0, "", "complete detach ''");
        EXPECT(0, "", "complete");
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

/* Each option that is offered for a command is one that it takes. */
static void test_options(void) {
        g_auto(ProgramResult) verbs = vfioctl("complete ''");
        g_auto(GStrv) lines = g_strsplit(verbs.output, "\n", -1);
        unsigned n = 0;

        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        for (unsigned i = 0; lines[i] && *lines[i]; i++) {
                g_autofree char *verb = g_strndup(lines[i], strcspn(lines[i], "\t"));
                g_autofree char *arguments = g_strdup_printf("%s --", verb), *words = offered(arguments);
                g_auto(GStrv) options = g_strsplit(words, " ", -1);

                for (unsigned k = 0; options[k] && *options[k]; k++, n++) {
                        bool takes_value = g_str_has_suffix(options[k], "=");

                        /* These would connect somewhere else. */
                        if (g_str_equal(options[k], "--host=") || g_str_equal(options[k], "--machine="))
                                continue;
                        g_auto(ProgramResult) result = vfioctl("%s %s%s", verb, options[k], takes_value ? "1" : "");

                        if (strstr(result.errors, "does not take") || strstr(result.errors, "option"))
                                g_error("%s %s: %s", verb, options[k], result.errors);
                }
        }
        g_assert_cmpuint(n, >, 100);
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

/* "PATH=...", with vfioctl before everything else. */
static char *path_with_vfioctl(void) {
        g_autofree char *folder = g_path_get_dirname(VFIOCTL);

        return g_strdup_printf("PATH=%s:%s", folder, g_getenv("PATH"));
}

static bool is_missing(const char *shell) {
        g_autofree char *path = g_find_program_in_path(shell);

        if (!path)
                g_test_skip("this shell is not installed");
        return !path;
}

/* Types into an interactive shell, and waits for what it makes of that. */
static void check_shell(const char *const *argv, const char *setup) {
        static const struct {
                const char *typed, *completed;
        } cases[] = {
                        {"vfioctl detach 0000:05\t", "0000:05:00.0 "},
                        {"vfioctl reat\t", "vfioctl reattach "},
                        {"vfioctl show nvme0\t", "nvme0n1 "},
                        {"vfioctl detach ens1 --override=storage,net\t", "--override=storage,network"},
                        {"vfioctl detach ens1 --compa\tens2", "nion=ens2"},
                        {"vfioctl rule rem\t", "rule remove "},
        };
        g_autofree char *path = path_with_vfioctl();
        const char *const environment[] = {path, "LC_ALL=C.UTF-8", "TERM=dumb", "HOME=/nonexistent", NULL};
        Fixture *fixture = fixture_start(NULL);
        Terminal *terminal = terminal_open(200);
        Process *shell = terminal_start_all(terminal, argv, environment);

        terminal_type(terminal, setup);
        g_free(terminal_expect(terminal, "begin\r\n"));
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                terminal_type(terminal, cases[i].typed);
                g_free(terminal_expect(terminal, cases[i].completed));
                terminal_type(terminal, "\x15"); /* Ctrl-U */
        }
        terminal_type(terminal, "exit\r");
        g_free(terminal_read_rest(terminal));
        (void)process_finish(shell);
        terminal_close(terminal);
        fixture_stop(fixture);
}

static void test_bash(void) {
        const char *const argv[] = {"bash", "--norc", "--noprofile", "-i", NULL};

        if (!is_missing("bash"))
                check_shell(argv, "PS1='$ '; source " COMPLETION "/vfioctl.bash; echo be''gin\r");
}

static void test_zsh(void) {
        const char *const argv[] = {"zsh", "-f", "-i", NULL};

        if (!is_missing("zsh"))
                check_shell(argv,
                                "PS1='$ '; unsetopt zle_bracketed_paste; fpath=(" COMPLETION
                                " $fpath); autoload -Uz compinit; compinit -u -D; echo be''gin\r");
}

/* fish completes a line that it gets as an argument. */
static void test_fish(void) {
        static const struct {
                const char *line, *expected;
        } cases[] = {
                        {"vfioctl detach 0000:05", "0000:05:00.0\tIntel*82574L*\n"},
                        {"vfioctl reat", "reattach\tReturn a whole group to the drivers of the host\n"},
                        {"vfioctl show nvme0", "nvme0n1\t*\n"},
                        {"vfioctl detach ens1 --override=storage,net", "--override=storage,network\n"},
                        {"vfioctl rule rem", "remove\tRemove a rule\n"},
        };
        g_autofree char *path = path_with_vfioctl(), *home = g_dir_make_tmp(NULL, NULL);
        g_autofree char *home_variable = g_strdup_printf("HOME=%s", home);
        const char *const environment[] = {path, home_variable, "LC_ALL=C.UTF-8", NULL};

        if (is_missing("fish"))
                return;
        Fixture *fixture = fixture_start(NULL);
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *script =
                                g_strdup_printf("source " COMPLETION "/vfioctl.fish; complete -C '%s'", cases[i].line);
                const char *const argv[] = {"fish", "--no-config", "-c", script, NULL};
                g_auto(ProgramResult) result = program_run(argv, &(ProcessOptions){.environment = environment}, NULL);

                if (!g_pattern_match_simple(cases[i].expected, result.output))
                        g_error("%s: '%s' is not like '%s' (%s)", cases[i].line, result.output, cases[i].expected,
                                        result.errors);
        }
        fixture_stop(fixture);
        const char *const remove[] = {"rm", "-rf", "--one-file-system", home, NULL};
        g_auto(ProgramResult) removed = program_run(remove, NULL, NULL);
        g_assert_cmpint(removed.status, ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-complete/offers", test_offers);
        g_test_add_func("/bus/vfioctl-complete/options", test_options);
        g_test_add_func("/bus/vfioctl-complete/bash", test_bash);
        g_test_add_func("/bus/vfioctl-complete/zsh", test_zsh);
        g_test_add_func("/bus/vfioctl-complete/fish", test_fish);
        return g_test_run();
}
