/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planned.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* A VM has the group, and the group is reattached with force: the unbind waits in the kernel until the VM ends, and
 * nothing else waits. */

#define NIC_DETACHED "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)"
#define NIC_REATTACHED "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)"
#define CARD_DETACHED "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)"
#define FORCE "{'force': <true>}"
#define JOB2 BUS_PATH "/jobs/2"

/* A process that has the node of group 12 open and uses the device. */
/* Waits until the process has this name: until then, it is the shell. */
static void await_command(pid_t pid, const char *name) {
        gint64 end = g_get_monotonic_time() + DEADLINE_MS * 1000LL;
        g_autofree char *path = g_strdup_printf("/proc/%d/comm", (int)pid), *command = NULL;

        while (g_file_get_contents(path, &command, NULL, NULL) && !g_str_equal(command, name)) {
                g_assert_cmpint(g_get_monotonic_time(), <, end);
                g_clear_pointer(&command, g_free);
        }
}

static Process *start_holder(Fixture *fixture) {
        g_autofree char *script = g_strdup_printf("exec 9<>%s/dev/vfio/12 && echo open && exec sleep 1000",
                        fake_kernel_get_root(fixture->kernel));
        const char *const argv[] = {"sh", "-c", script, NULL};
        Process *holder = process_start(argv, NULL);

        process_expect_line(holder, "open");
        await_command(process_get_pid(holder), "sleep\n");
        fake_kernel_do(fixture->kernel, "claim 12");
        return holder;
}

static void end_holder(Process *holder) {
        g_assert_cmpint(kill(process_get_pid(holder), SIGKILL), ==, 0);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
}

/* Both are in use now; the forced reattach is running and its caller got its reply. */
typedef struct Scene {
        Fixture *fixture;
        Process *holder;
        char *before;  /* snapshot */
        char *process; /* "process 324 (s" */
} Scene;

static void scene_begin(Scene *scene, unsigned step_deadline_ms) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = step_deadline_ms});

        *scene = (Scene){.fixture = fixture, .before = fake_kernel_snapshot(fixture->kernel)};
        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
        scene->holder = start_holder(fixture);
        scene->process = g_strdup_printf("process %d (s", (int)process_get_pid(scene->holder));

        g_autofree char *held = g_strdup_printf("/dev/vfio/12 is held by %s*", scene->process);
        manager_refused(fixture, "Reattach", "ens3", NO_OPTIONS, "Held", held);
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" JOB2 "'*"));
        fake_kernel_do(fixture->kernel, "reset-writes");
        g_autofree char *waits = g_strdup_printf("*'unbind' of 0000:05:00.0*it waits for %s*", scene->process);
        manager_refused(fixture, "Reattach", "ens3", FORCE, "Stuck", waits);
}

static void scene_end(Scene *scene) {
        if (scene->holder)
                end_holder(scene->holder);
        fixture_stop(scene->fixture);
        g_free(scene->before);
        g_free(scene->process);
}

#define JOB3 BUS_PATH "/jobs/3"

/* Everybody can see what waits, but not for which process. */
static void check_is_stuck(Scene *scene) {
        Fixture *fixture = scene->fixture;

        fixture_property(fixture, JOB3, JOB, "State", "'stuck'");
        fixture_property(fixture, JOB3, JOB, "Action", "'unbind'");
        fixture_property(fixture, JOB3, JOB, "Address", "'0000:05:00.0'");
        fixture_property(fixture, JOB3, JOB, "WaitsFor", "'a process'");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'stuck'");
        fixture_property(fixture, GROUP12, GROUP, "State", "'stuck'");
}

/* Only this unbind waits in the kernel, and only the override and the unbind were written. */
static void check_untouched(Fixture *fixture) {
        g_autofree char *pending = fake_kernel_ask(fixture->kernel, "pending");
        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);

        g_assert_cmpstr(pending, ==, "1");
        g_assert_cmpuint(g_strv_length(writes), ==, 2);
        g_assert_cmpstr(writes[1], ==, "sys/bus/pci/drivers/vfio-pci/unbind=" NIC);
}

