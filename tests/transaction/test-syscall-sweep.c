/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kill-stage.h"
#include "state-disk.h"

#include <fcntl.h>
#include <sys/syscall.h>

/* Daemon, worker or both are killed at every syscall of a detach, of a reattach, and of the recovery from either, also with a loss of what was
 * not synced: it ends fully old or fully new, and what the devices were is known.
 *
 * With --full at each syscall, and each end is looked at from the ground. Without, to be quick: where the one before may have left something behind, and
 * at some of the others; and a state that was looked at once is known. */

/* Of the others, one in so many; of a daemon, whose way is never quite the same, so many before and after the birth of its worker. */
#define STRIDE 24
#define MARGIN 10

typedef struct Sweep {
        const char *name;
        Place start;
        PlanVerb cut_verb; /* IN_BETWEEN: what was cut off */
        unsigned cut_at;   /* and after how many writes to the kernel */
        PlanVerb verb;     /* what the daemon is asked for, if anything */
        bool worker_dies;  /* after its last write to the kernel, and the daemon gives back what that left */
        unsigned process;  /* each of its syscalls in turn */
        Victims victims;
        DiskLoss loss;
} Sweep;

#define AT_LAST_WRITE 999

static bool full;

typedef struct Run {
        const Sweep *sweep;
        Stage *stage;
        char *done;       /* what the next daemon had done while the worker of the last one still was there; or NULL */
        unsigned syscall; /* 0: none */
        GArray *points;   /* that are not left out */
        KillerEnd end;
        StateDisk *disk;
} Run;

/* Nothing is left of these when the process is dead. */
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

/* The next daemon, while the worker of the last one is still there, at its syscall. It knows of it; or that worker will do nothing more. */
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
        /* It may have found the worker dead, and give back what that left. */
        daemon_run_until(daemon, has_no_jobs, NULL);
        daemon_stopp(&daemon);
        host_forget(run->stage->host);
}

static void check_done(Run *run) {
        g_autofree char *state = stage_state(run->stage), *done = g_steal_pointer(&run->done);

        if (done && !streq(done, state))
                g_error("%s, killed at %u: the next daemon made\n%sand the worker of the last one made of it\n%s",
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
        stage_live(run->stage, sweep->verb, &killer, &run->end);
        run->disk = NULL;
        if (disk)
                state_disk_lose(disk, sweep->loss);
        check_done(run);
        return run->end.n_killed == n;
}

static Place settle(Run *run) {
        const Sweep *sweep = run->sweep;
        g_autofree char *what = run->end.n_killed > 0 ? g_strdup_printf("%s, killed at %u (syscall number %d)",
                                                                        sweep->name, run->syscall, (int)run->end.number)
                                                      : g_strdup_printf("%s, not killed", sweep->name);

        return stage_settle(run->stage,
                        &(Check){
                                        .what = what,
                                        .answered = run->end.exit_status >= 0 && sweep->verb != NOTHING &&
                                                        !sweep->worker_dies,
                                        .verb = sweep->verb,
                                        .outcome = (Outcome)run->end.exit_status,
                                        .anew = full,
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
        unsigned n[IN_BETWEEN] = {};
        Stage stage;

        stage_begin(&stage);
        g_autoptr(GArray) points = g_array_new(FALSE, FALSE, sizeof(unsigned));
        Run run = {.sweep = data, .stage = &stage, .points = points};
        g_assert_false(run_to_point(&run));
        g_assert_cmpuint(points->len, >, 0);
        (void)settle(&run);
        unsigned n_syscalls = run.end.n_syscalls;
        for (unsigned n_missed = 0; n_missed < (run.sweep->process == DAEMON ? MARGIN : 1);) {
                run.syscall = next_point(&run);
                bool killed = run_to_point(&run);
                Place place = settle(&run);

                n_missed = killed ? 0 : n_missed + 1;
                if (killed)
                        n[place]++;
        }
        /* A worker's way is always the same, or points would be missed. What a daemon does depends on what comes first. */
        if (run.sweep->process != DAEMON)
                g_assert_cmpuint(run.end.n_syscalls, ==, n_syscalls);
        stage_end(&stage);
        g_test_message("%u of %u syscalls: %u ended at home, %u away", n[AT_HOME] + n[AWAY], n_syscalls, n[AT_HOME],
                        n[AWAY]);
}

#define DETACH .start = AT_HOME, .verb = PLAN_DETACH
#define REATTACH .start = AWAY, .verb = PLAN_REATTACH
#define RECOVERY(what, when) .start = IN_BETWEEN, .cut_verb = (what), .cut_at = (when), .verb = NOTHING
/* The driver is on both devices, and the end is not written down; the first of the two has no driver. */
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
