/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

/* Jobs as the bus uses them: answers, states, limits, and jobs that do not return from the kernel. */

static void test_done(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer detached = {}, reattached = {};

        daemon_must_begin(daemon, PLAN_DETACH, "ens2", &detached);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_CHANGING);
        g_assert_cmpint(group_state(inventory_find_group(host->inventory, PORTS_GROUP)), ==, GROUP_CHANGING);
        g_assert_cmpint(daemon_state(daemon, OTHER_NIC), ==, DEVICE_HOST);
        daemon_await(daemon, &detached);
        g_assert_cmpint(detached.outcome, ==, OUTCOME_DONE);
        g_assert_cmpstr(detached.changes, ==, PORT1 " e1000 vfio-pci, " PORT2 " e1000 vfio-pci");
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_DETACHED);
        g_assert_cmpint(group_state(inventory_find_group(host->inventory, PORTS_GROUP)), ==, GROUP_DETACHED);
        assert_model_is_current(daemon);

        /* Selected by its former name; the answer comes when the names exist again. */
        daemon_must_begin(daemon, PLAN_REATTACH, "ens1", &reattached);
        daemon_await(daemon, &reattached);
        g_assert_cmpint(reattached.outcome, ==, OUTCOME_DONE);
        g_assert_cmpstr(reattached.changes, ==, PORT1 " vfio-pci e1000, " PORT2 " vfio-pci e1000");
        const Device *device = inventory_find_device(host->inventory, address_of(PORT1));
        g_assert_true(host_name_list_has(device->names, HOST_NAME_NETWORK, "ens1"));
        assert_model_is_current(daemon);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* The outcome of the worker is passed on. */
static void test_refused(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {};

        daemon_move(daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        fake_kernel_do(host->fake, "claim %d", PORTS_GROUP);
        daemon_must_begin(daemon, PLAN_REATTACH, "ens1", &answer);
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.error, ==, 0);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_HELD);
        g_assert_nonnull(strstr(answer.message, "/dev/vfio/10"));
        g_assert_cmpstr(answer.changes, ==, "");
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_DETACHED);
        fake_kernel_do(host->fake, "release %d", PORTS_GROUP);
        daemon_move(daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);
}

/* Changes by others are noticed and taken into account. */
static void test_by_hand(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        g_assert_cmpint(fake_kernel_write(host->fake, "vfio-pci", "sys/bus/pci/devices/" PORT2 "/driver_override"), ==,
                        0);
        g_assert_cmpint(fake_kernel_write(host->fake, PORT2, "sys/bus/pci/drivers/e1000/unbind"), ==, 0);
        g_assert_cmpint(fake_kernel_write(host->fake, PORT2, "sys/bus/pci/drivers_probe"), ==, 0);
        daemon_await_state(daemon, PORT2, DEVICE_FOREIGN);
        g_assert_cmpint(group_state(inventory_find_group(host->inventory, PORTS_GROUP)), ==, GROUP_PARTIAL);

        /* The other port is detached and reattached; the foreign port stays foreign. */
        daemon_move(daemon, PLAN_DETACH, PORT1, OUTCOME_DONE);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_FOREIGN);
        daemon_move(daemon, PLAN_REATTACH, PORT1, OUTCOME_DONE);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_FOREIGN);
        assert_driver(host, PORT2, "vfio-pci");

        g_assert_cmpint(fake_kernel_write(host->fake, "\n", "sys/bus/pci/devices/" PORT2 "/driver_override"), ==, 0);
        g_assert_cmpint(fake_kernel_write(host->fake, PORT2, "sys/bus/pci/drivers/vfio-pci/unbind"), ==, 0);
        g_assert_cmpint(fake_kernel_write(host->fake, PORT2, "sys/bus/pci/drivers_probe"), ==, 0);
        daemon_await_state(daemon, PORT2, DEVICE_HOST);
        assert_model_is_current(daemon);
        assert_snapshot(host, before);
}

static void test_limits(void) {
        static const JobLimits one = {
                        .step_deadline_us = 60 * G_USEC_PER_SEC,
                        .names_deadline_us = 60 * G_USEC_PER_SEC,
                        .jobs = {.total = 1},
                        .plans = {.total = 1},
        };
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &one);
        _cleanup_answer_ Answer first = {}, second = {};
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(host->fake, "stall 1");
        daemon_must_begin(daemon, PLAN_DETACH, "ens1", &first);
        fake_kernel_do(host->fake, "wait-pending 1");

        /* The plan is refused, and so is the start of a job that was planned before. */
        g_assert_cmpint(daemon_begin(daemon, PLAN_DETACH, "ens1", &second, &problem), ==, OUTCOME_BUSY);
        g_assert_cmpint(daemon_begin(daemon, PLAN_DETACH, "ens3", &second, &problem), ==, OUTCOME_LIMITS_EXCEEDED);
        g_assert_cmpuint(second.n, ==, 0);
        fake_kernel_do(host->fake, "resume");
        daemon_await(daemon, &first);
        daemon_move(daemon, PLAN_DETACH, "ens3", OUTCOME_DONE);
}

