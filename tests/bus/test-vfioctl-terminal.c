/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "terminal.h"

#include <string.h>

/* vfioctl on a real terminal of 80 columns: what each verb prints fits in. */

#define COLUMNS 80

/* Removes colors and other escape sequences: ESC [ ... letter. */
static char *strip(const char *text) {
        GString *plain = g_string_new(NULL);

        for (const char *c = text; *c; c++) {
                if (*c == '\x1b' && c[1] == '[')
                        while (*c && !g_ascii_isalpha(*c))
                                c++;
                else if (*c != '\r')
                        g_string_append_c(plain, *c);
                if (!*c)
                        break;
        }
        return g_string_free(plain, false);
}

/* Runs vfioctl with the terminal as stdin, stdout and stderr. Returns its output without colors. */
static char *run(const char *arguments, int status) {
        g_autofree char *all = g_strdup_printf("--no-pager %s", arguments);
        g_auto(GStrv) argv = vfioctl_argv(all);
        Terminal *terminal = terminal_open(COLUMNS);
        Process *client = terminal_start_all(terminal, (const char *const *)argv, vfioctl_environment);
        g_autofree char *output = terminal_read_rest(terminal);
        int actual = process_finish(client);

        terminal_close(terminal);
        if (actual != status)
                g_error("vfioctl %s: exit status %d instead of %d:\n%s", arguments, actual, status, output);
        return strip(output);
}

/* A command in the output stays in one line, so that it can be copied: "$ sudo sed ..." of doctor, and the arguments of QEMU. An error is
 * one line, too, which the terminal breaks. */
static bool is_one_line(const char *line) {
        line += strspn(line, " ");
        return g_str_has_prefix(line, "$ ") || g_str_has_prefix(line, "-device ") ||
                        g_str_has_prefix(line, "vfioctl: ");
}

static void expect_fits(const char *arguments, int status) {
        g_autofree char *output = run(arguments, status);
        g_auto(GStrv) lines = g_strsplit(g_strchomp(output), "\n", -1);

        if (!*output)
                g_error("vfioctl %s prints nothing", arguments);
        for (char **line = lines; *line; line++)
                if (g_utf8_strlen(*line, -1) > COLUMNS && !is_one_line(*line))
                        g_error("vfioctl %s: a line has more than %d columns:\n%s", arguments, COLUMNS, *line);
}

static void test_width(void) {
        static const struct {
                const char *arguments;
                int status;
        } cases[] = {
                        {"", 0},
                        {"list --all", 0},
                        {"devices", 0},
                        {"groups", 0},
                        {"show ens1", 0},
                        {"show group:10", 0},
                        {"plan ens1", 5},
                        {"plan ens1 --group", 0},
                        {"detach ens1 --group --dry-run", 0},
                        {"detach ens1 --group", 0},
                        {"show ens1", 0},
                        {"show ens1 --qemu", 0},
                        {"plan ens1 --reattach", 0},
                        {"jobs", 0},
                        {"jobs --all", 0},
                        {"groups", 0},
                        {"reattach ens1", 0},
                        {"vfs ens4", 0},
                        {"leases", 0},
                        {"rule add ens3 --name nic", 0},
                        {"rule list", 0},
                        {"rule remove nic", 0},
                        {"status", 0},
                        {"explain ens1", 0},
                        {"doctor", 8},
                        {"doctor ens1", 8},
                        {"help", 0},
                        {"help detach", 0},
                        {"--help", 0},
                        {"--version", 0},
                        {"list -o help", 0},
        };
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++)
                expect_fits(cases[i].arguments, cases[i].status);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfioctl-terminal/width", test_width);
        return g_test_run();
}
