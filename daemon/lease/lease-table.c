/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease/lease-internal.h"
#include "policy/plan.h"

#define USEC_PER_SEC UINT64_C(1000000)

const LeaseLimits lease_limits_default = {
                .leases = {.total = 256, .per_user = 16, .for_root = 32},
                .claim_us = 30 * USEC_PER_SEC,
                .grace_us = 10 * USEC_PER_SEC,
                .retry_min_us = USEC_PER_SEC,
                .retry_max_us = 30 * USEC_PER_SEC,
};

/* The gate of the jobs. A recovery always passes, because it completes or reverts an earlier job. */
static int check_plan(const Plan *plan, void *userdata, Problem *problem) {
        const LeaseTable *table = userdata;
        int r = 0;

        for (size_t i = 0; table->leases && !plan->recovery && i < plan->n_members && r == 0; i++)
                r = lease_refuse_device(table, plan->members[i].address, plan->lease, problem);
        return r;
}

int lease_table_new(const LeaseParts *parts, LeaseTable **ret) {
        _cleanup_close_ int socket_fd = parts->socket_fd;
        _cleanup_(lease_table_freep) LeaseTable *table = malloc(sizeof(LeaseTable));
        int r;

        if (!table)
                return -ENOMEM;
        *table = (LeaseTable){.parts = *parts, .next_number = 1, .end = lease_end};
        if (socket_fd >= 0 && (r = lease_socket_new(table, TAKE_FD(socket_fd), &table->socket)) < 0)
                return r;
        if ((r = lease_restore_all(table)) < 0)
                return r;
        job_table_set_gate(parts->jobs, check_plan, table);
        *ret = TAKE_PTR(table);
        return 0;
}

LeaseTable *lease_table_free(LeaseTable *table) {
        if (!table)
                return NULL;
        table->watch = NULL;
        while (table->leases) {
                lease_answer_end(table->leases);
                lease_free(table->leases);
        }
        lease_socket_free(table->socket);
        free(table);
        return NULL;
}
