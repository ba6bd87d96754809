/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "policy/plan.h"
#include "revert/revert-internal.h"

#include <systemd/sd-id128.h>

/* Calls that make, move and confirm reverts. */

/* Answers the caller of revert_start(). */
static void answer(Revert *revert, const WorkerResult *result) {
        job_done_t done = TAKE_PTR(revert->done);

        if (done)
                done(result, revert->userdata);
}

static void answer_outcome(Revert *revert, int r, Problem *problem) {
        WorkerResult result = {.error = r < 0 ? r : 0};

        if (r > 0)
                result.problem = TAKE_GENERIC(*problem, Problem, (Problem){});
        answer(revert, &result);
        worker_result_done(&result);
}

/* Nothing was detached. If the file remains, the next vfiod finds that the devices are with the host, and removes it. */
static void drop(Revert *revert) {
        revert_end(revert);
}

/* Tells whether the job has left no device detached, or will have. The outcome alone does not tell it: the worker may have died, and nobody
 * could undo its changes. */
static bool has_failed(const Revert *revert, const WorkerResult *result) {
        Outcome outcome = result->problem.outcome;
        bool is_good = result->error == 0 &&
                        (outcome == OUTCOME_DONE || outcome == OUTCOME_STUCK || outcome == OUTCOME_DEGRADED);

        return !is_good && !revert_is_needed(revert);
}

static void on_detached(const WorkerResult *result, void *userdata) {
        _cleanup_free_ RevertCall *call = userdata;
        Revert *revert = NULL;

        /* Also when vfiod ends: the job goes on, and its caller gets the answer now. */
        for (revert = call->table->reverts; revert && revert->number != call->number;)
                revert = revert->next;
        if (!revert)
                return;
        if (!call->table->is_ending && has_failed(revert, result))
                drop(revert);
        else if (!call->table->is_ending) {
                revert_update_group(revert);
                revert_arm(revert);
                revert_log_set(revert);
        }
        answer(revert, result);
}

/* Tells whether the devices are as they were when the plan was made: meanwhile, the file was written. */
static bool plan_fits(const Revert *revert) {
        const Plan *plan = revert->plan;

        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];
                const Device *device = inventory_find_device(revert->table->parts.inventory, member->address);

                if (!device || !device->present || !pci_ids_equal(&device->ids, &member->ids) ||
                                device_is_ours(device) != member->recorded)
                        return false;
        }
        return true;
}

static int start_job(Revert *revert, Problem *problem) {
        JobTable *jobs = revert->table->parts.jobs;
        RevertCall *call = revert_call_new(revert);
        int r = -ENOMEM;

        if (call && !plan_fits(revert))
                r = problem_set(problem, OUTCOME_PLAN_STALE,
                                "The devices of group %d have changed while vfiod prepared the revert. Nothing was "
                                "changed: try again.",
                                revert->plan->group);
        else if (call)
                r = job_start(jobs, TAKE_PTR(revert->plan), revert->caller, &revert->fields, on_detached, call,
                                problem);
        if (r != 0) {
                free(call);
                return r;
        }
        revert->state = REVERT_DETACHING;
        /* The newest job is the first. */
        if (revert->started)
                revert->started(job_next(jobs, NULL), revert->userdata);
        return 0;
}

/* The reattach has its own caller: not the one of the detach, whose process may be gone. */
static int become_caller(Revert *revert) {
        char *caller = NULL;

        if (asprintf(&caller, "revert of uid %u", (unsigned)revert->uid) < 0)
                return -ENOMEM;
        free(revert->caller);
        revert->caller = caller;
        log_fields_done(&revert->fields);
        log_fields_add(&revert->fields, "VFIOD_CALLER_KIND", "revert");
        log_fields_add(&revert->fields, "VFIOD_CALLER_UID", "%u", (unsigned)revert->uid);
        return 0;
}

static int explain_file(int error, Problem *problem) {
        return problem_set(problem, OUTCOME_FAILED,
                        "vfiod cannot write the file that keeps the deadline of the revert: %s. Nothing was changed.",
                        strerror(-error));
}

