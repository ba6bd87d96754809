/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kill-stage.h"
#include "state-disk.h"

#include <fcntl.h>
#include <sys/syscall.h>

/* Daemon, worker or both are killed at every syscall of a detach, of a reattach, and of the recovery from either,
 * with or without a loss of what was not synced: all devices are attached or all are detached in the end, and their
 * old bindings are known.
 *
 * With --full the test kills at each syscall, and checks each end completely. Without, to be fast: at syscalls after
 * one that may have left something, and at some of the others; a state is checked only once. */

/* Among the other syscalls, every STRIDEth; for a daemon, whose syscalls are never exactly the same, this number
 * before and after the start of its worker. */
#define STRIDE 24
#define MARGIN 10

typedef struct Sweep {
        const char *name;
        Place start;
        PlanVerb cut_verb; /* INTERRUPTED: the verb that was interrupted */
        unsigned cut_at;   /* after this number of writes to the kernel */
        PlanVerb verb;     /* the request to the daemon, if any */
        bool worker_dies;  /* the worker dies after its last write to the kernel, and the daemon recovers */
        unsigned process;  /* kill at each of its syscalls in turn */
        Victims victims;
        DiskLoss loss;
} Sweep;

#define AT_LAST_WRITE 999

static bool full;

typedef struct Run {
        const Sweep *sweep;
        Stage *stage;
        char *done;       /* what the next daemon did while the worker of its predecessor still existed; or NULL */
        unsigned syscall; /* 0: none */
        GArray *points;   /* points that are not skipped */
        KillerEnd end;
        StateDisk *disk;
} Run;

/* These syscalls leave nothing when the process is dead. */
static bool leaves_nothing(const SyscallSeen *seen) {
        switch (seen->number) {
        case SYS_openat:
                return !(seen->arguments[2] & O_CREAT);
        case SYS_close:
        case SYS_fstat:
        case SYS_getdents64:
        case SYS_getpid:
        case SYS_getppid:
        case SYS_lseek:
        case SYS_newfstatat:
        case SYS_read:
        case SYS_readlinkat:
        case SYS_recvfrom:
                return true;
        default:
                return false;
        }
}

static void add_points(Run *run, unsigned first, unsigned last) {
        for (unsigned point = MAX(first, 1); point <= last; point++)
                g_array_append_val(run->points, point);
}

static void note_points(const SyscallSeen *seen, Run *run) {
        bool is_daemon = run->sweep->process == DAEMON, forks = seen->number == SYS_clone || seen->number == SYS_clone3;

        if (seen->process != run->sweep->process)
                return;
        if (is_daemon && forks)
                add_points(run, seen->syscall - MIN(MARGIN, seen->syscall), seen->syscall + MARGIN);
        else if (!is_daemon && !leaves_nothing(seen))
                add_points(run, seen->syscall + 1, seen->syscall + 1);
}

static void on_syscall(const SyscallSeen *seen, void *userdata) {
        Run *run = userdata;

        if (run->disk)
                state_disk_on_syscall(seen, run->disk);
        if (run->syscall == 0)
                note_points(seen, run);
}

static bool has_no_jobs(Daemon *daemon, const void *what) {
        (void)what;
        return !job_next(daemon->jobs, NULL);
}

/* Starts the next daemon while the worker of its predecessor still exists, at its syscall. The daemon knows the
 * worker, or the worker will do nothing more. */
static void start_next(void *userdata) {
        Run *run = userdata;
        PlanVerb verb = run->sweep->verb;
        _cleanup_problem_ Problem problem = {};
        _cleanup_answer_ Answer answer = {};
        g_autoptr(Daemon) daemon = daemon_start(run->stage->host, &patient);

        int r = daemon_begin(daemon, verb, "ens1", &answer, &problem);
        if (r == 0) {
                daemon_await(daemon, &answer);
                g_assert_cmpint(answer.error, ==, 0);
                g_assert_cmpint(answer.outcome, ==, OUTCOME_DONE);
                daemon_await_quiet(daemon);
                run->done = stage_state(run->stage);
        } else if (r != (verb == PLAN_DETACH ? OUTCOME_ALREADY_DETACHED : OUTCOME_NOT_DETACHED))
                g_assert_cmpint(r, ==, OUTCOME_BUSY);
        /* It may have found the worker dead and be recovering. */
        daemon_run_until(daemon, has_no_jobs, NULL);
        daemon_stopp(&daemon);
        host_forget(run->stage->host);
}

