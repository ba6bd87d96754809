/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "lease/lease-internal.h"

#define USEC_PER_SEC UINT64_C(1000000)

static const char *const state_table[_LEASE_STATE_MAX] = {
                [LEASE_STARTING] = "starting",
                [LEASE_UNCLAIMED] = "unclaimed",
                [LEASE_ACTIVE] = "active",
                [LEASE_ENDING] = "ending",
                [LEASE_LINGERING] = "lingering",
};

const char *lease_state_to_string(LeaseState state) {
        return state_table[state];
}

static void announce(const Lease *lease, LeaseEvent event) {
        if (lease->table->watch)
                lease->table->watch(lease, event, lease->table->watch_userdata);
}

int lease_new(LeaseTable *table, unsigned number, Lease **ret) {
        Lease *lease = malloc(sizeof(Lease));
        if (!lease)
                return -ENOMEM;
        *lease = (Lease){
                        .table = table,
                        .number = number,
                        .group = IOMMU_GROUP_NONE,
                        .guard_fd = -EBADF,
                        .pid_fd = -EBADF,
                        .holder_fd = -EBADF,
                        .retry_us = table->parts.limits->retry_min_us,
        };
        *ret = lease;
        return 0;
}

static int mark_devices(const Lease *lease, bool leased) {
        int r = 0;

        for (size_t i = 0; i < lease->n_addresses && r >= 0; i++)
                r = inventory_set_leased(lease->table->parts.inventory, lease->addresses[i], leased);
        return r;
}

int lease_add(Lease *lease) {
        int r = mark_devices(lease, true);
        if (r < 0)
                return r;
        lease->next = lease->table->leases;
        lease->table->leases = lease;
        announce(lease, LEASE_ADDED);
        return 0;
}

void lease_drop_descriptors(Lease *lease) {
        for (size_t i = 0; i < lease->n_fds; i++)
                (void)safe_close(lease->fds[i]);
        free(lease->fds);
        lease->fds = NULL;
        lease->n_fds = 0;
}

#define STORED_NAME(lease, what) stored_name((lease), (what), (char[32]){})
static const char *stored_name(const Lease *lease, const char *what, char buffer[static 32]) {
        (void)snprintf(buffer, 32, "lease-%u-%s", lease->number, what);
        return buffer;
}

static void drop(const Lease *lease, const char *what) {
        DescriptorStore *store = lease->table->parts.store;

        if (store)
                store->drop(store->userdata, STORED_NAME(lease, what));
}

static void close_watches(Lease *lease) {
        lease->guard_source = sd_event_source_disable_unref(lease->guard_source);
        lease->pid_source = sd_event_source_disable_unref(lease->pid_source);
        lease->guard_fd = safe_close(lease->guard_fd);
        lease->pid_fd = safe_close(lease->pid_fd);
}

void lease_drop_watches(Lease *lease) {
        if (lease->guard_fd >= 0)
                drop(lease, "guard");
        if (lease->pid_fd >= 0)
                drop(lease, "pid");
        close_watches(lease);
}

static bool is_in_table(const Lease *lease) {
        for (const Lease *other = lease->table->leases; other; other = other->next)
                if (other == lease)
                        return true;
        return false;
}

Lease *lease_free(Lease *lease) {
        if (!lease)
                return NULL;
        bool added = is_in_table(lease);
        for (Lease **link = &lease->table->leases; added && *link; link = &(*link)->next)
                if (*link == lease) {
                        *link = lease->next;
                        break;
                }
        if (added) {
                (void)mark_devices(lease, false);
                announce(lease, LEASE_REMOVED);
        }
        close_watches(lease);
        sd_event_source_disable_unref(lease->timer);
        sd_event_source_disable_unref(lease->start_source);
        sd_event_source_disable_unref(lease->holder_source);
        (void)safe_close(lease->holder_fd);
        lease_drop_descriptors(lease);
        for (size_t i = 0; i < lease->n_nodes; i++)
                free(lease->nodes[i]);
        free(lease->nodes);
        free(lease->addresses);
        worker_result_done(&lease->failure);
        free(lease->holder);
        free(lease->caller);
        log_fields_done(&lease->fields);
        free(lease);
        return NULL;
}

