/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "terminal.h"

#include <signal.h>

/* vfioctl on a terminal while a change takes long: the progress line, and the effect of Ctrl-C. */

#define ERASE "\x1b[K"
#define LINE_UNBIND "\rdetach group 12: step 5 of 7, unbind 0000:05:00.0 ..." ERASE
#define ASKING "vfioctl: cancelling the job; press Ctrl-C again to stop waiting\r\n"
#define CTRL_C "\x03"

static Process *start_on(Terminal *terminal, const char *arguments) {
        g_auto(GStrv) argv = vfioctl_argv(arguments);

        return terminal_start(terminal, (const char *const *)argv, vfioctl_environment);
}

/* vfioctl on the terminal, with a detach of the network card that waits at its unbind. */
static Process *start_stalled(Fixture *fixture, Terminal *terminal, const char *arguments) {
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Process *client = start_on(terminal, arguments);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        return client;
}

static void expect_suffix(const char *text, const char *suffix) {
        if (!g_str_has_suffix(text, suffix))
                g_error("\"%s\" does not end in \"%s\"", text, suffix);
}

static void expect_substring(const char *text, const char *part) {
        if (!strstr(text, part))
                g_error("\"%s\" is not in \"%s\"", part, text);
}

static void test_line(void) {
        Fixture *fixture = fixture_start(NULL);
        Terminal *terminal = terminal_open(100);
        Process *client = start_stalled(fixture, terminal, "detach ens3");

        /* If the job needs long until then, the line of an earlier step comes first. */
        g_free(terminal_expect(terminal, LINE_UNBIND));
        fake_kernel_do(fixture->kernel, "resume");
        /* the line is erased when the result comes */
        g_autofree char *rest = terminal_read_rest(terminal);
        expect_suffix(rest, "\r" ERASE);
        g_assert_null(strchr(rest, '\n'));
        process_expect_line(client, "0000:05:00.0: e1000e -> vfio-pci");
        process_expect_line(client, "Node: /dev/vfio/12");
        g_assert_cmpint(process_finish(client), ==, 0);
        terminal_close(terminal);
        fixture_stop(fixture);
}

/* It follows the job. */
static void test_moves(void) {
        Fixture *fixture = fixture_start(NULL);
        Terminal *terminal = terminal_open(100);
        Process *client = start_stalled(fixture, terminal, "detach ens3");

        g_free(terminal_expect(terminal, LINE_UNBIND));
        fake_kernel_do(fixture->kernel, "stall 1");
        fake_kernel_do(fixture->kernel, "resume");
        g_free(terminal_expect(terminal, "\rdetach group 12: step 6 of 7, probe 0000:05:00.0 ..." ERASE));
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fake_kernel_do(fixture->kernel, "resume");
        g_free(terminal_read_rest(terminal));
        g_assert_cmpint(process_finish(client), ==, 0);
        terminal_close(terminal);
        fixture_stop(fixture);
}

/* A line that the terminal would wrap could not be rewritten. */
static void test_narrow(void) {
        Fixture *fixture = fixture_start(NULL);
        Terminal *terminal = terminal_open(30);
        Process *client = start_stalled(fixture, terminal, "detach ens3");

        g_free(terminal_expect(terminal, "\rdetach group 12: step 5 of 7," ERASE));
        fake_kernel_do(fixture->kernel, "resume");
        g_free(terminal_read_rest(terminal));
        g_assert_cmpint(process_finish(client), ==, 0);
        terminal_close(terminal);
        fixture_stop(fixture);
}

/* This client, whose job waits in the kernel, shows nothing, while another client shows its progress. Then both jobs
 * continue. */
static void expect_silence(Fixture *fixture, Terminal *terminal, Process *client) {
        Terminal *other = terminal_open(100);

        fake_kernel_do(fixture->kernel, "stall 2");
        Process *shower = start_on(other, "detach nvme0n1");
        g_free(terminal_expect(other, "\rdetach group 11: step 5 of 7, unbind 0000:04:00.0 ..." ERASE));
        /* The step is told before its write. */
        fake_kernel_do(fixture->kernel, "wait-pending 2");
        fake_kernel_do(fixture->kernel, "resume");
        g_autofree char *shown = terminal_read_rest(terminal);
        g_assert_cmpstr(shown, ==, "");
        g_assert_cmpint(process_finish(client), ==, 0);
        g_free(terminal_read_rest(other));
        g_assert_cmpint(process_finish(shower), ==, 0);
        terminal_close(terminal);
        terminal_close(other);
}

