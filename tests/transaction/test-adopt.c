/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

/* Devices that another tool bound to vfio-pci: vfiod does not change them, unless it adopts them on request; then
 * the kernel chooses their driver. */

#define FOLDER "sys/bus/pci/devices/%s/"

static const Request plain = {.verb = PLAN_REATTACH, .selector = PORT1};
static const Request adopt = {.verb = PLAN_REATTACH, .selector = PORT1, .adopt = true};

/* As a script does it. */
static void detach_by_hand(Host *host, const char *address) {
        g_autofree char *driver = fake_kernel_link(host->fake, FOLDER "driver", address);

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        g_assert_cmpint(fake_kernel_write(host->fake, "vfio-pci", FOLDER "driver_override", address), ==, 0);
        if (driver)
                g_assert_cmpint(fake_kernel_write(host->fake, address, "sys/bus/pci/drivers/%s/unbind", driver), ==, 0);
        g_assert_cmpint(fake_kernel_write(host->fake, address, "sys/bus/pci/drivers_probe"), ==, 0);
        assert_driver(host, address, "vfio-pci");
}

/* A host on which another tool has detached both ports. */
typedef struct Scene {
        Host *host;
        char *attached, *detached; /* snapshots */
} Scene;

static void reattach_by_hand(Scene *scene) {
        detach_by_hand(scene->host, PORT1);
        detach_by_hand(scene->host, PORT2);
}

/* The settings before vfio-pci are unknown for an adopted device, so vfiod leaves the values of vfio-pci. */
static void set_power_defaults(Host *host) {
        fake_kernel_do(host->fake, "set " PORT1 " power/control on");
}

static void scene_begin(Scene *scene) {
        *scene = (Scene){.host = host_new()};
        fake_kernel_do(scene->host->fake, "modprobe vfio-pci");
        set_power_defaults(scene->host);
        scene->attached = fake_kernel_snapshot(scene->host->fake);
        reattach_by_hand(scene);
        scene->detached = fake_kernel_snapshot(scene->host->fake);
}

static void scene_end(Scene *scene) {
        host_free(scene->host);
        g_free(scene->attached);
        g_free(scene->detached);
}

static void check_attached(Scene *scene, Daemon *daemon) {
        assert_snapshot(scene->host, scene->attached);
        assert_nothing_recorded(scene->host);
        assert_model_is_current(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_HOST);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_HOST);
}

/* The devices are foreign again: vfiod changed nothing on them and has no state file for them. */
static void check_foreign(Scene *scene, Daemon *daemon) {
        _cleanup_reply_ Reply reply = {};
        _cleanup_problem_ Problem problem = {};

        assert_snapshot(scene->host, scene->detached);
        assert_nothing_recorded(scene->host);
        assert_model_is_current(daemon);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_FOREIGN);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_FOREIGN);
        g_assert_cmpint(request_begin(daemon, &plain, &reply, &problem), ==, OUTCOME_FOREIGN);
}

