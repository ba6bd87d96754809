/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <fcntl.h>

/* The reset of a device that is detached: the only write is that to its file "reset", whatever happens. */

#define WITHOUT_RESET "0000:06:00.0"

static const Request request = {.verb = PLAN_RESET, .selector = PORT1};

typedef struct Scene {
        Host *host;
        Daemon *daemon;
        char *attached, *detached; /* snapshots */
} Scene;

/* Both ports are detached. */
static void scene_begin(Scene *scene, const JobLimits *limits) {
        *scene = (Scene){.host = host_new_with("reset")};
        fake_kernel_do(scene->host->fake, "cdevs on");
        scene->attached = fake_kernel_snapshot(scene->host->fake);
        scene->daemon = daemon_start(scene->host, limits);
        daemon_move(scene->daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        scene->detached = fake_kernel_snapshot(scene->host->fake);
        fake_kernel_do(scene->host->fake, "reset-writes");
}

/* Checks that nothing but the reset was changed, and that a reattach restores what was before the detach. */
static void scene_end(Scene *scene) {
        daemon_await_quiet(scene->daemon);
        assert_model_is_current(scene->daemon);
        assert_snapshot(scene->host, scene->detached);
        g_assert_cmpuint(count_detached_devices(scene->host), ==, 2);
        g_assert_cmpuint(count_transactions(scene->host), ==, 0);
        daemon_move(scene->daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);
        assert_snapshot(scene->host, scene->attached);
        assert_nothing_recorded(scene->host);
        daemon_stop(scene->daemon);
        host_free(scene->host);
        g_free(scene->attached);
        g_free(scene->detached);
}

/* The kernel was told so many times to reset the device, and nothing else was written. */
static void expect_resets(Scene *scene, const char *address, unsigned n) {
        g_auto(GStrv) writes = fake_kernel_writes(scene->host->fake);
        g_autofree char *end = g_strdup_printf("/%s/reset=1", address);

        g_assert_cmpuint(g_strv_length(writes), ==, n);
        for (unsigned i = 0; i < n; i++)
                if (!g_str_has_suffix(writes[i], end))
                        g_error("this was written: %s", writes[i]);
}

static void assert_says(const char *text, const char *part) {
        if (!text || !strstr(text, part))
                g_error("\"%s\" does not say \"%s\"", text, part);
}

static void expect_end(Scene *scene, Outcome outcome, const char *part) {
        _cleanup_reply_ Reply reply = {};

        request_run(scene->daemon, &request, outcome, &reply);
        assert_says(reply.answer.message, part);
        g_assert_cmpstr(reply.answer.changes, ==, "");
}

/* It is refused before a job begins. */
static void expect_refusal(Scene *scene, const char *selector, Outcome outcome, const char *part) {
        _cleanup_problem_ Problem problem = {};
        Answer answer = {};

        g_assert_cmpint(daemon_begin(scene->daemon, PLAN_RESET, selector, &answer, &problem), ==, outcome);
        assert_says(problem.message, part);
}

static void test_reset(void) {
        Scene scene;

        scene_begin(&scene, &patient);
        expect_end(&scene, OUTCOME_DONE, "");
        expect_resets(&scene, PORT1, 1);
        expect_end(&scene, OUTCOME_DONE, "");
        expect_resets(&scene, PORT1, 2);
        g_assert_cmpint(daemon_state(scene.daemon, PORT1), ==, DEVICE_DETACHED);
        scene_end(&scene);
}

/* A bus is reset only if the device is alone on it. */
static void test_method(void) {
        Scene scene;

        scene_begin(&scene, &patient);
        expect_refusal(&scene, PORT2, OUTCOME_NO_RESET, "would also reset " PORT1 " (vfio-pci), so");
        daemon_move(scene.daemon, PLAN_DETACH, OTHER_NIC, OUTCOME_DONE);
        daemon_move(scene.daemon, PLAN_DETACH, WITHOUT_RESET, OUTCOME_DONE);
        fake_kernel_do(scene.host->fake, "reset-writes");
        expect_refusal(&scene, WITHOUT_RESET, OUTCOME_NO_RESET, "no method to reset " WITHOUT_RESET);
        expect_resets(&scene, PORT1, 0);
        daemon_move(scene.daemon, PLAN_RESET, OTHER_NIC, OUTCOME_DONE);
        expect_resets(&scene, OTHER_NIC, 1);
        daemon_move(scene.daemon, PLAN_REATTACH, OTHER_NIC, OUTCOME_DONE);
        daemon_move(scene.daemon, PLAN_REATTACH, WITHOUT_RESET, OUTCOME_DONE);
        scene_end(&scene);
}

/* The kernel refuses although it lists a method; then it fails. */
static void test_kernel_refuses(void) {
        Scene scene;

        scene_begin(&scene, &patient);
        fake_kernel_do(scene.host->fake, "fail 1 ENOTTY");
        expect_end(&scene, OUTCOME_NO_RESET, "The kernel did not reset " PORT1);
        fake_kernel_do(scene.host->fake, "fail 1 EIO");
        expect_end(&scene, OUTCOME_FAILED, "The kernel could not reset " PORT1 ": Input/output error.");
        expect_end(&scene, OUTCOME_DONE, "");
        scene_end(&scene);
}

/* A device with the host, and one that another program has taken. */
static void test_not_ours(void) {
        Scene scene;

        scene_begin(&scene, &patient);
        expect_refusal(&scene, OTHER_NIC, OUTCOME_NOT_DETACHED, "is on the host's driver e1000e");
        fake_kernel_do(scene.host->fake, "reset-writes");
        expect_resets(&scene, PORT1, 0);
        scene_end(&scene);
}

static void expect_held(Scene *scene, const char *node) {
        pid_t holder = host_fork_holder_of(scene->host, node);
        g_autofree char *text = g_strdup_printf("held by process %d (", (int)holder);

        host_show_process(scene->host, holder);
        expect_end(scene, OUTCOME_HELD, text);
        expect_resets(scene, PORT1, 0);
        host_end_holder(holder);
}

/* A virtual machine has the group, or one of its devices. */
static void test_held(void) {
        Scene scene;

        scene_begin(&scene, &patient);
        g_autofree char *own = host_cdev_of(scene.host, PORT1), *other = host_cdev_of(scene.host, PORT2);
        expect_held(&scene, "dev/vfio/10");
        expect_held(&scene, own);
        expect_held(&scene, other);
        expect_end(&scene, OUTCOME_DONE, "");
        scene_end(&scene);
}

static void stop_in_reset(Scene *scene, const char *stall, Reply *reply) {
        fake_kernel_do(scene->host->fake, "%s 1", stall);
        request_must_begin(scene->daemon, &request, reply);
        fake_kernel_do(scene->host->fake, "wait-pending 1");
}

/* Nobody gets the group while the kernel resets the device, and no other job begins. */
static void test_meanwhile(void) {
        Scene scene;

        scene_begin(&scene, &patient);
        _cleanup_reply_ Reply reply = {};
        stop_in_reset(&scene, "stall", &reply);
        g_assert_cmpint(fake_kernel_open(scene.host->fake, O_RDWR, "dev/vfio/10"), ==, -EBUSY);
        g_assert_cmpint(daemon_state(scene.daemon, PORT1), ==, DEVICE_CHANGING);
        expect_refusal(&scene, PORT1, OUTCOME_BUSY, "");
        fake_kernel_do(scene.host->fake, "resume");
        daemon_await(scene.daemon, &reply.answer);
        g_assert_cmpint(reply.answer.outcome, ==, OUTCOME_DONE);
        _cleanup_close_ int fd = fake_kernel_open(scene.host->fake, O_RDWR, "dev/vfio/10");
        g_assert_cmpint(fd, >=, 0);
        fd = safe_close(fd);
        scene_end(&scene);
}

static bool is_at_step(Daemon *daemon, const void *what) {
        JobDescription job = job_describe(daemon_job(daemon));

        return job.plan->steps[job.step].kind == *(const StepKind *)what;
}

/* A reset that has begun cannot be cancelled. */
static void test_cancel(void) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_reply_ Reply reply = {};
        Scene scene;

        scene_begin(&scene, &patient);
        stop_in_reset(&scene, "stall", &reply);
        daemon_run_until(scene.daemon, is_at_step, &(StepKind){STEP_RESET});
        g_assert_cmpint(job_cancel(daemon_job(scene.daemon), &problem), ==, OUTCOME_BUSY);
        assert_says(problem.message, "cannot be cancelled");
        fake_kernel_do(scene.host->fake, "resume");
        daemon_await(scene.daemon, &reply.answer);
        g_assert_cmpint(reply.answer.outcome, ==, OUTCOME_DONE);
        scene_end(&scene);
}