static void check_refusals(Fixture *fixture) {
        manager_refused(fixture, "Reattach", "ens3", NO_OPTIONS, "Stuck",
                        "An earlier job on " NIC " is stuck in the kernel*");
        manager_refused(fixture, "Reattach", "ens3", FORCE, "Stuck",
                        "An earlier job on " NIC " is stuck in the kernel*");
        manager_refused(fixture, "Detach", NIC, NO_OPTIONS, "Stuck",
                        "An earlier job on " NIC " is stuck in the kernel*");
        plan_expect_obstacle(fixture, "('ens3', 'reattach', " FORCE ")", "stuck");
}

static void check_others(Fixture *fixture) {
        g_autoptr(GVariant) groups = fixture_call(fixture, BUS_PATH, MANAGER, "ListGroups", NULL, NULL);
        g_autoptr(GVariant) devices = fixture_call(fixture, BUS_PATH, MANAGER, "ListDevices", NULL, NULL);
        g_autoptr(GVariant) objects = fixture_call(fixture, BUS_PATH, OBJECT_MANAGER, "GetManagedObjects", NULL, NULL);

        g_assert_nonnull(groups);
        g_assert_nonnull(devices);
        g_assert_nonnull(objects);
        manager_expect(fixture, "Detach", "ens1", ALL, CARD_DETACHED);
        manager_expect(fixture, "Reattach", "ens1", NO_OPTIONS,
                        "([('0000:03:01.0', 'vfio-pci', 'e1000', {}), ('0000:03:02.0', 'vfio-pci', 'e1000', {})],)");
}

/* The device is on its host driver with its name, and there is no state file. */
static void check_restored(Scene *scene) {
        Fixture *fixture = scene->fixture;

        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['ens3']");
        fixture_driver(fixture, NIC, "e1000e");
        g_autofree char *override = fake_kernel_read(fixture->kernel, OVERRIDE, NIC);
        g_assert_cmpstr(override, ==, "(null)");
        fixture_property(fixture, BUS_PATH, MANAGER, "DetachedCount", "0");
        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, NIC_REATTACHED);
}

static void test_released(void) {
        Scene scene;

        scene_begin(&scene, 0);
        check_is_stuck(&scene);
        check_untouched(scene.fixture);
        check_refusals(scene.fixture);
        g_auto(GStrv) writes = fake_kernel_writes(scene.fixture->kernel);
        g_assert_cmpuint(g_strv_length(writes), ==, 2);
        check_others(scene.fixture);
        check_is_stuck(&scene);

        end_holder(g_steal_pointer(&scene.holder));
        g_free(fixture_expect_signal(scene.fixture, BUS_PATH " InterfacesRemoved ('" JOB3 "', ['" JOB "'])"));
        check_restored(&scene);
        scene_end(&scene);
}