static void test_foreign(void) {
        static const char *const selectors[] = {PORT1, PORT2, "group:10"};
        Scene scene;

        scene_begin(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &patient);
        fake_kernel_do(scene.host->fake, "reset-writes");
        for (unsigned i = 0; i < G_N_ELEMENTS(selectors); i++)
                for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                        for (unsigned force = 0; force < 2; force++) {
                                const Request request = {.verb = verb, .selector = selectors[i], .force = force};
                                _cleanup_reply_ Reply reply = {};
                                _cleanup_problem_ Problem problem = {};

                                g_assert_cmpint(request_begin(daemon, &request, &reply, &problem), ==, OUTCOME_FOREIGN);
                        }
        g_assert_cmpuint(count_writes(scene.host), ==, 0);
        check_foreign(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

static void *unbind_by_hand(void *userdata) {
        const Scene *scene = userdata;

        return GINT_TO_POINTER(fake_kernel_write(scene->host->fake, PORT1, "sys/bus/pci/drivers/vfio-pci/unbind"));
}

/* The other tool's unbind waits in the kernel at this moment; when it continues, vfiod does not disturb it. */
static void test_tool_at_work(void) {
        _cleanup_reply_ Reply reply = {};
        Scene scene;

        scene_begin(&scene);
        FakeKernel *fake = scene.host->fake;
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &impatient);
        fake_kernel_do(fake, "claim %d", PORTS_GROUP);
        GThread *other = g_thread_new("other", unbind_by_hand, &scene);
        fake_kernel_do(fake, "wait-pending 1");
        request_run(daemon, &adopt, OUTCOME_SURVEY_TIMED_OUT, &reply);
        g_assert_nonnull(strstr(reply.answer.message, "Nothing was changed."));
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_CHANGING);

        fake_kernel_do(fake, "release %d", PORTS_GROUP);
        g_assert_cmpint(GPOINTER_TO_INT(g_thread_join(other)), ==, 0);
        fake_kernel_do(fake, "reset-writes");
        g_assert_cmpint(fake_kernel_write(fake, "\n", FOLDER "driver_override", PORT1), ==, 0);
        g_assert_cmpint(fake_kernel_write(fake, PORT1, "sys/bus/pci/drivers_probe"), ==, 0);
        daemon_await_quiet(daemon);
        g_assert_cmpuint(count_writes(scene.host), ==, 2);
        assert_driver(scene.host, PORT1, "e1000");
        assert_driver(scene.host, PORT2, "vfio-pci");
        assert_nothing_recorded(scene.host);
        assert_model_is_current(daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

static void reattach_by_script(Host *host, const char *address) {
        g_assert_cmpint(fake_kernel_write(host->fake, "\n", FOLDER "driver_override", address), ==, 0);
        g_assert_cmpint(fake_kernel_write(host->fake, address, "sys/bus/pci/drivers/vfio-pci/unbind"), ==, 0);
        g_assert_cmpint(fake_kernel_write(host->fake, address, "sys/bus/pci/drivers_probe"), ==, 0);
        assert_driver(host, address, "e1000");
}

/* In the middle of the reattach, a script reattaches the devices. They keep their host drivers. */
static void test_script_is_faster(void) {
        _cleanup_reply_ Reply reply = {};
        Scene scene;

        scene_begin(&scene);
        FakeKernel *fake = scene.host->fake;
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &patient);
        fake_kernel_do(fake, "stall-after 1");
        request_must_begin(daemon, &adopt, &reply);
        fake_kernel_do(fake, "wait-pending 1");
        reattach_by_script(scene.host, PORT1);
        reattach_by_script(scene.host, PORT2);
        fake_kernel_do(fake, "reset-writes");
        fake_kernel_do(fake, "resume");
        daemon_await(daemon, &reply.answer);
        g_auto(GStrv) writes = fake_kernel_writes(fake);
        for (unsigned i = 0; writes[i]; i++)
                g_assert_null(strstr(writes[i], "unbind"));
        g_assert_cmpint(reply.answer.outcome, ==, OUTCOME_DONE);
        check_attached(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* The whole group is reattached, whichever member was named. */
static void test_adopted(void) {
        static const char *const selectors[] = {PORT1, PORT2, "group:10"};
        Scene scene;

        scene_begin(&scene);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &patient);
        for (unsigned i = 0; i < G_N_ELEMENTS(selectors); i++) {
                const Request request = {.verb = PLAN_REATTACH, .selector = selectors[i], .adopt = true};
                _cleanup_reply_ Reply reply = {};

                if (i > 0)
                        reattach_by_hand(&scene);
                assert_model_is_current(daemon);
                request_run(daemon, &request, OUTCOME_DONE, &reply);
                g_assert_cmpstr(reply.answer.changes, ==, PORT1 " vfio-pci e1000, " PORT2 " vfio-pci e1000");
                check_attached(&scene, daemon);
        }
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* The kernel knows no driver for it, or the driver is not loaded: it stays without a driver. */
static void test_no_driver(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        detach_by_hand(host, DRIVERLESS);
        detach_by_hand(host, OTHER_NIC);
        fake_kernel_do(host->fake, "rmmod e1000e");
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_reply_ Reply reply = {}, second = {};

        request_run(daemon, &(Request){.verb = PLAN_REATTACH, .selector = DRIVERLESS, .adopt = true}, OUTCOME_DONE,
                        &reply);
        g_assert_cmpstr(reply.answer.changes, ==, DRIVERLESS " vfio-pci ");
        assert_override(host, DRIVERLESS, "(null)");
        request_run(daemon, &(Request){.verb = PLAN_REATTACH, .selector = OTHER_NIC, .adopt = true}, OUTCOME_DONE,
                        &second);
        g_assert_cmpint(daemon_state(daemon, OTHER_NIC), ==, DEVICE_DRIVERLESS);
        assert_override(host, OTHER_NIC, "(null)");
        assert_nothing_recorded(host);
        assert_model_is_current(daemon);

        fake_kernel_do(host->fake, "modprobe e1000e");
        assert_driver(host, OTHER_NIC, "e1000e");
        fake_kernel_do(host->fake, "modprobe vfio-pci");
        g_autofree char *after = fake_kernel_snapshot(host->fake);
        g_assert_cmpstr(after, ==, before);
}

/* One port was detached by vfiod, the other by another tool: each gets what is known about it. */
static void test_mixed(void) {
        g_autoptr(Host) host = host_new();

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        set_power_defaults(host);
        /* an administrator's driver_override: vfiod restores it on its own port, and does not know it for the other
         * port */
        g_assert_cmpint(fake_kernel_write(host->fake, "e1000", FOLDER "driver_override", PORT2), ==, 0);
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        detach_by_hand(host, PORT1);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_reply_ Reply reply = {}, refused = {};
        _cleanup_problem_ Problem problem = {};

        /* vfiod can detach and reattach the rest of the group */
        daemon_move(daemon, PLAN_DETACH, PORT2, OUTCOME_DONE);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_FOREIGN);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_DETACHED);
        g_assert_cmpint(request_begin(daemon, &plain, &refused, &problem), ==, OUTCOME_FOREIGN);
        daemon_move(daemon, PLAN_REATTACH, PORT2, OUTCOME_DONE);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_FOREIGN);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_HOST);

        daemon_move(daemon, PLAN_DETACH, PORT2, OUTCOME_DONE);
        request_run(daemon, &adopt, OUTCOME_DONE, &reply);
        g_assert_cmpstr(reply.answer.changes, ==, PORT1 " vfio-pci e1000, " PORT2 " vfio-pci e1000");
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
        assert_model_is_current(daemon);
}

