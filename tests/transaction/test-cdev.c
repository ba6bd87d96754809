/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"
#include "vfs.h"

#include <sys/sysmacros.h>

/* A process has the vfio cdev of a device open and does nothing with it. The group's node is free then, but an
 * unbind would wait for the process, so vfiod must not start it. */

#define CDEV_MAJOR 511 /* of the fake kernel */

/* Without the check, these tests would end with Stuck. */
static const JobLimits limits = {
                .step_deadline_us = 10 * G_USEC_PER_SEC,
                .held_deadline_us = 100 * 1000,
                .names_deadline_us = 60 * G_USEC_PER_SEC,
                .jobs = {.total = 4},
                .plans = {.total = 4},
};

static const Request reattach = {.verb = PLAN_REATTACH, .selector = "ens1"};

typedef struct Scene {
        Host *host;
        Daemon *daemon;
        char *before, *detached; /* snapshots */
        char *cdev, *held_text;  /* of PORT2: the path, and the text about its holder */
        pid_t holder;
} Scene;

static void scene_hold(Scene *scene, const char *address) {
        scene->cdev = host_cdev_of(scene->host, address);
        scene->holder = host_fork_holder_of(scene->host, scene->cdev);
        host_show_process(scene->host, scene->holder);
        scene->held_text =
                        g_strdup_printf("/%s of %s is held by process %d (", scene->cdev, address, (int)scene->holder);
}

static void scene_release(Scene *scene) {
        host_end_holder(scene->holder);
        scene->holder = 0;
}