/* It is cancelled while it waits: when the process releases the device, it is detached as before. */
static void test_cancelled(void) {
        Scene scene;

        scene_begin(&scene, 0);
        fixture_property(scene.fixture, JOB3, JOB, "Cancelled", "false");
        g_autofree char *answer =
                        g_strdup_printf("('stuck', 'Job 3 is cancelled, but it is stuck in the kernel: the step "
                                        "\"unbind\" of 0000:05:00.0 has not returned; it waits for %s*. When it "
                                        "returns, the job undoes what it did.')",
                                        scene.process);
        for (unsigned i = 0; i < 2; i++) { /* the second time changes nothing */
                g_autoptr(GVariant) reply = fixture_call(scene.fixture, JOB3, JOB, "Cancel", "(" NO_OPTIONS ",)", NULL);
                g_autofree char *text = g_variant_print(reply, false);
                g_autofree char *plain = g_strdelimit(g_strdup(text), "\"'", '"');
                g_autofree char *pattern = g_strdelimit(g_strdup(answer), "\"'", '"');

                if (!g_pattern_match_simple(pattern, plain))
                        g_error("%s", text);
        }
        fixture_property(scene.fixture, JOB3, JOB, "Cancelled", "true");
        g_free(fixture_expect_signal(scene.fixture, JOB3 " PropertiesChanged *'Cancelled': <true>*"));
        g_autoptr(GVariant) jobs = fixture_call(scene.fixture, BUS_PATH, MANAGER, "ListJobs", NULL, NULL);
        g_autofree char *row = g_variant_print(jobs, false);
        g_assert_nonnull(strstr(row, "'stuck'"));
        g_assert_nonnull(strstr(row, "'Cancelled': <true>"));
        fixture_refused(scene.fixture, JOB3, JOB, "Cancel", "({'force': <true>},)", INVALID_ARGS,
                        "Cancel has no option 'force'.");
        check_is_stuck(&scene);
        end_holder(g_steal_pointer(&scene.holder));
        g_free(fixture_expect_signal(scene.fixture, BUS_PATH " InterfacesRemoved ('" JOB3 "', ['" JOB "'])"));
        fixture_property(scene.fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fixture_driver(scene.fixture, NIC, "vfio-pci");
        g_autofree char *override = fake_kernel_read(scene.fixture->kernel, OVERRIDE, NIC);
        g_assert_cmpstr(override, ==, "vfio-pci");
        manager_expect(scene.fixture, "Reattach", "ens3", NO_OPTIONS, NIC_REATTACHED);
        check_restored(&scene);
        scene_end(&scene);
}

/* The daemon is killed or stopped: the next daemon knows the stuck device and does not touch it, works for other
 * devices, and notices the end of the reattach. */
static void test_next_daemon(const void *restart) {
        Scene scene;

        scene_begin(&scene, 5000);
        Fixture *fixture = scene.fixture;
        check_is_stuck(&scene);
        ((void (*)(Fixture * fixture)) restart)(fixture);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'stuck'");
        fixture_wait_property(fixture, GROUP12, GROUP, "State", "'stuck'");
        check_untouched(fixture);
        check_refusals(fixture);
        check_untouched(fixture);
        check_others(fixture);
        g_autofree char *pending = fake_kernel_ask(fixture->kernel, "pending");
        g_assert_cmpstr(pending, ==, "1");

        end_holder(g_steal_pointer(&scene.holder));
        check_restored(&scene);
        scene_end(&scene);
}

/* Several daemons one after another while it waits. */
static void test_daemons(void) {
        Scene scene;

        scene_begin(&scene, 5000);
        for (unsigned i = 0; i < 3; i++) {
                fixture_crash_daemon(scene.fixture);
                fixture_wait_property(scene.fixture, NIC_PATH, DEVICE, "State", "'stuck'");
                check_untouched(scene.fixture);
        }
        end_holder(g_steal_pointer(&scene.holder));
        check_restored(&scene);
        scene_end(&scene);
}

/* A device that nobody holds is reattached at once. */
static void test_free(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
        manager_expect(fixture, "Reattach", "ens3", FORCE, NIC_REATTACHED);
        manager_refused(fixture, "Detach", "ens3", FORCE, INVALID_ARGS, "*force*");
        fixture_stop(fixture);
}

/* The plan says that the reattach would be refused, but not with force. */
static void test_planned(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
        Process *holder = start_holder(fixture);
        int pid = (int)process_get_pid(holder);
        g_autofree char *row =
                        g_strdup_printf("[('held', '0000:05:00.0', '/dev/vfio/12 is held by process %d (sleep)*", pid);
        g_autofree char *facts = g_strdup_printf(
                        "{'Error': <'org.vfiod1.Error.Held'>, 'Group': <12>, 'Options': <['force']>, 'Pid': <uint32 "
                        "%d>, "
                        "'Command': <'sleep'>, 'Cure': <'End process %d, or take the device out of it'>}",
                        pid, pid);
        g_auto(Planned) plain = plan_make(fixture, "('ens3', 'reattach', " NO_OPTIONS ")");
        g_auto(Planned) forced = plan_make(fixture, "('ens3', 'reattach', " FORCE ")");

        g_assert_false(plain.would_go);
        g_assert_true(g_pattern_match_simple(row, plain.findings));
        planned_expect_details(&plain, 0, facts);
        g_assert_true(forced.would_go);
        g_assert_true(g_pattern_match_simple(row, forced.findings));
        g_assert_true(g_str_has_suffix(forced.findings, ", true, {})]"));
        end_holder(holder);
        fixture_stop(fixture);
}

/* ListHolders: the processes that have the group's node or a node of the device open, with pid, command and path. */
static void test_holders(void) {
        Fixture *fixture = fixture_start(NULL);
        const char *root = fake_kernel_get_root(fixture->kernel);

        fixture_expect(fixture, BUS_PATH, MANAGER, "ListHolders", "('ens3', " NO_OPTIONS ")", "([],)");
        fixture_expect(fixture, BUS_PATH, MANAGER, "ListHolders", "('group:0', " NO_OPTIONS ")", "([],)");
        fixture_refused(fixture, BUS_PATH, MANAGER, "ListHolders", "('ens9', " NO_OPTIONS ")", "NoSuchDevice", "*");
        fixture_refused(fixture, BUS_PATH, MANAGER, "ListHolders", "('group:99', " NO_OPTIONS ")", "NoSuchGroup", "*");

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
        Process *holder = start_holder(fixture);
        g_autofree char *path = g_strdup_printf("'%s/dev/vfio/12'", root);
        static const char *const selectors[] = {
                        "('ens3', " NO_OPTIONS ")", "('group:12', " NO_OPTIONS ")", "('0000:05:00.0', " NO_OPTIONS ")"};
        for (unsigned i = 0; i < G_N_ELEMENTS(selectors); i++) {
                g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, MANAGER, "ListHolders", selectors[i], NULL);
                g_autofree char *text = g_variant_print(reply, false);
                g_autofree char *expected = g_strdup_printf(
                                "([(%d, 's*', *, %s, '', {'Group': <12>})],)", (int)process_get_pid(holder), path);

                if (!g_pattern_match_simple(expected, text))
                        g_error("%s is not like %s", text, expected);
        }
        fixture_expect(fixture, BUS_PATH, MANAGER, "ListHolders", "('ens1', " NO_OPTIONS ")", "([],)");
        end_holder(holder);
        fixture_expect(fixture, BUS_PATH, MANAGER, "ListHolders", "('ens3', " NO_OPTIONS ")", "([],)");
        fixture_stop(fixture);
}

