/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* A reattach that does not check whether a process has the group: it waits in the kernel, and then it is finished or
 * rolled back. */

static const JobLimits held_at_once = {
                .step_deadline_us = 60 * G_USEC_PER_SEC,
                .held_deadline_us = 100 * 1000,
                .names_deadline_us = 60 * G_USEC_PER_SEC,
                .jobs = {.total = 4},
};

static const Request force = {.verb = PLAN_REATTACH, .selector = "ens1", .force = true};

/* A host with a process that has both ports. */
typedef struct Scene {
        Host *host;
        char *attached, *detached; /* snapshots; detached: held by nobody */
        pid_t holder;
} Scene;

static void scene_begin(Scene *scene) {
        *scene = (Scene){.host = host_new()};
        fake_kernel_do(scene->host->fake, "modprobe vfio-pci");
        scene->attached = fake_kernel_snapshot(scene->host->fake);
        host_must_move(scene->host, PLAN_DETACH, "ens1");
        scene->detached = fake_kernel_snapshot(scene->host->fake);
        scene->holder = host_fork_holder(scene->host);
        host_show_process(scene->host, scene->holder);
        fake_kernel_do(scene->host->fake, "claim %d", PORTS_GROUP);
}

static void release(Scene *scene) {
        g_assert_cmpint(kill(scene->holder, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(scene->holder, NULL, 0), ==, scene->holder);
        scene->holder = 0;
}

static void scene_end(Scene *scene) {
        if (scene->holder > 0)
                release(scene);
        host_free(scene->host);
        g_free(scene->attached);
        g_free(scene->detached);
}

static void begin(Scene *scene, Daemon *daemon, Reply *reply) {
        request_must_begin(daemon, &force, reply);
        daemon_await(daemon, &reply->answer);
        g_assert_cmpint(reply->answer.error, ==, 0);
        g_assert_cmpint(reply->answer.outcome, ==, OUTCOME_STUCK);
        g_assert_nonnull(strstr(reply->answer.message, "the step 'unbind' of " PORT1));
        if (scene->holder > 0) {
                g_autofree char *process = g_strdup_printf("it waits for process %d (", (int)scene->holder);

                g_assert_nonnull(strstr(reply->answer.message, process));
        }
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_STUCK);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_STUCK);
        g_assert_cmpint(daemon_job_state(daemon), ==, JOB_STUCK);
}

static void check_attached(Scene *scene, Daemon *daemon) {
        daemon_await_quiet(daemon);
        assert_snapshot(scene->host, scene->attached);
        assert_nothing_recorded(scene->host);
        assert_model_is_current(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_HOST);
        const Device *device = inventory_find_device(scene->host->inventory, address_of(PORT2));
        g_assert_true(host_name_list_has(device->names, HOST_NAME_NETWORK, "ens2"));
}

static void check_detached(Scene *scene, Daemon *daemon) {
        daemon_await_quiet(daemon);
        assert_snapshot(scene->host, scene->detached);
        g_assert_cmpuint(count_detached_devices(scene->host), ==, 2);
        assert_model_is_current(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_DETACHED);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_DETACHED);
}

/* Without force it is refused; with force it waits and succeeds. */
static void test_released(void) {
        Scene scene;

        scene_begin(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &held_at_once);
        _cleanup_reply_ Reply reply = {}, refused = {};
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(scene.host->fake, "reset-writes");
        request_move(daemon, &(Request){.verb = PLAN_REATTACH, .selector = "ens1"}, OUTCOME_HELD);
        g_assert_cmpuint(count_writes(scene.host), ==, 0);
        begin(&scene, daemon, &reply);
        g_assert_cmpint(request_begin(daemon, &force, &refused, &problem), ==, OUTCOME_STUCK);
        daemon_move(daemon, PLAN_DETACH, "ens3", OUTCOME_DONE);
        daemon_move(daemon, PLAN_REATTACH, "ens3", OUTCOME_DONE);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_STUCK);
        release(&scene);
        check_attached(&scene, daemon);
        g_assert_cmpuint(reply.answer.n, ==, 1);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* The holder is not visible: this is reported after the deadline of every step. */