/* Without progress output, nothing is shown however long it takes: another client that began later shows its line by
 * then. */
static void test_unwanted(void) {
        static const char *const quiet[] = {"detach ens3 --quiet", "detach ens3 --json"};

        for (unsigned i = 0; i < G_N_ELEMENTS(quiet); i++) {
                Fixture *fixture = fixture_start(NULL);
                Terminal *terminal = terminal_open(100);

                expect_silence(fixture, terminal, start_stalled(fixture, terminal, quiet[i]));
                fixture_stop(fixture);
        }
}

static void test_dumb(void) {
        static const char *const environment[] = {"LC_ALL=C.UTF-8", "TERM=dumb", NULL};
        Fixture *fixture = fixture_start(NULL);
        Terminal *terminal = terminal_open(100);
        g_auto(GStrv) argv = vfioctl_argv("detach ens3");

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Process *client = terminal_start(terminal, (const char *const *)argv, environment);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        expect_silence(fixture, terminal, client);
        fixture_stop(fixture);
}

static void test_interrupt(void) {
        Fixture *fixture = fixture_start(NULL);
        Terminal *terminal = terminal_open(100);
        Process *client = start_stalled(fixture, terminal, "detach ens3");

        g_free(terminal_expect(terminal, LINE_UNBIND));
        terminal_type(terminal, CTRL_C);
        g_autofree char *asked = terminal_expect(terminal, ASKING);
        expect_substring(asked, "\r" ERASE ASKING);
        g_free(terminal_expect(terminal, "\rdetach group 12: cancelling, step 5 of 7, unbind 0000:05:00.0 ..." ERASE));
        fake_kernel_do(fixture->kernel, "resume");
        g_autofree char *rest = terminal_read_rest(terminal);
        expect_suffix(rest, "\r" ERASE "vfioctl: The job was cancelled. Everything is as it was before.\r\n");
        g_assert_null(process_read_line(client));
        g_assert_cmpint(process_finish(client), ==, 1);
        fixture_driver(fixture, NIC, "e1000e");
        terminal_close(terminal);
        fixture_stop(fixture);
}

/* This also works before there is a line. */
static void test_early_interrupt(void) {
        Fixture *fixture = fixture_start(NULL);
        Terminal *terminal = terminal_open(100);
        Process *client = start_stalled(fixture, terminal, "detach ens3 --quiet");

        terminal_type(terminal, CTRL_C);
        fixture_wait_property(fixture, BUS_PATH "/jobs/1", BUS_NAME ".Job", "State", "'cancelling'");
        fake_kernel_do(fixture->kernel, "resume");
        g_autofree char *shown = terminal_read_rest(terminal);
        expect_suffix(shown, "vfioctl: The job was cancelled. Everything is as it was before.\r\n");
        g_assert_null(strstr(shown, "asking"));
        g_assert_cmpint(process_finish(client), ==, 1);
        terminal_close(terminal);
        fixture_stop(fixture);
}

/* vfioctl in a script, in a shell that handles interrupts like an interactive shell. */
static Process *start_script(Fixture *fixture, Terminal *terminal) {
        const char *const argv[] = {"bash", "-c", "\"$0\" detach ens3; echo went on", VFIOCTL, NULL};

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Process *script = terminal_start(terminal, argv, vfioctl_environment);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        return script;
}

/* The second Ctrl-C ends vfioctl as an uncaught signal does: the script ends too. The job is cancelled without
 * vfioctl, although the daemon did not answer before. */
