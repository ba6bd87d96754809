/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/census.h"

int census_search_here(HolderTable *table, MountTable *mounts) {
        _cleanup_(process_table_done) ProcessTable processes = {};
        UsageLimits limits = usage_limits;
        int r;

        if (!holder_table_asks(table) && !mounts)
                return 0;
        limits.end_us = table->end_us;
        if ((r = process_table_read(table->kernel, &limits, &processes)) < 0 ||
                        (holder_table_asks(table) && (r = holder_table_walk(table, &processes, &limits)) < 0))
                return r;
        return mounts ? mount_table_read(table->kernel, &processes, &limits, mounts) : 0;
}

int holder_table_search(HolderTable *table) {
        const CensusPort *census = table->kernel->census;

        if (!holder_table_asks(table))
                return 0;
        int r = census ? census->search(census, table, NULL) : census_search_here(table, NULL);
        return r < 0 ? r : table->error;
}

static int find_first(HolderTable *table, Holder *ret) {
        int r = table->owners[0].error;
        if (r < 0 || (r = holder_table_search(table)) < 0)
                return r;
        if (table->owners[0].open.n_holders == 0)
                return -ENOENT;
        *ret = table->owners[0].open.holders[0].holder;
        return 0;
}

int holder_of_vfio_node(const Kernel *kernel, int group, uint64_t end_us, Holder *ret) {
        _cleanup_(holder_table_done) HolderTable table = {.kernel = kernel, .names_max = 1, .end_us = end_us};

        int r = holder_table_add_group(&table, group);
        return r < 0 ? r : find_first(&table, ret);
}

int holder_of_socket(const Kernel *kernel, const char *inode, uint64_t end_us, Holder *ret) {
        _cleanup_(holder_table_done) HolderTable table = {.kernel = kernel, .names_max = 1, .end_us = end_us};

        int r = holder_table_add_socket(&table, inode);
        return r < 0 ? r : find_first(&table, ret);
}

int holder_of_device(const Kernel *kernel, PciAddress address, Holder *ret) {
        _cleanup_(holder_table_done) HolderTable table = {.kernel = kernel, .names_max = 1};

        int r = holder_table_add_device(&table, address);
        return r < 0 ? r : find_first(&table, ret);
}