static void test_invisible_holder(void) {
        Scene scene;

        scene_begin(&scene);
        release(&scene);
        fake_kernel_do(scene.host->fake, "claim %d", PORTS_GROUP);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &impatient);
        _cleanup_reply_ Reply reply = {};

        begin(&scene, daemon, &reply);
        g_assert_null(strstr(reply.answer.message, "it waits for"));
        fake_kernel_do(scene.host->fake, "release %d", PORTS_GROUP);
        check_attached(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* Cancelled while it waits: detached again when the kernel returns. */
static void test_cancelled(void) {
        Scene scene;

        scene_begin(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &held_at_once);
        _cleanup_reply_ Reply reply = {};
        _cleanup_problem_ Problem problem = {};

        begin(&scene, daemon, &reply);
        g_assert_cmpint(job_cancel(daemon_job(daemon), &problem), ==, 0);
        g_assert_cmpint(daemon_job_state(daemon), ==, JOB_STUCK);
        release(&scene);
        check_detached(&scene, daemon);
        daemon_move(daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);
        check_attached(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* The worker cannot be killed while it waits: it dies when the kernel returns, and another worker does the rest. */
static void test_killed(void) {
        Scene scene;

        scene_begin(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &held_at_once);
        _cleanup_reply_ Reply reply = {};

        begin(&scene, daemon, &reply);
        pid_t worker = find_only_worker();
        g_assert_cmpint(worker, >, 0);
        g_assert_cmpint(kill(worker, SIGKILL), ==, 0);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_STUCK);
        release(&scene);
        check_attached(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* The next daemon finds the worker of its predecessor: it neither writes nor reads anything of the device, and
 * reports it as stuck after the same time. */
static void test_next_daemon(void) {
        Scene scene;

        scene_begin(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &held_at_once);
        _cleanup_reply_ Reply reply = {}, refused = {};
        _cleanup_problem_ Problem problem = {};

        begin(&scene, daemon, &reply);
        daemon_stopp(&daemon);
        fake_kernel_do(scene.host->fake, "reset-writes");
        daemon = daemon_start(scene.host, &held_at_once);
        g_assert_null(job_next(daemon->jobs, NULL));
        daemon_await_state(daemon, PORT1, DEVICE_STUCK);
        daemon_await_state(daemon, PORT2, DEVICE_STUCK);
        g_autofree char *pending = fake_kernel_ask(scene.host->fake, "pending");
        g_assert_cmpstr(pending, ==, "1");
        g_assert_cmpuint(count_writes(scene.host), ==, 0);
        g_assert_cmpint(request_begin(daemon, &force, &refused, &problem), ==, OUTCOME_STUCK);
        daemon_move(daemon, PLAN_DETACH, "ens3", OUTCOME_DONE);
        daemon_move(daemon, PLAN_REATTACH, "ens3", OUTCOME_DONE);
        release(&scene);
        check_attached(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* The worker and its daemon die; then the kernel releases the write, which nobody waits for any more. */
static void test_all_die(void) {
        Scene scene;

        scene_begin(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &held_at_once);
        _cleanup_reply_ Reply reply = {};

        begin(&scene, daemon, &reply);
        daemon_stopp(&daemon);
        pid_t worker = find_only_worker();
        g_assert_cmpint(kill(worker, SIGKILL), ==, 0);
        release(&scene);
        g_assert_cmpint(waitpid(worker, NULL, 0), ==, worker);
        daemon = daemon_start(scene.host, &held_at_once);
        check_attached(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* The first port is released, and then a step fails: what can be reverted is reverted, and the message says what
 * remains. */
static void test_fails_later(void) {
        for (unsigned k = 1; k <= 4; k++) {
                Scene scene;

                scene_begin(&scene);
                g_autoptr(Daemon) daemon = daemon_start(scene.host, &held_at_once);
                _cleanup_reply_ Reply reply = {};

                begin(&scene, daemon, &reply);
                fake_kernel_do(scene.host->fake, "fail %u EIO", k);
                release(&scene);
                check_detached(&scene, daemon);
                daemon_move(daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);
                check_attached(&scene, daemon);
                daemon_stopp(&daemon);
                scene_end(&scene);
        }
}

/* Nobody has it: it is an ordinary reattach. */
static void test_free(void) {
        Scene scene;

        scene_begin(&scene);
        release(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &held_at_once);
        request_move(daemon, &force, OUTCOME_DONE);
        check_attached(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/force/released", test_released);
        g_test_add_func("/force/invisible-holder", test_invisible_holder);
        g_test_add_func("/force/cancelled", test_cancelled);
        g_test_add_func("/force/killed", test_killed);
        g_test_add_func("/force/next-daemon", test_next_daemon);
        g_test_add_func("/force/all-die", test_all_die);
        g_test_add_func("/force/fails-later", test_fails_later);
        g_test_add_func("/force/free", test_free);
        return g_test_run();
}
