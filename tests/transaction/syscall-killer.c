/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "syscall-killer.h"

/* This must be first: the C library's header replaces parts of the kernel's header. */
#include <sys/ptrace.h>

#include <errno.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROCESSES_MAX 16
#define STOPPED_AT_SYSCALL (SIGTRAP | 0x80)
#define OPTIONS \
        (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)

typedef struct Process {
        pid_t pid;
        bool ended, killed;
        const KillPoint *point; /* NULL for none */
        unsigned n_syscalls;
        guint64 number, arguments[6]; /* of the current syscall */
} Process;

typedef struct Run {
        const SyscallKiller *killer;
        Process processes[PROCESSES_MAX];
        unsigned n_processes;
        KillerEnd *end;
} Run;

void syscall_killer_mark(void) {
        (void)raise(SIGSTOP);
}

static Process *find_process(Run *run, pid_t pid) {
        for (unsigned i = 0; i < run->n_processes; i++)
                if (run->processes[i].pid == pid)
                        return &run->processes[i];
        return NULL;
}

static Process *add_process(Run *run, pid_t pid) {
        g_assert_cmpuint(run->n_processes, <, PROCESSES_MAX);
        g_assert_cmpint(pid, >, 1);
        Process *process = &run->processes[run->n_processes];
        *process = (Process){.pid = pid};
        for (unsigned i = 0; i < run->killer->n_points; i++)
                if (run->killer->points[i].process == run->n_processes)
                        process->point = &run->killer->points[i];
        run->n_processes++;
        return process;
}

static void kill_process(Process *process) {
        if (process->ended)
                return;
        process->killed = true;
        g_assert_cmpint(kill(process->pid, SIGKILL), ==, 0);
}

/* The test traces all processes that it has not waited for yet. A killed process may have ended already. */
static void continue_process(const Run *run, const Process *process, int signal) {
        bool stops = (process->point && !process->killed) || run->killer->on_syscall;

        if (ptrace(stops ? PTRACE_SYSCALL : PTRACE_CONT, process->pid, NULL, (void *)(intptr_t)signal) < 0)
                g_assert_cmpint(errno, ==, ESRCH);
}

/* Syscalls for memory depend on what was freed before. How often a process waits for its peer and finds nothing depends on
 * which of the two is quicker. Nobody else can see the effects of these syscalls. */
static bool counts(guint64 number) {
        return number != SYS_poll && number != SYS_ppoll && number != SYS_recvmsg && number != SYS_brk &&
                        number != SYS_mmap && number != SYS_munmap && number != SYS_mremap && number != SYS_madvise &&
                        number != SYS_mprotect;
}

static void on_end(Run *run, Process *process, int status);

/* Until they have ended. */
static void kill_others(Run *run, const Process *survivor) {
        for (unsigned i = 0; i < run->n_processes; i++) {
                Process *process = &run->processes[i];
                int status;

                if (process == survivor || process->ended)
                        continue;
                kill_process(process);
                do
                        g_assert_cmpint(waitpid(process->pid, &status, __WALL), ==, process->pid);
                while (WIFSTOPPED(status));
                on_end(run, process, status);
        }
        run->killer->on_others_dead(run->killer->userdata);
}

/* Returns whether the process was killed. */
static bool on_entry(Run *run, Process *process) {
        const KillPoint *point = process->point;

        if (!counts(process->number))
                return false;
        process->n_syscalls++;
        if (!point || process->n_syscalls != point->syscall)
                return false;
        run->end->n_killed++;
        run->end->number = process->number;
        if (point->victims == KILL_OTHERS) {
                kill_others(run, process);
                return false;
        }
        for (unsigned i = 0; i < run->n_processes; i++)
                if (point->victims == KILL_ALL || &run->processes[i] == process)
                        kill_process(&run->processes[i]);
        return true;
}

