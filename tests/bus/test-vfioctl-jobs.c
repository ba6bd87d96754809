/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <signal.h>

/* vfioctl's jobs and cancel, and what show prints about a job and about holders of a device. */

#define NIC_REATTACHED "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)"

/* A Detach of the network card that waits at its second write, the unbind. */
static Pending *start_stalled(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Pending *pending = fixture_call_start(fixture, BUS_PATH, MANAGER, "Detach", "('0000:05:00.0', " NO_OPTIONS ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        return pending;
}

static void expect_line(const char *line, const char *pattern) {
        if (!line || !g_pattern_match_simple(pattern, line))
                g_error("\"%s\" is not like \"%s\"", line, pattern);
}

static void test_none(void) {
        Fixture *fixture = fixture_start(NULL);
        g_auto(ProgramResult) result = vfioctl("jobs");

        expect_result(&result, 0, "vfioctl: no job is running\n", "jobs");
        g_assert_cmpstr(result.output, ==, "");
        EXPECT(0, "", "jobs --quiet");
        json_t *jobs = vfioctl_json("jobs");
        expect_json(jobs, "jobs", "[]");
        json_decref(jobs);
        fixture_stop(fixture);
}

/* Jobs that have ended are shown on request. */
static void test_ended(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        manager_refused(fixture, "Detach", "nvme0n1", NO_OPTIONS, "InUseStorage", "*");
        g_free(fixture_expect_signal(fixture, BUS_PATH " JobRemoved (2, *"));

        g_auto(ProgramResult) running = vfioctl("jobs"), all = vfioctl("jobs --all --no-legend");
        expect_result(&running, 0, "vfioctl: no job is running\n", "jobs");
        expect_result(&all, 0, "", "jobs --all");
        g_auto(GStrv) lines = g_strsplit(all.output, "\n", -1);
        expect_line(lines[0], "  1 detach    12 0000:05:00.0 done *");
        expect_line(lines[1], "  2 detach    11 0000:04:00.0 failed *");
        json_t *jobs = vfioctl_json("jobs --all"), *none = vfioctl_json("jobs");
        expect_json(none, "jobs", "[]");
        expect_json(jobs, "jobs.0.state", "\"done\"");
        expect_json(jobs, "jobs.0.error", "null");
        expect_json(jobs, "jobs.1.state", "\"failed\"");
        expect_json(jobs, "jobs.0.details", "null");
        expect_json(jobs, "jobs.1.error", "\"org.vfiod1.Error.InUseStorage\"");
        json_decref(jobs);
        json_decref(none);
        fixture_stop(fixture);
}

/* What a failed job tells is what the error of its call tells. On the system bus, without what can name processes and mounts. */
static void test_details(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *direct = g_strdup_printf("--address=unix:path=%s.root", fixture->state_folder);
        g_autofree char *list = g_strdup_printf("%s jobs --all", direct);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        g_autofree char *detach = g_strdup_printf("%s detach nvme0n1", direct);
        json_t *refused = vfioctl_json_with(5, detach);
        g_free(fixture_expect_signal(fixture, BUS_PATH " JobRemoved (1, *"));
        json_t *jobs = vfioctl_json(list), *public = vfioctl_json("jobs --all");
        g_autofree char *expected = json_at(refused, "error.details");
        expect_json(jobs, "jobs.0.details", expected);
        expect_json(jobs, "jobs.0.details.findings.0.guard", "\"storage\"");
        expect_json(jobs, "jobs.0.details.override", "[\"storage\"]");
        expect_json(public, "jobs.0.details", "{\"device\":\"0000:04:00.0\",\"group\":11}");
        json_decref(refused);
        json_decref(jobs);
        json_decref(public);
        fixture_stop(fixture);
}

static void test_jobs(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *pending = start_stalled(fixture);
        g_autofree char *caller = g_strdup_printf("uid 0, process %d (%s)", (int)getpid(), "test-bus-vfioct");
        g_autofree char *line = g_strdup_printf("  1 detach    12 0000:05:00.0 running  5/7 unbind 0000:05:00.0*%s "
                                                "*:??",
                        caller);

        g_auto(ProgramResult) table = vfioctl("jobs"), bare = vfioctl("jobs --no-legend");
        expect_result(&table, 0, "", "jobs");
        g_auto(GStrv) lines = g_strsplit(table.output, "\n", -1);
        g_assert_cmpuint(g_strv_length(lines), ==, 3);
        expect_line(lines[0], "JOB KIND   GROUP DEVICES      STATE   STEP ACTION *WAITS-FOR CALLER *SINCE");
        expect_line(lines[1], line);
        g_assert_cmpstr(g_strchomp(bare.output), ==, lines[1]);

        gint64 now = g_get_real_time();
        json_t *jobs = vfioctl_json("jobs");
        g_autofree char *pid = g_strdup_printf("%d", (int)getpid());
        expect_json(jobs, "jobs.0.number", "1");
        expect_json(jobs, "jobs.0.path", "\"/org/vfiod1/jobs/1\"");
        expect_json(jobs, "jobs.0.kind", "\"detach\"");
        expect_json(jobs, "jobs.0.state", "\"running\"");
        expect_json(jobs, "jobs.0.cancelled", "false");
        expect_json(jobs, "jobs.0.group", "12");
        expect_json(jobs, "jobs.0.devices", "[\"0000:05:00.0\"]");
        expect_json(jobs, "jobs.0.step", "5");
        expect_json(jobs, "jobs.0.steps", "7");
        expect_json(jobs, "jobs.0.action", "\"unbind\"");
        expect_json(jobs, "jobs.0.address", "\"0000:05:00.0\"");
        expect_json(jobs, "jobs.0.waits_for", "null");
        expect_json(jobs, "jobs.0.caller.kind", "\"call\"");
        expect_json(jobs, "jobs.0.caller.uid", "0");
        expect_json(jobs, "jobs.0.caller.pid", pid);
        expect_json(jobs, "jobs.0.caller.command", "\"test-bus-vfioct\"");
        expect_json(jobs, "jobs.0.caller.rule", "null");
        g_autofree char *started = json_at(jobs, "jobs.0.started_usec");
        g_assert_cmpint(g_ascii_strtoll(started, NULL, 10), <=, now);
        g_assert_cmpint(g_ascii_strtoll(started, NULL, 10), >, now - 10 * DEADLINE_MS * 1000LL);
        g_assert_cmpuint(json_object_size(json_array_get(json_object_get(jobs, "jobs"), 0)), ==, 18);
        json_decref(jobs);

        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        EXPECT(0, "vfioctl: no job is running\n", "jobs");
        fixture_stop(fixture);
}

/* Two at the same time, ordered by number. */
static void test_two(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *first = start_stalled(fixture);

        fake_kernel_do(fixture->kernel, "stall 1");
        Pending *second = fixture_call_start(fixture, GROUP10, GROUP, "Detach", "(" NO_OPTIONS ",)");
        fake_kernel_do(fixture->kernel, "wait-pending 2");
        json_t *jobs = vfioctl_json("jobs");
        expect_json(jobs, "jobs.0.number", "1");
        expect_json(jobs, "jobs.1.number", "2");
        expect_json(jobs, "jobs.1.group", "10");
        expect_json(jobs, "jobs.1.devices", "[\"0000:03:02.0\",\"0000:03:01.0\"]"); /* in the order of work */
        expect_json(jobs, "jobs.2", NULL);
        json_decref(jobs);
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(first, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        pending_expect(second,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        fixture_stop(fixture);
}

static void test_cancel(void) {
        Fixture *fixture = fixture_start(NULL);
        Pending *pending = start_stalled(fixture);

        EXPECT(3, "vfioctl: There is no job 7, or it has ended: see 'vfioctl jobs'.\n", "cancel 7");
        g_auto(ProgramResult) result = vfioctl("cancel 1");
        expect_result(&result, 0, "", "cancel 1");
        g_assert_cmpstr(result.output, ==,
                        "Job 1 is cancelled: it undoes what it did as soon as the step 'unbind' of 0000:05:00.0 is "
                        "over.\nSee 'vfioctl jobs'.\n");
        json_t *jobs = vfioctl_json("jobs");
        expect_json(jobs, "jobs.0.state", "\"cancelling\"");
        json_decref(jobs);
        json_t *again = vfioctl_json("cancel 1");
        expect_json(again, "cancelling", "1");
        expect_json(again, "state", "\"cancelling\"");
        json_decref(again);
        g_auto(ProgramResult) quiet = vfioctl("cancel 1 --quiet");
        expect_result(&quiet, 0, "", "cancel 1 --quiet");
        g_assert_cmpstr(quiet.output, ==, "");

        fake_kernel_do(fixture->kernel, "resume");
        pending_refused(pending, "Cancelled", "*Everything is as it was before.");
        fixture_driver(fixture, NIC, "e1000e");
        EXPECT(3, "vfioctl: There is no job 1*", "cancel 1");
        fixture_stop(fixture);
}

/* vfioctl waits for a job that another client cancels. */
static void test_cancelled(void) {
        Fixture *fixture = fixture_start(NULL);
        g_auto(GStrv) argv = vfioctl_argv("detach ens3");
        const char *const shell[] = {"sh", "-c", "\"$0\" \"$@\" 2>&1", argv[0], argv[1], argv[2], NULL};

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Process *client = process_start(shell, NULL);
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        EXPECT(0, "", "cancel 1");
        fake_kernel_do(fixture->kernel, "resume");
        process_expect_line(client, "vfioctl: The job was cancelled. Everything is as it was before.");
        g_assert_cmpint(process_finish(client), ==, 1);
        fixture_stop(fixture);
}

static void test_cancel_as_nobody(void) {
        Fixture *fixture = fixture_start(NULL);
        const char *const argv[] = {
                        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", VFIOCTL, "cancel", "1", NULL};
        const char *const list[] = {
                        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", VFIOCTL, "jobs", NULL};
        Pending *pending = start_stalled(fixture);

        g_auto(ProgramResult) refused = program_run(argv, NULL, NULL);
        expect_result(&refused, 4, "vfioctl: *root*", "cancel 1 as nobody");
        g_auto(ProgramResult) listed = program_run(list, NULL, NULL);
        expect_result(&listed, 0, "", "jobs as nobody");
        g_assert_nonnull(strstr(listed.output, "detach"));
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        fixture_stop(fixture);
}

/* All writes are done and the job waits for the names: it is too late to cancel. Unplugging the other card ends the
 * wait. */
static void test_too_late(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = DEADLINE_MS});

        EXPECT(0, "", "detach ens3");
        fake_kernel_do(fixture->kernel, "plug 0000:00:08.0 vendor=8086 device=10d3 class=020000 group=8 net=ens3");
        fixture_wait_property(
                        fixture, BUS_PATH "/devices/_30000_3a00_3a08_2e0", DEVICE, "NetworkInterfaces", "['ens3']");
        Pending *pending = fixture_call_start(fixture, GROUP12, GROUP, "Reattach", "(" NO_OPTIONS ",)");
        g_free(fixture_expect_signal(fixture, BUS_PATH "/jobs/* PropertiesChanged *'State': <'finishing'>*"));
        EXPECT(5, "vfioctl: Job 2 has done all its work*cannot be cancelled.\n", "cancel 2");
        json_t *show = vfioctl_json("show " NIC);
        expect_json(show, "job.state", "\"finishing\"");
        json_decref(show);
        g_auto(ProgramResult) text = vfioctl("show " NIC);
        g_assert_nonnull(strstr(text.output, "Job: 2, reattach, done, waiting until the host's names are back\n"));
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        pending_expect(pending, NIC_REATTACHED);
        fixture_stop(fixture);
}

/* The network card is detached, and a process has this node below dev/vfio open. */
static Process *start_holder_of(Fixture *fixture, const char *node) {
        EXPECT(0, "", "detach ens3");
        g_autofree char *script = g_strdup_printf("exec 9<>%s/dev/vfio/%s && echo open && kill -STOP $$",
                        fake_kernel_get_root(fixture->kernel), node);
        const char *const argv[] = {"sh", "-c", script, NULL};
        Process *holder = process_start(argv, NULL);
        process_expect_line(holder, "open");
        return holder;
}

static Process *start_holder(Fixture *fixture) {
        return start_holder_of(fixture, "12");
}

static void test_holders(void) {
        Fixture *fixture = fixture_start(NULL);
        Process *holder = start_holder(fixture);
        int pid = (int)process_get_pid(holder);
        g_autofree char *node = g_strdup_printf("%s/dev/vfio/12", fake_kernel_get_root(fixture->kernel));
        g_autofree char *pattern = g_strdup_printf("*\n           Held by: process %d (sh)*: %s\n*", pid, node);
        g_autofree char *pid_text = g_strdup_printf("%d", pid), *node_json = g_strdup_printf("\"%s\"", node);

        g_auto(ProgramResult) device = vfioctl("show ens3"), group = vfioctl("show group:12");
        expect_result(&device, 0, "", "show ens3");
        g_assert_true(g_pattern_match_simple(pattern, device.output));
        expect_result(&group, 0, "", "show group:12");
        g_assert_true(g_pattern_match_simple(pattern, group.output));
        json_t *show = vfioctl_json("show ens3");
        expect_json(show, "holders.0.pid", pid_text);
        expect_json(show, "holders.0.command", "\"sh\"");
        expect_json(show, "holders.0.node", node_json);
        expect_json(show, "holders.0.address", "null");
        expect_json(show, "holders.1", NULL);
        expect_json(show, "job", "null");
        json_decref(show);

        (void)kill(process_get_pid(holder), SIGKILL);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
        json_t *after = vfioctl_json("show ens3");
        expect_json(after, "holders", "[]");
        json_decref(after);
        g_auto(ProgramResult) free = vfioctl("show ens3");
        g_assert_null(strstr(free.output, "Held by"));
        fixture_stop(fixture);
}

/* A guest has the device and does not release it: the reply, show and jobs say so. When the guest ends, everything
 * continues. */
static void test_stuck(void) {
        Fixture *fixture = fixture_start(NULL);
        Process *holder = start_holder(fixture);
        g_autofree char *who = g_strdup_printf("process %d (sh)", (int)process_get_pid(holder));
        g_autofree char *held = g_strdup_printf("vfioctl: unbind of 0000:05:00.0 waits for a process*\n"
                                                "vfioctl: The kernel did not return*waits for %s*\nSee 'vfioctl "
                                                "jobs'.\n",
                        who);
        const char *shown = ("*               Job: 2, reattach, stuck, step ? of ?, unbind "
                             "0000:05:00.0\n         Waits for: a process*\n*");
        g_autofree char *waits_for = g_strdup("\"a process\"");

        fake_kernel_do(fixture->kernel, "claim 12");
        EXPECT(6, held, "reattach ens3 --force");
        g_auto(ProgramResult) show = vfioctl("show ens3");
        expect_result(&show, 0, "", "show ens3");
        expect_line(show.output, shown);
        json_t *json = vfioctl_json("show ens3");
        expect_json(json, "device.state", "\"stuck\"");
        expect_json(json, "job.number", "2");
        expect_json(json, "job.state", "\"stuck\"");
        g_autofree char *told = json_at(json, "job.waits_for");
        expect_line(told, waits_for);
        json_decref(json);
        json_t *jobs = vfioctl_json("jobs");
        expect_json(jobs, "jobs.0.state", "\"stuck\"");
        g_autofree char *listed = json_at(jobs, "jobs.0.waits_for");
        expect_line(listed, waits_for);
        json_decref(jobs);
        EXPECT(6, "vfioctl: *\nSee 'vfioctl jobs'.\n", "detach ens3");

        (void)kill(process_get_pid(holder), SIGKILL);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_stop(fixture);
}

/* A stuck job is cancelled: cancel says what will happen, and everybody can see that the job is cancelled. */
static void test_cancel_stuck(void) {
        Fixture *fixture = fixture_start(NULL);
        Process *holder = start_holder(fixture);
        g_autofree char *answer = g_strdup_printf(
                        "Job 2 is cancelled, but it is stuck in the kernel: the step 'unbind' of 0000:05:00.0 has not "
                        "returned; it waits for process %d (sh)*. When it returns, the job undoes what it did.\n"
                        "See 'vfioctl jobs'.\n",
                        (int)process_get_pid(holder));

        fake_kernel_do(fixture->kernel, "claim 12");
        EXPECT(6, "*", "reattach ens3 --force");
        g_auto(ProgramResult) cancelled = vfioctl("cancel 2");
        expect_result(&cancelled, 0, "", "cancel 2");
        expect_line(cancelled.output, answer);
        json_t *again = vfioctl_json("cancel 2");
        expect_json(again, "state", "\"stuck\"");
        json_decref(again);

        json_t *json = vfioctl_json("jobs");
        expect_json(json, "jobs.0.state", "\"stuck\"");
        expect_json(json, "jobs.0.cancelled", "true");
        json_decref(json);
        g_auto(ProgramResult) jobs = vfioctl("jobs --no-legend"), show = vfioctl("show ens3");
        expect_line(jobs.output, "*2 reattach * stuck, cancelled *");
        expect_line(show.output, "* Job: 2, reattach, stuck, cancelled, step ? of ?, unbind 0000:05:00.0\n*");

        (void)kill(process_get_pid(holder), SIGKILL);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fixture_stop(fixture);
}

/* The holder releases the device in time: then it is an ordinary reattach. */
static void test_force(void) {
        Fixture *fixture = fixture_start(
                        &(FixtureOptions){.step_deadline_ms = 10 * DEADLINE_MS, .held_deadline_ms = 10 * DEADLINE_MS});
        Process *holder = start_holder(fixture);
        g_auto(GStrv) argv = vfioctl_argv("reattach ens3 --force");
        const char *const shell[] = {"sh", "-c", "\"$0\" \"$@\" 2>&1", argv[0], argv[1], argv[2], argv[3], NULL};
        const char *told = "vfioctl: unbind of 0000:05:00.0 waits for a process*";

        fake_kernel_do(fixture->kernel, "claim 12");
        EXPECT(5, "vfioctl: /dev/vfio/12 is held by process*", "reattach ens3");
        json_t *plan = vfioctl_json_with(5, "plan ens3 --reattach");
        expect_json(plan, "findings.0.guard", "\"held\"");
        expect_json(plan, "command.3", "\"--force\"");
        json_decref(plan);
        json_t *forced = vfioctl_json("plan ens3 --reattach --force");
        expect_json(forced, "would_go", "true");
        expect_json(forced, "findings.0.overridden", "true");
        expect_json(forced, "command.3", "\"--force\"");
        json_decref(forced);
        Process *client = process_start(shell, NULL);
        g_autofree char *line = process_read_line(client);
        expect_line(line, told);
        (void)kill(process_get_pid(holder), SIGKILL);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
        g_autofree char *result = process_read_line(client);
        expect_line(result, "0000:05:00.0: vfio-pci -> e1000e (ens3)");
        g_assert_cmpint(process_finish(client), ==, 0);
        fixture_stop(fixture);
}

/* The group's node is free, but a process has the cdev of the card open without using it. */
static void test_cdev(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 5000});

        fake_kernel_do(fixture->kernel, "cdevs on");
        Process *holder = start_holder_of(fixture, "devices/vfio0");
        int pid = (int)process_get_pid(holder);
        g_autofree char *held = g_strdup_printf("/dev/vfio/devices/vfio0 of " NIC " is held by process %d (sh)", pid);
        g_autofree char *refused =
                        g_strdup_printf("vfioctl: %s*: end it, or take the device out of it, first.\n", held);
        g_autofree char *finding = g_strdup_printf("\"%s*\"", held);
        g_autofree char *shown = g_strdup_printf("*Held by: process %d (sh)*: %s/dev/vfio/devices/vfio0\n*", pid,
                        fake_kernel_get_root(fixture->kernel));
        g_autofree char *pid_text = g_strdup_printf("%d", pid);

        EXPECT(5, refused, "reattach ens3");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        json_t *plan = vfioctl_json_with(5, "plan ens3 --reattach");
        expect_json(plan, "findings.0.guard", "\"held\"");
        expect_json(plan, "findings.0.address", "\"" NIC "\"");
        g_autofree char *evidence = json_at(plan, "findings.0.evidence");
        expect_line(evidence, finding);
        json_decref(plan);
        g_auto(ProgramResult) show = vfioctl("show ens3");
        expect_line(show.output, shown);
        json_t *json = vfioctl_json("show ens3");
        expect_json(json, "holders.0.pid", pid_text);
        expect_json(json, "holders.0.address", "\"" NIC "\"");
        json_decref(json);

        EXPECT(6, "vfioctl: unbind of " NIC " waits for a process*", "reattach ens3 --force");
        (void)kill(process_get_pid(holder), SIGKILL);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-jobs/ended", test_ended);
        g_test_add_func("/bus/vfioctl-jobs/details", test_details);
        g_test_add_func("/bus/vfioctl-jobs/none", test_none);
        g_test_add_func("/bus/vfioctl-jobs/jobs", test_jobs);
        g_test_add_func("/bus/vfioctl-jobs/two", test_two);
        g_test_add_func("/bus/vfioctl-jobs/cancel", test_cancel);
        g_test_add_func("/bus/vfioctl-jobs/cancelled", test_cancelled);
        g_test_add_func("/bus/vfioctl-jobs/cancel-as-nobody", test_cancel_as_nobody);
        g_test_add_func("/bus/vfioctl-jobs/too-late", test_too_late);
        g_test_add_func("/bus/vfioctl-jobs/holders", test_holders);
        g_test_add_func("/bus/vfioctl-jobs/stuck", test_stuck);
        g_test_add_func("/bus/vfioctl-jobs/cancel-stuck", test_cancel_stuck);
        g_test_add_func("/bus/vfioctl-jobs/force", test_force);
        g_test_add_func("/bus/vfioctl-jobs/cdev", test_cdev);
        return g_test_run();
}
