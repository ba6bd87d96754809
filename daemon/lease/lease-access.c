/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease/lease-internal.h"

#include <fcntl.h>

/* A worker's answer has not more nodes: see helper/lease-service.c. */
#define NODES_MAX (LEASE_DEVICES_MAX + 2)
#define NODE_LENGTH_MAX 64

/* A request under way. The lease is found again by its number, because it may be gone. */
typedef struct Access {
        LeaseTable *table;
        unsigned number;
        lease_access_done_t done;
        bool is_second;       /* the worker of the first attempt died */
        uint64_t fingerprint; /* of the devices when it was sent */
} Access;

static int access_new(const Lease *lease, lease_access_done_t done, bool is_second, Access **ret) {
        Access *request = malloc(sizeof(Access));
        if (!request)
                return -ENOMEM;
        *request = (Access){lease->table, lease->number, done, is_second, lease_access_fingerprint(lease)};
        *ret = request;
        return 0;
}

static void drop_nodes(Lease *lease) {
        for (size_t i = 0; i < lease->n_nodes; i++)
                free(lease->nodes[i]);
        free(lease->nodes);
        lease->nodes = NULL;
        lease->n_nodes = 0;
}

static int read_nodes(Lease *lease, sd_bus_message *reply) {
        const char *path;
        int r;

        drop_nodes(lease);
        lease->nodes = calloc(NODES_MAX + 1, sizeof(char *));
        if (!lease->nodes)
                return -ENOMEM;
        if ((r = sd_bus_message_enter_container(reply, 'a', "s")) < 0)
                return r;
        while ((r = sd_bus_message_read_basic(reply, 's', &path)) > 0) {
                if (lease->n_nodes == NODES_MAX || strlen(path) > NODE_LENGTH_MAX)
                        return -EBADMSG;
                if (!(lease->nodes[lease->n_nodes] = strdup(path)))
                        return -ENOMEM;
                lease->n_nodes++;
        }
        return r < 0 ? r : sd_bus_message_exit_container(reply);
}

static int read_descriptors(Lease *lease, sd_bus_message *reply) {
        int fd, r;

        lease_drop_descriptors(lease);
        lease->fds = calloc(NODES_MAX, sizeof(int));
        if (!lease->fds)
                return -ENOMEM;
        if ((r = sd_bus_message_enter_container(reply, 'a', "h")) < 0)
                return r;
        while ((r = sd_bus_message_read_basic(reply, 'h', &fd)) > 0) {
                if (lease->n_fds == lease->n_nodes)
                        return -EBADMSG;
                int copy = fcntl(fd, F_DUPFD_CLOEXEC, 3);
                if (copy < 0)
                        return -errno;
                lease->fds[lease->n_fds++] = copy;
        }
        return r < 0 ? r : lease->n_fds == (lease->descriptors ? lease->n_nodes : 0) ? 0 : -EBADMSG;
}

/* If the kernel has made nodes again since then, they get access later: see lease_table_process(). */
static int read_grant(Lease *lease, uint64_t fingerprint, sd_bus_message *reply) {
        int32_t result;
        int r;

        if ((r = sd_bus_message_read(reply, "i", &result)) < 0)
                return r;
        if (result != 0)
                return peer_is_errno(result) ? result : -EBADMSG;
        if ((r = read_nodes(lease, reply)) < 0 || (r = read_descriptors(lease, reply)) < 0) {
                lease_drop_descriptors(lease);
                return r;
        }
        lease->granted = fingerprint;
        return 0;
}

static int send_grant(const Lease *lease, bool is_second, lease_access_done_t done);

static void on_granted(int error, sd_bus_message *reply, void *userdata) {
        _cleanup_free_ Access *request = userdata;
        Lease *lease = error == -ECANCELED ? NULL : lease_find(request->table, request->number);

        if (!lease || (peer_is_lost(error) && !request->is_second && send_grant(lease, true, request->done) >= 0))
                return;
        request->done(lease, error < 0 ? error : read_grant(lease, request->fingerprint, reply));
}

static int append_grant(sd_bus_message *call, const Lease *lease) {
        int r;

        if ((r = sd_bus_message_append(call, "uuutbbb", lease->number, (uint32_t)lease->uid, (uint32_t)lease->pid,
                             lease->since_us, (int)lease->took, (int)lease->descriptors, (int)lease->kill)) < 0 ||
                        (r = sd_bus_message_open_container(call, 'a', "s")) < 0)
                return r;
        for (size_t i = 0; i < lease->n_addresses && r >= 0; i++)
                r = sd_bus_message_append(call, "s", PCI_ADDRESS_TEXT(lease->addresses[i]));
        return r < 0 ? r : sd_bus_message_close_container(call);
}

