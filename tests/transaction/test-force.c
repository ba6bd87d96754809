/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

/* A reattach that does not ask whether a process has the group: it waits in the kernel, and then it is done, undone or given back. */

static const JobLimits held_at_once = {
                .step_deadline_us = 60 * G_USEC_PER_SEC,
                .held_deadline_us = 100 * 1000,
                .names_deadline_us = 60 * G_USEC_PER_SEC,
                .jobs_max = 4,
};

static const Request force = {.verb = PLAN_REATTACH, .selector = "ens1", .force = true};

/* A host whose two ports a process has. */
typedef struct Scene {
        Host *host;
        char *at_home, *away; /* snapshots; away: held by nobody */
        pid_t holder;
} Scene;

static void scene_begin(Scene *scene) {
        *scene = (Scene){.host = host_new()};
        fake_kernel_do(scene->host->fake, "modprobe vfio-pci");
        scene->at_home = fake_kernel_snapshot(scene->host->fake);
        host_must_move(scene->host, PLAN_DETACH, "ens1");
        scene->away = fake_kernel_snapshot(scene->host->fake);
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
        g_free(scene->at_home);
        g_free(scene->away);
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

static void check_home(Scene *scene, Daemon *daemon) {
        daemon_await_quiet(daemon);
        assert_snapshot(scene->host, scene->at_home);
        assert_nothing_recorded(scene->host);
        assert_model_is_true(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_HOST);
        const Device *device = inventory_find_device(scene->host->inventory, address_of(PORT2));
        g_assert_true(host_name_list_has(device->names, HOST_NAME_NETWORK, "ens2"));
}

static void check_away(Scene *scene, Daemon *daemon) {
        daemon_await_quiet(daemon);
        assert_snapshot(scene->host, scene->away);
        g_assert_cmpuint(count_devices_away(scene->host), ==, 2);
        assert_model_is_true(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_DETACHED);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_DETACHED);
}

/* Plainly it is refused; with force it waits, and ends as was wanted. */
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
        check_home(&scene, daemon);
        g_assert_cmpuint(reply.answer.n, ==, 1);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* Whoever holds it cannot be seen: it is said after the deadline that every step has. */
static void test_nobody_in_sight(void) {
        Scene scene;

        scene_begin(&scene);
        release(&scene);
        fake_kernel_do(scene.host->fake, "claim %d", PORTS_GROUP);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &impatient);
        _cleanup_reply_ Reply reply = {};

        begin(&scene, daemon, &reply);
        g_assert_null(strstr(reply.answer.message, "it waits for"));
        fake_kernel_do(scene.host->fake, "release %d", PORTS_GROUP);
        check_home(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* Cancelled while it waits: back with vfiod when the kernel comes back. */
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
        check_away(&scene, daemon);
        daemon_move(daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);
        check_home(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* The worker cannot be killed while it waits: the signal is heeded when the kernel lets go, and another does the rest. */
static void test_killed(void) {
        Scene scene;

        scene_begin(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &held_at_once);
        _cleanup_reply_ Reply reply = {};

        begin(&scene, daemon, &reply);
        pid_t worker = find_worker();
        g_assert_cmpint(worker, >, 0);
        g_assert_cmpint(kill(worker, SIGKILL), ==, 0);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_STUCK);
        release(&scene);
        check_home(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* The next daemon finds the worker of the last one: it neither writes nor asks the device anything, and says that it is stuck as soon as the
 * last one did. */
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
        check_home(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* The worker and its daemon die; the kernel lets go of nobody's write. */
static void test_all_die(void) {
        Scene scene;

        scene_begin(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &held_at_once);
        _cleanup_reply_ Reply reply = {};

        begin(&scene, daemon, &reply);
        daemon_stopp(&daemon);
        pid_t worker = find_worker();
        g_assert_cmpint(kill(worker, SIGKILL), ==, 0);
        release(&scene);
        g_assert_cmpint(waitpid(worker, NULL, 0), ==, worker);
        daemon = daemon_start(scene.host, &held_at_once);
        check_home(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* The first port is let go, and then a step fails: what can be undone is, and what remains is said. */
static void test_fails_later(void) {
        for (unsigned k = 1; k <= 4; k++) {
                Scene scene;

                scene_begin(&scene);
                g_autoptr(Daemon) daemon = daemon_start(scene.host, &held_at_once);
                _cleanup_reply_ Reply reply = {};

                begin(&scene, daemon, &reply);
                fake_kernel_do(scene.host->fake, "fail %u EIO", k);
                release(&scene);
                check_away(&scene, daemon);
                daemon_move(daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);
                check_home(&scene, daemon);
                daemon_stopp(&daemon);
                scene_end(&scene);
        }
}

/* Nobody has it: it is a reattach like any other. */
static void test_free(void) {
        Scene scene;

        scene_begin(&scene);
        release(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &held_at_once);
        request_move(daemon, &force, OUTCOME_DONE);
        check_home(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/force/released", test_released);
        g_test_add_func("/force/nobody-in-sight", test_nobody_in_sight);
        g_test_add_func("/force/cancelled", test_cancelled);
        g_test_add_func("/force/killed", test_killed);
        g_test_add_func("/force/next-daemon", test_next_daemon);
        g_test_add_func("/force/all-die", test_all_die);
        g_test_add_func("/force/fails-later", test_fails_later);
        g_test_add_func("/force/free", test_free);
        return g_test_run();
}