static void expect_all(Fixture *fixture, const char *pattern) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply =
                        fixture_call(fixture, BUS_PATH, MANAGER, "ListHolders", "('', " NO_OPTIONS ")", &error);

        g_assert_no_error(error);
        g_autofree char *text = g_variant_print(reply, false);
        if (!g_pattern_match_simple(pattern, text))
                g_error("%s is not like %s", text, pattern);
}

/* One call for all groups and devices: a process that has the nodes of two groups open, and one that has a cdev open. */
static void test_all_holders(void) {
        Fixture *fixture = fixture_start(NULL);
        const char *root = fake_kernel_get_root(fixture->kernel);

        expect_all(fixture, "([],)");
        fake_kernel_do(fixture->kernel, "cdevs on");
        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, NIC_DETACHED);
        manager_expect(fixture, "Detach", "ens1", "{'companions': <['*']>}", CARD_DETACHED);
        expect_all(fixture, "([],)");
        g_autofree char *groups_script = g_strdup_printf(
                        "exec 8<>%s/dev/vfio/10 9<>%s/dev/vfio/12 && echo open && kill -STOP $$", root, root);
        g_autofree char *cdev_script =
                        g_strdup_printf("exec 9<>%s/dev/vfio/devices/vfio0 && echo open && kill -STOP $$", root);
        Process *of_groups = process_start((const char *const[]){"sh", "-c", groups_script, NULL}, NULL);
        process_expect_line(of_groups, "open");
        int pid = (int)process_get_pid(of_groups);
        g_autofree char *groups = g_strdup_printf("(%d, 'sh', '*', '%s/dev/vfio/10', '', {'Group': <10>}), "
                                                  "(%d, 'sh', '*', '%s/dev/vfio/12', '', {'Group': <12>})",
                        pid, root, pid, root);
        g_autofree char *only_groups = g_strdup_printf("([%s],)", groups);
        expect_all(fixture, only_groups);
        Process *of_cdev = process_start((const char *const[]){"sh", "-c", cdev_script, NULL}, NULL);
        process_expect_line(of_cdev, "open");
        g_autofree char *both = g_strdup_printf("([%s, (%d, 'sh', '*', '%s/dev/vfio/devices/vfio0', '" NIC "', {})],)",
                        groups, (int)process_get_pid(of_cdev), root);
        expect_all(fixture, both);
        end_holder(of_groups);
        end_holder(of_cdev);
        expect_all(fixture, "([],)");
        fixture_refused(fixture, BUS_PATH, MANAGER, "ListHolders", "('', {'all': <true>})", INVALID_ARGS, "*'all'*");
        fixture_stop(fixture);
}

