/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "remains.h"
#include "request.h"

/* A job is cancelled, at every write and in between: if the cancel is accepted, everything is as before, otherwise
 * the job is done. */

static const char *const stalls[] = {"stall", "stall-after"};

/* A host whose devices are attached between the cases. */
typedef struct Scene {
        Host *host;
        char *attached, *detached;   /* snapshots */
        char **writes[PLAN_SET_VFS]; /* of a job that succeeds */
} Scene;

static void scene_begin(Scene *scene) {
        *scene = (Scene){.host = host_new()};
        fake_kernel_do(scene->host->fake, "modprobe vfio-pci");
        /* vfio-pci leaves "on", so the last step of a reattach has something to write. */
        fake_kernel_do(scene->host->fake, "set " PORT1 " power/control auto");
        fake_kernel_do(scene->host->fake, "set " PORT2 " power/control auto");
        scene->attached = fake_kernel_snapshot(scene->host->fake);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++) {
                fake_kernel_do(scene->host->fake, "reset-writes");
                host_must_move(scene->host, verb, "ens1");
                char **writes = scene->writes[verb] = fake_kernel_writes(scene->host->fake);
                if (verb == PLAN_REATTACH)
                        g_assert_true(g_str_has_suffix(writes[g_strv_length(writes) - 1], "power/control=auto"));
                if (verb == PLAN_DETACH)
                        scene->detached = fake_kernel_snapshot(scene->host->fake);
        }
        assert_snapshot(scene->host, scene->attached);
}

static void scene_end(Scene *scene) {
        host_free(scene->host);
        g_free(scene->attached);
        g_free(scene->detached);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                g_strfreev(scene->writes[verb]);
}

/* Everything is as before, or as requested; the model and the state files agree. */
static void check_place(Scene *scene, Daemon *daemon, bool detached) {
        assert_snapshot(scene->host, detached ? scene->detached : scene->attached);
        assert_model_is_current(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, detached ? DEVICE_DETACHED : DEVICE_HOST);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, detached ? DEVICE_DETACHED : DEVICE_HOST);
        g_assert_cmpuint(count_detached_devices(scene->host), ==, detached ? 2 : 0);
        g_assert_null(job_next(daemon->jobs, NULL));
}

static void reattach_all(Scene *scene, Daemon *daemon) {
        if (daemon_state(daemon, PORT1) == DEVICE_DETACHED)
                daemon_move(daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);
        check_place(scene, daemon, false);
}

static void must_cancel(Daemon *daemon) {
        _cleanup_problem_ Problem problem = {};

        int r = job_cancel(daemon_job(daemon), &problem);
        if (r != 0)
                g_error("cannot cancel: %d: %s", r, strempty(problem.message));
}

static void stop_at(Scene *scene, Daemon *daemon, PlanVerb verb, const char *stall, unsigned k, Answer *answer) {
        fake_kernel_do(scene->host->fake, "%s %u", stall, k);
        daemon_must_begin(daemon, verb, "ens1", answer);
        fake_kernel_do(scene->host->fake, "wait-pending 1");
}

typedef void (*case_t)(Scene *scene, PlanVerb verb, const char *stall, unsigned k);

/* Every write of both verbs, before and after it took effect. */
static void sweep(case_t callback) {
        Scene scene;

        scene_begin(&scene);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                for (unsigned i = 0; i < G_N_ELEMENTS(stalls); i++)
                        for (unsigned k = 1; k <= g_strv_length(scene.writes[verb]); k++) {
                                if (verb == PLAN_REATTACH)
                                        host_must_move(scene.host, PLAN_DETACH, "ens1");
                                g_test_message("%s, %s %u", plan_verb_to_string(verb), stalls[i], k);
                                callback(&scene, verb, stalls[i], k);
                        }
        scene_end(&scene);
}

/* The write after this write is the first of the rollback, not the next of the job; only a probe and the writes that
 * it requires are one step. */
static void assert_rolling_back(Scene *scene, PlanVerb verb, unsigned k) {
        g_auto(GStrv) writes = fake_kernel_writes(scene->host->fake);

        g_assert_cmpstr(writes[k - 1], ==, scene->writes[verb][k - 1]);
        if (writes[k] && scene->writes[verb][k] && !(verb == PLAN_REATTACH && strstr(writes[k - 1], "drivers_probe")))
                g_assert_cmpstr(writes[k], !=, scene->writes[verb][k]);
}

static void cancel_in_write(Scene *scene, PlanVerb verb, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(scene->host, &patient);
        _cleanup_answer_ Answer answer = {};

        fake_kernel_do(scene->host->fake, "reset-writes");
        stop_at(scene, daemon, verb, stall, k, &answer);
        must_cancel(daemon);
        g_assert_cmpint(daemon_job_state(daemon), ==, JOB_CANCELLING);
        /* a second cancel changes nothing */
        must_cancel(daemon);
        g_assert_cmpuint(answer.n, ==, 0);
        fake_kernel_do(scene->host->fake, "resume");
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.error, ==, 0);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_CANCELLED);
        g_assert_nonnull(strstr(answer.message, "as it was before"));
        g_assert_cmpstr(answer.changes, ==, "");
        assert_rolling_back(scene, verb, k);
        check_place(scene, daemon, verb == PLAN_REATTACH);
        reattach_all(scene, daemon);
}

