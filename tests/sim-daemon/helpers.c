/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helpers.h"
#include "base/log.h"
#include "helper/census-service.h"
#include "helper/reaper-service.h"
#include "helper/worker-service.h"
#include "process/census-client.h"
#include "process/listener.h"
#include "state/first-edition.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

#define CHILDREN_MAX 256

/* The signal by which the process that starts a helper learns that the daemon has ended. */
#define OWNER_ENDED SIGUSR1

static const char *const names[_HELPER_MAX] = {
                [HELPER_WORKER] = "vfiod-worker", [HELPER_CENSUS] = "vfiod-census", [HELPER_REAPER] = "vfiod-reaper"};

/* A helper, and the process that starts it when somebody connects, as systemd does. */
typedef struct Activator {
        const HelperHost *host;
        Helper what;
        int listen_fd, signal_fd;
        int running_fd; /* the pidfd of a helper that somebody else started; negative for none */
        pid_t helper;   /* 0 for none */
} Activator;

int helpers_listen(const HelperHost *host, Helper helper) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        const char *path = host->sockets[helper];

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, path);
        /* The socket of an earlier daemon. */
        (void)unlink(path);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, SOMAXCONN) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static ListenerParts make_parts(const HelperHost *host, const char *name, int listen_fd) {
        return (ListenerParts){
                        .child_name = name,
                        .kernel = host->kernel,
                        .listen_fd = listen_fd,
                        .children_max = CHILDREN_MAX,
                        .idle_us = host->idle_us,
                        .keep = {-EBADF, -EBADF, -EBADF, -EBADF},
        };
}

static int run_worker(const HelperHost *host, int listen_fd) {
        ListenerParts parts = make_parts(host, "vfiod-job", listen_fd);
        CensusClient census = census_client(host->sockets[HELPER_CENSUS]);
        _cleanup_(state_freep) State *state = NULL;
        int r;

        host->kernel->census = &census.port;
        if ((r = state_new(host->state_folder, true, &state)) < 0 || (r = first_edition_take_over(state)) < 0)
                return r;
        WorkerHost worker = {
                        .kernel = host->kernel,
                        .devices_fd = state->devices_fd,
                        .transactions_fd = state->transactions_fd,
                        .leases_fd = state->leases_fd,
                        .reverts_fd = state->reverts_fd,
                        .rule_folders = host->rule_folders,
                        .early_rules = host->early_rules,
                        .boot_rules = host->boot_rules,
                        .reaper = host->sockets[HELPER_REAPER],
        };
        parts.keep[0] = state->devices_fd;
        parts.keep[1] = state->transactions_fd;
        parts.keep[2] = state->leases_fd;
        parts.keep[3] = state->reverts_fd;
        parts.serve = worker_serve;
        parts.userdata = &worker;
        return listener_run(&parts);
}

static int run_census(const HelperHost *host, int listen_fd) {
        ListenerParts parts = make_parts(host, "vfiod-search", listen_fd);

        parts.serve = census_serve;
        parts.userdata = host->kernel;
        return listener_run(&parts);
}

static int run_reaper(const HelperHost *host, int listen_fd) {
        ListenerParts parts = make_parts(host, "vfiod-end", listen_fd);

        parts.serve = reaper_serve;
        parts.userdata = host->kernel;
        return listener_run(&parts);
}

int helpers_run(const HelperHost *host, Helper helper, int listen_fd) {
        switch (helper) {
        case HELPER_WORKER:
                return run_worker(host, listen_fd);
        case HELPER_CENSUS:
                return run_census(host, listen_fd);
        default:
                return run_reaper(host, listen_fd);
        }
}

static void start_helper(Activator *activator) {
        activator->helper = fork();
        if (activator->helper != 0)
                return;
        (void)prctl(PR_SET_NAME, names[activator->what]);
        (void)prctl(PR_SET_CHILD_SUBREAPER, 0);
        (void)close(activator->signal_fd);
        int r = helpers_run(activator->host, activator->what, activator->listen_fd);
        if (r < 0)
                log_error_errno(r, "%s failed", names[activator->what]);
        _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

/* Also reaps the children of a helper that was killed. Returns whether there are no children any more. */
static bool reap(Activator *activator) {
        pid_t pid;

        while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
                if (pid == activator->helper)
                        activator->helper = 0;
        return pid < 0;
}

/* Starts the helper whenever somebody connects while it does not run. Ends with its last child after the daemon. */
static void __attribute__((noreturn)) activate(Activator *activator) {
        bool has_owner = true;

        for (;;) {
                bool runs = activator->helper != 0 || activator->running_fd >= 0;
                struct pollfd fds[] = {
                                {.fd = activator->signal_fd, .events = POLLIN},
                                {.fd = has_owner && !runs ? activator->listen_fd : -1, .events = POLLIN},
                                {.fd = activator->running_fd, .events = POLLIN},
                };
                struct signalfd_siginfo info;

                (void)poll(fds, ELEMENTSOF(fds), -1);
                if (fds[0].revents && read(activator->signal_fd, &info, sizeof(info)) == sizeof(info) &&
                                info.ssi_signo == OWNER_ENDED)
                        has_owner = false;
                bool is_alone = reap(activator);
                if (fds[2].revents)
                        activator->running_fd = safe_close(activator->running_fd);
                if (!has_owner && is_alone)
                        _exit(EXIT_SUCCESS);
                if (fds[1].revents && has_owner && activator->helper <= 0)
                        start_helper(activator);
        }
}

int helpers_activate(const HelperHost *host, Helper helper, int listen_fd, pid_t running) {
        Activator activator = {.host = host, .what = helper, .listen_fd = listen_fd, .running_fd = -EBADF};
        sigset_t signals;
        pid_t owner = getpid();

        if (running > 0 && (activator.running_fd = (int)syscall(SYS_pidfd_open, running, 0)) < 0 && errno != ESRCH)
                return -errno;
        pid_t pid = fork();
        if (pid == 0) {
                (void)sigemptyset(&signals);
                (void)sigaddset(&signals, SIGCHLD);
                (void)sigaddset(&signals, OWNER_ENDED);
                (void)sigprocmask(SIG_BLOCK, &signals, NULL);
                (void)prctl(PR_SET_NAME, "sim-systemd");
                (void)prctl(PR_SET_CHILD_SUBREAPER, 1);
                activator.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
                /* Not by a pidfd, which valgrind does not know. */
                (void)prctl(PR_SET_PDEATHSIG, OWNER_ENDED);
                if (getppid() != owner)
                        _exit(EXIT_SUCCESS);
                activate(&activator);
        }
        (void)safe_close(activator.running_fd);
        return pid < 0 ? -errno : 0;
}

int helpers_start(const HelperHost *host) {
        int r = 0;

        for (Helper helper = 0; helper < _HELPER_MAX && r >= 0; helper++) {
                _cleanup_close_ int listen_fd = helpers_listen(host, helper);

                r = listen_fd < 0 ? listen_fd : helpers_activate(host, helper, listen_fd, 0);
        }
        return r;
}

static int connect_worker(void *userdata) {
        return peer_connect(((const HelperHost *)userdata)->sockets[HELPER_WORKER]);
}

WorkerPort helpers_worker_port(const HelperHost *host) {
        return (WorkerPort){.connect = connect_worker, .userdata = (void *)host};
}