/* If the call names vfiod's own device, the foreign device is reattached too only with the option. */
static void test_named_by_own_device(void) {
        g_autoptr(Host) host = host_new();

        detach_by_hand(host, PORT1);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        daemon_move(daemon, PLAN_DETACH, PORT2, OUTCOME_DONE);
        request_move(daemon, &(Request){.verb = PLAN_REATTACH, .selector = PORT2, .adopt = true}, OUTCOME_DONE);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_HOST);
        g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_HOST);
        assert_nothing_recorded(host);
}

/* A device that is not on a vfio driver cannot be adopted. */
static void test_nothing_to_adopt(void) {
        static const char *const selectors[] = {PORT1, "group:10", DRIVERLESS};
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);

        for (unsigned i = 0; i < G_N_ELEMENTS(selectors); i++) {
                const Request request = {.verb = PLAN_REATTACH, .selector = selectors[i], .adopt = true};
                _cleanup_reply_ Reply reply = {};
                _cleanup_problem_ Problem problem = {};

                g_assert_cmpint(request_begin(daemon, &request, &reply, &problem), ==, OUTCOME_NOT_DETACHED);
        }
        /* vfiod's own device is reattached as before */
        daemon_move(daemon, PLAN_DETACH, PORT1, OUTCOME_DONE);
        request_move(daemon, &adopt, OUTCOME_DONE);
        assert_nothing_recorded(host);
}

/* A VM has it: the reattach is refused, or it waits. */
static void test_held(void) {
        Scene scene;

        scene_begin(&scene);
        fake_kernel_do(scene.host->fake, "claim %d", PORTS_GROUP);
        g_autoptr(Daemon) daemon = daemon_start(scene.host, &impatient);
        _cleanup_reply_ Reply reply = {};

        request_move(daemon, &adopt, OUTCOME_HELD);
        const Request both = {.verb = PLAN_REATTACH, .selector = PORT1, .adopt = true, .force = true};
        request_run(daemon, &both, OUTCOME_STUCK, &reply);
        g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_STUCK);
        fake_kernel_do(scene.host->fake, "release %d", PORTS_GROUP);
        daemon_await_quiet(daemon);
        check_attached(&scene, daemon);
        daemon_stopp(&daemon);
        scene_end(&scene);
}

/* At every write of an adoption: the write fails, the job is cancelled, or all processes are killed. */

typedef void (*case_t)(Scene *scene, unsigned k);

