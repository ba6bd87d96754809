/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "syscall-killer.h"
#include "vfs.h"

#include <signal.h>

/* Workers, daemons or both are killed at every write of a change of VFs: there is the old or the new number of VFs,
 * each VF has the right driver, and the host's setting is restored. */

typedef struct Case {
        VfRequest before, wanted;
        const char *driver; /* driver of the new VFs */
} Case;

#define IN_USE_TOO (1U << GUARD_VIRTUAL_FUNCTIONS)

static const Case cases[] = {
                {{PF, 0}, {PF, 2, VFS_DETACHED}, "vfio-pci"},
                {{PF, 1}, {PF, 2, VFS_DETACHED}, "vfio-pci"},
                {{PF, 1, VFS_DETACHED}, {PF, 2, VFS_DETACHED, IN_USE_TOO}, "vfio-pci"},
                {{PF, 2, VFS_DETACHED}, {PF, 1, VFS_OF_HOST, IN_USE_TOO}, "igbvf"},
                {{PF, 2, VFS_DETACHED}, {PF, 0, VFS_OF_HOST, IN_USE_TOO}, NULL},
};

typedef struct Crash {
        Host *host;
        const Case *one;
        char *old, *new;       /* snapshots */
        unsigned n_old, n_new; /* number of state files */
        unsigned n_writes;
} Crash;

static void set(Host *host, const VfRequest *request) {
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);

        daemon_await_quiet(daemon);
        vfs_ensure(daemon, request);
}

static void crash_begin(Crash *crash, const Case *one) {
        *crash = (Crash){.host = vfs_host(), .one = one};
        fake_kernel_do(crash->host->fake, "modprobe vfio_pci");
        set(crash->host, &one->before);
        crash->old = fake_kernel_snapshot(crash->host->fake);
        crash->n_old = count_detached_devices(crash->host);
        fake_kernel_do(crash->host->fake, "reset-writes");
        set(crash->host, &one->wanted);
        crash->n_writes = count_writes(crash->host);
        crash->new = fake_kernel_snapshot(crash->host->fake);
        crash->n_new = count_detached_devices(crash->host);
        assert_vfs(crash->host, PF, one->wanted.count, one->driver);
}

static void crash_end(Crash *crash) {
        host_free(crash->host);
        g_free(crash->old);
        g_free(crash->new);
}

/* Checks that the state is consistent, and returns whether it is the new state. */
static bool check_is_new(Crash *crash, Daemon *daemon) {
        g_autofree char *now = fake_kernel_snapshot(crash->host->fake);
        bool is_new = streq(now, crash->new);

        if (!is_new)
                g_assert_cmpstr(now, ==, crash->old);
        assert_autoprobe(crash->host, PF, true);
        assert_model_is_current(daemon);
        g_assert_cmpuint(count_detached_devices(crash->host), ==, is_new ? crash->n_new : crash->n_old);
        g_assert_cmpuint(count_transactions(crash->host), ==, 0);
        bool detached = (is_new ? crash->one->wanted : crash->one->before).fate == VFS_DETACHED;
        if (vfs_count(crash->host, PF) > 0)
                g_assert_cmpint(daemon_state(daemon, VF(0)), ==, detached ? DEVICE_DETACHED : DEVICE_HOST);
        return is_new;
}

static void stop_at(Crash *crash, Daemon *daemon, const char *stall, unsigned k, Answer *answer) {
        fake_kernel_do(crash->host->fake, "%s %u", stall, k);
        vfs_must_begin(daemon, &crash->one->wanted, answer);
        fake_kernel_do(crash->host->fake, "wait-pending 1");
}

typedef void (*case_t)(Crash *crash, const char *stall, unsigned k);

static void sweep(case_t callback) {
        static const char *const stalls[] = {"stall", "stall-after"};

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Crash crash;

                crash_begin(&crash, &cases[i]);
                for (size_t stall = 0; stall < G_N_ELEMENTS(stalls); stall++)
                        for (unsigned k = 1; k <= crash.n_writes; k++) {
                                set(crash.host, &crash.one->before);
                                assert_snapshot(crash.host, crash.old);
                                g_test_message("case %zu, %s %u", i, stalls[stall], k);
                                callback(&crash, stalls[stall], k);
                        }
                crash_end(&crash);
        }
}

static void worker_dies(Crash *crash, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {};

        stop_at(crash, daemon, stall, k, &answer);
        kill_worker(crash->host, false);
        daemon_await(daemon, &answer);
        daemon_await_quiet(daemon);
        g_assert_cmpint(answer.error, ==, 0);
        bool is_new = check_is_new(crash, daemon);
        g_assert_cmpstr(outcome_to_string(answer.outcome), ==, is_new ? "Done" : "RolledBack");
}

static void test_worker_dies(void) {
        sweep(worker_dies);
}

static void all_die(Crash *crash, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {};

        stop_at(crash, daemon, stall, k, &answer);
        daemon_stopp(&daemon);
        kill_worker(crash->host, true);
        daemon = daemon_start(crash->host, &patient);
        daemon_await_quiet(daemon);
        (void)check_is_new(crash, daemon);
}

static void test_all_die(void) {
        sweep(all_die);
}

