/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/snapshot.h"
#include "kernel/sysfs.h"

#include <stdarg.h>

/* A card with many users: further processes are counted. */
#define HOLDERS_NAMED_MAX 32

/* The devices that the caller asked for. */
typedef struct Search {
        UsageSnapshot *snapshot;
        PciAddress *devices; /* sorted: there can be 10,000 */
        size_t n_devices;
} Search;

static int compare_addresses(const void *a, const void *b) {
        return pci_address_compare(*(const PciAddress *)a, *(const PciAddress *)b);
}

/* Finds the device to which the function belongs: the last device in its path, such as
 * "../../../devices/pci0000:00/0000:00:03.0". The drives of a VMD controller are below the controller. */
static const PciAddress *find_device(const Search *search, const char *path) {
        const PciAddress *found = NULL;
        PciAddress address;

        for (const char *part = strchr(path, '/'); part; part = strchr(part, '/')) {
                if (!pci_address_parse_component(++part, &address))
                        continue;
                found = bsearch(&address, search->devices, search->n_devices, sizeof(PciAddress), compare_addresses)
                                ?: found;
        }
        return found;
}

/* Keeps the function if it is one of the devices, or is below one of them. */
static int on_function(PciAddress address, void *userdata) {
        const Search *search = userdata;
        UsageSnapshot *snapshot = search->snapshot;
        char path[PATH_MAX];

        int r = sysfs_read_target(snapshot->kernel->devices_fd, PCI_ADDRESS_TEXT(address), path, sizeof(path));
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        const PciAddress *device = find_device(search, path);
        if (!device)
                return 0;
        if (!ARRAY_GROW(snapshot->functions, snapshot->n_functions))
                return -ENOMEM;
        snapshot->functions[snapshot->n_functions++] = (SnapshotFunction){address, *device};
        return 0;
}

int usage_snapshot_new(const Kernel *kernel, const PciAddress *addresses, size_t n_addresses, usage_visit_t visit,
                void *userdata, UsageSnapshot **ret) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = malloc(sizeof(UsageSnapshot));
        _cleanup_free_ PciAddress *sorted = calloc(n_addresses + 1, sizeof(PciAddress));
        if (!snapshot || !sorted) {
                free(TAKE_PTR(snapshot));
                return -ENOMEM;
        }

        *snapshot = (UsageSnapshot){
                        .kernel = kernel,
                        .visit = visit,
                        .userdata = userdata,
                        .limits = &usage_limits,
        };
        for (size_t i = 0; i < n_addresses; i++)
                sorted[i] = addresses[i];
        qsort(sorted, n_addresses, sizeof(PciAddress), compare_addresses);
        int r = pci_device_for_each(kernel, on_function, &(Search){snapshot, sorted, n_addresses});
        if (r < 0 || (r = host_index_read(kernel, &snapshot->host)) < 0)
                return r;
        *ret = TAKE_PTR(snapshot);
        return 0;
}

UsageSnapshot *usage_snapshot_free(UsageSnapshot *snapshot) {
        if (!snapshot)
                return NULL;
        free(snapshot->functions);
        host_index_done(&snapshot->host);
        process_table_done(&snapshot->processes);
        mount_table_done(&snapshot->mounts);
        block_users_done(&snapshot->block_users);
        network_table_done(&snapshot->network);
        holder_table_done(&snapshot->holders);
        free(snapshot->consoles.inputs);
        free(snapshot->inputs.inputs);
        free(snapshot);
        return NULL;
}

/* The parts. */

/* Begins the table of holders with the nodes of all functions. */
static int add_nodes(UsageSnapshot *snapshot) {
        HolderTable *table = &snapshot->holders;
        int r = 0;

        snapshot->has_holders = true;
        *table = (HolderTable){.kernel = snapshot->kernel,
                        .names_max = HOLDERS_NAMED_MAX,
                        .reader = snapshot->reader,
                        .end_us = snapshot->limits->end_us};
        for (size_t i = 0; i < snapshot->n_functions && r >= 0; i++)
                r = holder_table_add_device(table, snapshot->functions[i].address);
        return r;
}

