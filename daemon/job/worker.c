/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/worker.h"
#include "job/child.h"

#include <sys/prctl.h>
#include <sys/socket.h>

struct Worker {
        Child *child;                   /* NULL after the end was reported */
        const Transaction *transaction; /* for the child process; NULL in the daemon */
        worker_progress_t progress;
        worker_done_t done;
        void *userdata;
        WorkerResult result; /* as far as it was reported */
};

/* What the worker sends, with a text behind it: each step; at the end each change and finding, then the result. */
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

/* In the worker. */

/* The daemon may be gone: the work goes on nevertheless. */
static void send_packet(int fd, const Packet *packet, const char *text) {
        (void)child_send_packet(fd, packet, sizeof(*packet), text);
}

/* The daemon sends one message only, a byte: cancel. */
typedef struct Channel {
        int fd;
        bool cancelled;
} Channel;

static void send_step(size_t step, const char *holder, void *userdata) {
        send_packet(((const Channel *)userdata)->fd, &(Packet){.kind = PACKET_STEP, .step = step}, holder);
}

/* At the end the daemon must not send more, and then the worker reads what it sent. So each cancel that the daemon
 * could send has its effect. (If a socket is closed with something unread, the kernel also drops what was sent in
 * the other direction.) */
static bool is_cancelled(bool last, void *userdata) {
        Channel *channel = userdata;
        char byte;

        if (last)
                (void)shutdown(channel->fd, SHUT_RD);
        while (recv(channel->fd, &byte, sizeof(byte), MSG_DONTWAIT) > 0)
                channel->cancelled = true;
        return channel->cancelled;
}

/* From now on the next daemon finds the transaction and its lock, so the worker may run on without this daemon. */
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

static void run(int socket_fd, void *userdata) {
        Transaction transaction = *((const Worker *)userdata)->transaction;
        Channel channel = {.fd = socket_fd};
        WorkerResult result = {};

        transaction.callbacks = (EngineCallbacks){send_step, is_cancelled, &channel};
        transaction.recorded = outlive_daemon;
        int r = transaction_run(&transaction, &result.report, &result.problem);
        result.error = r < 0 ? r : 0;
        (void)is_cancelled(true, &channel);
        send_result(socket_fd, &result);
}

/* In the daemon. */

/* Returns 0; 1 for the last packet; or a negative errno. */
static int take_packet(Worker *worker, const Packet *packet, const char *text) {
        WorkerResult *result = &worker->result;

        switch (packet->kind) {
        case PACKET_STEP:
                worker->progress(packet->step, text, worker->userdata);
                return 0;
        case PACKET_CHANGE:
                return report_add_change(&worker->result.report, packet->change.address, packet->change.before,
                                packet->change.after);
        case PACKET_FINDING:
                return finding_list_append(&worker->result.report.findings,
                                &(Finding){packet->guard, packet->address, (char *)text, packet->n_folded});
        case PACKET_RESULT:
                result->error = packet->error;
                result->problem.outcome = packet->outcome;
                result->problem.message = *text ? strdup(text) : NULL;
                result->report.fingerprint = packet->fingerprint;
                return 1;
        }
        return -EPROTO;
}

static bool on_packet(const void *packet, size_t size, void *userdata) {
        Worker *worker = userdata;

        int r = size < sizeof(Packet) ? -EPIPE : take_packet(worker, packet, (const char *)packet + sizeof(Packet));
        if (r == 0)
                return true;
        worker->child = child_free(worker->child);
        WorkerResult result = TAKE_GENERIC(worker->result, WorkerResult, (WorkerResult){});
        if (r < 0)
                result.error = r;
        worker->done(&result, worker->userdata); /* may free the worker */
        worker_result_done(&result);
        return false;
}

void worker_result_done(WorkerResult *result) {
        problem_done(&result->problem);
        report_done(&result->report);
        *result = (WorkerResult){};
}

int worker_new(sd_event *event, const Transaction *transaction, worker_progress_t progress, worker_done_t done,
                void *userdata, Worker **ret) {
        _cleanup_(worker_freep) Worker *worker = malloc(sizeof(Worker));
        if (!worker)
                return -ENOMEM;
        *worker = (Worker){.transaction = transaction, .progress = progress, .done = done, .userdata = userdata};
        ChildTask task = {
                        .name = "vfiod-worker",
                        .kernel = transaction->kernel,
                        .keep = {transaction->devices_fd, transaction->transactions_fd},
                        .n_keep = 2,
                        .run = run,
                        .on_packet = on_packet,
                        .userdata = worker,
        };
        int r = child_new(event, &task, &worker->child);
        if (r < 0)
                return r;
        worker->transaction = NULL;
        *ret = TAKE_PTR(worker);
        return 0;
}

int worker_cancel(Worker *worker) {
        return worker->child ? child_send_byte(worker->child, 'c') : -EPIPE;
}

Worker *worker_free(Worker *worker) {
        if (!worker)
                return NULL;
        child_free(worker->child);
        worker_result_done(&worker->result);
        free(worker);
        return NULL;
}
