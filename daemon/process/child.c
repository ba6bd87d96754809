/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/child.h"
#include "base/log.h"

#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>

#define FOLDERS_MAX 4

/* How long one turn of the loop processes packets. */
#define TURN_US 2000

struct Child {
        sd_event_source *source;
        int socket_fd;
        bool (*on_packet)(const void *packet, size_t size, void *userdata);
        void *userdata;
};

static int compare_fds(const void *a, const void *b) {
        return COMPARE(*(const int *)a, *(const int *)b);
}

/* Closes all descriptors but these, which it sorts, and the standard streams. */
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

pid_t child_fork(const char *name, const Kernel *kernel, const int *keep, size_t n_keep) {
        pid_t pid = fork();
        if (pid == 0)
                become_child(name, kernel, keep, n_keep);
        return pid < 0 ? -errno : pid;
}

/* sd-event has reaped the process, so the source, which nobody else owns, can go. */
static int on_reaped(sd_event_source *source, const siginfo_t *info, void *userdata) {
        (void)info, (void)userdata;
        return sd_event_source_set_floating(source, false);
}

void child_reap(sd_event *event, pid_t pid) {
        int r = sd_event_add_child(event, NULL, pid, WEXITED, on_reaped, NULL);
        if (r < 0) /* The process works all the same. Its zombie stays until the daemon ends. */
                log_warning("Cannot watch the process %d: %s", (int)pid, strerror(-r));
}

bool child_receive(Child *child, uint64_t timeout_us) {
        static char buffer[CHILD_PACKET_MAX + 1] __attribute__((aligned(16)));
        struct pollfd poll_fd = {.fd = child->socket_fd, .events = POLLIN};

        if (poll(&poll_fd, 1, (int)((timeout_us + 999) / 1000)) <= 0)
                return false;
        for (uint64_t end = clock_us(CLOCK_MONOTONIC) + TURN_US; clock_us(CLOCK_MONOTONIC) < end;) {
                ssize_t n = recv(child->socket_fd, buffer, CHILD_PACKET_MAX, MSG_DONTWAIT);
                if (n < 0 && (errno == EAGAIN || errno == EINTR))
                        break;
                size_t size = n > 0 ? (size_t)n : 0;
                buffer[size] = '\0';
                if (!child->on_packet(buffer, size, child->userdata))
                        break;
        }
        return true;
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void)source, (void)fd, (void)events;
        (void)child_receive(userdata, 0);
        return 0;
}

static void __attribute__((noreturn)) run(const ChildTask *task, int socket_fd, pid_t daemon) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() == daemon)
                task->run(socket_fd, task->userdata);
        _exit(EXIT_SUCCESS);
}

DEFINE_TRIVIAL_CLEANUP_FUNC(Child *, child_free)

int child_new(sd_event *event, const ChildTask *task, Child **ret) {
        int sockets[2], keep[CHILD_KEEP_MAX];
        pid_t daemon = getpid();

        _cleanup_(child_freep) Child *child = malloc(sizeof(Child));
        if (!child)
                return -ENOMEM;
        *child = (Child){.socket_fd = -EBADF, .on_packet = task->on_packet, .userdata = task->userdata};
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return -errno;
        child->socket_fd = sockets[0];
        _cleanup_close_ int child_fd = sockets[1];
        int r = sd_event_add_io(event, &child->source, child->socket_fd, EPOLLIN, on_socket, child);
        if (r < 0)
                return r;
        memcpy(keep, task->keep, sizeof(task->keep));
        keep[task->n_keep] = child_fd;
        r = child_fork(task->name, task->kernel, keep, task->n_keep + 1);
        if (r < 0)
                return r;
        if (r == 0)
                run(task, child_fd, daemon);
        child_reap(event, r);
        *ret = TAKE_PTR(child);
        return 0;
}

Child *child_free(Child *child) {
        if (!child)
                return NULL;
        sd_event_source_disable_unref(child->source);
        (void)safe_close(child->socket_fd);
        free(child);
        return NULL;
}

int child_send_packet(int socket_fd, const void *packet, size_t size, const char *text) {
        struct iovec parts[] = {
                        {(void *)packet, size},
                        {(void *)text, strnlen(strempty(text), CHILD_PACKET_MAX - size)},
        };
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = ELEMENTSOF(parts)};

        while (sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0)
                if (errno != EINTR)
                        return -errno;
        return 0;
}