/* Before the reset begins, nothing is written. */
static void test_early_cancel(void) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_reply_ Reply reply = {};
        Scene scene;

        scene_begin(&scene, &patient);
        request_must_begin(scene.daemon, &request, &reply);
        g_assert_cmpint(job_cancel(daemon_job(scene.daemon), &problem), ==, 0);
        daemon_await(scene.daemon, &reply.answer);
        g_assert_cmpint(reply.answer.outcome, ==, OUTCOME_CANCELLED);
        assert_says(reply.answer.message, "The job was cancelled.");
        expect_resets(&scene, PORT1, 0);
        scene_end(&scene);
}

/* The daemon has not heard yet that the reset has begun, so it accepts the cancel. The answer is true. */
static void test_late_cancel(void) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_reply_ Reply reply = {};
        Scene scene;

        scene_begin(&scene, &patient);
        stop_in_reset(&scene, "stall", &reply);
        g_assert_cmpint(job_cancel(daemon_job(scene.daemon), &problem), ==, 0);
        fake_kernel_do(scene.host->fake, "resume");
        daemon_await(scene.daemon, &reply.answer);
        g_assert_cmpint(reply.answer.outcome, ==, OUTCOME_CANCELLED);
        assert_says(reply.answer.message, "too late: the device is reset");
        expect_resets(&scene, PORT1, 1);
        scene_end(&scene);
}

