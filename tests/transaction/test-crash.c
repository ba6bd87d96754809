/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon.h"

#include <limits.h>
#include <signal.h>
#include <sys/inotify.h>

/* Workers, daemons or both are killed at every write of a detach and reattach of two devices: all devices are
 * attached or all are detached in the end. */

static const char *const stalls[] = {"stall", "stall-after"};

typedef struct Crash {
        Host *host;
        char *attached; /* snapshots */
        char *detached;
        unsigned n_writes[PLAN_SET_VFS];
} Crash;

static void crash_begin(Crash *crash) {
        *crash = (Crash){.host = host_new()};
        fake_kernel_do(crash->host->fake, "modprobe vfio-pci");
        crash->attached = fake_kernel_snapshot(crash->host->fake);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++) {
                fake_kernel_do(crash->host->fake, "reset-writes");
                host_must_move(crash->host, verb, "ens1");
                crash->n_writes[verb] = count_writes(crash->host);
                if (verb == PLAN_DETACH)
                        crash->detached = fake_kernel_snapshot(crash->host->fake);
        }
        assert_snapshot(crash->host, crash->attached);
}

static void crash_end(Crash *crash) {
        host_free(crash->host);
        g_free(crash->attached);
        g_free(crash->detached);
}

static void check_attached(Crash *crash, Daemon *daemon) {
        assert_snapshot(crash->host, crash->attached);
        assert_nothing_recorded(crash->host);
        assert_model_is_current(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_HOST);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_HOST);
}

static void check_detached(Crash *crash, Daemon *daemon) {
        assert_snapshot(crash->host, crash->detached);
        g_assert_cmpuint(count_detached_devices(crash->host), ==, 2);
        assert_model_is_current(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_DETACHED);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_DETACHED);
}

/* Starts the job and waits until it stalls at a write. The answer must live as long as the daemon. */
static void stop_at(Crash *crash, Daemon *daemon, PlanVerb verb, const char *stall, unsigned k, Answer *answer) {
        fake_kernel_do(crash->host->fake, "%s %u", stall, k);
        daemon_must_begin(daemon, verb, "ens1", answer);
        fake_kernel_do(crash->host->fake, "wait-pending 1");
}

typedef void (*case_t)(Crash *crash, PlanVerb verb, const char *stall, unsigned k);

/* Every write of both verbs, before and after it took effect. Each case begins and ends with attached devices. */
static void sweep(case_t callback) {
        Crash crash;

        crash_begin(&crash);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                for (size_t stall = 0; stall < G_N_ELEMENTS(stalls); stall++)
                        for (unsigned k = 1; k <= crash.n_writes[verb]; k++) {
                                if (verb == PLAN_REATTACH)
                                        host_must_move(crash.host, PLAN_DETACH, "ens1");
                                g_test_message("%s, %s %u", plan_verb_to_string(verb), stalls[stall], k);
                                callback(&crash, verb, stalls[stall], k);
                                assert_snapshot(crash.host, crash.attached);
                                assert_nothing_recorded(crash.host);
                        }
        crash_end(&crash);
}

/* Only the worker: the daemon notices it and recovers. */
static void worker_dies(Crash *crash, PlanVerb verb, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {};

        stop_at(crash, daemon, verb, stall, k, &answer);
        kill_worker(crash->host, false);
        daemon_await(daemon, &answer);
        daemon_await_quiet(daemon);

        g_assert_cmpint(answer.error, ==, 0);
        if (verb == PLAN_DETACH) {
                g_assert_cmpint(answer.outcome, ==, OUTCOME_ROLLED_BACK);
                g_assert_nonnull(strstr(answer.message, "as it was before"));
        } else
                /* The request is executed, if not by the first worker. */
                g_assert_cmpint(answer.outcome, ==, OUTCOME_DONE);
        check_attached(crash, daemon);
}

static void test_worker_dies(void) {
        sweep(worker_dies);
}

/* Both: the next daemon recovers. */
static void all_die(Crash *crash, PlanVerb verb, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {};

        stop_at(crash, daemon, verb, stall, k, &answer);
        daemon_stopp(&daemon);
        g_assert_cmpuint(answer.n, ==, 1);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_FAILED);
        kill_worker(crash->host, true);

        daemon = daemon_start(crash->host, &patient);
        daemon_await_quiet(daemon);
        check_attached(crash, daemon);
}

static void test_all_die(void) {
        sweep(all_die);
}

/* Only the daemon: its worker finishes, and the next daemon notices it. */
static void daemon_dies(Crash *crash, PlanVerb verb, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {}, refused = {};
        _cleanup_problem_ Problem problem = {};

        stop_at(crash, daemon, verb, stall, k, &answer);
        daemon_stopp(&daemon);
        daemon = daemon_start(crash->host, &patient);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_CHANGING);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_CHANGING);
        g_assert_cmpint(daemon_begin(daemon, verb, "ens1", &refused, &problem), ==, OUTCOME_BUSY);

        fake_kernel_do(crash->host->fake, "resume");
        daemon_await_quiet(daemon);
        if (verb == PLAN_DETACH) {
                check_detached(crash, daemon);
                daemon_move(daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);
        }
        check_attached(crash, daemon);
}

