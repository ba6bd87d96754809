/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vmd.h"

/* Writes of the detach and the reattach of a VMD fail, and its hardware is pulled: all is as before, or the message and
 * the records say what is not. */

typedef struct Sweep {
        Host *host;
        Daemon *daemon;
        PlanVerb verb;
        char *at_home, *away; /* snapshots */
        unsigned n_writes;
} Sweep;

static void sweep_begin(Sweep *sweep, PlanVerb verb) {
        *sweep = (Sweep){.host = vmd_host(), .verb = verb};
        sweep->daemon = daemon_start(sweep->host, &patient);
        sweep->at_home = fake_kernel_snapshot(sweep->host->fake);
        for (PlanVerb each = 0; each < PLAN_SET_VFS; each++) {
                fake_kernel_do(sweep->host->fake, "reset-writes");
                daemon_move(sweep->daemon, each, VMD, OUTCOME_DONE);
                if (each == verb)
                        sweep->n_writes = count_writes(sweep->host);
                if (each == PLAN_DETACH)
                        sweep->away = fake_kernel_snapshot(sweep->host->fake);
        }
        g_assert_cmpuint(sweep->n_writes, >, 0);
        assert_vmd_home(sweep->daemon, sweep->at_home);
}

static void sweep_end(Sweep *sweep) {
        daemon_stop(sweep->daemon);
        host_free(sweep->host);
        g_free(sweep->at_home);
        g_free(sweep->away);
}

/* To where the verb begins. */
static void sweep_prepare(Sweep *sweep) {
        if (sweep->verb == PLAN_REATTACH)
                daemon_move(sweep->daemon, PLAN_DETACH, VMD, OUTCOME_DONE);
}

/* A recovery or a call brings all home, with the overrides and power settings of both. */
static void sweep_return(Sweep *sweep) {
        if (count_detached_devices(sweep->host) > 0)
                daemon_move(sweep->daemon, PLAN_REATTACH, VMD, OUTCOME_DONE);
        assert_vmd_home(sweep->daemon, sweep->at_home);
}

static void sweep_run(Sweep *sweep, Answer *answer) {
        daemon_must_begin(sweep->daemon, sweep->verb, VMD, answer);
        daemon_await(sweep->daemon, answer);
        fake_kernel_do(sweep->host->fake, "clear");
        g_assert_cmpint(answer->error, ==, 0);
        g_test_message("%s %s", outcome_to_string(answer->outcome), answer->message);
}

static void assert_as(Sweep *sweep, bool home) {
        if (home)
                assert_vmd_home(sweep->daemon, sweep->at_home);
        else
                assert_vmd_away(sweep->daemon, sweep->away);
}

/* One write fails, before or after it took effect, or is ignored. */
static void fail_at(Sweep *sweep, const char *kind, unsigned k, const char *error) {
        _cleanup_answer_ Answer answer = {};

        sweep_prepare(sweep);
        g_test_message("%s %s %u", plan_verb_to_string(sweep->verb), kind, k);
        fake_kernel_do(sweep->host->fake, "%s %u %s", kind, k, error);
        sweep_run(sweep, &answer);
        /* A probe tells nothing by its error. */
        g_assert_true(answer.outcome == OUTCOME_DONE || answer.outcome == OUTCOME_ROLLED_BACK);
        assert_as(sweep, (answer.outcome == OUTCOME_DONE) == (sweep->verb == PLAN_REATTACH));
        sweep_return(sweep);
}

static void sweep_faults(PlanVerb verb) {
        Sweep sweep;

        sweep_begin(&sweep, verb);
        for (unsigned k = 1; k <= sweep.n_writes; k++) {
                fail_at(&sweep, "fail", k, "EIO");
                fail_at(&sweep, "fail-after", k, "EIO");
                fail_at(&sweep, "ignore", k, "");
        }
        sweep_end(&sweep);
}

static void test_detach(void) {
        sweep_faults(PLAN_DETACH);
}

static void test_reattach(void) {
        sweep_faults(PLAN_REATTACH);
}

/* The revert fails, too. What the message does not name is as before; and whatever was left, a reattach brings all
 * home. Returns whether something was. */
