/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/listener.h"
#include "base/log.h"
#include "process/child.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

typedef struct Listener {
        const ListenerParts *parts;
        sd_event *event;
        sd_event_source *accept, *idle;
        size_t n_children;
} Listener;

/* Waits for connections while there may be more children. Without children, the helper ends after a while. */
static int arm(Listener *listener) {
        const ListenerParts *parts = listener->parts;
        bool is_full = listener->n_children >= parts->children_max;
        int r;

        if ((r = sd_event_source_set_enabled(listener->accept, is_full ? SD_EVENT_OFF : SD_EVENT_ON)) < 0 ||
                        (r = sd_event_source_set_time_relative(listener->idle, parts->idle_us)) < 0)
                return r;
        return sd_event_source_set_enabled(listener->idle, listener->n_children == 0 ? SD_EVENT_ONESHOT : SD_EVENT_OFF);
}

static int on_child_end(sd_event_source *source, const siginfo_t *info, void *userdata) {
        Listener *listener = userdata;

        (void)info;
        listener->n_children--;
        (void)sd_event_source_set_floating(source, false);
        return arm(listener);
}

static bool is_allowed(const Listener *listener, int fd) {
        struct ucred peer;
        socklen_t length = sizeof(peer);

        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
                return false;
        return peer.uid == 0 || peer.uid == geteuid() || peer.uid == listener->parts->client;
}

static int serve(Listener *listener, int fd) {
        const ListenerParts *parts = listener->parts;
        int keep[CHILD_KEEP_MAX] = {fd};
        size_t n = 1;

        for (size_t i = 0; i < ELEMENTSOF(parts->keep); i++)
                if (parts->keep[i] >= 0)
                        keep[n++] = parts->keep[i];
        pid_t pid = child_fork(parts->child_name, parts->kernel, keep, n);
        if (pid < 0)
                return (int)pid;
        if (pid == 0) {
                parts->serve(fd, parts->userdata);
                _exit(EXIT_SUCCESS);
        }
        int r = sd_event_add_child(listener->event, NULL, pid, WEXITED, on_child_end, listener);
        if (r < 0)
                return r;
        listener->n_children++;
        return arm(listener);
}

static int on_connection(sd_event_source *source, int listen_fd, uint32_t events, void *userdata) {
        Listener *listener = userdata;

        (void)source, (void)events;
        _cleanup_close_ int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd < 0)
                return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
        if (!is_allowed(listener, fd)) {
                log_warning("A process of a user who may not start %s has connected.", listener->parts->child_name);
                return 0;
        }
        int r = serve(listener, fd);
        if (r < 0)
                log_error_errno(r, "Cannot serve a connection");
        return 0;
}

static int on_idle(sd_event_source *source, uint64_t time, void *userdata) {
        (void)time, (void)userdata;
        return sd_event_exit(sd_event_source_get_event(source), 0);
}

static int prepare(Listener *listener) {
        const ListenerParts *parts = listener->parts;
        sigset_t signals;
        int r;

        (void)sigemptyset(&signals);
        (void)sigaddset(&signals, SIGCHLD);
        (void)sigaddset(&signals, SIGTERM);
        (void)sigaddset(&signals, SIGINT);
        if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
                return -errno;
        if ((r = sd_event_new(&listener->event)) < 0 ||
                        (r = sd_event_add_signal(listener->event, NULL, SIGTERM, NULL, NULL)) < 0 ||
                        (r = sd_event_add_signal(listener->event, NULL, SIGINT, NULL, NULL)) < 0 ||
                        (r = sd_event_add_io(listener->event, &listener->accept, parts->listen_fd, EPOLLIN,
                                         on_connection, listener)) < 0 ||
                        (r = sd_event_add_time_relative(listener->event, &listener->idle, CLOCK_MONOTONIC,
                                         parts->idle_us, 0, on_idle, NULL)) < 0)
                return r;
        return 0;
}

int listener_run(const ListenerParts *parts) {
        Listener listener = {.parts = parts};

        int r = prepare(&listener);
        if (r >= 0)
                r = sd_event_loop(listener.event);
        sd_event_source_disable_unref(listener.accept);
        sd_event_source_disable_unref(listener.idle);
        sd_event_unref(listener.event);
        return r;
}