static void test_every_write(void) {
        sweep(cancel_in_write);
}

/* The caller got Stuck long ago; the job is cancelled, and the kernel returns. */
static void cancel_stuck(Scene *scene, PlanVerb verb, const char *stall, unsigned k) {
        static const JobLimits hasty = {
                        .step_deadline_us = 1,
                        .held_deadline_us = 1,
                        .names_deadline_us = 60 * G_USEC_PER_SEC,
                        .jobs = {.total = 4},
        };
        g_autoptr(Daemon) daemon = daemon_start(scene->host, &hasty);
        _cleanup_answer_ Answer answer = {};

        stop_at(scene, daemon, verb, stall, k, &answer);
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_STUCK);
        daemon_await_state(daemon, PORT1, DEVICE_STUCK);
        g_assert_cmpint(daemon_job_state(daemon), ==, JOB_STUCK);
        must_cancel(daemon);
        fake_kernel_do(scene->host->fake, "resume");
        daemon_await_quiet(daemon);
        g_assert_cmpuint(answer.n, ==, 1);
        check_place(scene, daemon, verb == PLAN_REATTACH);
        daemon_stopp(&daemon);
        daemon = daemon_start(scene->host, &patient);
        reattach_all(scene, daemon);
}

static void test_stuck(void) {
        sweep(cancel_stuck);
}

/* The worker is killed before it gets the cancel: its changes are reverted, or its reattach is finished. */
static void cancel_and_kill(Scene *scene, PlanVerb verb, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(scene->host, &patient);
        _cleanup_answer_ Answer answer = {};

        stop_at(scene, daemon, verb, stall, k, &answer);
        must_cancel(daemon);
        kill_worker(scene->host, false);
        daemon_await(daemon, &answer);
        daemon_await_quiet(daemon);
        g_assert_cmpint(answer.error, ==, 0);
        g_assert_cmpint(answer.outcome, ==, verb == PLAN_DETACH ? OUTCOME_ROLLED_BACK : OUTCOME_DONE);
        check_place(scene, daemon, false);
}

static void test_killed(void) {
        sweep(cancel_and_kill);
}

/* The maximum time that a turn of the event loop waits while the worker continues. */
#define TURN_US 50

/* Runs this number of turns of the event loop, or until there is an answer. Returns the number of turns. */
static unsigned turn(Daemon *daemon, unsigned n_turns, const Answer *answer) {
        unsigned i = 0;

        for (; i < n_turns && answer->n == 0; i++)
                g_assert_cmpint(sd_event_run(daemon->event, TURN_US), >=, 0);
        return i;
}

/* The answer of cancel is true. Returns whether the cancel was accepted. */
static bool cancel_after(Scene *scene, PlanVerb verb, unsigned n_turns) {
        g_autoptr(Daemon) daemon = daemon_start(scene->host, &patient);
        _cleanup_answer_ Answer answer = {};
        _cleanup_problem_ Problem problem = {};
        int r = OUTCOME_BUSY;

        daemon_must_begin(daemon, verb, "ens1", &answer);
        (void)turn(daemon, n_turns, &answer);
        if (answer.n == 0)
                r = job_cancel(daemon_job(daemon), &problem);
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.error, ==, 0);
        g_assert_true(r == 0 || r == OUTCOME_BUSY);
        g_assert_cmpint(answer.outcome, ==, r == 0 ? OUTCOME_CANCELLED : OUTCOME_DONE);
        check_place(scene, daemon, (verb == PLAN_DETACH) == (r != 0));
        reattach_all(scene, daemon);
        return r == 0;
}

static unsigned count_turns(Scene *scene, PlanVerb verb) {
        g_autoptr(Daemon) daemon = daemon_start(scene->host, &patient);
        _cleanup_answer_ Answer answer = {};

        daemon_must_begin(daemon, verb, "ens1", &answer);
        return turn(daemon, UINT_MAX, &answer);
}

/* At any moment, from before the first step until after the end; most of them near the end, where it is decided. */
static void test_race(void) {
        unsigned n_turns[PLAN_SET_VFS], n_cancelled = 0;
        Scene scene;

        scene_begin(&scene);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                n_turns[verb] = count_turns(&scene, verb);
        for (unsigned i = 0; i < 80; i++) {
                PlanVerb verb = i % 2 ? PLAN_REATTACH : PLAN_DETACH;
                int first = i % 4 < 2 ? 0 : (int)n_turns[verb] / 4 * 3;

                if (verb == PLAN_REATTACH)
                        host_must_move(scene.host, PLAN_DETACH, "ens1");
                n_cancelled += cancel_after(&scene, verb, (unsigned)g_random_int_range(first, (int)n_turns[verb] + 2));
        }
        g_test_message("%u and %u turns, %u cancelled", n_turns[0], n_turns[1], n_cancelled);
        g_assert_true(cancel_after(&scene, PLAN_DETACH, 0));
        g_assert_false(cancel_after(&scene, PLAN_DETACH, UINT_MAX));
        scene_end(&scene);
}