Lease *lease_discard(Lease *lease) {
        if (lease)
                lease_drop_watches(lease);
        return lease_free(lease);
}

void lease_set_state(Lease *lease, LeaseState state) {
        lease->state = state;
        announce(lease, LEASE_CHANGED);
}

int lease_set_timer(Lease *lease, uint64_t delay_us, sd_event_time_handler_t handler) {
        lease->timer = sd_event_source_disable_unref(lease->timer);
        return sd_event_add_time_relative(lease->table->parts.event, &lease->timer, CLOCK_MONOTONIC, delay_us,
                        USEC_PER_SEC / 10, handler, lease);
}

/* Watches. */

static int on_watched_end(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Lease *lease = userdata;

        (void)fd, (void)events;
        (void)sd_event_source_set_enabled(source, SD_EVENT_OFF);
        lease->table->end(lease);
        return 0;
}

static int watch(Lease *lease, int fd, uint32_t events, sd_event_source **ret, const char *what, bool store) {
        DescriptorStore *descriptors = lease->table->parts.store;
        int r;

        if (store && descriptors && (r = descriptors->keep(descriptors->userdata, STORED_NAME(lease, what), fd)) < 0)
                log_error_errno(r,
                                "Lease %u will end when vfiod is restarted, because systemd cannot keep its descriptor",
                                lease->number);
        return sd_event_add_io(lease->table->parts.event, ret, fd, events, on_watched_end, lease);
}

/* The user cannot send any more (lease-connection.h), so only the end counts. */
int lease_watch_guard(Lease *lease, int fd, bool store) {
        lease->guard_fd = fd;
        return watch(lease, fd, EPOLLHUP, &lease->guard_source, "guard", store);
}

int lease_watch_process(Lease *lease, int fd, bool store) {
        lease->pid_fd = fd;
        return watch(lease, fd, EPOLLIN, &lease->pid_source, "pid", store);
}

/* Which devices are leased. */

static bool has_device(const Lease *lease, PciAddress address) {
        for (size_t i = 0; i < lease->n_addresses; i++)
                if (pci_address_equal(lease->addresses[i], address))
                        return true;
        return false;
}

const Lease *lease_find_of(const LeaseTable *table, PciAddress address) {
        const Lease *lease = table->leases;

        while (lease && !has_device(lease, address))
                lease = lease->next;
        return lease;
}

int lease_refuse_device(const LeaseTable *table, PciAddress address, unsigned own, Problem *problem) {
        const Lease *lease = lease_find_of(table, address);

        if (!lease || lease->number == own)
                return 0;
        return problem_set(problem, OUTCOME_LEASED,
                        "%s is leased to user %u (lease %u, %s). Wait until the lease ends, or end it with 'vfioctl "
                        "release "
                        "%u'.",
                        PCI_ADDRESS_TEXT(address), (unsigned)lease->uid, lease->number,
                        lease_state_to_string(lease->state), lease->number);
}

int lease_table_refuse(const LeaseTable *table, const Selection *selection, Problem *problem) {
        const Group *group = selection->group;
        int r = selection->device ? lease_refuse_device(table, selection->device->address, 0, problem) : 0;

        for (size_t i = 0; group && i < group->n_members && r == 0; i++)
                r = lease_refuse_device(table, group->members[i]->address, 0, problem);
        return r;
}

LeaseDescription lease_describe(const Lease *lease) {
        return (LeaseDescription){
                        .number = lease->number,
                        .state = lease->state,
                        .uid = lease->uid,
                        .pid = lease->pid,
                        .since_us = lease->since_us,
                        .group = lease->group,
                        .addresses = lease->addresses,
                        .n_addresses = lease->n_addresses,
                        .nodes = lease->nodes,
                        .descriptors = lease->descriptors,
                        .ticket = lease->ticket,
                        .holder = strempty(lease->holder),
        };
}

Lease *lease_find(const LeaseTable *table, unsigned number) {
        Lease *lease = table->leases;

        while (lease && lease->number != number)
                lease = lease->next;
        return lease;
}

Lease *lease_next(const LeaseTable *table, const Lease *previous) {
        return previous ? previous->next : table->leases;
}

void lease_table_watch(LeaseTable *table, lease_watch_t watch_callback, void *userdata) {
        table->watch = watch_callback;
        table->watch_userdata = userdata;
}
