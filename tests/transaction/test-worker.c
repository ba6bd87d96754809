/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

/* The worker process: its messages to the daemon, its open files, and how its end is noticed. */

#define N_MANY 300

/* A group of many devices next to the card. */
static Host *host_with_many(void) {
        Host *host = host_new();

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        for (unsigned i = 0; i < N_MANY; i++)
                fake_kernel_do(host->fake, "plug 0000:%02x:%02x.%x vendor=8086 device=100e class=020000 group=99",
                                0x40 + i / 256, i / 8 % 32, i % 8);
        return host;
}

static void test_many_changes(void) {
        g_autoptr(Host) host = host_with_many();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {};

        daemon_must_begin(daemon, PLAN_DETACH, "group:99", &answer);
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_DONE);
        g_auto(GStrv) changes = g_strsplit(answer.changes, ", ", -1);
        g_assert_cmpuint(g_strv_length(changes), ==, N_MANY);
        g_assert_cmpstr(changes[0], ==, "0000:40:00.0 e1000 vfio-pci");
        g_assert_cmpstr(changes[N_MANY - 1], ==, "0000:41:05.3 e1000 vfio-pci");
        daemon_move(daemon, PLAN_REATTACH, "group:99", OUTCOME_DONE);
        assert_snapshot(host, before);
}

/* All writes fail from the middle on: the message names each device that remains. */
static void test_long_message(void) {
        g_autoptr(Host) host = host_with_many();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {};

        for (unsigned i = 0; i < N_MANY * 5; i++)
                fake_kernel_do(host->fake, "fail %u EIO", 2 * N_MANY + 1 + i);
        daemon_must_begin(daemon, PLAN_DETACH, "group:99", &answer);
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.error, ==, 0);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_DEGRADED);
        g_auto(GStrv) parts = g_strsplit(answer.message, " and driver_override 'vfio-pci'", -1);
        g_assert_cmpuint(g_strv_length(parts), ==, N_MANY + 1);
        g_assert_cmpint(answer.message[strlen(answer.message) - 1], ==, '.');
}

typedef struct Told {
        unsigned n_steps, n_results;
        size_t last_step;
        int error;
        bool is_rising;
} Told;

static void on_step(size_t step, const char *holder, void *userdata) {
        Told *told = userdata;

        (void)holder;
        told->is_rising = told->is_rising && (told->n_steps == 0 || step > told->last_step);
        told->last_step = step;
        told->n_steps++;
}

static void on_result(WorkerResult *result, void *userdata) {
        Told *told = userdata;

        told->n_results++;
        told->error = result->error;
}

static bool has_result(Daemon *daemon, const void *what) {
        (void)daemon;
        return ((const Told *)what)->n_results > 0;
}

/* A worker for a plan, without a job. */
static Worker *begin(Daemon *daemon, Plan *plan, Told *told) {
        Worker *worker;

        *told = (Told){.is_rising = true};
        g_assert_cmpint(worker_new(daemon->event, &daemon->port, 1, plan, on_step, on_result, told, &worker), ==, 0);
        return worker;
}

static void test_steps(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_(plan_freep) Plan *plan = host_plan(host, PLAN_DETACH, "ens1");
        Told told;

        Worker *worker = begin(daemon, plan, &told);
        daemon_run_until(daemon, has_result, &told);
        g_assert_cmpint(told.error, ==, 0);
        g_assert_cmpuint(told.n_results, ==, 1);
        g_assert_null(worker_free(worker));
        g_assert_cmpuint(told.n_steps, ==, plan->n_steps);
        g_assert_true(told.is_rising);
        /* The parent's copy of the plan is unchanged. */
        g_assert_null(plan->members[0].origin);
}

static void test_killed(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_(plan_freep) Plan *plan = host_plan(host, PLAN_DETACH, "ens1");
        Told told;

        fake_kernel_do(host->fake, "stall 2");
        Worker *worker = begin(daemon, plan, &told);
        fake_kernel_do(host->fake, "wait-pending 1");
        kill_worker(host, false);
        daemon_run_until(daemon, has_result, &told);
        g_assert_null(worker_free(worker));
        g_assert_cmpint(told.error, ==, -EPIPE);
        g_assert_cmpuint(told.n_results, ==, 1);
}

/* It has nothing of the daemon open except the kernel's folders and the state folder. */
static void test_descriptors(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {};
        _cleanup_close_ int low = open("/dev/zero", O_RDONLY), high = fcntl(low, F_DUPFD, 500);
        const char *name;

        g_assert_cmpint(low, >=, 0);
        g_assert_cmpint(high, >=, 500);
        fake_kernel_do(host->fake, "stall 1");
        daemon_must_begin(daemon, PLAN_DETACH, "ens1", &answer);
        fake_kernel_do(host->fake, "wait-pending 1");

        g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)find_only_worker());
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        while ((name = g_dir_read_name(folder))) {
                g_autofree char *link = g_build_filename(path, name, NULL);
                g_autofree char *target = g_file_read_link(link, NULL);

                if (g_ascii_strtoll(name, NULL, 10) <= STDERR_FILENO)
                        continue;
                bool ours = startswith(target, fake_kernel_get_root(host->fake)) || startswith(target, host->folder);
                struct stat status;

                g_assert_cmpstr(target, !=, "/dev/zero");
                /* The pipe by which the kernel tells it that the daemon has ended. */
                g_assert_cmpint(lstat(link, &status), ==, 0);
                if (startswith(target, "pipe:") && !(status.st_mode & S_IWUSR))
                        continue;
                if (!ours && !startswith(target, "socket:"))
                        g_error("The worker has %s open", target);
        }

        fake_kernel_do(host->fake, "resume");
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_DONE);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/worker/many-changes", test_many_changes);
        g_test_add_func("/worker/long-message", test_long_message);
        g_test_add_func("/worker/steps", test_steps);
        g_test_add_func("/worker/killed", test_killed);
        g_test_add_func("/worker/descriptors", test_descriptors);
        return g_test_run();
}