static void check_done(Run *run) {
        g_autofree char *state = stage_state(run->stage), *done = g_steal_pointer(&run->done);

        if (done && !streq(done, state))
                g_error("%s, killed at %u: the next daemon made\n%sand the worker of its predecessor changed it to\n%s",
                                run->sweep->name, run->syscall, done, state);
}

/* Returns whether it was killed at the point. */
static bool run_to_point(Run *run) {
        const Sweep *sweep = run->sweep;
        KillPoint points[2];
        unsigned n = 0;

        stage_prepare(run->stage, sweep->start, sweep->cut_verb, sweep->cut_at);
        g_autoptr(StateDisk) disk = sweep->loss != LOSS_NONE ? state_disk_new(run->stage->host->state_folder) : NULL;
        if (sweep->worker_dies)
                points[n++] = (KillPoint){WORKER, stage_syscall_after(run->stage, sweep->verb, AT_LAST_WRITE), KILL_IT};
        points[n++] = (KillPoint){sweep->process, run->syscall, sweep->victims};
        SyscallKiller killer = {.points = points, .n_points = n, .on_others_dead = start_next, .userdata = run};
        if (disk || run->syscall == 0)
                killer.on_syscall = on_syscall;
        run->disk = disk;
        stage_run_daemon(run->stage, sweep->verb, &killer, &run->end);
        run->disk = NULL;
        if (disk)
                state_disk_lose(disk, sweep->loss);
        check_done(run);
        return run->end.n_killed == n;
}

static Place recover_stage(Run *run) {
        const Sweep *sweep = run->sweep;
        g_autofree char *what = run->end.n_killed > 0 ? g_strdup_printf("%s, killed at %u (syscall number %d)",
                                                                        sweep->name, run->syscall, (int)run->end.number)
                                                      : g_strdup_printf("%s, not killed", sweep->name);

        return stage_recover(run->stage,
                        &(Check){
                                        .what = what,
                                        .answered = run->end.exit_status >= 0 && sweep->verb != NOTHING &&
                                                        !sweep->worker_dies,
                                        .verb = sweep->verb,
                                        .outcome = (Outcome)run->end.exit_status,
                                        .again = full,
                        });
}

static unsigned next_point(const Run *run) {
        unsigned next = full ? run->syscall + 1 : (run->syscall / STRIDE + 1) * STRIDE;

        for (unsigned i = 0; i < run->points->len; i++) {
                unsigned point = g_array_index(run->points, unsigned, i);
                if (point > run->syscall && point < next)
                        next = point;
        }
        return next;
}

static void test_sweep(const void *data) {
        unsigned n[INTERRUPTED] = {};
        Stage stage;

        stage_begin(&stage, "ports");
        g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(unsigned));
        Run run = {.sweep = data, .stage = &stage, .points = points};
        g_assert_false(run_to_point(&run));
        g_assert_cmpuint(points->len, >, 0);
        (void)recover_stage(&run);
        unsigned n_syscalls = run.end.n_syscalls;
        for (unsigned n_missed = 0; n_missed < (run.sweep->process == DAEMON ? MARGIN : 1);) {
                run.syscall = next_point(&run);
                bool killed = run_to_point(&run);
                Place place = recover_stage(&run);

                n_missed = killed ? 0 : n_missed + 1;
                if (killed)
                        n[place]++;
        }
        /* The syscalls of a worker are always the same, otherwise points would be missed. The syscalls of a daemon
         * depend on the order of events. */
        if (run.sweep->process != DAEMON)
                g_assert_cmpuint(run.end.n_syscalls, ==, n_syscalls);
        stage_end(&stage);
        g_test_message("%u of %u syscalls: %u ended attached, %u detached", n[ATTACHED] + n[DETACHED], n_syscalls,
                        n[ATTACHED], n[DETACHED]);
}

