/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/worker.h"
#include "base/log.h"
#include "usage/holders.h"

#include <fcntl.h>
#include <sys/socket.h>

/* A worker reports each step once, and again when it reverts the step. This is twice as many. */
#define STEPS_FACTOR 4

struct Worker {
        sd_bus *peer;          /* NULL after the end was reported */
        sd_event_source *dead; /* reports the end of a worker that ended before it got the plan; NULL for others */
        int control_fd;
        size_t steps_left; /* how many more steps it may report */
        int alive_fd;      /* a pipe whose end tells the worker that the daemon has ended */
        worker_progress_t progress;
        worker_done_t done;
        void *userdata;
};

static int on_step(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Worker *worker = userdata;
        const char *holder;
        uint32_t step;

        (void)error;
        /* peer_open_client() ends the connection of a worker that reports steps without an end. */
        if (!sd_bus_message_is_signal(message, PEER_WORKER_INTERFACE, "Step") || worker->steps_left == 0 ||
                        sd_bus_message_read(message, "us", &step, &holder) < 0 || strlen(holder) >= HOLDER_TEXT_MAX)
                return 0;
        worker->steps_left--;
        worker->progress(step, holder, worker->userdata);
        return 1;
}

static void close_peer(Worker *worker) {
        worker->dead = sd_event_source_disable_unref(worker->dead);
        if (worker->peer)
                (void)sd_bus_detach_event(worker->peer);
        worker->peer = sd_bus_close_unref(worker->peer);
        worker->control_fd = safe_close(worker->control_fd);
        worker->alive_fd = safe_close(worker->alive_fd);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        _cleanup_(worker_result_done) WorkerResult result = {};
        const sd_bus_error *failure = sd_bus_message_get_error(reply);
        Worker *worker = userdata;
        int r;

        (void)error;
        if (failure) {
                log_error("The worker process ended without a result: %s", strempty(failure->message));
                r = -EPIPE;
        } else if ((r = job_message_read_result(reply, &result)) < 0 && r != -ENOMEM) {
                /* The state files and the devices tell what it did, as after a worker that died. */
                log_error_errno(r, "The result of the worker process is not valid");
                worker_result_done(&result);
                r = -EPIPE;
        }
        if (r < 0)
                result.error = r;
        close_peer(worker);
        worker->done(&result, worker->userdata); /* may free the worker */
        return 1;
}

static int on_dead(sd_event_source *source, void *userdata) {
        WorkerResult result = {.error = -EPIPE};
        Worker *worker = userdata;

        (void)source;
        close_peer(worker);
        worker->done(&result, worker->userdata); /* may free the worker */
        return 0;
}

static int send_job(Worker *worker, int control_fd, int alive_fd, unsigned long number, const Plan *plan) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        if ((r = peer_make_call(worker->peer, PEER_WORKER_INTERFACE, plan->recovery ? "Recover" : "Run", &call)) < 0 ||
                        (r = sd_bus_message_append(call, "hhu", control_fd, alive_fd, (uint32_t)number)) < 0 ||
                        (!plan->recovery && (r = job_message_append_plan(call, plan)) < 0))
                return r;
        return sd_bus_call_async(worker->peer, NULL, call, on_reply, worker, UINT64_MAX);
}

int worker_new(sd_event *event, const WorkerPort *port, unsigned long number, const Plan *plan,
                worker_progress_t progress, worker_done_t done, void *userdata, Worker **ret) {
        _cleanup_(worker_freep) Worker *worker = malloc(sizeof(Worker));
        int sockets[2], pipe_ends[2], r;

        if (!worker)
                return -ENOMEM;
        *worker = (Worker){.control_fd = -EBADF,
                        .alive_fd = -EBADF,
                        .steps_left = STEPS_FACTOR * (plan->n_steps + 1),
                        .progress = progress,
                        .done = done,
                        .userdata = userdata};
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return -errno;
        worker->control_fd = sockets[0];
        _cleanup_close_ int their_control_fd = sockets[1];
        if (pipe2(pipe_ends, O_CLOEXEC) < 0)
                return -errno;
        worker->alive_fd = pipe_ends[1];
        _cleanup_close_ int their_alive_fd = pipe_ends[0];
        int fd = port->connect(port->userdata);
        if (fd < 0)
                return fd;
        if ((r = peer_open_client(fd, event, &worker->peer)) >= 0 &&
                        (r = sd_bus_add_filter(worker->peer, NULL, on_step, worker)) >= 0)
                r = send_job(worker, their_control_fd, their_alive_fd, number, plan);
        /* The worker was killed already. Its end is reported in the next turn, as that of any worker. */
        if (peer_is_lost(r))
                r = sd_event_add_defer(event, &worker->dead, on_dead, worker);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(worker);
        return 0;
}

int worker_cancel(Worker *worker) {
        if (!worker->peer)
                return -EPIPE;
        return send(worker->control_fd, "c", 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

Worker *worker_free(Worker *worker) {
        if (!worker)
                return NULL;
        close_peer(worker);
        free(worker);
        return NULL;
}