static bool is_in_job_state(Daemon *daemon, const void *what) {
        return daemon_job_state(daemon) == *(const JobState *)what;
}

/* All writes are done, and the job only waits for the names: too late to cancel. */
static void test_waiting_for_names(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {};
        _cleanup_problem_ Problem problem = {};

        daemon_move(daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        /* The test delays the events of the names. */
        g_assert_cmpint(sd_event_source_set_enabled(daemon->events_source, SD_EVENT_OFF), >=, 0);
        daemon_must_begin(daemon, PLAN_REATTACH, "ens1", &answer);
        daemon_run_until(daemon, is_in_job_state, &(JobState){JOB_FINISHING});
        g_assert_cmpint(job_cancel(daemon_job(daemon), &problem), ==, OUTCOME_BUSY);
        g_assert_cmpuint(answer.n, ==, 0);

        g_assert_cmpint(sd_event_source_set_enabled(daemon->events_source, SD_EVENT_ON), >=, 0);
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_DONE);
        assert_model_is_current(daemon);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* A worker died, and another worker rolls back: this cannot be cancelled. */
static void test_recovering(void) {
        Scene scene;

        scene_begin(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &patient);
        _cleanup_answer_ Answer answer = {};
        _cleanup_problem_ Problem problem = {};

        stop_at(&scene, daemon, PLAN_DETACH, "stall", 3, &answer);
        /* the first write of the next worker */
        fake_kernel_do(scene.host->fake, "stall 1");
        kill_worker(scene.host, false);
        daemon_run_until(daemon, is_in_job_state, &(JobState){JOB_RECOVERING});
        g_assert_cmpint(job_cancel(daemon_job(daemon), &problem), ==, OUTCOME_BUSY);
        fake_kernel_do(scene.host->fake, "wait-pending 1");
        fake_kernel_do(scene.host->fake, "resume");
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_ROLLED_BACK);
        check_place(&scene, daemon, false);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* If a cancelled job cannot revert everything, its message says what remains. */
static void test_degraded(void) {
        Scene scene;

        scene_begin(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &patient);
        _cleanup_answer_ Answer answer = {};

        stop_at(&scene, daemon, PLAN_DETACH, "stall", 4, &answer);
        must_cancel(daemon);
        /* the first write of the rollback, and those of later attempts */
        for (unsigned k = 1; k <= 4; k++)
                fake_kernel_do(scene.host->fake, "fail %u EIO", k);
        fake_kernel_do(scene.host->fake, "resume");
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_DEGRADED);
        g_assert_nonnull(strstr(answer.message, "Cancelled: "));
        assert_remains(scene.host, scene.attached, answer.message);

        /* The devices are still known, also after a restart: a reattach restores them. */
        daemon_stopp(&daemon);
        fake_kernel_do(scene.host->fake, "clear");
        daemon = daemon_start(scene.host, &patient);
        daemon_await_quiet(daemon);
        daemon_move(daemon, PLAN_REATTACH, PORT1, OUTCOME_DONE);
        check_place(&scene, daemon, false);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* One of two jobs is cancelled; the other continues. */
static void test_other_job(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer first = {}, second = {};
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        fake_kernel_do(host->fake, "stall 2");
        daemon_must_begin(daemon, PLAN_DETACH, "ens1", &first);
        Job *job = daemon_job(daemon);
        fake_kernel_do(host->fake, "wait-pending 1");
        fake_kernel_do(host->fake, "stall 1");
        daemon_must_begin(daemon, PLAN_DETACH, "ens3", &second);
        fake_kernel_do(host->fake, "wait-pending 2");
        g_assert_cmpint(job_cancel(job, &problem), ==, 0);
        fake_kernel_do(host->fake, "resume");
        daemon_await(daemon, &first);
        daemon_await(daemon, &second);
        g_assert_cmpint(first.outcome, ==, OUTCOME_CANCELLED);
        g_assert_cmpint(second.outcome, ==, OUTCOME_DONE);
        assert_driver(host, PORT1, "e1000");
        assert_driver(host, PORT2, "e1000");
        assert_driver(host, OTHER_NIC, "vfio-pci");
        assert_model_is_current(daemon);
        g_assert_cmpuint(count_detached_devices(host), ==, 1);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/cancel/every-write", test_every_write);
        g_test_add_func("/cancel/stuck", test_stuck);
        g_test_add_func("/cancel/killed", test_killed);
        g_test_add_func("/cancel/race", test_race);
        g_test_add_func("/cancel/waiting-for-names", test_waiting_for_names);
        g_test_add_func("/cancel/recovering", test_recovering);
        g_test_add_func("/cancel/degraded", test_degraded);
        g_test_add_func("/cancel/other-job", test_other_job);
        return g_test_run();
}