static void test_stop_waiting(void) {
        Fixture *fixture = fixture_start(NULL);
        Terminal *terminal = terminal_open(100);
        Process *script = start_script(fixture, terminal);

        (void)kill(process_get_pid(fixture->daemon), SIGSTOP);
        terminal_type(terminal, CTRL_C);
        g_free(terminal_expect(terminal, ASKING));
        terminal_type(terminal, CTRL_C);
        g_free(terminal_expect(terminal, "vfioctl: job 1 continues without vfioctl: see 'vfioctl jobs'\r\n"));
        (void)kill(process_get_pid(fixture->daemon), SIGCONT);
        g_autofree char *rest = terminal_read_rest(terminal);
        g_assert_null(strstr(rest, "vfioctl"));
        g_assert_null(process_read_line(script));
        g_assert_cmpint(process_finish(script), ==, 128 + SIGINT);

        json_t *jobs = vfioctl_json("jobs");
        expect_json(jobs, "jobs.0.state", "\"cancelling\"");
        json_decref(jobs);
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_driver(fixture, NIC, "e1000e");
        terminal_close(terminal);
        fixture_stop(fixture);
}

/* An interrupt that vfioctl handles does not end the script: it gets the exit code and continues. */
static void test_script_continues(void) {
        Fixture *fixture = fixture_start(NULL);
        Terminal *terminal = terminal_open(100);
        Process *script = start_script(fixture, terminal);

        terminal_type(terminal, CTRL_C);
        fixture_wait_property(fixture, BUS_PATH "/jobs/1", BUS_NAME ".Job", "State", "'cancelling'");
        fake_kernel_do(fixture->kernel, "resume");
        g_free(terminal_read_rest(terminal));
        process_expect_line(script, "went on");
        g_assert_cmpint(process_finish(script), ==, 0);
        terminal_close(terminal);
        fixture_stop(fixture);
}

static void ignore_interrupts(void *userdata) {
        (void)userdata;
        (void)signal(SIGINT, SIG_IGN);
}

/* Ctrl-C does not reach a program that a shell started in the background. */
static void test_ignored(void) {
        Fixture *fixture = fixture_start(NULL);
        g_auto(GStrv) argv = vfioctl_argv("detach ens3");

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Process *client = process_start((const char *const *)argv, &(ProcessOptions){.setup = ignore_interrupts});
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        (void)kill(process_get_pid(client), SIGINT);
        (void)kill(process_get_pid(client), SIGINT);
        json_t *jobs = vfioctl_json("jobs");
        expect_json(jobs, "jobs.0.state", "\"running\"");
        json_decref(jobs);
        fake_kernel_do(fixture->kernel, "resume");
        process_expect_line(client, "0000:05:00.0: e1000e -> vfio-pci");
        g_assert_cmpint(process_finish(client), ==, 0);
        fixture_stop(fixture);
}

/* Only the names are missing: nothing can be undone, and the command succeeds. */
static void test_too_late(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = DEADLINE_MS});
        Terminal *terminal = terminal_open(100);

        EXPECT(0, "", "detach ens3");
        fake_kernel_do(fixture->kernel, "plug 0000:00:08.0 vendor=8086 device=10d3 class=020000 group=8 net=ens3");
        fixture_wait_property(
                        fixture, BUS_PATH "/devices/_30000_3a00_3a08_2e0", DEVICE, "NetworkInterfaces", "['ens3']");
        Process *client = start_on(terminal, "reattach " NIC);
        g_free(terminal_expect(
                        terminal, "\rreattach group 12: done, waiting until the host's names are back ..." ERASE));
        terminal_type(terminal, CTRL_C);
        g_free(terminal_expect(terminal, ASKING));
        g_free(terminal_expect(terminal, "vfioctl: Job 2 has done all its work"));
        g_free(terminal_expect(terminal, "cannot be cancelled.\r\n"));
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        g_free(terminal_read_rest(terminal));
        process_expect_line(client, "0000:05:00.0: vfio-pci -> e1000e");
        g_assert_cmpint(process_finish(client), ==, 0);
        terminal_close(terminal);
        fixture_stop(fixture);
}

static void test_stuck(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 5000});
        Terminal *terminal = terminal_open(100);
        Process *client = start_stalled(fixture, terminal, "detach ens3");

        g_autofree char *shown = terminal_read_rest(terminal);
        expect_substring(shown, "vfioctl: The kernel did not return from the step 'unbind' of 0000:05:00.0");
        expect_suffix(shown, "\r\nSee 'vfioctl jobs'.\r\n");
        g_assert_cmpint(process_finish(client), ==, 6);
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        terminal_close(terminal);
        fixture_stop(fixture);
}

