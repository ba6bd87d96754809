/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/worker-request.h"

/* Loading a module can take long. */
#define DEADLINE_US (60 * UINT64_C(1000000))

/* How long the start and the end of the daemon may wait for the worker. */
#define NOW_DEADLINE_US (5 * UINT64_C(1000000))

typedef struct WorkerRequest {
        struct WorkerRequest *next;
        WorkerPort *port;
        sd_bus *peer;
        worker_request_done_t done; /* NULL for none, or if reply is set */
        worker_request_reply_t reply;
        void *userdata;
} WorkerRequest;

static void finish(WorkerRequest *request, int result, sd_bus_message *reply) {
        for (WorkerRequest **link = &request->port->requests; *link; link = &(*link)->next)
                if (*link == request) {
                        *link = request->next;
                        break;
                }
        (void)sd_bus_detach_event(request->peer);
        sd_bus_close_unref(request->peer);
        if (request->reply)
                request->reply(result, reply, request->userdata);
        else if (request->done)
                request->done(result, request->userdata);
        free(request);
}

static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        WorkerRequest *request = userdata;
        int32_t result = -EPIPE;

        (void)error;
        if (sd_bus_message_is_method_error(reply, NULL))
                /* sd-bus makes the same error when the connection has ended. */
                finish(request,
                                sd_bus_message_get_errno(reply) == ETIMEDOUT && sd_bus_is_open(request->peer)
                                                ? -ETIMEDOUT
                                                : -EPIPE,
                                NULL);
        else if (request->reply)
                finish(request, 0, reply);
        else {
                if (sd_bus_message_read(reply, "i", &result) < 0)
                        result = -EBADMSG;
                finish(request, peer_is_errno(result) ? result : -EBADMSG, NULL);
        }
        return 1;
}

void worker_port_done(WorkerPort *port) {
        while (port->requests)
                finish(port->requests, -ECANCELED, NULL);
}

int worker_request_new(
                sd_event *event, const WorkerPort *port, const char *member, sd_bus **ret_peer, sd_bus_message **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        int fd = port->connect(port->userdata);
        if (fd < 0)
                return fd;
        if ((r = peer_open_client(fd, event, &peer)) < 0 ||
                        (r = peer_make_call(peer, PEER_WORKER_INTERFACE, member, ret)) < 0)
                return r;
        *ret_peer = TAKE_PTR(peer);
        return 0;
}

/* Takes the peer over. */
static int send_any(WorkerPort *port, sd_bus *peer, sd_bus_message *call, worker_request_done_t done,
                worker_request_reply_t reply, void *userdata) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *owned = peer;
        _cleanup_free_ WorkerRequest *request = malloc(sizeof(WorkerRequest));

        if (!request)
                return -ENOMEM;
        *request = (WorkerRequest){port->requests, port, peer, done, reply, userdata};
        int r = sd_bus_call_async(peer, NULL, call, on_reply, request, DEADLINE_US);
        if (r < 0)
                return r;
        port->requests = TAKE_PTR(request);
        TAKE_PTR(owned);
        return 0;
}

/* Takes the peer over. */
static int send_request(
                WorkerPort *port, sd_bus *peer, sd_bus_message *call, worker_request_done_t done, void *userdata) {
        return send_any(port, peer, call, done, NULL, userdata);
}

int worker_request_send(
                WorkerPort *port, sd_bus *peer, sd_bus_message *call, worker_request_reply_t reply, void *userdata) {
        return send_any(port, peer, call, NULL, reply, userdata);
}

int worker_request(sd_event *event, WorkerPort *port, const char *member, worker_request_done_t done, void *userdata,
                const char *types, ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        va_list arguments;

        int r = worker_request_new(event, port, member, &peer, &call);
        if (r < 0)
                return r;
        va_start(arguments, types);
        r = sd_bus_message_appendv(call, types, arguments);
        va_end(arguments);
        return r < 0 ? r : send_request(port, TAKE_PTR(peer), call, done, userdata);
}

/* Begins a request whose only argument is an array. */
static int make_list_request(sd_event *event, WorkerPort *port, const char *member, const char *contents,
                sd_bus **ret_peer, sd_bus_message **ret_call) {
        int r = worker_request_new(event, port, member, ret_peer, ret_call);
        return r < 0 ? r : sd_bus_message_open_container(*ret_call, 'a', contents);
}

/* Takes the peer over. */
static int send_list_request(
                WorkerPort *port, sd_bus *peer, sd_bus_message *call, worker_request_done_t done, void *userdata) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *owned = peer;

        int r = sd_bus_message_close_container(call);
        return r < 0 ? r : send_request(port, TAKE_PTR(owned), call, done, userdata);
}

int worker_request_forget(sd_event *event, WorkerPort *port, const PciAddress *addresses, size_t n_addresses,
                worker_request_done_t done, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;

        int r = make_list_request(event, port, "Forget", "s", &peer, &call);
        for (size_t i = 0; i < n_addresses && r >= 0; i++)
                r = sd_bus_message_append(call, "s", PCI_ADDRESS_TEXT(addresses[i]));
        return r < 0 ? r : send_list_request(port, TAKE_PTR(peer), call, done, userdata);
}

int worker_request_boot_devices(sd_event *event, WorkerPort *port, const WorkerDevice *devices, size_t n_devices,
                worker_request_done_t done, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;

        int r = make_list_request(event, port, "SetBootDevices", "(ss)", &peer, &call);
        for (size_t i = 0; i < n_devices && r >= 0; i++)
                r = sd_bus_message_append(call, "(ss)", PCI_ADDRESS_TEXT(devices[i].address), devices[i].rule);
        return r < 0 ? r : send_list_request(port, TAKE_PTR(peer), call, done, userdata);
}

int worker_request_record_revert(
                sd_event *event, WorkerPort *port, const RevertFile *file, worker_request_done_t done, void *userdata) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        if ((r = worker_request_new(event, port, "RecordRevert", &peer, &call)) < 0 ||
                        (r = sd_bus_message_append(call, "uutt", file->number, (uint32_t)file->uid, file->at_us,
                                         file->detach)) < 0 ||
                        (r = sd_bus_message_open_container(call, 'a', "s")) < 0)
                return r;
        for (size_t i = 0; i < file->n_addresses && r >= 0; i++)
                r = sd_bus_message_append(call, "s", PCI_ADDRESS_TEXT(file->addresses[i]));
        return r < 0 ? r : send_list_request(port, TAKE_PTR(peer), call, done, userdata);
}

int worker_request_now(const WorkerPort *port, const char *member, const char *types, ...) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        va_list arguments;
        int32_t result;

        int r = worker_request_new(NULL, port, member, &peer, &call);
        if (r < 0)
                return r;
        va_start(arguments, types);
        r = sd_bus_message_appendv(call, types, arguments);
        va_end(arguments);
        if (r < 0 || (r = peer_call(peer, call, NOW_DEADLINE_US, &reply)) < 0 ||
                        (r = sd_bus_message_read(reply, "i", &result)) < 0)
                return r;
        return peer_is_errno(result) ? result : -EBADMSG;
}
