/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/snapshot.h"
#include "kernel/sysfs.h"

#include <stdarg.h>

/* A card with many users: further processes are counted. */
#define HOLDERS_NAMED_MAX 32

int usage_snapshot_new(const Kernel *kernel, const PciAddress *addresses, size_t n_addresses, usage_visit_t visit,
                void *userdata, UsageSnapshot **ret) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = malloc(sizeof(UsageSnapshot));
        if (!snapshot)
                return -ENOMEM;
        *snapshot = (UsageSnapshot){
                        .kernel = kernel,
                        .visit = visit,
                        .userdata = userdata,
                        .limits = &usage_limits,
                        .devices = calloc(n_addresses + 1, sizeof(SnapshotDevice)),
                        .n_devices = n_addresses,
        };
        if (!snapshot->devices)
                return -ENOMEM;
        for (size_t i = 0; i < n_addresses; i++)
                snapshot->devices[i] = (SnapshotDevice){.address = addresses[i], .fd = -EBADF};
        *ret = TAKE_PTR(snapshot);
        return 0;
}

UsageSnapshot *usage_snapshot_free(UsageSnapshot *snapshot) {
        if (!snapshot)
                return NULL;
        free(snapshot->devices);
        function_list_done(&snapshot->functions);
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

int usage_snapshot_functions(UsageSnapshot *snapshot, const FunctionList **ret) {
        *ret = &snapshot->functions;
        if (!snapshot->has_functions)
                snapshot->functions_error = function_list_read(snapshot->kernel, snapshot->devices, snapshot->n_devices,
                                snapshot->limits, &snapshot->functions);
        snapshot->has_functions = true;
        return snapshot->functions_error;
}

static bool is_in_snapshot(PciAddress address, const void *userdata) {
        return function_list_find(&((const UsageSnapshot *)userdata)->functions, address);
}

int usage_snapshot_host(UsageSnapshot *snapshot, const HostIndex **ret) {
        const FunctionList *functions;

        *ret = &snapshot->host;
        if (snapshot->has_host)
                return snapshot->host_error;
        snapshot->has_host = true;
        snapshot->host_error = usage_snapshot_functions(snapshot, &functions);
        if (snapshot->host_error >= 0)
                snapshot->host_error = host_index_read(
                                snapshot->kernel, HOST_NAMES_ALL, is_in_snapshot, snapshot, &snapshot->host);
        return snapshot->host_error;
}

/* If the function is gone, the check of its identity says so in a better message. */
static int add_function(HolderTable *table, const SnapshotFunction *function) {
        DeviceFolder unknown = {.nodes_error = function->error == -ENOENT ? 0 : function->error};
        return holder_table_add_folder(table, function->address, function->error < 0 ? &unknown : &function->folder);
}

/* Begins the table of holders with the nodes of all functions. */
static int add_nodes(UsageSnapshot *snapshot) {
        HolderTable *table = &snapshot->holders;
        const FunctionList *functions;

        int r = usage_snapshot_functions(snapshot, &functions);
        snapshot->has_holders = true;
        *table = (HolderTable){.kernel = snapshot->kernel,
                        .names_max = HOLDERS_NAMED_MAX,
                        .reader = snapshot->reader,
                        .end_us = snapshot->limits->end_us};
        for (size_t i = 0; i < functions->n_functions && r >= 0; i++)
                r = add_function(table, &functions->functions[i]);
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

/* Tells whether the survey has found a disk, for which it will need the mounts. */
static bool has_disks(const UsageSnapshot *snapshot) {
        for (size_t i = 0; i < snapshot->host.n_names; i++)
                if (snapshot->host.names[i].kind == HOST_NAME_BLOCK)
                        return true;
        return false;
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
                return ask_census(snapshot, !snapshot->has_mounts && has_disks(snapshot));
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
