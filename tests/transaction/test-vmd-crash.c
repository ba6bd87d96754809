/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmd.h"

/* Workers, daemons or both are killed at every write of the detach and the reattach of a VMD: controller and disk end
 * both at home or both away. */

static const char *const stalls[] = {"stall", "stall-after"};

typedef struct Crash {
        Host *host;
        char *at_home, *away; /* snapshots */
        unsigned n_writes[PLAN_SET_VFS];
} Crash;

static void crash_begin(Crash *crash) {
        *crash = (Crash){.host = vmd_host()};
        crash->at_home = fake_kernel_snapshot(crash->host->fake);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++) {
                fake_kernel_do(crash->host->fake, "reset-writes");
                host_must_move(crash->host, verb, VMD);
                crash->n_writes[verb] = count_writes(crash->host);
                g_assert_cmpuint(crash->n_writes[verb], >, 0);
                if (verb == PLAN_DETACH)
                        crash->away = fake_kernel_snapshot(crash->host->fake);
        }
        assert_snapshot(crash->host, crash->at_home);
}

static void crash_end(Crash *crash) {
        host_free(crash->host);
        g_free(crash->at_home);
        g_free(crash->away);
}

static void stop_at(Crash *crash, Daemon *daemon, PlanVerb verb, const char *stall, unsigned k, Answer *answer) {
        fake_kernel_do(crash->host->fake, "%s %u", stall, k);
        daemon_must_begin(daemon, verb, VMD, answer);
        fake_kernel_do(crash->host->fake, "wait-pending 1");
}

typedef void (*case_t)(Crash *crash, PlanVerb verb, const char *stall, unsigned k);

/* Every write of both verbs, before and after it took effect. Each case begins and ends at home. */
static void sweep(case_t function) {
        Crash crash;

        crash_begin(&crash);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                for (size_t stall = 0; stall < G_N_ELEMENTS(stalls); stall++)
                        for (unsigned k = 1; k <= crash.n_writes[verb]; k++) {
                                if (verb == PLAN_REATTACH)
                                        host_must_move(crash.host, PLAN_DETACH, VMD);
                                g_test_message("%s, %s %u", plan_verb_to_string(verb), stalls[stall], k);
                                function(&crash, verb, stalls[stall], k);
                                assert_snapshot(crash.host, crash.at_home);
                                assert_nothing_recorded(crash.host);
                        }
        crash_end(&crash);
}

/* The worker alone: the daemon reverts its detach, and finishes its reattach. */
static void worker_dies(Crash *crash, PlanVerb verb, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {};

        stop_at(crash, daemon, verb, stall, k, &answer);
        kill_worker(crash->host, false);
        daemon_await(daemon, &answer);
        daemon_await_quiet(daemon);
        g_assert_cmpint(answer.error, ==, 0);
        g_assert_cmpstr(outcome_to_string(answer.outcome), ==,
                        outcome_to_string(verb == PLAN_DETACH ? OUTCOME_ROLLED_BACK : OUTCOME_DONE));
        assert_vmd_home(daemon, crash->at_home);
}

static void test_worker_dies(void) {
        sweep(worker_dies);
}

/* Both: the next daemon does the same. */
static void all_die(Crash *crash, PlanVerb verb, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {};

        stop_at(crash, daemon, verb, stall, k, &answer);
        daemon_stopp(&daemon);
        kill_worker(crash->host, true);
        daemon = daemon_start(crash->host, &patient);
        daemon_await_quiet(daemon);
        assert_vmd_home(daemon, crash->at_home);
}

static void test_all_die(void) {
        sweep(all_die);
}

/* The daemon alone: its worker finishes, and the next daemon waits for that. */
static void daemon_dies(Crash *crash, PlanVerb verb, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {}, refused = {};
        _cleanup_problem_ Problem problem = {};

        stop_at(crash, daemon, verb, stall, k, &answer);
        daemon_stopp(&daemon);
        daemon = daemon_start(crash->host, &patient);
        g_assert_cmpint(daemon_state(daemon, VMD), ==, DEVICE_CHANGING);
        g_assert_cmpint(daemon_begin(daemon, verb, VMD, &refused, &problem), ==, OUTCOME_BUSY);
        g_assert_cmpint(daemon_begin(daemon, verb, VMD_DISK, &refused, &problem), !=, 0);
        fake_kernel_do(crash->host->fake, "resume");
        daemon_await_quiet(daemon);
        if (verb == PLAN_DETACH) {
                assert_vmd_away(daemon, crash->away);
                daemon_move(daemon, PLAN_REATTACH, VMD, OUTCOME_DONE);
        }
        assert_vmd_home(daemon, crash->at_home);
}

static void test_daemon_dies(void) {
        sweep(daemon_dies);
}

/* The daemon, and then, under the eyes of the next one, the worker. */
static void daemon_dies_first(Crash *crash, PlanVerb verb, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {};

        stop_at(crash, daemon, verb, stall, k, &answer);
        daemon_stopp(&daemon);
        daemon = daemon_start(crash->host, &patient);
        kill_worker(crash->host, true);
        daemon_await_state(daemon, VMD, DEVICE_HOST);
        daemon_await_quiet(daemon);
        assert_vmd_home(daemon, crash->at_home);
}

static void test_daemon_dies_first(void) {
        sweep(daemon_dies_first);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vmd-crash/worker-dies", test_worker_dies);
        g_test_add_func("/vmd-crash/all-die", test_all_die);
        g_test_add_func("/vmd-crash/daemon-dies", test_daemon_dies);
        g_test_add_func("/vmd-crash/daemon-dies-first", test_daemon_dies_first);
        return g_test_run();
}
