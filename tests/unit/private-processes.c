/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "private-mounts.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* private-processes PROGRAM [ARGUMENT ...]: runs a program in a PID namespace with a /proc of its own. unshare(1) cannot do this in a
 * chroot whose root is no mount point. */

static int fail(const char *what, int error) {
        fprintf(stderr, "%s: %s\n", what, strerror(error));
        return 126;
}

/* As the exit status of a shell. */
static int status_of(int status) {
        return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Waits for the child, and reaps the other processes that end. */
static int wait_for(pid_t child) {
        int status = 0;
        pid_t ended;

        do
                ended = wait(&status);
        while (ended != child && (ended > 0 || errno == EINTR));
        return ended == child ? status_of(status) : fail("wait", errno);
}

static int run(char **arguments) {
        pid_t child = fork();
        if (child < 0)
                return fail("fork", errno);
        if (child > 0)
                return wait_for(child);
        (void)execv(arguments[0], arguments);
        return fail(arguments[0], errno);
}

/* The first process of the namespace: the kernel kills all others when it ends. A signal whose action is the default does not end it, so
 * the program is its child. */
static int run_first(char **arguments) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
                return fail("mount /proc", errno);
        return run(arguments);
}

static int run_apart(char **arguments) {
        int r = private_mounts();
        if (r < 0)
                return fail("private mounts", -r);
        if (unshare(CLONE_NEWPID) < 0)
                return fail("unshare", errno);
        pid_t first = fork();
        if (first < 0)
                return fail("fork", errno);
        return first == 0 ? run_first(arguments) : wait_for(first);
}

/* Ends without exit handlers: the leak check of a sanitizer reads /proc, which is that of the other namespace now. */
int main(int argc, char **argv) {
        _exit(argc < 2 ? fail("private-processes", EINVAL) : run_apart(argv + 1));
}
