/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helpers.h"
#include "kill-stage.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* vfiod-worker and vfiod-census are killed at the syscalls of their main process, alone or with their children, and the
 * child of vfiod-census at its syscalls, during a detach and a reattach. A daemon that nobody kills asks for these, and a
 * process that stands for systemd starts the helper again. The daemon gets one answer, and the answer is true; it leaves
 * no work to the next daemon. With --full, the kills are at each syscall. */

/* Helpers soon end between two jobs. */
#define IDLE_US 20000

/* Without --full, to be fast. */
#define STRIDE 3

/* The syscalls of a main process depend on the order of events: the sweep ends after so many runs without a kill. */
#define MARGIN 5

/* The numbers of the processes. */
enum {
        MAIN,
        CHILD
};

typedef struct Sweep {
        const char *name;
        PlanVerb verb;
        Helper helper;    /* its main process is traced, and its children */
        unsigned process; /* kill at each of its syscalls in turn */
        Victims victims;
} Sweep;

typedef struct Run {
        const Sweep *sweep;
        Stage *stage;
        HelperHost host;
        unsigned syscall; /* 0: none */
        int listen_fd;    /* of the helper */
        int pid_pipe[2];  /* transports the pid of the main process */
        int end_pipe[2];  /* open as long as a process of the run exists */
        int exit_status;  /* of the daemon */
        KillerEnd end;
} Run;

static bool full;

