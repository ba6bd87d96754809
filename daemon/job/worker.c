/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/worker.h"
#include "base/log.h"

#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

struct Worker {
        sd_event_source *socket_source;
        int socket_fd;
        worker_progress_t progress;
        worker_done_t done;
        void *userdata;
        bool reported;
};

/* What the worker says, a packet each: a step, or the result with its changes and then its message. */
typedef struct Packet {
        enum {
                PACKET_STEP,
                PACKET_RESULT
        } kind;
        size_t step;
        int error;
        Outcome outcome;
        size_t n_changes;
        size_t message_length;
} Packet;

/* A group has at most a few hundred members, and a message names them once or twice. */
#define PACKET_SIZE_MAX (128 * 1024)

/* In the worker. */

static void send_packet(int fd, const void *packet, size_t size) {
        /* The daemon may be gone: the work goes on all the same. */
        while (send(fd, packet, size, MSG_NOSIGNAL) < 0 && errno == EINTR)
                continue;
}

static void send_step(const Plan *plan, size_t step, void *userdata) {
        (void)plan;
        Packet packet = {.kind = PACKET_STEP, .step = step};
        send_packet(*(const int *)userdata, &packet, sizeof(packet));
}

static void send_result(int fd, const WorkerResult *result) {
        static char buffer[PACKET_SIZE_MAX];
        const char *message = strempty(result->problem.message);
        size_t changes_size = result->n_changes * sizeof(TransactionChange), length = strlen(message);

        if (sizeof(Packet) + changes_size > sizeof(buffer))
                changes_size = 0;
        if (sizeof(Packet) + changes_size + length > sizeof(buffer))
                length = sizeof(buffer) - sizeof(Packet) - changes_size;
        Packet packet = {
                        .kind = PACKET_RESULT,
                        .error = result->error,
                        .outcome = result->problem.outcome,
                        .n_changes = changes_size / sizeof(TransactionChange),
                        .message_length = length,
        };
        memcpy(buffer, &packet, sizeof(packet));
        if (changes_size > 0)
                memcpy(buffer + sizeof(packet), result->changes, changes_size);
        memcpy(buffer + sizeof(packet) + changes_size, message, length);
        send_packet(fd, buffer, sizeof(packet) + changes_size + length);
}

static int compare_fds(const void *a, const void *b) {
        int x = *(const int *)a, y = *(const int *)b;
        return x < y ? -1 : x > y;
}

/* Closes all but these and the standard streams. */
static void close_others(int *keep, size_t n) {
        unsigned next = STDERR_FILENO + 1;

        qsort(keep, n, sizeof(int), compare_fds);
        for (size_t i = 0; i < n; i++) {
                if ((unsigned)keep[i] > next)
                        (void)close_range(next, (unsigned)keep[i] - 1, 0);
                next = (unsigned)keep[i] + 1;
        }
        (void)close_range(next, ~0U, 0);
}

static void __attribute__((noreturn)) run_worker(const Transaction *parent, int socket_fd) {
        Transaction transaction = *parent;
        WorkerResult result = {};
        sigset_t none;

        (void)prctl(PR_SET_NAME, "vfiod-worker");
        (void)sigemptyset(&none);
        (void)sigprocmask(SIG_SETMASK, &none, NULL);
        int keep[] = {socket_fd, parent->state_fd, parent->kernel->sys_fd, parent->kernel->devices_fd,
                        parent->kernel->dev_fd, parent->kernel->proc_fd};
        close_others(keep, ELEMENTSOF(keep));

        transaction.progress = send_step;
        transaction.progress_userdata = &socket_fd;
        int r = transaction_run(&transaction, &result.changes, &result.n_changes, &result.problem);
        result.error = r < 0 ? r : 0;
        send_result(socket_fd, &result);
        _exit(EXIT_SUCCESS);
}

/* In the daemon. */

static void report(Worker *worker, WorkerResult *result) {
        if (worker->reported)
                return;
        worker->reported = true;
        worker->socket_source = sd_event_source_disable_unref(worker->socket_source);
        worker->done(worker, result, worker->userdata); /* may free the worker */
        problem_done(&result->problem);                 /* what the callee wrote there */
}

static void report_result(Worker *worker, const char *packet, size_t size) {
        Packet header;

        memcpy(&header, packet, sizeof(header));
        const char *changes = packet + sizeof(header);
        size_t changes_size = header.n_changes * sizeof(TransactionChange);
        if (sizeof(header) + changes_size + header.message_length != size) {
                report(worker, &(WorkerResult){.error = -EPROTO});
                return;
        }

        _cleanup_free_ TransactionChange *aligned = malloc(changes_size + 1);
        WorkerResult result = {
                        .error = aligned ? header.error : -ENOMEM,
                        .problem.outcome = header.outcome,
                        .problem.message = strndup(changes + changes_size, header.message_length),
                        .changes = aligned,
                        .n_changes = aligned ? header.n_changes : 0,
        };
        if (aligned)
                memcpy(aligned, changes, changes_size);
        report(worker, &result);
        problem_done(&result.problem);
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        static char buffer[PACKET_SIZE_MAX];
        Worker *worker = userdata;
        Packet header;

        (void)source;
        (void)events;
        ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < (ssize_t)sizeof(header)) {
                report(worker, &(WorkerResult){.error = -EPIPE});
                return 0;
        }
        memcpy(&header, buffer, sizeof(header));
        if (header.kind == PACKET_RESULT)
                report_result(worker, buffer, (size_t)n);
        else if (worker->progress)
                worker->progress(worker, header.step, worker->userdata);
        return 0;
}

/* sd-event has reaped the process: its source, which nobody owns, has done its work. */
static int on_reaped(sd_event_source *source, const siginfo_t *info, void *userdata) {
        (void)info;
        (void)userdata;
        return sd_event_source_set_floating(source, false);
}

int worker_new(sd_event *event, const Transaction *transaction, worker_progress_t progress, worker_done_t done,
                void *userdata, Worker **ret) {
        _cleanup_(worker_freep) Worker *worker = malloc(sizeof(Worker));
        int sockets[2];

        if (!worker)
                return -ENOMEM;
        *worker = (Worker){.socket_fd = -EBADF, .progress = progress, .done = done, .userdata = userdata};
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return -errno;
        worker->socket_fd = sockets[0];
        _cleanup_close_ int worker_fd = sockets[1];

        int r = sd_event_add_io(event, &worker->socket_source, worker->socket_fd, EPOLLIN, on_socket, worker);
        if (r < 0)
                return r;

        pid_t pid = fork();
        if (pid < 0)
                return -errno;
        if (pid == 0)
                run_worker(transaction, worker_fd);

        /* Reaped whenever it ends, also long after the worker object is gone: a stuck one may outlive its job. */
        r = sd_event_add_child(event, NULL, pid, WEXITED, on_reaped, NULL);
        if (r < 0) /* It runs, and its socket tells how it ends; only its zombie stays until we end. */
                log_warning("Cannot watch the worker process %d: %s", (int)pid, strerror(-r));
        *ret = TAKE_PTR(worker);
        return 0;
}

Worker *worker_free(Worker *worker) {
        if (!worker)
                return NULL;
        sd_event_source_disable_unref(worker->socket_source);
        (void)safe_close(worker->socket_fd);
        free(worker);
        return NULL;
}