/* Both ports are detached, and a process has the cdev of the second port open. */
static void scene_begin(Scene *scene) {
        *scene = (Scene){.host = host_new()};
        fake_kernel_do(scene->host->fake, "modprobe vfio-pci");
        fake_kernel_do(scene->host->fake, "cdevs on");
        scene->before = fake_kernel_snapshot(scene->host->fake);
        scene->daemon = daemon_start(scene->host, &limits);
        daemon_move(scene->daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        scene->detached = fake_kernel_snapshot(scene->host->fake);
        scene_hold(scene, PORT2);
}

static void scene_end(Scene *scene) {
        daemon_await_quiet(scene->daemon);
        assert_model_is_current(scene->daemon);
        daemon_stop(scene->daemon);
        if (scene->holder > 0)
                scene_release(scene);
        host_free(scene->host);
        g_free(scene->before);
        g_free(scene->detached);
        g_free(scene->cdev);
        g_free(scene->held_text);
}

static void assert_says(const char *text, const char *part) {
        if (!text || !strstr(text, part))
                g_error("\"%s\" does not say \"%s\"", text, part);
}

static void expect_refusal(Scene *scene) {
        _cleanup_reply_ Reply reply = {};

        fake_kernel_do(scene->host->fake, "reset-writes");
        request_run(scene->daemon, &reattach, OUTCOME_HELD, &reply);
        assert_says(reply.answer.message, scene->held_text);
        assert_says(reply.answer.message, "first");
        g_assert_cmpuint(count_writes(scene->host), ==, 0);
        assert_snapshot(scene->host, scene->detached);
        g_assert_cmpuint(count_detached_devices(scene->host), ==, 2);
}

static void check_attached(Scene *scene) {
        assert_snapshot(scene->host, scene->before);
        assert_nothing_recorded(scene->host);
}

/* It is refused at once, before anything is written, and succeeds after the process has closed the cdev. */
static void test_refused(void) {
        Scene scene;

        scene_begin(&scene);
        expect_refusal(&scene);
        expect_refusal(&scene);
        scene_release(&scene);
        request_move(scene.daemon, &reattach, OUTCOME_DONE);
        check_attached(&scene);
        scene_end(&scene);
}

/* The cdev is bound to an iommufd: the kernel gives the group to nobody else, and no process has the group's node
 * open. */
static void test_bound(void) {
        Scene scene;
        g_autofree char *claim = g_strdup_printf("claim %d", PORTS_GROUP),
                        *release = g_strdup_printf("release %d", PORTS_GROUP);

        scene_begin(&scene);
        fake_kernel_do(scene.host->fake, "%s", claim);
        g_free(scene.detached);
        scene.detached = fake_kernel_snapshot(scene.host->fake);
        expect_refusal(&scene);
        fake_kernel_do(scene.host->fake, "%s", release);
        scene_release(&scene);
        request_move(scene.daemon, &reattach, OUTCOME_DONE);
        check_attached(&scene);
        scene_end(&scene);
}

/* The visible process is not named for a cdev that it does not have open. */
static void test_other_device(void) {
        Scene scene;

        scene_begin(&scene);
        daemon_move(scene.daemon, PLAN_DETACH, "ens3", OUTCOME_DONE);
        daemon_move(scene.daemon, PLAN_REATTACH, OTHER_NIC, OUTCOME_DONE);
        scene_end(&scene);
}

/* The plan, with and without force. */
static void test_planned(void) {
        g_autofree char *expected = NULL;
        _cleanup_reply_ Reply held = {}, free = {};
        Request plan = reattach;
        Scene scene;

        scene_begin(&scene);
        plan.only_plan = true;
        request_run(scene.daemon, &plan, OUTCOME_DONE, &held);
        expected = g_strdup_printf("process %s %s", PORT2, scene.held_text);
        g_assert_true(g_str_has_prefix(held.findings, expected));
        scene_release(&scene);
        request_run(scene.daemon, &plan, OUTCOME_DONE, &free);
        g_assert_cmpstr(free.findings, ==, "");
        g_assert_cmpuint(held.fingerprint, !=, free.fingerprint);
        scene_end(&scene);
}

/* The kernel has removed the cdev of PORT2 from sysfs, but the daemon knows its number. */
static void assert_finds_cdev(const Scene *scene) {
        unsigned number = (unsigned)atoi(scene->cdev + strlen("dev/vfio/devices/vfio"));

        g_assert_false(fake_kernel_exists(scene->host->fake, "sys/class/vfio-dev/vfio%u", number));
        g_assert_cmpuint(job_table_find_cdev(scene->daemon->jobs, address_of(PORT2)), ==, makedev(CDEV_MAJOR, number));
        g_assert_cmpuint(job_table_find_cdev(scene->daemon->jobs, address_of(OTHER_NIC)), ==, 0);
}

/* With force it waits, and the holder is named; when the holder ends, the reattach finishes. A daemon that starts
 * meanwhile waits, too. */
static void test_forced(void) {
        _cleanup_reply_ Reply reply = {};
        Request forced = reattach;
        Scene scene;

        scene_begin(&scene);
        forced.force = true;
        request_run(scene.daemon, &forced, OUTCOME_STUCK, &reply);
        g_autofree char *waits = g_strdup_printf("it waits for process %d (", (int)scene.holder);
        assert_says(reply.answer.message, "the step 'unbind' of " PORT2);
        assert_says(reply.answer.message, waits);
        g_assert_cmpint(daemon_state(scene.daemon, PORT2), ==, DEVICE_STUCK);
        assert_finds_cdev(&scene);
        daemon_stop(scene.daemon);
        scene.daemon = daemon_start(scene.host, &limits);
        assert_finds_cdev(&scene);
        scene_release(&scene);
        daemon_await_quiet(scene.daemon);
        check_attached(&scene);
        scene_end(&scene);
}

/* A kernel without group nodes: a detach waits for the cdevs, and only the cdev shows whether the device is held. */
static void test_no_group_nodes(void) {
        static const Request adopt = {.verb = PLAN_REATTACH, .selector = OTHER_NIC, .adopt = true};
        Scene scene = {.host = host_new()};
        FakeKernel *fake = scene.host->fake;
        _cleanup_reply_ Reply reply = {};

        fake_kernel_do(fake, "modprobe vfio-pci");
        fake_kernel_do(fake, "group-nodes off");
        fake_kernel_do(fake, "cdevs on");
        scene.before = fake_kernel_snapshot(fake);
        scene.daemon = daemon_start(scene.host, &limits);
        daemon_move(scene.daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        daemon_move(scene.daemon, PLAN_REATTACH, "ens1", OUTCOME_DONE);
        check_attached(&scene);
        fake_kernel_do(fake, "set " OTHER_NIC " driver_override vfio-pci");
        g_assert_cmpint(fake_kernel_write(fake, OTHER_NIC, "sys/bus/pci/drivers/e1000e/unbind"), ==, 0);
        g_assert_cmpint(fake_kernel_write(fake, OTHER_NIC, "sys/bus/pci/drivers_probe"), ==, 0);
        daemon_await_state(scene.daemon, OTHER_NIC, DEVICE_FOREIGN);
        scene_hold(&scene, OTHER_NIC);
        request_run(scene.daemon, &adopt, OUTCOME_HELD, &reply);
        assert_says(reply.answer.message, scene.held_text);
        scene_release(&scene);
        request_move(scene.daemon, &adopt, OUTCOME_DONE);
        assert_driver(scene.host, OTHER_NIC, "e1000e");
        scene_end(&scene);
}

/* A detach fails at its second device, after a process has opened the cdev of the first device. That device stays
 * with the process, and nothing waits for its end. */
static void test_rollback(void) {
        Scene scene = {.host = host_new()};
        FakeKernel *fake = scene.host->fake;
        _cleanup_answer_ Answer answer = {};

        fake_kernel_do(fake, "modprobe vfio-pci");
        fake_kernel_do(fake, "cdevs on");
        scene.before = fake_kernel_snapshot(fake);
        scene.daemon = daemon_start(scene.host, &limits);
        fake_kernel_do(fake, "noprobe " PORT1);
        fake_kernel_do(fake, "stall 6");
        daemon_must_begin(scene.daemon, PLAN_DETACH, "ens1", &answer);
        fake_kernel_do(fake, "wait-pending 1");
        scene_hold(&scene, PORT2);
        fake_kernel_do(fake, "resume");
        daemon_await(scene.daemon, &answer);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_DEGRADED);
        assert_says(answer.message, scene.held_text);
        assert_says(answer.message, PORT2 " has driver 'vfio-pci'");

        /* The process ends: a reattach restores everything. */
        daemon_await_quiet(scene.daemon);
        scene_release(&scene);
        daemon_move(scene.daemon, PLAN_REATTACH, PORT2, OUTCOME_DONE);
        check_attached(&scene);
        scene_end(&scene);
}

/* A VF on vfio-pci with its cdev open. No override permits its removal. */
static void test_vf(void) {
        static const unsigned overrides[] = {0, (1U << _GUARD_MAX) - 1};
        const VfRequest two = {PF, 2, .fate = VFS_DETACHED};
        Scene scene = {.host = vfs_host()};

        fake_kernel_do(scene.host->fake, "modprobe vfio-pci");
        fake_kernel_do(scene.host->fake, "cdevs on");
        scene.before = fake_kernel_snapshot(scene.host->fake);
        scene.daemon = daemon_start(scene.host, &limits);
        vfs_must_set(scene.daemon, &two, OUTCOME_DONE);
        scene_hold(&scene, VF(1));
        fake_kernel_do(scene.host->fake, "reset-writes");
        for (unsigned i = 0; i < G_N_ELEMENTS(overrides); i++) {
                g_autofree char *text =
                                vfs_set(scene.daemon, &(VfRequest){PF, 0, .overrides = overrides[i]}, OUTCOME_HELD);

                assert_says(text, VF(1));
                assert_says(text, scene.held_text);
        }
        g_assert_cmpuint(count_writes(scene.host), ==, 0);
        scene_release(&scene);
        vfs_must_set(scene.daemon, &(VfRequest){PF, 0, .overrides = overrides[1]}, OUTCOME_DONE);
        check_attached(&scene);
        scene_end(&scene);
}

/* New VFs are created, the last write fails, and a process has opened the cdev of the first VF meanwhile: the VFs
 * stay. The next start of vfiod removes them. */
static void test_vf_rollback(void) {
        const VfRequest two = {PF, 2, .fate = VFS_DETACHED};
        Scene scene = {.host = vfs_host()};
        _cleanup_answer_ Answer answer = {};
        unsigned n_writes;

        fake_kernel_do(scene.host->fake, "modprobe vfio-pci");
        fake_kernel_do(scene.host->fake, "cdevs on");
        scene.before = fake_kernel_snapshot(scene.host->fake);
        scene.daemon = daemon_start(scene.host, &limits);
        /* The last writes: the probe of the last VF, and the setting of the PF. */
        fake_kernel_do(scene.host->fake, "reset-writes");
        vfs_must_set(scene.daemon, &two, OUTCOME_DONE);
        n_writes = count_writes(scene.host);
        vfs_must_set(scene.daemon, &(VfRequest){PF, 0, .overrides = (1U << _GUARD_MAX) - 1}, OUTCOME_DONE);

        fake_kernel_do(scene.host->fake, "reset-writes");
        fake_kernel_do(scene.host->fake, "stall %u", n_writes - 1);
        fake_kernel_do(scene.host->fake, "fail %u EIO", n_writes);
        vfs_must_begin(scene.daemon, &two, &answer);
        fake_kernel_do(scene.host->fake, "wait-pending 1");
        scene_hold(&scene, VF(0));
        fake_kernel_do(scene.host->fake, "resume");
        daemon_await(scene.daemon, &answer);
        g_test_message("%s", answer.message);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_DEGRADED);
        assert_says(answer.message, scene.held_text);
        g_assert_cmpuint(vfs_count(scene.host, PF), ==, 2);

        daemon_await_quiet(scene.daemon);
        scene_release(&scene);
        daemon_stop(scene.daemon);
        scene.daemon = daemon_start(scene.host, &limits);
        daemon_await_quiet(scene.daemon);
        check_attached(&scene);
        scene_end(&scene);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/cdev/refused", test_refused);
        g_test_add_func("/cdev/bound", test_bound);
        g_test_add_func("/cdev/other-device", test_other_device);
        g_test_add_func("/cdev/planned", test_planned);
        g_test_add_func("/cdev/forced", test_forced);
        g_test_add_func("/cdev/no-group-nodes", test_no_group_nodes);
        g_test_add_func("/cdev/rollback", test_rollback);
        g_test_add_func("/cdev/vf", test_vf);
        g_test_add_func("/cdev/vf-rollback", test_vf_rollback);
        return g_test_run();
}