/* The process that the syscall killer runs. */
static void run_helper(void *userdata) {
        const Run *run = userdata;
        pid_t pid = getpid();

        g_assert_cmpint(write(run->pid_pipe[1], &pid, sizeof(pid)), ==, sizeof(pid));
        /* A traced child can be waited for only after the test has waited for it. The event loop would look once, when the
         * pidfd reports the end, and that may be too early. Without pidfds it gets SIGCHLD, which comes later. */
        g_assert_true(g_setenv("SYSTEMD_PIDFD", "0", TRUE));
        syscall_killer_mark();
        _exit(helpers_run(&run->host, run->sweep->helper, run->listen_fd) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static void start_helpers(const Run *run) {
        pid_t pid;

        g_assert_cmpint(read(run->pid_pipe[0], &pid, sizeof(pid)), ==, sizeof(pid));
        for (Helper helper = 0; helper < _HELPER_MAX; helper++) {
                bool is_traced = helper == run->sweep->helper;
                _cleanup_close_ int listen_fd = is_traced ? -EBADF : helpers_listen(&run->host, helper);

                g_assert_cmpint(helpers_activate(&run->host, helper, is_traced ? run->listen_fd : listen_fd,
                                                is_traced ? pid : 0),
                                ==, 0);
        }
}

/* The outcome is the exit status. */
static void run_daemon(const Run *run) {
        WorkerPort port = helpers_worker_port(&run->host);
        Answer answer = {};

        start_helpers(run);
        run->stage->host->worker = &port;
        Daemon *daemon = daemon_start(run->stage->host, &patient);
        daemon_must_begin(daemon, run->sweep->verb, PORT1, &answer);
        daemon_await(daemon, &answer);
        if (answer.error != 0)
                g_error("%s, killed at %u: no answer: %s", run->sweep->name, run->syscall, strerror(-answer.error));
        daemon_await_quiet(daemon);
        _exit((int)answer.outcome);
}

/* Waits until all processes have ended, also those that stand for systemd and the helpers that they started. */
static void await_end(Run *run, pid_t daemon) {
        struct pollfd poll_fd = {.fd = run->end_pipe[0], .events = POLLIN};
        int status;

        g_assert_cmpint(waitpid(daemon, &status, 0), ==, daemon);
        if (!WIFEXITED(status))
                g_error("%s, killed at %u: the daemon ended with signal %d", run->sweep->name, run->syscall,
                                WTERMSIG(status));
        run->exit_status = WEXITSTATUS(status);
        close(run->end_pipe[1]);
        g_assert_cmpint(poll(&poll_fd, 1, 60000), ==, 1);
        close(run->end_pipe[0]);
        while (waitpid(-1, NULL, WNOHANG) > 0)
                continue;
}

/* Returns whether it was killed at the point. */
static bool run_to_point(Run *run) {
        const Sweep *sweep = run->sweep;
        const KillPoint point = {sweep->process, run->syscall, sweep->victims};
        const SyscallKiller killer = {.points = &point, .n_points = 1};

        stage_prepare(run->stage, sweep->verb == PLAN_DETACH ? ATTACHED : DETACHED, sweep->verb, 0);
        g_assert_cmpint(pipe2(run->pid_pipe, O_CLOEXEC), ==, 0);
        g_assert_cmpint(pipe2(run->end_pipe, O_CLOEXEC), ==, 0);
        run->listen_fd = helpers_listen(&run->host, sweep->helper);
        g_assert_cmpint(run->listen_fd, >=, 0);
        pid_t daemon = fork();
        g_assert_cmpint(daemon, >=, 0);
        if (daemon == 0)
                run_daemon(run);
        syscall_killer_run(&killer, run_helper, run, &run->end);
        close(run->listen_fd);
        close(run->pid_pipe[0]);
        close(run->pid_pipe[1]);
        await_end(run, daemon);
        host_forget(run->stage->host);
        return run->end.n_killed == 1;
}

static Place recover_stage(const Run *run) {
        const Sweep *sweep = run->sweep;
        g_autofree char *what = g_strdup_printf("%s, killed at %u (syscall number %d)", sweep->name, run->syscall,
                        run->end.n_killed > 0 ? (int)run->end.number : -1);

        return stage_recover(run->stage,
                        &(Check){
                                        .what = what,
                                        .answered = true,
                                        .verb = sweep->verb,
                                        .outcome = (Outcome)run->exit_status,
                        });
}

static void test_sweep(const void *data) {
        static const char *const no_folders[] = {NULL};
        unsigned n[INTERRUPTED] = {}, n_killed = 0;
        const Sweep *sweep = data;
        Stage stage;

        stage_begin(&stage, "disks");
        g_autofree char *worker = g_build_filename(stage.host->folder, "worker", NULL),
                        *census = g_build_filename(stage.host->folder, "census", NULL),
                        *reaper = g_build_filename(stage.host->folder, "reaper", NULL);
        Run run = {
                        .sweep = sweep,
                        .stage = &stage,
                        .host =
                                        {
                                                        .kernel = stage.host->kernel,
                                                        .state_folder = stage.host->state_folder,
                                                        .sockets = {[HELPER_WORKER] = worker,
                                                                        [HELPER_CENSUS] = census,
                                                                        [HELPER_REAPER] = reaper},
                                                        .rule_folders = no_folders,
                                                        .early_rules = "/nonexistent/rules",
                                                        .boot_rules = "/nonexistent/boot",
                                                        .idle_us = IDLE_US,
                                        },
        };
        g_assert_false(run_to_point(&run));
        g_assert_cmpint(run.exit_status, ==, OUTCOME_DONE);
        g_assert_cmpint(run.end.exit_status, ==, EXIT_SUCCESS);
        (void)recover_stage(&run);
        run.syscall = 1;
        for (unsigned n_missed = 0; n_missed < MARGIN; run.syscall += full ? 1 : STRIDE) {
                bool killed = run_to_point(&run);
                Place place = recover_stage(&run);

                n_missed = killed ? 0 : n_missed + 1;
                n[place] += killed;
                n_killed += killed;
        }
        (void)unlink(worker);
        (void)unlink(census);
        stage_end(&stage);
        g_assert_cmpuint(n_killed, >, 0);
        g_test_message("killed at %u syscalls: %u ended attached, %u detached", n_killed, n[ATTACHED], n[DETACHED]);
}

static const Sweep sweeps[] = {
                {"detach/worker", PLAN_DETACH, HELPER_WORKER, MAIN, KILL_IT},
                {"detach/worker-and-children", PLAN_DETACH, HELPER_WORKER, MAIN, KILL_ALL},
                {"detach/census", PLAN_DETACH, HELPER_CENSUS, MAIN, KILL_IT},
                {"detach/child-of-census", PLAN_DETACH, HELPER_CENSUS, CHILD, KILL_IT},
                {"reattach/worker", PLAN_REATTACH, HELPER_WORKER, MAIN, KILL_IT},
                {"reattach/worker-and-children", PLAN_REATTACH, HELPER_WORKER, MAIN, KILL_ALL},
                {"reattach/census", PLAN_REATTACH, HELPER_CENSUS, MAIN, KILL_IT},
                {"reattach/child-of-census", PLAN_REATTACH, HELPER_CENSUS, CHILD, KILL_IT},
};

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        full = argc == 2 && streq(argv[1], "--full");
        g_assert_true(full || argc == 1);
        g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 1), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(sweeps); i++) {
                g_autofree char *path = g_strdup_printf("/helper-sweep/%s", sweeps[i].name);

                g_test_add_data_func(path, &sweeps[i], test_sweep);
        }
        return g_test_run();
}
