/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "agent.h"

#include "connect.h"
#include "daemon/base/util.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <systemd/sd-login.h>

#define AGENT "/usr/bin/pkttyagent"

/* It connects to the bus, and registers itself with polkit. */
#define READY_WITHIN_MS 10000

/* Whether polkit finds a session for this process, as polkit looks for it. In a session, another agent comes first
 * ("--fallback"). Without a session there is no other agent, and polkit does not use one that is a fallback. */
static bool is_in_session(void) {
        _cleanup_free_ char *own = NULL, *of_user = NULL;

        return sd_pid_get_session(0, &own) >= 0 || sd_uid_get_display(getuid(), &of_user) >= 0;
}

/* Runs in the child. Its stdout is that of stderr, because stdout is the result of vfioctl. */
static void run_agent(int notify_fd, pid_t parent, bool in_session) {
        char number[16];
        sigset_t none;

        (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
        (void)signal(SIGPIPE, SIG_DFL);
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        (void)snprintf(number, sizeof(number), "%d", notify_fd);
        if (fcntl(notify_fd, F_SETFD, 0) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
                (void)execv(AGENT,
                                (char *[]){(char *)"pkttyagent", (char *)"--notify-fd", number,
                                                in_session ? (char *)"--fallback" : NULL, NULL});
        _exit(EXIT_FAILURE);
}

/* The agent closes its end of the pipe when it is ready, or when it ends. */
static void wait_until_ready(int fd) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

        while (poll(&poll_fd, 1, READY_WITHIN_MS) < 0 && errno == EINTR)
                ;
}

pid_t agent_start(sd_bus *bus) {
        bool in_session = is_in_session();
        pid_t parent = getpid();
        int ends[2];

        if (geteuid() == 0 || !isatty(STDIN_FILENO) || connection_is_direct(bus))
                return 0;
        (void)sd_bus_set_allow_interactive_authorization(bus, true);
        if (pipe2(ends, O_CLOEXEC) < 0)
                return 0;
        _cleanup_close_ int read_end = ends[0];
        _cleanup_close_ int write_end = ends[1];
        (void)fflush(NULL);
        pid_t pid = fork();
        if (pid < 0)
                return 0;
        if (pid == 0)
                run_agent(write_end, parent, in_session);
        (void)safe_close(TAKE_FD(write_end));
        wait_until_ready(read_end);
        return pid;
}

void agent_stop(pid_t pid) {
        if (pid <= 0)
                return;
        (void)kill(pid, SIGTERM);
        /* It may be stopped, because it read from the terminal in the background. */
        (void)kill(pid, SIGCONT);
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}
