/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "polkit-stub.h"
#include "terminal.h"

#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>

/* vfioctl of a user other than root: when polkit may ask for a password, the agent that asks, and what the user reads after
 * a denial. The stand-in for polkit is another process, because the test waits for programs. */

#define PKTTYAGENT "/usr/bin/pkttyagent"
#define AS_ALICE "setpriv --reuid=4000001 --regid=4000001 --clear-groups "

typedef struct Scene {
        Fixture *fixture;
        Process *polkit;
        char *agent; /* is in the place of pkttyagent, and writes its arguments to the terminal */
} Scene;

static PolkitVerdict decide(const PolkitQuery *query, void *userdata) {
        g_print("%s %u\n", query->action, query->flags);
        return *(const PolkitVerdict *)userdata;
}

/* Runs in the other process. Prints each question. */
static void run_polkit(const char *verdict) {
        PolkitVerdict number = (PolkitVerdict)g_ascii_strtoll(verdict, NULL, 10);

        (void)polkit_stub_start(decide, &number);
        g_print("ready\n");
        for (;;)
                (void)g_main_context_iteration(NULL, true);
}

/* Like pkttyagent: closes the descriptor when it is ready, and then waits. */
static const char agent_text[] = "#!/bin/sh\n"
                                 "echo \"agent $1 $3\" >&2\n"
                                 "eval \"sleep infinity $2>&- &\"\n"
                                 "trap \"kill $!; echo 'agent ends' >&2; exit 0\" TERM\n"
                                 "eval \"exec $2>&-\"\n"
                                 "wait\n";

static void scene_begin(Scene *scene, PolkitVerdict verdict) {
        g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
        g_autofree char *number = g_strdup_printf("%d", (int)verdict);
        const char *const argv[] = {program, "--polkit", number, NULL};

        *scene = (Scene){.fixture = fixture_start(NULL)};
        scene->polkit = process_start(argv, NULL);
        process_expect_line(scene->polkit, "ready");
        scene->agent = g_strdup_printf("%s.agent", scene->fixture->state_folder);
        g_assert_true(g_file_set_contents(scene->agent, agent_text, -1, NULL));
        g_assert_cmpint(g_chmod(scene->agent, 0755), ==, 0);
        fake_kernel_do(scene->fixture->kernel, "modprobe vfio-pci");
}

static void scene_end(Scene *scene) {
        (void)kill(process_get_pid(scene->polkit), SIGKILL);
        (void)process_finish(scene->polkit);
        (void)g_unlink(scene->agent);
        g_free(scene->agent);
        fixture_stop(scene->fixture);
}

static char **make_argv(const char *arguments) {
        g_autofree char *line = g_strdup_printf(AS_ALICE "%s %s", VFIOCTL, arguments);

        return g_strsplit(line, " ", -1);
}

/* Runs vfioctl in a terminal, with the other agent. Returns what the terminal shows. */
static char *run_in_terminal(Scene *scene, const char *arguments, int status) {
        g_autofree char *command = g_strdup_printf(
                        "mount --bind %s " PKTTYAGENT " && exec " AS_ALICE "%s %s", scene->agent, VFIOCTL, arguments);
        const char *const argv[] = {"unshare", "--mount", "--propagation", "unchanged", "sh", "-c", command, NULL};
        Terminal *terminal = terminal_open(100);

        Process *process = terminal_start(terminal, argv, vfioctl_environment);
        char *shown = terminal_read_rest(terminal);
        g_assert_cmpint(process_finish(process), ==, status);
        terminal_close(terminal);
        return shown;
}

/* In a terminal: polkit may ask, an agent is started before the call, and ends with vfioctl. */
static void test_terminal(void) {
        Scene scene;

        scene_begin(&scene, VERDICT_AUTHORIZE);
        g_autofree char *shown = run_in_terminal(&scene, "detach ens3", 0);
        process_expect_line(scene.polkit, "org.vfiod1.detach 1");
        const char *begin = strstr(shown, "agent --notify-fd"), *end = strstr(shown, "agent ends");
        g_assert_true(begin && end && begin < end);

        g_autofree char *quiet = run_in_terminal(&scene, "--no-ask-password reattach ens3", 0);
        process_expect_line(scene.polkit, "org.vfiod1.reattach 0");
        g_assert_null(strstr(quiet, "agent"));

        /* What only reads, or only plans, needs no agent. */
        g_autofree char *planned = run_in_terminal(&scene, "detach ens3 --dry-run", 0);
        g_assert_null(strstr(planned, "agent"));
        g_autofree char *listed = run_in_terminal(&scene, "groups", 0);
        g_assert_null(strstr(listed, "agent"));
        scene_end(&scene);
}

/* If pkttyagent cannot be started, and without a terminal. */
static void test_without(void) {
        Scene scene;

        scene_begin(&scene, VERDICT_CHALLENGE);
        g_assert_cmpint(g_chmod(scene.agent, 0644), ==, 0);
        g_autofree char *shown = run_in_terminal(&scene, "rescan", 4);
        process_expect_line(scene.polkit, "org.vfiod1.rescan 1");
        g_assert_nonnull(strstr(shown, "must authenticate to read the devices and rules again (org.vfiod1.rescan)"));
        g_assert_nonnull(strstr(shown, "See \"AUTHORIZATION\" in vfioctl(1)."));

        g_auto(GStrv) argv = make_argv("rescan");
        g_auto(ProgramResult) result = program_run((const char *const *)argv, NULL, NULL);
        process_expect_line(scene.polkit, "org.vfiod1.rescan 0");
        expect_result(&result, 4, "vfioctl: User 4000001 must authenticate *sudo.\nSee \"AUTHORIZATION\"*", "rescan");
        scene_end(&scene);
}

/* A denial says what to do next. A persistent detach writes nothing if the rule is denied. */
static void test_denied(void) {
        static const struct {
                const char *arguments, *question, *pattern;
        } cases[] = {
                        {"detach ens3", "org.vfiod1.detach 0",
                                        "vfioctl: User 4000001 is not authorized to detach devices "
                                        "(org.vfiod1.detach). "
                                        "Try it with sudo. *rule of polkit*\n"},
                        {"rule add ens3", "org.vfiod1.manage-rules 0", "vfioctl: *(org.vfiod1.manage-rules)*"},
                        {"vfs ens4 0", "org.vfiod1.manage-virtual-functions 0",
                                        "vfioctl: *(org.vfiod1.manage-virtual-functions)*"},
                        {"detach ens3 --persistent --override network", "org.vfiod1.manage-rules 0",
                                        "vfioctl: *(org.vfiod1.manage-rules)*nothing was detached, and no rule was "
                                        "written.\n"},
        };
        Scene scene;

        scene_begin(&scene, VERDICT_DENY);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_auto(GStrv) argv = make_argv(cases[i].arguments);
                g_auto(ProgramResult) result = program_run((const char *const *)argv, NULL, NULL);

                process_expect_line(scene.polkit, cases[i].question);
                expect_result(&result, 4, cases[i].pattern, "%s", cases[i].arguments);
        }
        fixture_driver(scene.fixture, NIC, "e1000e");
        scene_end(&scene);
}

int main(int argc, char **argv) {
        if (argc == 3 && g_str_equal(argv[1], "--polkit")) {
                run_polkit(argv[2]);
                return 0;
        }
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-polkit/terminal", test_terminal);
        g_test_add_func("/bus/vfioctl-polkit/without", test_without);
        g_test_add_func("/bus/vfioctl-polkit/denied", test_denied);
        return g_test_run();
}