static void on_recorded(int error, void *userdata) {
        _cleanup_free_ RevertCall *call = userdata;
        Revert *revert = revert_of_call(call);
        _cleanup_problem_ Problem problem = {};

        if (!revert || error == -ECANCELED)
                return; /* revert_table_free() answers */
        revert->waits = false;
        int r = error < 0 ? explain_file(error, &problem) : start_job(revert, &problem);
        if (r == 0)
                r = become_caller(revert);
        if (r == 0 || revert->state == REVERT_DETACHING)
                return;
        drop(revert);
        answer_outcome(revert, r, &problem);
}

/* Asks a worker to write the file. */
static int record(Revert *revert, worker_request_done_t done) {
        const RevertParts *parts = &revert->table->parts;
        RevertCall *call = revert_call_new(revert);

        if (!call)
                return -ENOMEM;
        const RevertFile file = {
                        .number = revert->number,
                        .uid = revert->uid,
                        .at_us = revert->new_at_us,
                        .detach = revert->detach,
                        .addresses = revert->addresses,
                        .n_addresses = revert->n_addresses,
        };
        int r = worker_request_record_revert(parts->event, parts->port, &file, done, call);
        revert->waits = r >= 0;
        if (r < 0)
                free(call);
        return r;
}

/* At the deadline, the whole group goes back. So no device of it may be detached already. */
static int list_endpoints(Revert *revert, const Group *group, Problem *problem) {
        for (size_t i = 0; i < group->n_members; i++)
                if (device_is_ours(group->members[i]))
                        return problem_set(problem, OUTCOME_ALREADY_DETACHED,
                                        "%s, which is in the same group, is detached already, and would go back to "
                                        "the host at the deadline, too. Reattach it first, or detach without a revert.",
                                        PCI_ADDRESS_TEXT(group->members[i]->address));
        if (!(revert->addresses = calloc(group->n_members + 1, sizeof(PciAddress))))
                return -ENOMEM;
        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i]->endpoint)
                        revert->addresses[revert->n_addresses++] = group->members[i]->address;
        if (revert->n_addresses == 0 || revert->n_addresses > REVERT_DEVICES_MAX)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED,
                                "Group %d has %zu devices, but a revert can have from 1 to %d.", group->number,
                                revert->n_addresses, REVERT_DEVICES_MAX);
        return 0;
}

/* Refuses if another revert has a device of this one. It also finds those whose detach has just begun. */
static int refuse_overlap(const Revert *revert, Problem *problem) {
        for (const Revert *other = revert->table->reverts; other; other = other->next)
                for (size_t i = 0; i < other->n_addresses && !other->is_over; i++)
                        for (size_t k = 0; k < revert->n_addresses; k++)
                                if (pci_address_equal(other->addresses[i], revert->addresses[k]))
                                        return problem_set(problem, OUTCOME_BUSY,
                                                        "%s goes back to the host at the deadline of an earlier "
                                                        "detach. Confirm that with 'vfioctl confirm', or reattach the "
                                                        "device first.",
                                                        PCI_ADDRESS_TEXT(revert->addresses[k]));
        return 0;
}

static int check_quota(const RevertTable *table, uid_t uid, Problem *problem) {
        QuotaUse use = {};

        for (const Revert *revert = table->reverts; revert; revert = revert->next)
                quota_add(&use, revert->uid, uid);
        return quota_check(&table->parts.limits->reverts, &use, uid, "reverts", problem);
}

/* A number that no other revert has. */
static unsigned choose_number(const RevertTable *table) {
        unsigned number = table->next_number;

        while (revert_of_call(&(RevertCall){(RevertTable *)table, number}))
                number = revert_following_number(number);
        return number;
}

/* A number that the detaches of no other daemon have. */
static int choose_trial(uint64_t *ret) {
        sd_id128_t id;

        int r = sd_id128_randomize(&id);
        if (r >= 0)
                *ret = (id.qwords[0] & INT64_MAX) | 1;
        return r;
}