#define DETACH .start = ATTACHED, .verb = PLAN_DETACH
#define REATTACH .start = DETACHED, .verb = PLAN_REATTACH
#define RECOVERY(what, when) .start = INTERRUPTED, .cut_verb = (what), .cut_at = (when), .verb = NOTHING
/* The driver is bound on both devices, and the end is not written; the first of the two has no driver. */
#define OF_DETACH RECOVERY(PLAN_DETACH, AT_LAST_WRITE)
#define OF_HALF_DETACH RECOVERY(PLAN_DETACH, 3)
#define OF_HALF_REATTACH RECOVERY(PLAN_REATTACH, 3)

static const Sweep sweeps[] = {
                {"detach/worker", DETACH, .process = WORKER},
                {"detach/all-at-worker", DETACH, .process = WORKER, .victims = KILL_ALL},
                {"detach/daemon", DETACH, .process = DAEMON},
                {"detach/all-at-daemon", DETACH, .process = DAEMON, .victims = KILL_ALL},
                {"detach/orphan", DETACH, .process = WORKER, .victims = KILL_OTHERS},
                {"detach/second-worker", DETACH, .worker_dies = true, .process = SECOND_WORKER},
                {"detach/all-at-second-worker", DETACH, .worker_dies = true, .process = SECOND_WORKER,
                                .victims = KILL_ALL},
                {"reattach/worker", REATTACH, .process = WORKER},
                {"reattach/all-at-worker", REATTACH, .process = WORKER, .victims = KILL_ALL},
                {"reattach/daemon", REATTACH, .process = DAEMON},
                {"reattach/all-at-daemon", REATTACH, .process = DAEMON, .victims = KILL_ALL},
                {"reattach/orphan", REATTACH, .process = WORKER, .victims = KILL_OTHERS},
                {"recovery/worker", OF_DETACH, .process = WORKER},
                {"recovery/all-at-worker", OF_DETACH, .process = WORKER, .victims = KILL_ALL},
                {"recovery/daemon", OF_DETACH, .process = DAEMON},
                {"recovery/all-at-daemon", OF_DETACH, .process = DAEMON, .victims = KILL_ALL},
                {"recovery/half-detach-worker", OF_HALF_DETACH, .process = WORKER},
                {"recovery/half-detach-all-at-worker", OF_HALF_DETACH, .process = WORKER, .victims = KILL_ALL},
                {"recovery/half-reattach-worker", OF_HALF_REATTACH, .process = WORKER},
                {"recovery/half-reattach-all-at-worker", OF_HALF_REATTACH, .process = WORKER, .victims = KILL_ALL},
                {"power-loss/detach", DETACH, .process = WORKER, .victims = KILL_ALL, .loss = LOSS_OF_ALL},
                {"power-loss/detach-torn", DETACH, .process = WORKER, .victims = KILL_ALL, .loss = LOSS_OF_DATA},
                {"power-loss/reattach", REATTACH, .process = WORKER, .victims = KILL_ALL, .loss = LOSS_OF_ALL},
                {"power-loss/reattach-torn", REATTACH, .process = WORKER, .victims = KILL_ALL, .loss = LOSS_OF_DATA},
                {"power-loss/recovery", OF_DETACH, .process = WORKER, .victims = KILL_ALL, .loss = LOSS_OF_ALL},
                {"power-loss/recovery-torn", OF_DETACH, .process = WORKER, .victims = KILL_ALL, .loss = LOSS_OF_DATA},
};

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        full = argc == 2 && streq(argv[1], "--full");
        g_assert_true(full || argc == 1);
        for (size_t i = 0; i < G_N_ELEMENTS(sweeps); i++) {
                g_autofree char *path = g_strdup_printf("/syscall-sweep/%s", sweeps[i].name);

                g_test_add_data_func(path, &sweeps[i], test_sweep);
        }
        return g_test_run();
}