#define N_FILES 15000

/* /proc, with a process that has many files open, is read once, and not for each of the groups. */
static void test_all_holders_time(void) {
        Fixture *fixture = fixture_start(NULL);
        struct rlimit limit;
        g_autofree int *files = g_new(int, N_FILES);
        g_autoptr(GVariant) groups = fixture_call(fixture, BUS_PATH, MANAGER, "ListGroups", NULL, NULL);
        g_autoptr(GVariant) rows = g_variant_get_child_value(groups, 0);

        g_assert_cmpint(getrlimit(RLIMIT_NOFILE, &limit), ==, 0);
        limit.rlim_cur = limit.rlim_max;
        g_assert_cmpint(setrlimit(RLIMIT_NOFILE, &limit), ==, 0);
        for (unsigned i = 0; i < N_FILES; i++)
                g_assert_cmpint(files[i] = open("/dev/null", O_RDONLY | O_CLOEXEC), >=, 0);
        /* The shortest times: other programs delay some of the calls. */
        gint64 one_us = G_MAXINT64, all_us = G_MAXINT64;
        for (unsigned i = 0; i < 5; i++) {
                gint64 begin = g_get_monotonic_time();
                fixture_expect(fixture, BUS_PATH, MANAGER, "ListHolders", "('ens3', " NO_OPTIONS ")", "([],)");
                gint64 between = g_get_monotonic_time();
                expect_all(fixture, "([],)");
                one_us = MIN(one_us, between - begin);
                all_us = MIN(all_us, g_get_monotonic_time() - between);
        }
        g_test_message("all groups: %d ms, one group: %d ms", (int)(all_us / 1000), (int)(one_us / 1000));
        g_assert_cmpint(all_us, <, one_us * (gint64)g_variant_n_children(rows) / 2);
        for (unsigned i = 0; i < N_FILES; i++)
                close(files[i]);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/held/released", test_released);
        g_test_add_func("/bus/held/cancelled", test_cancelled);
        g_test_add_data_func("/bus/held/next-daemon/killed", fixture_crash_daemon, test_next_daemon);
        g_test_add_data_func("/bus/held/next-daemon/ended", fixture_restart_daemon, test_next_daemon);
        g_test_add_func("/bus/held/daemons", test_daemons);
        g_test_add_func("/bus/held/free", test_free);
        g_test_add_func("/bus/held/planned", test_planned);
        g_test_add_func("/bus/held/holders", test_holders);
        g_test_add_func("/bus/held/all-holders", test_all_holders);
        g_test_add_func("/bus/held/all-holders/time", test_all_holders_time);
        return g_test_run();
}