static bool fail_twice(Sweep *sweep, unsigned k, unsigned later) {
        _cleanup_answer_ Answer answer = {};

        sweep_prepare(sweep);
        g_test_message("%s fail %u and %u", plan_verb_to_string(sweep->verb), k, k + later);
        fake_kernel_do(sweep->host->fake, "fail %u EIO", k);
        fake_kernel_do(sweep->host->fake, "fail %u EIO", k + later);
        sweep_run(sweep, &answer);
        bool degraded = answer.outcome == OUTCOME_DEGRADED;
        if (degraded) {
                g_autofree char *left = fake_kernel_snapshot(sweep->host->fake);
                const char *before = sweep->verb == PLAN_DETACH ? sweep->at_home : sweep->away;

                g_assert_cmpstr(left, !=, before);
                g_assert_nonnull(strstr(answer.message, VMD));
                if (sweep->verb == PLAN_DETACH && !fake_kernel_exists(sweep->host->fake, "dev/nvme0n1"))
                        g_assert_nonnull(strstr(answer.message, VMD_DISK " is missing"));
                g_assert_cmpuint(count_transactions(sweep->host), ==, 0);
                assert_model_is_current(sweep->daemon);
        } else
                assert_as(sweep, (answer.outcome == OUTCOME_DONE) == (sweep->verb == PLAN_REATTACH));
        sweep_return(sweep);
        return degraded;
}

static void sweep_double_faults(PlanVerb verb) {
        unsigned n_degraded = 0;
        Sweep sweep;

        sweep_begin(&sweep, verb);
        for (unsigned k = 1; k <= sweep.n_writes; k++)
                n_degraded += fail_twice(&sweep, k, 1);
        g_assert_cmpuint(n_degraded, >, 0);
        sweep_end(&sweep);
}

static void test_detach_double(void) {
        sweep_double_faults(PLAN_DETACH);
}

static void test_reattach_double(void) {
        sweep_double_faults(PLAN_REATTACH);
}

/* The job is cancelled at each write: all is as before. */
static void cancel_at(Sweep *sweep, unsigned k) {
        _cleanup_answer_ Answer answer = {};
        _cleanup_problem_ Problem problem = {};

        sweep_prepare(sweep);
        g_test_message("%s cancel %u", plan_verb_to_string(sweep->verb), k);
        fake_kernel_do(sweep->host->fake, "stall-after %u", k);
        daemon_must_begin(sweep->daemon, sweep->verb, VMD, &answer);
        fake_kernel_do(sweep->host->fake, "wait-pending 1");
        g_assert_cmpint(job_cancel(daemon_job(sweep->daemon), &problem), ==, 0);
        fake_kernel_do(sweep->host->fake, "resume");
        daemon_await(sweep->daemon, &answer);
        g_assert_cmpstr(outcome_to_string(answer.outcome), ==, "Cancelled");
        assert_as(sweep, sweep->verb == PLAN_DETACH);
        sweep_return(sweep);
}

static void test_cancel(void) {
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++) {
                Sweep sweep;

                sweep_begin(&sweep, verb);
                for (unsigned k = 1; k <= sweep.n_writes; k++)
                        cancel_at(&sweep, k);
                sweep_end(&sweep);
        }
}

static void start_away(Sweep *sweep) {
        sweep_begin(sweep, PLAN_REATTACH);
        sweep_prepare(sweep);
        assert_vmd_away(sweep->daemon, sweep->away);
}

/* The disk dies while it cannot be seen. It does not keep its controller from the host, stays in the list, and is
 * forgotten when that is asked for. */
static void test_disk_pulled(void) {
        Sweep sweep;

        start_away(&sweep);
        fake_kernel_do(sweep.host->fake, "unplug " VMD_DISK);
        daemon_move(sweep.daemon, PLAN_REATTACH, VMD_DISK, OUTCOME_DONE);
        assert_model_is_current(sweep.daemon);
        assert_driver(sweep.host, VMD, "vmd");
        g_assert_cmpint(daemon_state(sweep.daemon, VMD), ==, DEVICE_HOST);
        g_assert_cmpint(daemon_state(sweep.daemon, VMD_DISK), ==, DEVICE_ABSENT);
        g_assert_cmpuint(count_detached_devices(sweep.host), ==, 1);
        daemon_move(sweep.daemon, PLAN_REATTACH, VMD_DISK, OUTCOME_DONE);
        assert_nothing_recorded(sweep.host);
        assert_model_is_current(sweep.daemon);
        g_assert_null(inventory_find_device(sweep.host->inventory, address_of(VMD_DISK)));
        sweep_end(&sweep);
}

