/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "lease/lease-internal.h"
#include "policy/plan.h"

#include <sys/syscall.h>

/* The end of a lease: take the access away; wait until no process has a device open; reattach the group; remove the file. A part that fails is tried again later, because the user would keep the access if vfiod only forgot the lease. */

static void take_away(Lease *lease);

static int on_retry(sd_event_source *source, uint64_t time, void *userdata) {
        Lease *lease = userdata;

        (void)source, (void)time;
        if (!lease->waits)
                take_away(lease);
        return 0;
}

static void try_again_later(Lease *lease) {
        uint64_t max = lease->table->parts.limits->retry_max_us;

        lease->waits = false;
        if (lease_set_timer(lease, lease->retry_us, on_retry) < 0)
                log_error("There is no memory to continue the end of lease %u. Its devices stay leased until vfiod is "
                          "restarted.",
                                lease->number);
        lease->retry_us = lease->retry_us * 2 > max ? max : lease->retry_us * 2;
}

static void forget_holder(Lease *lease) {
        lease->holder_source = sd_event_source_disable_unref(lease->holder_source);
        lease->holder_fd = safe_close(lease->holder_fd);
}

static int on_holder_end(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Lease *lease = userdata;

        (void)source, (void)fd, (void)events;
        forget_holder(lease);
        if (!lease->waits)
                take_away(lease);
        return 0;
}

static void on_holders_ended(Lease *lease, int error) {
        if (error < 0 && error != -ENOENT)
                log_error_errno(error, "Cannot end the processes that have the devices of lease %u open",
                                lease->number);
        try_again_later(lease);
}

/* Ends the processes of the user, if they had time to end by themselves: with SIGTERM until a process got it, later with SIGKILL. Returns
 * whether it has begun to do so. */
static bool end_holders(Lease *lease) {
        uint64_t now = clock_us(CLOCK_MONOTONIC), grace = lease->table->parts.limits->grace_us;

        if (now - lease->ended_us < grace)
                return false;
        bool hard = lease->terminated_us > 0 && now - lease->terminated_us >= grace;
        lease->waits = lease_access_end_holders(lease, hard, on_holders_ended) >= 0;
        return lease->waits;
}

/* Waits for the holder. Its pidfd tells at once that the process ends. Only the next search finds that it has closed the device. */
static void linger(Lease *lease, pid_t pid, const char *holder) {
        bool is_new = !streq_ptr(lease->holder, holder) || lease->state != LEASE_LINGERING;

        forget_holder(lease);
        (void)free_and_strdup(&lease->holder, holder);
        lease->holder_fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -EBADF;
        if (lease->holder_fd >= 0)
                (void)sd_event_add_io(lease->table->parts.event, &lease->holder_source, lease->holder_fd, EPOLLIN,
                                on_holder_end, lease);
        if (is_new) {
                lease_log_lingering(lease, strempty(lease->holder));
                lease_set_state(lease, LEASE_LINGERING);
        }
        if (!lease->kill || !end_holders(lease))
                try_again_later(lease);
}

static void on_forgotten(Lease *lease, int error) {
        lease->waits = false;
        if (error < 0) {
                log_error_errno(error, "Cannot remove the file of lease %u", lease->number);
                try_again_later(lease);
                return;
        }
        lease_log_over(lease);
        lease_free(lease);
}

static void finish(Lease *lease) {
        int r = lease_access_revoke(lease, true, on_forgotten);

        lease->waits = r >= 0;
        if (r < 0)
                try_again_later(lease);
}

/* Tells whether the end of the lease tries again after a reattach with this outcome. */
static bool is_worth_a_retry(Outcome outcome) {
        return outcome == OUTCOME_BUSY || outcome == OUTCOME_STUCK || outcome == OUTCOME_LIMITS_EXCEEDED ||
                        outcome == OUTCOME_SURVEY_TIMED_OUT || outcome == OUTCOME_HELD || outcome == OUTCOME_CANCELLED;
}

/* What follows from the reattach of a device. Returns true if the end of the lease goes on; false if it waits. */
static bool conclude(Lease *lease, int error, const Problem *problem) {
        if (error == 0 && problem->outcome == OUTCOME_HELD) {
                linger(lease, 0, problem->message);
                return false;
        }
        if (error < 0 || is_worth_a_retry(problem->outcome)) {
                try_again_later(lease);
                return false;
        }
        if (problem->outcome != OUTCOME_DONE && problem->outcome != OUTCOME_NOT_DETACHED)
                log_warning("Lease %u is over, but its devices were not reattached: %s", lease->number,
                                strempty(problem->message));
        return true;
}

static void go_home(Lease *lease);

/* The lease is found again by its number. */
typedef struct Homecoming {
        LeaseTable *table;
        unsigned number;
} Homecoming;

static void on_reattached(const WorkerResult *result, void *userdata) {
        _cleanup_free_ Homecoming *homecoming = userdata;
        Lease *lease = lease_find(homecoming->table, homecoming->number);

        if (!lease)
                return;
        lease->waits = false;
        if (conclude(lease, result->error, &result->problem))
                go_home(lease);
}