static unsigned count(const char *text, const char *part) {
        unsigned n = 0;

        for (const char *found = text; (found = strstr(found, part)); found++)
                n++;
        return n;
}

/* The question whether to detach the whole group needs a terminal too. It names each device once. */
static void test_consent(void) {
        static const struct {
                const char *verb, *keys, *driver;
                int status;
        } cases[] = {{"detach", "no\n", "e1000", 5}, {"detach", "\n", "e1000", 5}, {"detach", "\x04", "e1000", 5},
                        {"lease --override=no-reset --pid=1", "n\n", "e1000", 5},
                        {"detach", "maybe\nyes\n", "vfio-pci", 0}};
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *arguments = g_strdup_printf("%s ens1", cases[i].verb);
                Terminal *terminal = terminal_open(100);
                Process *client = start_on(terminal, arguments);
                g_autofree char *question = terminal_expect(terminal, "Detach all 2 devices? [y/N] ");

                g_assert_true(g_pattern_match_simple(
                                "A virtual machine can use IOMMU group 10 only as a whole. Beside 0000:03:01.0 (ens1), "
                                "the "
                                "host would lose:\r\n  0000:03:02.0 (ens2), driver e1000: *\r\nDetach all 2 *",
                                question));
                g_assert_cmpuint(count(question, PORT1), ==, 1);
                g_assert_cmpuint(count(question, PORT2), ==, 1);
                g_assert_cmpuint(count(question, "\n"), ==, 2);
                terminal_type(terminal, cases[i].keys);
                g_autofree char *rest = terminal_read_rest(terminal);
                g_assert_cmpuint(count(rest, "Answer y for yes, or n for no: [y/N] "), ==, cases[i].keys[0] == 'm');
                g_assert_cmpuint(count(rest, PORT2), ==, 0);
                if (cases[i].status > 0)
                        expect_suffix(rest, "vfioctl: nothing was detached\r\n");
                else
                        process_expect_line(client, "0000:03:01.0: e1000 -> vfio-pci");
                g_assert_cmpint(process_finish(client), ==, cases[i].status);
                fixture_driver(fixture, PORT2, cases[i].driver);
                terminal_close(terminal);
        }
        fixture_stop(fixture);
}

/* --yes answers the question, also without a terminal. */
static void test_yes(void) {
        Fixture *fixture = fixture_start(NULL);

        EXPECT(5, "vfioctl: 0000:03:01.0 is in IOMMU group 10 together with *", "detach ens1");
        EXPECT(0, "A virtual machine can use IOMMU group 10 only as a whole. *\n  0000:03:02.0 *\n",
                        "detach ens1 --yes");
        fixture_driver(fixture, PORT2, "vfio-pci");
        EXPECT(0, "", "reattach ens1");
        EXPECT(0, "", "detach ens1 --yes --quiet");
        fixture_driver(fixture, PORT2, "vfio-pci");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-progress/line", test_line);
        g_test_add_func("/bus/vfioctl-progress/moves", test_moves);
        g_test_add_func("/bus/vfioctl-progress/narrow", test_narrow);
        g_test_add_func("/bus/vfioctl-progress/unwanted", test_unwanted);
        g_test_add_func("/bus/vfioctl-progress/dumb", test_dumb);
        g_test_add_func("/bus/vfioctl-progress/interrupt", test_interrupt);
        g_test_add_func("/bus/vfioctl-progress/early-interrupt", test_early_interrupt);
        g_test_add_func("/bus/vfioctl-progress/stop-waiting", test_stop_waiting);
        g_test_add_func("/bus/vfioctl-progress/script-continues", test_script_continues);
        g_test_add_func("/bus/vfioctl-progress/ignored", test_ignored);
        g_test_add_func("/bus/vfioctl-progress/too-late", test_too_late);
        g_test_add_func("/bus/vfioctl-progress/stuck", test_stuck);
        g_test_add_func("/bus/vfioctl-progress/consent", test_consent);
        g_test_add_func("/bus/vfioctl-progress/yes", test_yes);
        return g_test_run();
}