int revert_start(RevertTable *table, const RevertWish *wish, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = wish->plan;
        _cleanup_(revert_freep) Revert *revert = NULL;
        int r;

        if ((r = check_quota(table, wish->uid, problem)) != 0 ||
                        (r = revert_new(table, choose_number(table), &revert)) < 0 ||
                        (r = list_endpoints(revert, wish->group, problem)) != 0 ||
                        (r = refuse_overlap(revert, problem)) != 0)
                return r;
        revert->uid = wish->uid;
        revert->at_us = revert->new_at_us = clock_us(CLOCK_BOOTTIME) + wish->after_us;
        if ((r = choose_trial(&revert->detach)) < 0)
                return r;
        revert->plan = TAKE_PTR(plan);
        revert->plan->trial = revert->detach;
        if (!(revert->caller = strdup(wish->caller)))
                return -ENOMEM;
        log_fields_add_all(&revert->fields, wish->fields);
        if ((r = record(revert, on_recorded)) < 0)
                return explain_file(r, problem);
        table->next_number = revert_following_number(revert->number);
        revert->started = wish->started;
        revert->done = wish->done;
        revert->userdata = wish->userdata;
        revert_add(TAKE_PTR(revert));
        return 0;
}

/* Moving and confirming. */

static int refuse_change(const Revert *revert, Problem *problem) {
        if (revert->state == REVERT_RECORDING || revert->state == REVERT_DETACHING)
                return problem_set(problem, OUTCOME_BUSY,
                                "The detach of %s still runs ('vfioctl jobs'): wait until it has ended, and try again.",
                                PCI_ADDRESS_TEXT(revert->addresses[0]));
        if (revert->reattaches || revert->is_over)
                return problem_set(problem, OUTCOME_BUSY,
                                "The devices of group %d go back to the host already: the deadline has passed.",
                                revert->group);
        if (revert->changed || (revert->waits && revert->state == REVERT_PENDING))
                return problem_set(problem, OUTCOME_BUSY,
                                "Another call changes the revert of group %d just now: try again.", revert->group);
        if (revert->waits)
                return problem_set(problem, OUTCOME_BUSY,
                                "The deadline of group %d has passed: vfiod searches for processes that use its "
                                "devices. Try again.",
                                revert->group);
        return 0;
}

static void answer_change(Revert *revert, int error) {
        revert_changed_t changed = TAKE_PTR(revert->changed);

        if (changed)
                changed(error, revert->changed_userdata);
}

static void begin_change(Revert *revert, revert_changed_t changed, void *userdata) {
        revert->changed = changed;
        revert->changed_userdata = userdata;
}

static void on_moved(int error, void *userdata) {
        _cleanup_free_ RevertCall *call = userdata;
        Revert *revert = revert_of_call(call);

        if (!revert || error == -ECANCELED)
                return;
        revert->waits = false;
        if (error >= 0)
                revert->at_us = revert->new_at_us;
        revert_arm(revert);
        if (error >= 0)
                revert_log_set(revert);
        answer_change(revert, error);
}

int revert_move(Revert *revert, uint64_t after_us, revert_changed_t changed, void *userdata, Problem *problem) {
        int r = refuse_change(revert, problem);
        if (r != 0)
                return r;
        revert->new_at_us = clock_us(CLOCK_BOOTTIME) + after_us;
        if ((r = record(revert, on_moved)) < 0)
                return explain_file(r, problem);
        begin_change(revert, changed, userdata);
        return 0;
}

static void on_confirmed(int error, void *userdata) {
        _cleanup_free_ RevertCall *call = userdata;
        Revert *revert = revert_of_call(call);

        if (!revert || error == -ECANCELED)
                return;
        revert->waits = false;
        if (error < 0)
                revert_arm(revert);
        else
                revert_log_confirmed(revert);
        revert_changed_t changed = TAKE_PTR(revert->changed);
        void *changed_userdata = revert->changed_userdata;
        if (error >= 0)
                revert_free(revert);
        /* Whoever asked finds no revert any more. */
        if (changed)
                changed(error, changed_userdata);
}

int revert_confirm(Revert *revert, revert_changed_t changed, void *userdata, Problem *problem) {
        const RevertParts *parts = &revert->table->parts;

        int r = refuse_change(revert, problem);
        if (r != 0)
                return r;
        RevertCall *call = revert_call_new(revert);
        if (!call)
                return -ENOMEM;
        r = worker_request(parts->event, parts->port, "ForgetRevert", on_confirmed, call, "u", revert->number);
        if (r < 0) {
                free(call);
                return r;
        }
        revert->waits = true;
        begin_change(revert, changed, userdata);
        return 0;
}