static void on_syscall_stop(Run *run, Process *process) {
        struct __ptrace_syscall_info info;

        if (ptrace(PTRACE_GET_SYSCALL_INFO, process->pid, (void *)sizeof(info), &info) < 0) {
                g_assert_cmpint(errno, ==, ESRCH); /* killed meanwhile */
                return;
        }
        if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
                process->number = info.entry.nr;
                for (unsigned i = 0; i < G_N_ELEMENTS(process->arguments); i++)
                        process->arguments[i] = info.entry.args[i];
                if (on_entry(run, process))
                        return;
        } else if (info.op == PTRACE_SYSCALL_INFO_EXIT && run->killer->on_syscall && counts(process->number) &&
                        !process->killed) {
                SyscallSeen seen = {
                                .pid = process->pid,
                                .process = (unsigned)(process - run->processes),
                                .syscall = process->n_syscalls,
                                .number = process->number,
                                .result = info.exit.rval,
                };

                memcpy(seen.arguments, process->arguments, sizeof(seen.arguments));
                run->killer->on_syscall(&seen, run->killer->userdata);
        }
        continue_process(run, process, 0);
}

static void on_stop(Run *run, Process *process, int status) {
        int signal = WSTOPSIG(status);
        unsigned long forked;

        if (signal == STOPPED_AT_SYSCALL) {
                on_syscall_stop(run, process);
                return;
        }
        /* The child may have stopped already before the parent reports the fork. */
        if (status >> 16 != 0 && ptrace(PTRACE_GETEVENTMSG, process->pid, NULL, &forked) == 0 &&
                        !find_process(run, (pid_t)forked))
                (void)add_process(run, (pid_t)forked);
        if (status >> 16 != 0 || signal == SIGSTOP)
                continue_process(run, process, 0);
        else
                continue_process(run, process, signal);
}

static void on_end(Run *run, Process *process, int status) {
        unsigned i = (unsigned)(process - run->processes);

        process->ended = true;
        if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL) /* a worker may have asked to be killed together with
                                                                 * its daemon */
                g_error("Process %u ended with signal %d", i, WTERMSIG(status));
        if (process->point && process->point == &run->killer->points[run->killer->n_points - 1])
                run->end->n_syscalls = process->n_syscalls;
        if (i == 0)
                run->end->exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static bool all_have_ended(const Run *run) {
        for (unsigned i = 0; i < run->n_processes; i++)
                if (!run->processes[i].ended)
                        return false;
        return true;
}

/* All processes are in their own process group, so that no other children are reaped here. */
static pid_t wait_for_any(pid_t group, int *ret_status, int options) {
        for (;;) {
                pid_t pid = waitpid(-group, ret_status, options | __WALL);
                if (pid >= 0 || errno != EINTR)
                        return pid;
        }
}

void syscall_killer_run(const SyscallKiller *killer, void (*callback)(void *userdata), void *callback_userdata,
                KillerEnd *ret_end) {
        Run run = {.killer = killer, .end = ret_end};
        int status;

        *ret_end = (KillerEnd){};
        g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 1), ==, 0);
        pid_t first = fork();
        g_assert_cmpint(first, >=, 0);
        if (first == 0) {
                if (setpgid(0, 0) < 0 || ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
                        _exit(EXIT_FAILURE); /* does another program trace this process? */
                callback(callback_userdata);
                abort();
        }
        g_assert_cmpint(waitpid(first, &status, 0), ==, first);
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP)
                g_error("the process ended before its start mark: status %x", (unsigned)status);
        g_assert_cmpint(ptrace(PTRACE_SETOPTIONS, first, NULL, (void *)(intptr_t)OPTIONS), ==, 0);
        continue_process(&run, add_process(&run, first), 0);

        while (!all_have_ended(&run)) {
                pid_t pid = wait_for_any(first, &status, 0);
                Process *process = find_process(&run, pid);

                g_assert_cmpint(pid, >, 0);
                if (WIFSTOPPED(status))
                        on_stop(&run, process ?: add_process(&run, pid), status);
                else if (process)
                        on_end(&run, process, status);
        }
        /* A process that outlived its parent has become a child of the test, and is reaped a second time. */
        while (wait_for_any(first, &status, WNOHANG) > 0)
                continue;
}
