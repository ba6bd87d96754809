/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "job/worker.h"
#include "state/revert-file.h"

/* Small requests of the daemon to vfiod-worker: files that only root may write. Each has a connection of its own. */

/* Called once, with 0 or a negative errno: -EPIPE if the worker ended without an answer; -ETIMEDOUT. */
typedef void (*worker_request_done_t)(int error, void *userdata);

/* Starts a request: the signature types and the arguments are those of the method in helper/worker-service.c. done may
 * be NULL. Returns 0; or a negative errno, and then done() is not called. */
int worker_request(sd_event *event, WorkerPort *port, const char *member, worker_request_done_t done, void *userdata,
                const char *types, ...);

/* Asks the worker to remove the state files of these devices. Returns as worker_request() does. */
int worker_request_forget(sd_event *event, WorkerPort *port, const PciAddress *addresses, size_t n_addresses,
                worker_request_done_t done, void *userdata);

/* A device of the boot file (rule/boot-list.h), and the rule that detached it. */
typedef struct WorkerDevice {
        PciAddress address;
        const char *rule;
} WorkerDevice;

/* Asks the worker to write these devices, and no others, into the boot file. Returns as worker_request() does. */
int worker_request_boot_devices(sd_event *event, WorkerPort *port, const WorkerDevice *devices, size_t n_devices,
                worker_request_done_t done, void *userdata);

/* Asks the worker to write the file of a revert. Returns as worker_request() does. */
int worker_request_record_revert(
                sd_event *event, WorkerPort *port, const RevertFile *file, worker_request_done_t done, void *userdata);

/* A request with any arguments, and an answer of any signature: worker_request_new() makes the call, to which the caller appends
 * the arguments, and worker_request_send() sends it and takes the peer over, also on failure. The caller unrefs the call. reply()
 * is called once: with 0 and the answer, which is valid during the call; or with a negative errno and NULL. Return 0; or a
 * negative errno, and then reply() is not called. */
typedef void (*worker_request_reply_t)(int error, sd_bus_message *reply, void *userdata);
int worker_request_new(
                sd_event *event, const WorkerPort *port, const char *member, sd_bus **ret_peer, sd_bus_message **ret);
int worker_request_send(
                WorkerPort *port, sd_bus *peer, sd_bus_message *call, worker_request_reply_t reply, void *userdata);

/* The same as worker_request(), but waits for the answer: for a daemon that starts or ends. Returns 0 or a negative
 * errno. */
int worker_request_now(const WorkerPort *port, const char *member, const char *types, ...);

/* Abandons all requests, and calls done() of each with -ECANCELED. */
void worker_port_done(WorkerPort *port);
