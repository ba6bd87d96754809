/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vfs.h"

/* Every write of a change of VFs fails: everything is as before, or the message says what is not, and the next start
 * finishes the recovery. */

#define ON_VFIO(n) \
        &(VfRequest) { \
                PF, n, VFS_DETACHED \
        }
#define OF_HOST(n) \
        &(VfRequest) { \
                PF, n \
        }

typedef struct Sweep {
        Host *host;
        Daemon *daemon;
        const VfRequest *before, *wanted;
        char *snapshot;
        unsigned n_records, n_writes;
} Sweep;

static void sweep_begin(Sweep *sweep) {
        sweep->host = vfs_host();
        sweep->daemon = daemon_start(sweep->host, &patient);
        fake_kernel_do(sweep->host->fake, "modprobe vfio_pci");
        vfs_ensure(sweep->daemon, sweep->before);
        sweep->snapshot = fake_kernel_snapshot(sweep->host->fake);
        sweep->n_records = count_detached_devices(sweep->host);
        fake_kernel_do(sweep->host->fake, "reset-writes");
        vfs_must_set(sweep->daemon, sweep->wanted, OUTCOME_DONE);
        sweep->n_writes = count_writes(sweep->host);
        vfs_ensure(sweep->daemon, sweep->before);
        assert_snapshot(sweep->host, sweep->snapshot);
}

static void sweep_end(Sweep *sweep) {
        daemon_stop(sweep->daemon);
        host_free(sweep->host);
        g_free(sweep->snapshot);
}

static void fail_at(Sweep *sweep, unsigned k, const char *kind, const char *error) {
        _cleanup_answer_ Answer answer = {};

        fake_kernel_do(sweep->host->fake, "%s %u %s", kind, k, error);
        vfs_must_begin(sweep->daemon, sweep->wanted, &answer);
        daemon_await(sweep->daemon, &answer);
        g_test_message("%s %u: %s %s", kind, k, outcome_to_string(answer.outcome), answer.message);
        assert_model_is_current(sweep->daemon);
        if (answer.outcome == OUTCOME_DONE)
                /* The error of a probe means nothing. */
                assert_vfs(sweep->host, PF, sweep->wanted->count, "vfio-pci");
        else {
                g_assert_cmpint(answer.outcome, ==, OUTCOME_ROLLED_BACK);
                assert_snapshot(sweep->host, sweep->snapshot);
                g_assert_cmpuint(count_detached_devices(sweep->host), ==, sweep->n_records);
                return;
        }
        vfs_ensure(sweep->daemon, sweep->before);
        assert_snapshot(sweep->host, sweep->snapshot);
        g_assert_cmpuint(count_detached_devices(sweep->host), ==, sweep->n_records);
}

/* Every write of a change fails, before or after it took effect, or is ignored: everything is as before, or the message says what
 * is not. */
static void sweep_faults(const VfRequest *before, const VfRequest *wanted) {
        Sweep sweep = {.before = before, .wanted = wanted};

        sweep_begin(&sweep);
        for (unsigned k = 1; k <= sweep.n_writes; k++) {
                fail_at(&sweep, k, "fail", "EIO");
                fail_at(&sweep, k, "fail-after", "EIO");
                fail_at(&sweep, k, "ignore", "");
        }
        sweep_end(&sweep);
}

/* A write of the rollback fails too: the message names what remains, and the next start finishes the recovery. */
static void sweep_double_faults(const VfRequest *before, const VfRequest *wanted) {
        Sweep sweep = {.before = before, .wanted = wanted};
        unsigned n_degraded = 0;

        sweep_begin(&sweep);
        for (unsigned k = 1; k <= sweep.n_writes; k++)
                for (unsigned later = 1; later <= 6; later++) {
                        _cleanup_answer_ Answer answer = {};

                        fake_kernel_do(sweep.host->fake, "fail %u EIO", k);
                        fake_kernel_do(sweep.host->fake, "fail %u EIO", k + later);
                        vfs_must_begin(sweep.daemon, wanted, &answer);
                        daemon_await(sweep.daemon, &answer);
                        fake_kernel_do(sweep.host->fake, "clear");
                        g_test_message("%u, %u: %s %s", k, later, outcome_to_string(answer.outcome), answer.message);
                        assert_model_is_current(sweep.daemon);
                        g_autofree char *now = fake_kernel_snapshot(sweep.host->fake);
                        if (answer.outcome == OUTCOME_ROLLED_BACK)
                                g_assert_cmpstr(now, ==, sweep.snapshot);
                        if (answer.outcome == OUTCOME_DEGRADED) {
                                g_assert_cmpstr(now, !=, sweep.snapshot);
                                n_degraded++;
                        }
                        daemon_stop(sweep.daemon);
                        sweep.daemon = daemon_start(sweep.host, &patient);
                        daemon_await_quiet(sweep.daemon);
                        assert_autoprobe(sweep.host, PF, true);
                        if (answer.outcome == OUTCOME_DEGRADED)
                                assert_snapshot(sweep.host, sweep.snapshot);
                        vfs_ensure(sweep.daemon, before);
                        assert_snapshot(sweep.host, sweep.snapshot);
                        g_assert_cmpuint(count_detached_devices(sweep.host), ==, sweep.n_records);
                }
        g_assert_cmpuint(n_degraded, >, 0);
        sweep_end(&sweep);
}

static void test_double_fault(void) {
        sweep_double_faults(OF_HOST(2), ON_VFIO(3));
        sweep_double_faults(ON_VFIO(2), &(VfRequest){PF, 3, VFS_DETACHED, 1U << GUARD_VIRTUAL_FUNCTIONS});
}

static void test_fault_create(void) {
        sweep_faults(OF_HOST(0), ON_VFIO(2));
}

static void test_fault_change(void) {
        sweep_faults(OF_HOST(2), ON_VFIO(3));
}

static void test_fault_change_detached(void) {
        sweep_faults(ON_VFIO(2), &(VfRequest){PF, 3, VFS_DETACHED, 1U << GUARD_VIRTUAL_FUNCTIONS});
}

static void test_fault_host_driver(void) {
        sweep_faults(OF_HOST(1), OF_HOST(2));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfs-faults/create", test_fault_create);
        g_test_add_func("/vfs-faults/change", test_fault_change);
        g_test_add_func("/vfs-faults/change-detached", test_fault_change_detached);
        g_test_add_func("/vfs-faults/host-driver", test_fault_host_driver);
        g_test_add_func("/vfs-faults/double", test_double_fault);
        return g_test_run();
}