static void test_daemon_dies(void) {
        sweep(daemon_dies);
}

/* First the daemon, and then the worker, while the next daemon is running. */
static void daemon_dies_first(Crash *crash, PlanVerb verb, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {};

        stop_at(crash, daemon, verb, stall, k, &answer);
        daemon_stopp(&daemon);
        daemon = daemon_start(crash->host, &patient);
        kill_worker(crash->host, true);
        daemon_await_state(daemon, PORT1, DEVICE_HOST);
        daemon_await_quiet(daemon);
        check_attached(crash, daemon);
}

static void test_daemon_dies_first(void) {
        sweep(daemon_dies_first);
}

/* A process that was killed has closed its nodes a moment after its connection. No event tells. */
static void await_released(Host *host) {
        gint64 end_us = g_get_monotonic_time() + 30 * G_USEC_PER_SEC;

        for (;;) {
                g_autofree char *snapshot = fake_kernel_snapshot(host->fake);

                if (!strstr(snapshot, "held=yes"))
                        return;
                g_assert_cmpint(g_get_monotonic_time(), <, end_us);
                g_usleep(1000);
        }
}

/* The answer is true. */
static void check_answer(Crash *crash, Daemon *daemon, PlanVerb verb, const Answer *answer) {
        await_released(crash->host);
        g_assert_cmpint(answer->error, ==, 0);
        g_test_message("%s: %s", plan_verb_to_string(verb), outcome_to_string(answer->outcome));
        if (answer->outcome == OUTCOME_DONE) {
                if (verb == PLAN_DETACH)
                        check_detached(crash, daemon);
                else
                        check_attached(crash, daemon);
                return;
        }
        g_assert_true(answer->outcome == OUTCOME_FAILED ||
                        (verb == PLAN_DETACH && answer->outcome == OUTCOME_ROLLED_BACK));
        if (verb == PLAN_DETACH)
                check_attached(crash, daemon);
        else
                check_detached(crash, daemon);
}

typedef void (*wait_t)(Host *host, PlanVerb verb, int watch);

/* Kills the worker of each verb after a wait. */
static void kill_after(unsigned n_rounds, wait_t wait) {
        Crash crash;

        crash_begin(&crash);
        g_autoptr(Daemon) daemon = daemon_start(crash.host, &patient);
        for (unsigned i = 0; i < n_rounds; i++) {
                PlanVerb verb = daemon_state(daemon, PORT1) == DEVICE_HOST ? PLAN_DETACH : PLAN_REATTACH;
                _cleanup_answer_ Answer answer = {};

                _cleanup_close_ int watch = inotify_init1(IN_CLOEXEC);
                for (const char *const *name = (const char *const[]){"devices", "transactions", NULL}; *name; name++) {
                        g_autofree char *folder = g_build_filename(crash.host->state_folder, *name, NULL);

                        g_assert_cmpint(inotify_add_watch(watch, folder, IN_MOVED_TO | IN_DELETE), >=, 0);
                }
                daemon_must_begin(daemon, verb, "ens1", &answer);
                pid_t pid = find_worker();
                wait(crash.host, verb, watch);
                if (pid > 0)
                        (void)kill(pid, SIGKILL);
                daemon_await(daemon, &answer);
                daemon_await_quiet(daemon);
                check_answer(&crash, daemon, verb, &answer);
        }
        daemon_stopp(&daemon);
        crash_end(&crash);
}

/* The worker dies at an unknown point. */
static void wait_at_random(Host *host, PlanVerb verb, int watch) {
        (void)host;
        (void)verb;
        (void)watch;
        g_usleep((gulong)g_test_rand_int_range(0, 10000));
}

static void test_any_time(void) {
        kill_after(100, wait_at_random);
}

static bool is_at_end(Host *host, PlanVerb verb) {
        /* Without the cleanup of a daemon's start: it removes files that seem to be half written, and the worker may
         * be writing them. */
        g_assert_cmpint(state_load(host->state), ==, 0);
        bool detached = state_find(host->state, address_of(PORT1));
        return host->state->n_transactions == 0 && detached == (verb == PLAN_DETACH);
}

/* The worker is killed after it has written the end of its transaction and before it reports it (or a moment too
 * late, then it has finished too). */
static void wait_for_end(Host *host, PlanVerb verb, int watch) {
        while (!is_at_end(host, verb)) {
                char buffer[sizeof(struct inotify_event) + NAME_MAX + 1];

                g_assert_cmpint(read(watch, buffer, sizeof(buffer)), >, 0);
        }
}

static void test_at_end(void) {
        kill_after(20, wait_for_end);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/crash/worker-dies", test_worker_dies);
        g_test_add_func("/crash/all-die", test_all_die);
        g_test_add_func("/crash/daemon-dies", test_daemon_dies);
        g_test_add_func("/crash/daemon-dies-first", test_daemon_dies_first);
        g_test_add_func("/crash/any-time", test_any_time);
        g_test_add_func("/crash/at-end", test_at_end);
        return g_test_run();
}