/* Takes the peer over. */
static int send(const Lease *lease, sd_bus *peer, sd_bus_message *call, lease_access_done_t done, bool is_second,
                worker_request_reply_t reply) {
        Access *request;

        int r = access_new(lease, done, is_second, &request);
        if (r < 0) {
                sd_bus_close_unref(peer);
                return r;
        }
        r = worker_request_send(lease->table->parts.port, peer, call, reply, request);
        if (r < 0)
                free(request);
        return r;
}

static int send_grant(const Lease *lease, bool is_second, lease_access_done_t done) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        if ((r = worker_request_new(lease->table->parts.event, lease->table->parts.port, "GrantLease", &peer, &call)) <
                                        0 ||
                        (r = append_grant(call, lease)) < 0)
                return r;
        return send(lease, TAKE_PTR(peer), call, done, is_second, on_granted);
}

/* A worker that was killed, for example by an update of the package, may have given a part of the access. The next worker does the same
 * again. */
int lease_access_grant(Lease *lease, lease_access_done_t done) {
        int r = send_grant(lease, false, done);

        return peer_is_lost(r) ? send_grant(lease, true, done) : r;
}

static int read_result(sd_bus_message *reply) {
        int32_t result;

        return sd_bus_message_read(reply, "i", &result) < 0 || !peer_is_errno(result) ? -EBADMSG : result;
}

static void on_result(int error, sd_bus_message *reply, void *userdata) {
        _cleanup_free_ Access *request = userdata;
        Lease *lease = error == -ECANCELED ? NULL : lease_find(request->table, request->number);

        if (lease)
                request->done(lease, error < 0 ? error : read_result(reply));
}

static void on_holders_ended(int error, sd_bus_message *reply, void *userdata) {
        _cleanup_free_ Access *request = userdata;
        Lease *lease = error == -ECANCELED ? NULL : lease_find(request->table, request->number);
        uint32_t n = 0;

        if (!lease)
                return;
        int r = error < 0 ? error : read_result(reply);
        if (r >= 0 && sd_bus_message_read(reply, "u", &n) < 0)
                r = -EBADMSG;
        /* If no process got the signal, the next attempt begins with SIGTERM again. */
        if (n > 0 && lease->terminated_us == 0)
                lease->terminated_us = clock_us(CLOCK_MONOTONIC);
        request->done(lease, r);
}

/* Makes a request that takes the number of the lease and a flag. */
static int ask(const Lease *lease, const char *member, bool flag, lease_access_done_t done,
                worker_request_reply_t reply) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        if ((r = worker_request_new(lease->table->parts.event, lease->table->parts.port, member, &peer, &call)) < 0 ||
                        (r = sd_bus_message_append(call, "ub", lease->number, (int)flag)) < 0)
                return r;
        return send(lease, TAKE_PTR(peer), call, done, false, reply);
}

int lease_access_record(Lease *lease, lease_access_done_t done) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        if ((r = worker_request_new(lease->table->parts.event, lease->table->parts.port, "RecordLease", &peer, &call)) <
                                        0 ||
                        (r = append_grant(call, lease)) < 0)
                return r;
        return send(lease, TAKE_PTR(peer), call, done, false, on_result);
}

int lease_access_revoke(Lease *lease, bool forget, lease_access_done_t done) {
        return ask(lease, "RevokeLease", forget, done, on_result);
}

int lease_access_end_holders(Lease *lease, bool hard, lease_access_done_t done) {
        return ask(lease, "EndHolders", hard, done, on_holders_ended);
}

/* FNV-1a. */
static uint64_t mix(uint64_t hash, const void *data, size_t size) {
        for (const uint8_t *byte = data; size > 0; byte++, size--)
                hash = (hash ^ *byte) * UINT64_C(0x100000001b3);
        return hash;
}

uint64_t lease_access_fingerprint(const Lease *lease) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);

        for (size_t i = 0; i < lease->n_addresses; i++) {
                const Device *device = inventory_find_device(lease->table->parts.inventory, lease->addresses[i]);

                if (!device || !device_is_on_vfio(device) || !device_is_ours(device))
                        return 0;
                int group = device->group ? device->group->number : IOMMU_GROUP_NONE;
                uint8_t node = device->group_node, has_cdev = device->has_cdev;
                hash = mix(hash, &device->incarnation, sizeof(device->incarnation));
                hash = mix(hash, &has_cdev, sizeof(has_cdev));
                hash = mix(hash, &device->cdev, sizeof(device->cdev));
                hash = mix(hash, &device->nodes, sizeof(device->nodes));
                hash = mix(hash, &group, sizeof(group));
                hash = mix(hash, &node, sizeof(node));
        }
        return hash == 0 ? 1 : hash;
}
