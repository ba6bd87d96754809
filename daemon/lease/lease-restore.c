/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "kernel/sysfs.h"
#include "lease/lease-internal.h"

#include <fcntl.h>

/* The leases of an earlier daemon. Their files tell what was leased, and systemd has kept the guards and pidfds. */

/* Returns a copy of the descriptor that was kept under this name, or -ENOENT. */
static int find_stored(const LeaseTable *table, unsigned number, const char *what) {
        const DescriptorStore *store = table->parts.store;
        char name[sizeof(store->stored->name)];

        (void)snprintf(name, sizeof(name), "lease-%u-%s", number, what);
        for (size_t i = 0; store && i < store->n_stored; i++)
                if (streq(store->stored[i].name, name)) {
                        int fd = fcntl(store->stored[i].fd, F_DUPFD_CLOEXEC, 3);
                        return fd < 0 ? -errno : fd;
                }
        return -ENOENT;
}

static int watch_again(Lease *lease) {
        int guard_fd = find_stored(lease->table, lease->number, "guard");
        int pid_fd = lease->pid > 0 ? find_stored(lease->table, lease->number, "pid") : -ENOENT;
        int r = 0;

        if (guard_fd >= 0)
                r = lease_watch_guard(lease, guard_fd, false);
        if (pid_fd >= 0 && r >= 0)
                r = lease_watch_process(lease, pid_fd, false);
        else if (pid_fd >= 0)
                (void)close(pid_fd);
        if (r < 0)
                return r;
        return guard_fd >= 0 || pid_fd >= 0 ? 1 : 0;
}

static int restore(LeaseTable *table, LeaseFile *file) {
        _cleanup_(lease_freep) Lease *lease = NULL;
        int r;

        if (file->n_addresses == 0)
                return -EBADMSG;
        if ((r = lease_new(table, file->number, &lease)) < 0)
                return r;
        const Device *device = inventory_find_device(table->parts.inventory, file->addresses[0]);
        lease->uid = file->uid;
        lease->pid = file->pid;
        lease->since_us = file->since_us;
        lease->took = file->took;
        lease->descriptors = file->descriptors;
        lease->kill = file->kill;
        lease->addresses = TAKE_PTR(file->addresses);
        lease->n_addresses = file->n_addresses;
        lease->group = device && device->group ? device->group->number : IOMMU_GROUP_NONE;
        lease->state = LEASE_ACTIVE;
        if (asprintf(&lease->caller, "lease %u of uid %u", lease->number, (unsigned)lease->uid) < 0) {
                lease->caller = NULL;
                return -ENOMEM;
        }
        if ((r = watch_again(lease)) < 0 || lease_add(lease) < 0)
                return r < 0 ? r : -ENOMEM;
        if (table->next_number <= lease->number)
                table->next_number = lease_following_number(lease->number);
        /* Its guard was closed, or its process ended, while vfiod did not run. */
        if (r == 0)
                lease_end(lease);
        TAKE_PTR(lease);
        return 0;
}

static int on_file(int folder_fd, const char *name, void *userdata) {
        _cleanup_lease_file_ LeaseFile file = {};
        LeaseTable *table = userdata;
        unsigned number;

        if (lease_file_parse_name(name, &number) < 0)
                return 0;
        int r = lease_file_read(folder_fd, number, &file);
        if (r >= 0)
                r = restore(table, &file);
        if (r < 0 && r != -ENOENT && r != -ENOMEM)
                state_report(table->parts.state, folder_fd, name, r);
        return r == -ENOMEM ? r : 0;
}

/* Drops what systemd keeps for leases that are over. */
static void drop_unknown(const LeaseTable *table) {
        const DescriptorStore *store = table->parts.store;

        for (size_t i = 0; store && i < store->n_stored; i++) {
                const char *number = startswith(store->stored[i].name, "lease-");

                if (number && !lease_find(table, (unsigned)strtoul(number, NULL, 10)))
                        store->drop(store->userdata, store->stored[i].name);
        }
}

int lease_restore_all(LeaseTable *table) {
        int r = table->parts.state->leases_fd < 0 ? 0
                                                  : sysfs_for_each(table->parts.state->leases_fd, ".", on_file, table);

        drop_unknown(table);
        return r;
}