static int start_reattach(Lease *lease, const Device *device, Problem *problem) {
        Selection selection = {.device = (Device *)device, .group = device->group};
        Plan *plan = NULL;

        int r = plan_reattach(lease->table->parts.inventory, &selection, &(ReattachOptions){.force = lease->force},
                        &plan, problem);
        if (r != 0)
                return r;
        _cleanup_(plan_freep) Plan *owned_plan = plan;
        Homecoming *homecoming = malloc(sizeof(Homecoming));
        if (!homecoming)
                return -ENOMEM;
        *homecoming = (Homecoming){lease->table, lease->number};
        plan->lease = lease->number;
        r = job_start(lease->table->parts.jobs, TAKE_PTR(owned_plan), lease->caller, &lease->fields, on_reattached,
                        homecoming, problem);
        if (r != 0)
                free(homecoming);
        return r;
}

/* Usually, one job reattaches all devices of the group. It does not if the first device is gone, or if another card is in its slot. */
static void go_home(Lease *lease) {
        while (lease->took && lease->n_tried < lease->n_addresses) {
                _cleanup_problem_ Problem problem = {};
                const Device *device = inventory_find_device(
                                lease->table->parts.inventory, lease->addresses[lease->n_tried++]);

                if (!device || !device->origin)
                        continue;
                int r = start_reattach(lease, device, &problem);
                if (r == 0) {
                        lease->waits = true;
                        return;
                }
                if (!conclude(lease, r < 0 ? r : 0, &problem))
                        return;
        }
        finish(lease);
}

static void on_census(int error, const CensusEntry *entries, size_t n_entries, void *userdata) {
        _cleanup_free_ Homecoming *search = userdata;
        Lease *lease = lease_find(search->table, search->number);

        if (!lease || error == -ECANCELED)
                return;
        lease->waits = false;
        if (error < 0) {
                log_error_errno(error, "Cannot determine who has the devices of lease %u open", lease->number);
                try_again_later(lease);
        } else if (n_entries > 0 && !lease->force)
                linger(lease, entries[0].holder.pid, HOLDER_TEXT(&entries[0].holder));
        else
                go_home(lease);
}

static int start_census(Lease *lease, Problem *problem) {
        const LeaseTable *table = lease->table;
        _cleanup_free_ AskedDevice *devices = calloc(lease->n_addresses, sizeof(AskedDevice));
        _cleanup_free_ Homecoming *search = malloc(sizeof(Homecoming));

        if (!devices || !search)
                return -ENOMEM;
        *search = (Homecoming){lease->table, lease->number};
        for (size_t i = 0; i < lease->n_addresses; i++)
                devices[i] = (AskedDevice){
                                lease->addresses[i], job_table_find_cdev(table->parts.jobs, lease->addresses[i])};
        CensusQuestion question = {
                        .about = {&lease->group, lease->group >= 0, devices, lease->n_addresses},
        };
        int r = census_start(table->parts.censuses, &question, on_census, search, problem);
        if (r == 0)
                TAKE_PTR(search);
        return r;
}

static void find_holders(Lease *lease) {
        _cleanup_problem_ Problem problem = {};

        if (lease->force) {
                go_home(lease);
                return;
        }
        if (start_census(lease, &problem) == 0)
                lease->waits = true;
        else
                try_again_later(lease);
}

static void on_revoked(Lease *lease, int error) {
        lease->waits = false;
        if (error < 0) {
                log_error_errno(error, "Cannot take the access to the devices of lease %u away", lease->number);
                try_again_later(lease);
        } else
                find_holders(lease);
}

static void take_away(Lease *lease) {
        lease->n_tried = 0;
        int r = lease_access_revoke(lease, false, on_revoked);

        lease->waits = r >= 0;
        if (r < 0) {
                log_error_errno(r, "Cannot take the access to the devices of lease %u away", lease->number);
                try_again_later(lease);
        }
}

void lease_continue_end(Lease *lease) {
        take_away(lease);
}

void lease_end(Lease *lease) {
        if (lease->state == LEASE_ENDING || lease->state == LEASE_LINGERING)
                return;
        /* The job or request that runs for the lease continues with the end. */
        lease->timer = sd_event_source_disable_unref(lease->timer);
        lease_drop_watches(lease);
        lease_drop_descriptors(lease);
        memset(lease->ticket, 0, sizeof(lease->ticket));
        lease->ended_us = clock_us(CLOCK_MONOTONIC);
        lease_set_state(lease, LEASE_ENDING);
        if (!lease->waits)
                take_away(lease);
}

int lease_release(Lease *lease, bool force, Problem *problem) {
        if (lease->state == LEASE_STARTING)
                return problem_set(problem, OUTCOME_BUSY, "Lease %u is just starting: try again when it has begun.",
                                lease->number);
        bool has_ended = lease->state == LEASE_ENDING || lease->state == LEASE_LINGERING;
        lease->force = lease->force || force;
        lease_end(lease);
        /* Now, and not when the timer elapses. */
        if (has_ended && !lease->waits)
                take_away(lease);
        return 0;
}
