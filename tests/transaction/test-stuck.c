/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon.h"

#include <sys/wait.h>

/* A write does not return: its job and devices are stuck, everything else continues, and the job ends by itself when
 * the kernel returns. */

static void check_is_stuck(Daemon *daemon, const Answer *answer, const char *step, const char *address) {
        g_autofree char *place = g_strdup_printf("the step '%s' of %s", step, address);
        _cleanup_answer_ Answer refused = {};
        _cleanup_problem_ Problem problem = {};

        g_assert_cmpuint(answer->n, ==, 1);
        g_assert_cmpint(answer->error, ==, 0);
        g_assert_cmpint(answer->outcome, ==, OUTCOME_STUCK);
        g_assert_nonnull(strstr(answer->message, place));
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_STUCK);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_STUCK);
        g_assert_cmpint(group_state(inventory_find_group(daemon->host->inventory, PORTS_GROUP)), ==, GROUP_STUCK);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                g_assert_cmpint(daemon_begin(daemon, verb, PORT1, &refused, &problem), ==, OUTCOME_STUCK);
}

/* The unbind of a network driver sleeps for some time. */
static void test_detach(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &impatient);
        _cleanup_answer_ Answer answer = {};

        fake_kernel_do(host->fake, "stall 3");
        daemon_must_begin(daemon, PLAN_DETACH, "ens1", &answer);
        daemon_await(daemon, &answer);
        check_is_stuck(daemon, &answer, "unbind", PORT2);

        /* Jobs of another group work meanwhile. */
        daemon_move(daemon, PLAN_DETACH, "ens3", OUTCOME_DONE);
        daemon_move(daemon, PLAN_REATTACH, "ens3", OUTCOME_DONE);
        check_is_stuck(daemon, &answer, "unbind", PORT2);

        fake_kernel_do(host->fake, "resume");
        daemon_await_state(daemon, PORT1, DEVICE_DETACHED);
        daemon_await_quiet(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_DETACHED);
        g_assert_cmpuint(answer.n, ==, 1);
        assert_model_is_current(daemon);
        daemon_move(daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* A VM takes the group between the check of the node and the unbind: the unbind waits for the VM's end, and so do
 * all reads of the device's uevent. */
static Answer *begin_held_reattach(Daemon *daemon, Answer *answer) {
        FakeKernel *fake = daemon->host->fake;

        fake_kernel_do(fake, "stall 1");
        daemon_must_begin(daemon, PLAN_REATTACH, "ens1", answer);
        fake_kernel_do(fake, "wait-pending 1");
        fake_kernel_do(fake, "claim %d", PORTS_GROUP);
        fake_kernel_do(fake, "resume");
        daemon_await(daemon, answer);
        return answer;
}

static void test_reattach(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &impatient);
        _cleanup_answer_ Answer answer = {};

        daemon_move(daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        check_is_stuck(daemon, begin_held_reattach(daemon, &answer), "unbind", PORT1);
        daemon_move(daemon, PLAN_DETACH, "ens3", OUTCOME_DONE);
        daemon_move(daemon, PLAN_REATTACH, "ens3", OUTCOME_DONE);

        fake_kernel_do(host->fake, "release %d", PORTS_GROUP);
        daemon_await_state(daemon, PORT1, DEVICE_HOST);
        daemon_await_quiet(daemon);
        assert_model_is_current(daemon);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* The daemon can end, and a new daemon can start, while the worker is stuck. */
static void test_restart(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &impatient);
        _cleanup_answer_ Answer answer = {}, refused = {};
        _cleanup_problem_ Problem problem = {};

        daemon_move(daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        begin_held_reattach(daemon, &answer);
        daemon_stopp(&daemon);
        g_assert_cmpuint(answer.n, ==, 1);

        daemon = daemon_start(host, &impatient);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_CHANGING);
        g_assert_cmpint(daemon_begin(daemon, PLAN_REATTACH, "ens1", &refused, &problem), ==, OUTCOME_BUSY);
        daemon_move(daemon, PLAN_DETACH, "ens3", OUTCOME_DONE);
        daemon_move(daemon, PLAN_REATTACH, "ens3", OUTCOME_DONE);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_CHANGING);

        fake_kernel_do(host->fake, "release %d", PORTS_GROUP);
        daemon_await_quiet(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_HOST);
        assert_model_is_current(daemon);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* A stuck worker is killed when the kernel returns. */
static void test_killed(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &impatient);
        _cleanup_answer_ Answer answer = {};

        fake_kernel_do(host->fake, "stall 4");
        daemon_must_begin(daemon, PLAN_DETACH, "ens1", &answer);
        daemon_await(daemon, &answer);
        check_is_stuck(daemon, &answer, "unbind", PORT1);
        kill_worker(host, false);
        daemon_await_state(daemon, PORT1, DEVICE_HOST);
        daemon_await_quiet(daemon);
        g_assert_cmpuint(answer.n, ==, 1);
        assert_model_is_current(daemon);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* A step returns late, and then another step: each has its own deadline. */
static void test_twice(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &impatient);
        _cleanup_answer_ Answer answer = {};

        fake_kernel_do(host->fake, "stall 3");
        daemon_must_begin(daemon, PLAN_DETACH, "ens1", &answer);
        daemon_await(daemon, &answer);
        fake_kernel_do(host->fake, "stall 2");
        fake_kernel_do(host->fake, "resume");
        daemon_await_state(daemon, PORT1, DEVICE_CHANGING);
        daemon_await_state(daemon, PORT1, DEVICE_STUCK);
        fake_kernel_do(host->fake, "resume");
        daemon_await_state(daemon, PORT1, DEVICE_DETACHED);
        g_assert_cmpuint(answer.n, ==, 1);
        assert_model_is_current(daemon);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/stuck/detach", test_detach);
        g_test_add_func("/stuck/reattach", test_reattach);
        g_test_add_func("/stuck/restart", test_restart);
        g_test_add_func("/stuck/killed", test_killed);
        g_test_add_func("/stuck/two-steps", test_twice);
        return g_test_run();
}