/* Another disk is in its place: it comes with the controller, and gets nothing that was the first one's. */
static void test_disk_swapped(void) {
        Sweep sweep;

        start_away(&sweep);
        fake_kernel_do(sweep.host->fake, "unplug " VMD_DISK);
        fake_kernel_do(sweep.host->fake,
                        "plug " VMD_DISK " vendor=144d device=a80a class=010802 revision=07 behind=" VMD
                        " parent=" VMD_PORT " block=nvme0n1");
        daemon_move(sweep.daemon, PLAN_REATTACH, VMD, OUTCOME_DONE);
        assert_model_is_current(sweep.daemon);
        assert_driver(sweep.host, VMD_DISK, "nvme");
        assert_override(sweep.host, VMD_DISK, "(null)");
        g_assert_cmpint(daemon_state(sweep.daemon, VMD_DISK), ==, DEVICE_HOST);
        sweep_end(&sweep);
}

/* With the controller goes all that was behind it. Forgotten by name, no record is left of either. */
static void test_controller_pulled(void) {
        Sweep sweep;

        start_away(&sweep);
        fake_kernel_do(sweep.host->fake, "unplug " VMD);
        daemon_await_state(sweep.daemon, VMD, DEVICE_ABSENT);
        g_assert_cmpint(daemon_state(sweep.daemon, VMD_DISK), ==, DEVICE_ABSENT);
        g_assert_cmpuint(count_detached_devices(sweep.host), ==, 2);
        daemon_move(sweep.daemon, PLAN_REATTACH, VMD, OUTCOME_DONE);
        assert_model_is_current(sweep.daemon);
        assert_nothing_recorded(sweep.host);
        g_assert_null(inventory_find_device(sweep.host->inventory, address_of(VMD)));
        g_assert_null(inventory_find_device(sweep.host->inventory, address_of(VMD_DISK)));
        sweep_end(&sweep);
}

/* The controller, or the disk, is pulled at each write. Nothing of the controller is left; with the disk alone the call
 * is done, or all is as it was but for the disk. */
static void pull_at(PlanVerb verb, const char *pulled, unsigned k) {
        _cleanup_answer_ Answer answer = {};
        Sweep sweep;

        sweep_begin(&sweep, verb);
        sweep_prepare(&sweep);
        g_test_message("%s, %s is pulled at %u", plan_verb_to_string(verb), pulled, k);
        fake_kernel_do(sweep.host->fake, "vanish %u %s", k, pulled);
        sweep_run(&sweep, &answer);
        assert_model_is_current(sweep.daemon);
        g_assert_cmpuint(count_transactions(sweep.host), ==, 0);
        if (streq(pulled, VMD)) {
                g_assert_cmpint(answer.outcome, !=, OUTCOME_DONE);
                g_assert_false(fake_kernel_exists(sweep.host->fake, "sys/bus/pci/devices/" VMD));
        } else
                assert_driver(sweep.host, VMD,
                                (answer.outcome == OUTCOME_DONE) == (verb == PLAN_DETACH) ? "vfio-pci" : "vmd");
        /* The next life changes nothing more, and nothing has to be done twice. */
        sweep.daemon = (daemon_stop(sweep.daemon), daemon_start(sweep.host, &patient));
        daemon_await_quiet(sweep.daemon);
        if (inventory_find_device(sweep.host->inventory, address_of(VMD)) && count_detached_devices(sweep.host) > 0)
                daemon_move(sweep.daemon, PLAN_REATTACH, VMD, OUTCOME_DONE);
        if (inventory_find_device(sweep.host->inventory, address_of(VMD_DISK)) &&
                        count_detached_devices(sweep.host) > 0)
                daemon_move(sweep.daemon, PLAN_REATTACH, VMD_DISK, OUTCOME_DONE);
        assert_nothing_recorded(sweep.host);
        sweep_end(&sweep);
}

static void test_pulled_meanwhile(void) {
        for (unsigned k = 1; k <= 3; k++)
                pull_at(PLAN_DETACH, VMD, k);
        for (unsigned k = 2; k <= 5; k++)
                pull_at(PLAN_REATTACH, VMD, k);
        pull_at(PLAN_DETACH, VMD_DISK, 1);
        pull_at(PLAN_DETACH, VMD_DISK, 2);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vmd-faults/detach", test_detach);
        g_test_add_func("/vmd-faults/reattach", test_reattach);
        g_test_add_func("/vmd-faults/detach-double", test_detach_double);
        g_test_add_func("/vmd-faults/reattach-double", test_reattach_double);
        g_test_add_func("/vmd-faults/cancel", test_cancel);
        g_test_add_func("/vmd-faults/disk-pulled", test_disk_pulled);
        g_test_add_func("/vmd-faults/disk-swapped", test_disk_swapped);
        g_test_add_func("/vmd-faults/controller-pulled", test_controller_pulled);
        g_test_add_func("/vmd-faults/pulled-meanwhile", test_pulled_meanwhile);
        return g_test_run();
}
