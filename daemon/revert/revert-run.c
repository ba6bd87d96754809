/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "policy/plan.h"
#include "revert/revert-internal.h"

#include <sys/syscall.h>

#define USEC_PER_SEC UINT64_C(1000000)

/* After the deadline: wait until no process has a device open, then reattach the group. Everything that fails is tried again. */

static int on_retry(sd_event_source *source, uint64_t time, void *userdata) {
        Revert *revert = userdata;

        (void)source, (void)time;
        if (!revert->waits)
                revert_run(revert);
        return 0;
}

static int on_holder_end(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Revert *revert = userdata;

        (void)source, (void)fd, (void)events;
        revert_forget_holder(revert);
        if (!revert->waits)
                revert_run(revert);
        return 0;
}

/* Tries again later. fault: a reattach has begun, and failed. */
static void wait_for(Revert *revert, Outcome outcome, const char *message, bool fault) {
        const RevertLimits *limits = revert->table->parts.limits;
        bool is_new = revert->obstacle.outcome != outcome || !streq_ptr(revert->obstacle.message, message);

        if (is_new && problem_set(&revert->obstacle, outcome, "%s", message) >= 0) {
                revert_log_obstacle(revert);
                revert_announce(revert);
        }
        revert_retry_later(revert, fault ? limits->fault_max_us : limits->retry_max_us, on_retry);
}

/* A reattach that is refused before its first step, or that goes on by itself. */
static bool is_refusal(Outcome outcome) {
        return outcome == OUTCOME_BUSY || outcome == OUTCOME_STUCK || outcome == OUTCOME_LIMITS_EXCEEDED ||
                        outcome == OUTCOME_SURVEY_TIMED_OUT || outcome == OUTCOME_HELD || outcome == OUTCOME_LEASED;
}

/* What follows from the reattach of a device. Returns whether the attempt goes on with the next device: also if another card is in the
 * slot, or another program has the device. */
static bool conclude(Revert *revert, int error, const Problem *problem) {
        if (error < 0)
                wait_for(revert, OUTCOME_FAILED, strerror(-error), true);
        else if (problem->outcome == OUTCOME_DONE || problem->outcome == OUTCOME_NOT_DETACHED ||
                        problem->outcome == OUTCOME_IDENTITY_CHANGED || problem->outcome == OUTCOME_FOREIGN)
                return true;
        else
                wait_for(revert, problem->outcome, strempty(problem->message), !is_refusal(problem->outcome));
        return false;
}

static void go_home(Revert *revert);

static void on_reattached(const WorkerResult *result, void *userdata) {
        _cleanup_free_ RevertCall *call = userdata;
        Revert *revert = revert_of_call(call);

        if (!revert)
                return;
        revert->waits = revert->reattaches = false;
        if (conclude(revert, result->error, &result->problem))
                go_home(revert);
}

static int start_reattach(Revert *revert, const Device *device, Problem *problem) {
        Selection selection = {.device = (Device *)device, .group = device->group};
        Plan *plan = NULL;

        int r = plan_reattach(revert->table->parts.inventory, &selection, &(ReattachOptions){}, &plan, problem);
        if (r != 0)
                return r;
        RevertCall *call = revert_call_new(revert);
        if (!call) {
                plan_free(plan);
                return -ENOMEM;
        }
        r = job_start(revert->table->parts.jobs, plan, revert->caller, &revert->fields, on_reattached, call, problem);
        if (r != 0)
                free(call);
        return r;
}

/* Usually, one job reattaches all devices of the group. It does not if the first device is gone, or if another card is in its slot. When
 * no device is detached any more, revert_table_process() ends the revert. */
static void go_home(Revert *revert) {
        while (revert->n_tried < revert->n_addresses) {
                _cleanup_problem_ Problem problem = {};
                const Device *device = inventory_find_device(
                                revert->table->parts.inventory, revert->addresses[revert->n_tried++]);

                if (!device || !revert_has_detached(revert, device))
                        continue;
                int r = start_reattach(revert, device, &problem);
                if (r == 0) {
                        revert->waits = revert->reattaches = true;
                        return;
                }
                if (!conclude(revert, r < 0 ? r : 0, &problem))
                        return;
        }
        if (revert_is_needed(revert))
                wait_for(revert, OUTCOME_FAILED, "a device is still detached", true);
}

static void on_census(int error, const CensusEntry *entries, size_t n_entries, void *userdata) {
        _cleanup_free_ RevertCall *call = userdata;
        Revert *revert = revert_of_call(call);

        if (!revert || error == -ECANCELED)
                return;
        revert->waits = false;
        if (n_entries == 0 || error < 0) {
                /* Without an answer, the reattach itself checks the nodes. */
                go_home(revert);
                return;
        }
        pid_t pid = entries[0].holder.pid;
        revert->holder_fd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -EBADF;
        if (revert->holder_fd >= 0)
                (void)sd_event_add_io(revert->table->parts.event, &revert->holder_source, revert->holder_fd, EPOLLIN,
                                on_holder_end, revert);
        wait_for(revert, OUTCOME_HELD, HOLDER_TEXT(&entries[0].holder), false);
}

static int start_census(Revert *revert, Problem *problem) {
        const RevertTable *table = revert->table;
        _cleanup_free_ AskedDevice *devices = calloc(revert->n_addresses, sizeof(AskedDevice));
        RevertCall *call = revert_call_new(revert);
        int r = -ENOMEM;

        for (size_t i = 0; devices && i < revert->n_addresses; i++)
                devices[i] = (AskedDevice){
                                revert->addresses[i], job_table_find_cdev(table->parts.jobs, revert->addresses[i])};
        CensusQuestion question = {
                        .about = {&revert->group, revert->group >= 0, devices, revert->n_addresses},
        };
        if (devices && call)
                r = census_start(table->parts.censuses, &question, on_census, call, problem);
        if (r != 0)
                free(call);
        return r;
}

void revert_run(Revert *revert) {
        _cleanup_problem_ Problem problem = {};

        revert->n_tried = 0;
        revert->timer = sd_event_source_disable_unref(revert->timer);
        revert_forget_holder(revert);
        revert_update_group(revert);
        int r = start_census(revert, &problem);
        if (r == 0)
                revert->waits = true;
        else
                (void)conclude(revert, r < 0 ? r : 0, &problem);
}

static int on_deadline(sd_event_source *source, uint64_t time, void *userdata) {
        Revert *revert = userdata;

        (void)source, (void)time;
        /* A worker writes or removes the file. What follows goes on when it is done. */
        if (revert->waits)
                return 0;
        revert->state = REVERT_DUE;
        revert_log_due(revert);
        revert_run(revert);
        return 0;
}

void revert_arm(Revert *revert) {
        revert->state = REVERT_PENDING;
        revert_forget_holder(revert);
        problem_done(&revert->obstacle);
        revert->retry_us = revert->table->parts.limits->retry_min_us;
        revert->timer = sd_event_source_disable_unref(revert->timer);
        int r = sd_event_add_time(revert->table->parts.event, &revert->timer, CLOCK_BOOTTIME, revert->at_us,
                        USEC_PER_SEC / 100, on_deadline, revert);
        if (r < 0)
                log_error_errno(r, "The devices of revert %u are not reattached before vfiod is restarted",
                                revert->number);
        revert_announce(revert);
}