/* Its worker finishes, and the next daemon notices it. */
static void daemon_dies(Crash *crash, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {}, refused = {};
        _cleanup_problem_ Problem problem = {};

        stop_at(crash, daemon, stall, k, &answer);
        daemon_stopp(&daemon);
        daemon = daemon_start(crash->host, &patient);
        g_assert_cmpint(daemon_state(daemon, PF), ==, DEVICE_CHANGING);
        g_assert_cmpint(vfs_begin(daemon, &(VfRequest){PF, 5}, &refused, &problem), ==, OUTCOME_BUSY);
        /* A VF that was just created must not be detached either. */
        const Device *made = inventory_find_device(crash->host->inventory, address_of(VF(1)));
        if (made && made->present && !device_is_on_vfio(made))
                g_assert_cmpint(daemon_begin(daemon, PLAN_DETACH, VF(1), &refused, &problem), ==, OUTCOME_BUSY);
        fake_kernel_do(crash->host->fake, "resume");
        daemon_await_quiet(daemon);
        g_assert_true(check_is_new(crash, daemon));
}

static void test_daemon_dies(void) {
        sweep(daemon_dies);
}

static void daemon_dies_first(Crash *crash, const char *stall, unsigned k) {
        g_autoptr(Daemon) daemon = daemon_start(crash->host, &patient);
        _cleanup_answer_ Answer answer = {};

        stop_at(crash, daemon, stall, k, &answer);
        daemon_stopp(&daemon);
        daemon = daemon_start(crash->host, &patient);
        kill_worker(crash->host, true);
        daemon_await_state(daemon, PF, DEVICE_HOST);
        daemon_await_quiet(daemon);
        (void)check_is_new(crash, daemon);
}

static void test_daemon_dies_first(void) {
        sweep(daemon_dies_first);
}

static void test_any_time(void) {
        Crash crash;

        crash_begin(&crash, &cases[2]);
        for (unsigned i = 0; i < 60; i++) {
                set(crash.host, &crash.one->before);
                g_autoptr(Daemon) daemon = daemon_start(crash.host, &patient);
                _cleanup_answer_ Answer answer = {};

                vfs_must_begin(daemon, &crash.one->wanted, &answer);
                pid_t pid = find_worker();
                g_usleep((gulong)g_test_rand_int_range(0, 20000));
                if (pid > 0)
                        (void)kill(pid, SIGKILL);
                daemon_await(daemon, &answer);
                daemon_await_quiet(daemon);
                bool is_new = check_is_new(&crash, daemon);
                g_assert_true(is_new == (answer.outcome == OUTCOME_DONE));
        }
        crash_end(&crash);
}

typedef struct Life {
        Host *host;
        const VfRequest *request;
} Life;

/* A daemon in a separate process. Its exit status is the outcome. */
static void run_daemon(void *userdata) {
        const Life *life = userdata;
        Daemon *daemon = daemon_start(life->host, &patient);
        Answer answer = {};

        syscall_killer_mark();
        vfs_must_begin(daemon, life->request, &answer);
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.error, ==, 0);
        daemon_await_quiet(daemon);
        _exit((int)answer.outcome);
}

/* Kills the worker, or the worker and the daemon, at each of the worker's syscalls; a prime step width skips some of
 * them. */
static void kill_at_syscalls(const Case *one, Victims victims, unsigned step) {
        unsigned n_syscalls, n_new = 0, n_old = 0;
        Crash crash;
        KillerEnd end;

        crash_begin(&crash, one);
        set(crash.host, &one->before);
        KillPoint point = {.process = 1, .victims = victims};
        const SyscallKiller killer = {.points = &point, .n_points = 1};
        Life life = {crash.host, &one->wanted};
        syscall_killer_run(&killer, run_daemon, &life, &end);
        g_assert_cmpint(end.exit_status, ==, OUTCOME_DONE);
        n_syscalls = end.n_syscalls;
        g_test_message("%u syscalls", n_syscalls);

        for (unsigned i = 1; i <= n_syscalls; i += step) {
                set(crash.host, &one->before);
                assert_snapshot(crash.host, crash.old);
                point.syscall = i;
                syscall_killer_run(&killer, run_daemon, &life, &end);

                g_autoptr(Daemon) daemon = daemon_start(crash.host, &patient);
                daemon_await_quiet(daemon);
                g_test_message("killed at %u (%" G_GUINT64_FORMAT ")", i, end.number);
                bool is_new = check_is_new(&crash, daemon);
                /* The answer is true. */
                if (end.exit_status >= 0)
                        g_assert_true(is_new == (end.exit_status == OUTCOME_DONE));
                n_new += is_new;
                n_old += !is_new;
        }
        g_assert_cmpuint(n_new, >, 0);
        g_assert_cmpuint(n_old, >, 0);
        crash_end(&crash);
}

static void test_worker_at_syscalls(void) {
        kill_at_syscalls(&cases[2], KILL_IT, 3);
}

static void test_all_at_syscalls(void) {
        kill_at_syscalls(&cases[2], KILL_ALL, 5);
        kill_at_syscalls(&cases[0], KILL_ALL, 7);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfs-crash/worker-dies", test_worker_dies);
        g_test_add_func("/vfs-crash/all-die", test_all_die);
        g_test_add_func("/vfs-crash/daemon-dies", test_daemon_dies);
        g_test_add_func("/vfs-crash/daemon-dies-first", test_daemon_dies_first);
        g_test_add_func("/vfs-crash/any-time", test_any_time);
        g_test_add_func("/vfs-crash/worker-at-syscalls", test_worker_at_syscalls);
        g_test_add_func("/vfs-crash/all-at-syscalls", test_all_at_syscalls);
        return g_test_run();
}
