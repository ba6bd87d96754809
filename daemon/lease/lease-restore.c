/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "kernel/sysfs.h"
#include "lease/lease-internal.h"

#include <fcntl.h>

/* vfiod itself makes not more leases than the quota allows. Each lease that ends needs a worker, so the files that something else has
 * put into the folder are limited, too. */
#define LEASES_MAX(table) (2 * (size_t)(table)->parts.limits->leases.total)

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
        log_fields_add(&lease->fields, "VFIOD_CALLER_KIND", "lease");
        log_fields_add(&lease->fields, "VFIOD_CALLER_UID", "%u", (unsigned)lease->uid);
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

/* One reading of the folder. */
typedef struct Reading {
        LeaseTable *table;
        bool only_kept; /* only leases of which systemd keeps a descriptor */
        size_t n_leases;
        bool has_too_many;
} Reading;

static bool is_kept(const LeaseTable *table, unsigned number) {
        const DescriptorStore *store = table->parts.store;

        for (size_t i = 0; store && i < store->n_stored; i++) {
                const char *kept = startswith(store->stored[i].name, "lease-");

                if (kept && strtoul(kept, NULL, 10) == number)
                        return true;
        }
        return false;
}

static int on_file(int folder_fd, const char *name, void *userdata) {
        _cleanup_lease_file_ LeaseFile file = {};
        Reading *reading = userdata;
        LeaseTable *table = reading->table;
        unsigned number;

        if (numbered_file_parse_name(name, &number) < 0 || lease_find(table, number) ||
                        (reading->only_kept && !is_kept(table, number)))
                return 0;
        int r = lease_file_read(folder_fd, number, &file);
        if (r >= 0 && reading->n_leases >= LEASES_MAX(table)) {
                reading->has_too_many = true;
                return 0;
        }
        if (r >= 0)
                r = restore(table, &file);
        reading->n_leases += r >= 0;
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
        Reading reading = {.table = table, .only_kept = true};
        int folder_fd = table->parts.state->leases_fd, r = 0;

        /* These are certainly leases. */
        if (folder_fd >= 0 && (r = sysfs_for_each(folder_fd, ".", on_file, &reading)) >= 0) {
                reading.only_kept = false;
                r = sysfs_for_each(folder_fd, ".", on_file, &reading);
        }
        if (reading.has_too_many)
                log_warning("The folder 'leases' has more than %zu leases. vfiod ends the others when it starts again.",
                                LEASES_MAX(table));
        drop_unknown(table);
        return r;
}
