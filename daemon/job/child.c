/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/child.h"
#include "base/log.h"

#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#define FOLDERS_MAX 4

static int compare_fds(const void *a, const void *b) {
        int x = *(const int *)a, y = *(const int *)b;
        return x < y ? -1 : x > y;
}

/* Closes all but these, which it sorts, and the standard streams. */
static void close_others(int *keep, size_t n) {
        unsigned next = STDERR_FILENO + 1;

        qsort(keep, n, sizeof(int), compare_fds);
        for (size_t i = 0; i < n; i++) {
                if (keep[i] < (int)next)
                        continue; /* not open */
                if ((unsigned)keep[i] > next)
                        (void)close_range(next, (unsigned)keep[i] - 1, 0);
                next = (unsigned)keep[i] + 1;
        }
        (void)close_range(next, ~0U, 0);
}

static void become_child(const char *name, const Kernel *kernel, const int *keep, size_t n_keep) {
        int fds[FOLDERS_MAX + CHILD_KEEP_MAX] = {kernel->sys_fd, kernel->devices_fd, kernel->dev_fd, kernel->proc_fd};
        sigset_t none;

        assert(n_keep <= CHILD_KEEP_MAX);
        (void)prctl(PR_SET_NAME, name);
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        memcpy(fds + FOLDERS_MAX, keep, n_keep * sizeof(int));
        close_others(fds, FOLDERS_MAX + n_keep);
}

/* sd-event has reaped the process: its source, which nobody owns, has done its work. */
static int on_reaped(sd_event_source *source, const siginfo_t *info, void *userdata) {
        (void)info;
        (void)userdata;
        return sd_event_source_set_floating(source, false);
}

pid_t child_fork(sd_event *event, const char *name, const Kernel *kernel, const int *keep, size_t n_keep) {
        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0) {
                become_child(name, kernel, keep, n_keep);
                return 0;
        }
        int r = sd_event_add_child(event, NULL, pid, WEXITED, on_reaped, NULL);
        if (r < 0) /* It runs, and tells how it ends by other ways; only its zombie stays until we end. */
                log_warning("Cannot watch the process %d: %s", (int)pid, strerror(-r));
        return pid;
}