static int need_processes(UsageSnapshot *snapshot) {
        if (!snapshot->has_processes) {
                snapshot->has_processes = true;
                snapshot->processes_error =
                                process_table_read(snapshot->kernel, snapshot->limits, &snapshot->processes);
        }
        return snapshot->processes_error;
}

/* Lets another process find the holders, and the mounts if they are wanted, in one walk over all processes. */
static int ask_census(UsageSnapshot *snapshot, bool wants_mounts) {
        const CensusPort *census = snapshot->kernel->census;
        _cleanup_(holder_table_done)
                        HolderTable only_mounts = {.kernel = snapshot->kernel, .end_us = snapshot->limits->end_us};
        HolderTable *table = snapshot->has_holders ? &only_mounts : &snapshot->holders;

        if (!snapshot->has_holders) {
                int r = add_nodes(snapshot);
                if (r < 0)
                        return r;
        }
        if (wants_mounts)
                snapshot->has_mounts = true;
        if (table->n_nodes == 0 && !wants_mounts)
                return 0;
        int r = census->search(census, table, wants_mounts ? &snapshot->mounts : NULL);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                table->error = r;
                snapshot->mounts_error = wants_mounts ? r : snapshot->mounts_error;
        }
        return 0;
}

int usage_snapshot_mounts(UsageSnapshot *snapshot, const MountTable **ret) {
        *ret = &snapshot->mounts;
        if (snapshot->kernel->census) {
                int r = snapshot->has_mounts ? 0 : ask_census(snapshot, true);
                return r < 0 ? r : snapshot->mounts_error;
        }
        int r = need_processes(snapshot);
        if (r >= 0 && !snapshot->has_mounts) {
                snapshot->has_mounts = true;
                r = mount_table_read(snapshot->kernel, &snapshot->processes, snapshot->limits, &snapshot->mounts);
        }
        return r;
}

int usage_snapshot_block_users(UsageSnapshot *snapshot, const BlockUsers **ret) {
        *ret = &snapshot->block_users;
        if (snapshot->has_block_users)
                return 0;
        snapshot->has_block_users = true;
        return block_users_read(snapshot->kernel, &snapshot->block_users);
}

int usage_snapshot_network(UsageSnapshot *snapshot, const NetworkTable **ret) {
        *ret = &snapshot->network;
        if (snapshot->has_network)
                return 0;
        snapshot->has_network = true;
        return network_table_read(snapshot->kernel, &snapshot->network);
}

int usage_snapshot_holders(UsageSnapshot *snapshot, const HolderTable **ret) {
        HolderTable *table = &snapshot->holders;

        *ret = table;
        if (snapshot->has_holders)
                return 0;
        if (snapshot->kernel->census)
                return ask_census(snapshot, false);
        int r = add_nodes(snapshot);
        if (r < 0 || table->n_nodes == 0)
                return r;
        table->error = need_processes(snapshot);
        return table->error < 0 ? 0 : holder_table_walk(table, &snapshot->processes, snapshot->limits);
}

/* Reports. */

int usage_report(UsageSnapshot *snapshot, UsageKind kind, const char *format, ...) {
        _cleanup_free_ char *evidence = NULL;
        va_list arguments;

        va_start(arguments, format);
        int r = text_format_message(&evidence, format, arguments);
        va_end(arguments);
        return r < 0 ? r : snapshot->visit(snapshot->device, kind, evidence, snapshot->userdata);
}

int usage_snapshot_check_time(const UsageSnapshot *snapshot) {
        return usage_limits_check_time(snapshot->limits);
}

int usage_report_error(UsageSnapshot *snapshot, UsageKind kind, const char *name, int error) {
        if (error >= 0 || error == -ENOMEM)
                return error;
        if (error == -ETIME)
                return usage_report(snapshot, kind,
                                "%s could not be examined in time: try again when the host is less busy", name);
        return usage_report(snapshot, kind, "%s cannot be examined: %s", name, strerror(-error));
}