static void sweep(case_t callback) {
        unsigned n_writes;
        Scene scene;

        scene_begin(&scene);
        {
                g_autoptr(Daemon) daemon = daemon_start(scene.host, &patient);

                fake_kernel_do(scene.host->fake, "reset-writes");
                request_move(daemon, &adopt, OUTCOME_DONE);
                n_writes = count_writes(scene.host);
        }
        scene_end(&scene);
        g_assert_cmpuint(n_writes, >=, 6);
        for (unsigned k = 1; k <= n_writes; k++) {
                scene_begin(&scene);
                g_test_message("write %u", k);
                callback(&scene, k);
                scene_end(&scene);
        }
}

static void fail_at(Scene *scene, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(scene->host, &patient);
        _cleanup_reply_ Reply reply = {};

        fake_kernel_do(scene->host->fake, "fail %u EIO", k);
        request_must_begin(daemon, &adopt, &reply);
        daemon_await(daemon, &reply.answer);
        /* A failed probe looks like a device without a matching driver: this counts as success. */
        if (reply.answer.outcome == OUTCOME_DONE)
                assert_nothing_recorded(scene->host);
        else {
                g_assert_cmpint(reply.answer.outcome, ==, OUTCOME_ROLLED_BACK);
                check_foreign(scene, daemon);
                request_move(daemon, &adopt, OUTCOME_DONE);
                check_attached(scene, daemon);
        }
}

static void test_fails(void) {
        sweep(fail_at);
}

static void cancel_at(Scene *scene, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(scene->host, &patient);
        _cleanup_reply_ Reply reply = {};
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(scene->host->fake, "stall %u", k);
        request_must_begin(daemon, &adopt, &reply);
        fake_kernel_do(scene->host->fake, "wait-pending 1");
        g_assert_cmpint(job_cancel(daemon_job(daemon), &problem), ==, 0);
        fake_kernel_do(scene->host->fake, "resume");
        daemon_await(daemon, &reply.answer);
        g_assert_cmpint(reply.answer.outcome, ==, OUTCOME_CANCELLED);
        check_foreign(scene, daemon);
        daemon_stopp(&daemon);
        daemon = daemon_start(scene->host, &patient);
        check_foreign(scene, daemon);
}

static void test_cancelled(void) {
        sweep(cancel_at);
}

/* A job that has begun is finished: by the next worker, or by the next daemon. */
static void kill_at(Scene *scene, unsigned k, bool daemon_too) {
        g_autoptr(Daemon) daemon = daemon_start(scene->host, &patient);
        _cleanup_reply_ Reply reply = {};

        fake_kernel_do(scene->host->fake, "stall-after %u", k);
        request_must_begin(daemon, &adopt, &reply);
        fake_kernel_do(scene->host->fake, "wait-pending 1");
        if (daemon_too)
                daemon_stopp(&daemon);
        kill_worker(scene->host, daemon_too);
        if (daemon_too)
                daemon = daemon_start(scene->host, &patient);
        else
                daemon_await(daemon, &reply.answer);
        daemon_await_quiet(daemon);
        check_attached(scene, daemon);
}

static void kill_worker_at(Scene *scene, unsigned k) {
        kill_at(scene, k, false);
}

static void kill_all_at(Scene *scene, unsigned k) {
        kill_at(scene, k, true);
}

static void test_worker_dies(void) {
        sweep(kill_worker_at);
}

static void test_all_die(void) {
        sweep(kill_all_at);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/adopt/foreign", test_foreign);
        g_test_add_func("/adopt/tool-at-work", test_tool_at_work);
        g_test_add_func("/adopt/script-is-faster", test_script_is_faster);
        g_test_add_func("/adopt/adopted", test_adopted);
        g_test_add_func("/adopt/no-driver", test_no_driver);
        g_test_add_func("/adopt/mixed", test_mixed);
        g_test_add_func("/adopt/named-by-own-device", test_named_by_own_device);
        g_test_add_func("/adopt/nothing-to-adopt", test_nothing_to_adopt);
        g_test_add_func("/adopt/held", test_held);
        g_test_add_func("/adopt/fails", test_fails);
        g_test_add_func("/adopt/cancelled", test_cancelled);
        g_test_add_func("/adopt/worker-dies", test_worker_dies);
        g_test_add_func("/adopt/all-die", test_all_die);
        return g_test_run();
}
