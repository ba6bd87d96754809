/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/worker.h"
#include "job/child.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

struct Worker {
        sd_event_source *socket_source;
        int socket_fd;
        worker_progress_t progress;
        worker_done_t done;
        void *userdata;
        WorkerResult result; /* as far as it was reported */
        bool reported;
};

/* What the worker sends, a packet each, with a text behind it: each step; at the end each change and finding, then the result. */
typedef enum PacketKind {
        PACKET_STEP, /* text: the process that the step waits for */
        PACKET_CHANGE,
        PACKET_FINDING, /* text: the evidence */
        PACKET_RESULT,  /* text: the message */
} PacketKind;

typedef struct Packet {
        PacketKind kind;
        size_t step;
        DriverChange change;
        Guard guard;
        PciAddress address;
        unsigned n_folded;
        int error;
        Outcome outcome;
        uint64_t fingerprint;
} Packet;

#define PACKET_TEXT_MAX (64 * 1024)
#define PACKET_SIZE_MAX (sizeof(Packet) + PACKET_TEXT_MAX)

/* In the worker. */

static void send_packet(int fd, const Packet *packet, const char *text) {
        struct iovec parts[] = {
                        {(void *)packet, sizeof(*packet)},
                        {(void *)strempty(text), strnlen(strempty(text), PACKET_TEXT_MAX - 1)},
        };
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = ELEMENTSOF(parts)};

        /* The daemon may be gone: the work goes on all the same. */
        while (sendmsg(fd, &message, MSG_NOSIGNAL) < 0 && errno == EINTR)
                continue;
}

/* The daemon sends one message only, a byte: cancel. */
typedef struct Channel {
        int fd;
        bool cancelled;
} Channel;

static void send_step(size_t step, const char *holder, void *userdata) {
        send_packet(((const Channel *)userdata)->fd, &(Packet){.kind = PACKET_STEP, .step = step}, holder);
}

/* At the end the daemon is kept from sending more before what it sent is read: so each cancel that it could send is heeded. If a
 * socket is closed with something unread, the kernel also drops what was sent in the other direction. */
static bool is_cancelled(bool last, void *userdata) {
        Channel *channel = userdata;
        char byte;

        if (last)
                (void)shutdown(channel->fd, SHUT_RD);
        while (recv(channel->fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0)
                channel->cancelled = true;
        return channel->cancelled;
}

/* From now on the next daemon would find the transaction and its lock. Before, the daemon's end would leave a worker that nobody
 * knows. */
static void outlive_daemon(void *userdata) {
        (void)userdata;
        (void)prctl(PR_SET_PDEATHSIG, 0);
}

static void send_result(int fd, const WorkerResult *result) {
        const Report *report = &result->report;

        for (size_t i = 0; i < report->n_changes; i++)
                send_packet(fd, &(Packet){.kind = PACKET_CHANGE, .change = report->changes[i]}, NULL);
        for (size_t i = 0; i < report->findings.n_findings; i++) {
                const Finding *finding = &report->findings.findings[i];

                send_packet(fd,
                                &(Packet){.kind = PACKET_FINDING,
                                                .guard = finding->guard,
                                                .address = finding->address,
                                                .n_folded = finding->n_folded},
                                finding->evidence);
        }
        Packet packet = {
                        .kind = PACKET_RESULT,
                        .error = result->error,
                        .outcome = result->problem.outcome,
                        .fingerprint = report->fingerprint,
        };
        send_packet(fd, &packet, result->problem.message);
}

static void __attribute__((noreturn)) run_worker(const Transaction *parent, int socket_fd, pid_t daemon) {
        Transaction transaction = *parent;
        Channel channel = {.fd = socket_fd};
        WorkerResult result = {};

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != daemon)
                _exit(EXIT_FAILURE);

        transaction.callbacks = (EngineCallbacks){send_step, is_cancelled, &channel};
        transaction.recorded = outlive_daemon;
        int r = transaction_run(&transaction, &result.report, &result.problem);
        result.error = r < 0 ? r : 0;
        (void)is_cancelled(true, &channel);
        send_result(socket_fd, &result);
        _exit(EXIT_SUCCESS);
}

/* In the daemon. */

static void report(Worker *worker, int error) {
        if (worker->reported)
                return;
        worker->reported = true;
        worker->socket_source = sd_event_source_disable_unref(worker->socket_source);

        WorkerResult result = worker->result;
        worker->result = (WorkerResult){};
        if (error < 0)
                result.error = error;
        worker->done(worker, &result, worker->userdata); /* may free the worker */
        worker_result_done(&result);
}

static int take_packet(Worker *worker, const Packet *packet, const char *text) {
        switch (packet->kind) {
        case PACKET_STEP:
                if (worker->progress)
                        worker->progress(worker, packet->step, text, worker->userdata);
                return 0;
        case PACKET_CHANGE:
                return report_add_change(&worker->result.report, packet->change.address, packet->change.before,
                                packet->change.after);
        case PACKET_FINDING:
                return finding_list_append(&worker->result.report.findings,
                                &(Finding){packet->guard, packet->address, (char *)text, packet->n_folded});
        case PACKET_RESULT:
                worker->result.error = packet->error;
                worker->result.problem.outcome = packet->outcome;
                worker->result.problem.message = *text ? strdup(text) : NULL;
                worker->result.report.fingerprint = packet->fingerprint;
                report(worker, 0);
                return 0;
        }
        return -EPROTO;
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        static char buffer[PACKET_SIZE_MAX + 1];
        Worker *worker = userdata;
        Packet packet;

        (void)source;
        (void)events;
        ssize_t n = recv(fd, buffer, PACKET_SIZE_MAX, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n < (ssize_t)sizeof(packet)) {
                report(worker, -EPIPE);
                return 0;
        }
        buffer[n] = '\0';
        memcpy(&packet, buffer, sizeof(packet));
        int r = take_packet(worker, &packet, buffer + sizeof(packet));
        if (r < 0)
                report(worker, r);
        return 0;
}

void worker_result_done(WorkerResult *result) {
        problem_done(&result->problem);
        report_done(&result->report);
        *result = (WorkerResult){};
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

        int keep[] = {worker_fd, transaction->devices_fd, transaction->transactions_fd};
        pid_t daemon = getpid();
        r = child_fork(event, "vfiod-worker", transaction->kernel, keep, ELEMENTSOF(keep));
        if (r < 0)
                return r;
        if (r == 0)
                run_worker(transaction, worker_fd, daemon);
        *ret = TAKE_PTR(worker);
        return 0;
}

int worker_cancel(Worker *worker) {
        return send(worker->socket_fd, "c", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

Worker *worker_free(Worker *worker) {
        if (!worker)
                return NULL;
        sd_event_source_disable_unref(worker->socket_source);
        (void)safe_close(worker->socket_fd);
        worker_result_done(&worker->result);
        free(worker);
        return NULL;
}