/* Everybody may plan: this blocks no job. The loop does not run here, so the plan is still running. */
static void test_plan_limit(void) {
        static const JobLimits one = {
                        .step_deadline_us = 60 * G_USEC_PER_SEC,
                        .names_deadline_us = 60 * G_USEC_PER_SEC,
                        .jobs = {.total = 1},
                        .plans = {.total = 1},
        };
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &one);
        static const Request plan = {.verb = PLAN_DETACH, .selector = "ens1", .only_plan = true},
                             detach = {.verb = PLAN_DETACH, .selector = "ens1"};
        _cleanup_reply_ Reply first = {}, second = {}, third = {};
        _cleanup_problem_ Problem problem = {};

        request_must_begin(daemon, &plan, &first);
        g_assert_cmpint(request_begin(daemon, &plan, &second, &problem), ==, OUTCOME_LIMITS_EXCEEDED);
        g_assert_nonnull(strstr(problem.message, "1 plans"));
        request_must_begin(daemon, &detach, &third);
        daemon_await(daemon, &first.answer);
        daemon_await(daemon, &third.answer);
        g_assert_cmpint(third.answer.outcome, ==, OUTCOME_DONE);
        request_move(daemon, &(Request){.verb = PLAN_REATTACH, .selector = "ens1", .only_plan = true}, OUTCOME_DONE);
}

static void test_busy(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer first = {}, second = {};
        _cleanup_problem_ Problem problem = {};
        Plan *late = host_plan(host, PLAN_DETACH, "ens1");

        fake_kernel_do(host->fake, "stall 1");
        daemon_must_begin(daemon, PLAN_DETACH, "ens1", &first);
        fake_kernel_do(host->fake, "wait-pending 1");
        g_assert_cmpint(job_start(daemon->jobs, late, "late", NULL, NULL, &second, &problem), ==, OUTCOME_BUSY);
        fake_kernel_do(host->fake, "resume");
        daemon_await(daemon, &first);
        g_assert_cmpint(first.outcome, ==, OUTCOME_DONE);
}

/* Waiting callers get an answer when the daemon ends. */
static void test_shutdown(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer first = {}, second = {};

        fake_kernel_do(host->fake, "stall 1");
        daemon_must_begin(daemon, PLAN_DETACH, "ens1", &first);
        fake_kernel_do(host->fake, "wait-pending 1");
        fake_kernel_do(host->fake, "stall 1");
        daemon_must_begin(daemon, PLAN_DETACH, "ens3", &second);
        fake_kernel_do(host->fake, "wait-pending 2");
        daemon_stopp(&daemon);
        g_assert_cmpuint(first.n, ==, 1);
        g_assert_cmpuint(second.n, ==, 1);
        g_assert_cmpint(first.outcome, ==, OUTCOME_FAILED);
        g_assert_nonnull(strstr(first.message, "The job continues"));

        fake_kernel_do(host->fake, "resume");
        daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_DETACHED);
        g_assert_cmpint(daemon_state(daemon, OTHER_NIC), ==, DEVICE_DETACHED);
        g_assert_cmpuint(count_detached_devices(host), ==, 3);
}

/* An interface gets another name: the devices are reattached anyway. */
static void test_name_is_missing(void) {
        static const JobLimits limits = {
                        .step_deadline_us = 60 * G_USEC_PER_SEC,
                        .names_deadline_us = 100 * 1000,
                        .jobs = {.total = 4},
                        .plans = {.total = 4},
        };
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &limits);

        daemon_move(daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        /* The events of the names do not arrive any more. */
        daemon->events_source = sd_event_source_disable_unref(daemon->events_source);
        daemon_move(daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_HOST);
        const Device *device = inventory_find_device(host->inventory, address_of(PORT1));
        g_assert_null(device->names);
}

/* Many cycles: the state of the host and of the daemon is the same at the end as at the beginning. */
static void test_cycles(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        unsigned n_fds[2];

        for (unsigned i = 0; i < 40; i++) {
                daemon_move(daemon, PLAN_DETACH, i % 2 ? "ens1" : PORT2, OUTCOME_DONE);
                daemon_move(daemon, PLAN_REATTACH, i % 2 ? PORT2 : "ens1", OUTCOME_DONE);
                if (i == 0 || i == 39) {
                        g_autoptr(GDir) fds = g_dir_open("/proc/self/fd", 0, NULL);

                        assert_model_is_current(daemon);
                        n_fds[i > 0] = 0;
                        while (g_dir_read_name(fds))
                                n_fds[i > 0]++;
                }
        }
        g_assert_cmpuint(n_fds[0], ==, n_fds[1]);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/job/done", test_done);
        g_test_add_func("/job/refused", test_refused);
        g_test_add_func("/job/by-hand", test_by_hand);
        g_test_add_func("/job/limits", test_limits);
        g_test_add_func("/job/plan-limit", test_plan_limit);
        g_test_add_func("/job/busy", test_busy);
        g_test_add_func("/job/shutdown", test_shutdown);
        g_test_add_func("/job/name-is-missing", test_name_is_missing);
        g_test_add_func("/job/cycles", test_cycles);
        return g_test_run();
}