/* The kernel does not return for long: the caller is told, and the job ends by itself. */
static void test_stuck(void) {
        _cleanup_reply_ Reply reply = {};
        Scene scene;

        scene_begin(&scene, &impatient);
        stop_in_reset(&scene, "stall", &reply);
        daemon_await(scene.daemon, &reply.answer);
        g_assert_cmpint(reply.answer.outcome, ==, OUTCOME_STUCK);
        assert_says(reply.answer.message, "did not return from the step 'reset' of " PORT1);
        g_assert_cmpint(daemon_state(scene.daemon, PORT1), ==, DEVICE_STUCK);
        fake_kernel_do(scene.host->fake, "resume");
        daemon_await_state(scene.daemon, PORT1, DEVICE_DETACHED);
        expect_resets(&scene, PORT1, 1);
        scene_end(&scene);
}

static const char *const stalls[] = {"stall", "stall-after"};

/* The worker dies before or after the write took effect: nothing is undone, and nothing is written again. */
static void test_worker_dies(void) {
        for (unsigned i = 0; i < G_N_ELEMENTS(stalls); i++) {
                _cleanup_reply_ Reply reply = {};
                Scene scene;

                scene_begin(&scene, &patient);
                stop_in_reset(&scene, stalls[i], &reply);
                kill_worker(scene.host, false);
                daemon_await(scene.daemon, &reply.answer);
                g_assert_cmpint(reply.answer.error, ==, 0);
                g_assert_cmpint(reply.answer.outcome, ==, OUTCOME_FAILED);
                assert_says(reply.answer.message, "Nobody knows whether the device was reset");
                expect_resets(&scene, PORT1, 1);
                scene_end(&scene);
        }
}

/* The daemon dies, and then the worker does: the next daemon only forgets the transaction. */
static void test_all_die(void) {
        for (unsigned i = 0; i < G_N_ELEMENTS(stalls); i++) {
                _cleanup_reply_ Reply reply = {};
                Scene scene;

                scene_begin(&scene, &patient);
                stop_in_reset(&scene, stalls[i], &reply);
                scene.daemon = daemon_stop(scene.daemon);
                kill_worker(scene.host, true);
                g_assert_cmpuint(count_transactions(scene.host), ==, 1);
                scene.daemon = daemon_start(scene.host, &patient);
                daemon_await_quiet(scene.daemon);
                expect_resets(&scene, PORT1, 1);
                scene_end(&scene);
        }
}

/* Only the daemon dies: the worker continues, and the next daemon waits for it. */
static void test_daemon_dies(void) {
        _cleanup_reply_ Reply reply = {};
        Scene scene;

        scene_begin(&scene, &patient);
        stop_in_reset(&scene, "stall", &reply);
        scene.daemon = daemon_stop(scene.daemon);
        scene.daemon = daemon_start(scene.host, &patient);
        g_assert_cmpint(daemon_state(scene.daemon, PORT1), ==, DEVICE_CHANGING);
        fake_kernel_do(scene.host->fake, "resume");
        daemon_await_state(scene.daemon, PORT1, DEVICE_DETACHED);
        expect_resets(&scene, PORT1, 1);
        scene_end(&scene);
}

/* A plan writes nothing. Its fingerprint permits the reset, and another one does not. */
static void test_plan(void) {
        Request plan = request, fresh = request, stale = request;
        _cleanup_reply_ Reply reply = {};
        Scene scene;

        scene_begin(&scene, &patient);
        plan.only_plan = true;
        request_run(scene.daemon, &plan, OUTCOME_DONE, &reply);
        g_assert_cmpstr(reply.findings, ==, "");
        expect_resets(&scene, PORT1, 0);
        fresh.fingerprint = reply.fingerprint;
        stale.fingerprint = reply.fingerprint + 1;
        request_move(scene.daemon, &stale, OUTCOME_PLAN_STALE);
        expect_resets(&scene, PORT1, 0);
        request_move(scene.daemon, &fresh, OUTCOME_DONE);
        expect_resets(&scene, PORT1, 1);
        scene_end(&scene);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/reset/reset", test_reset);
        g_test_add_func("/reset/method", test_method);
        g_test_add_func("/reset/kernel-refuses", test_kernel_refuses);
        g_test_add_func("/reset/not-ours", test_not_ours);
        g_test_add_func("/reset/held", test_held);
        g_test_add_func("/reset/meanwhile", test_meanwhile);
        g_test_add_func("/reset/cancel", test_cancel);
        g_test_add_func("/reset/early-cancel", test_early_cancel);
        g_test_add_func("/reset/late-cancel", test_late_cancel);
        g_test_add_func("/reset/stuck", test_stuck);
        g_test_add_func("/reset/worker-dies", test_worker_dies);
        g_test_add_func("/reset/all-die", test_all_die);
        g_test_add_func("/reset/daemon-dies", test_daemon_dies);
        g_test_add_func("/reset/plan", test_plan);
        return g_test_run();
}
