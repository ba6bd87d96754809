/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/function-job.h"
#include "base/log.h"
#include "kernel/sriov.h"
#include "model/scan.h"
#include "policy/function-plan.h"

static int new_functions(const Plan *plan, const Record *left, FunctionRecord **ret) {
        FunctionRecord *functions = calloc(1, sizeof(FunctionRecord));
        if (!functions)
                return -ENOMEM;
        functions->physical = plan->members[0].address;
        functions->ids = plan->members[0].ids;
        functions->count = plan->functions.count;
        if (left) {
                functions->autoprobe_known = left->functions->autoprobe_known;
                functions->autoprobe = left->functions->autoprobe;
        }
        *ret = functions;
        return 0;
}

int function_job_make_record(Journal *journal, const Plan *plan, Record **ret, unsigned long **ret_superseded,
                size_t *ret_n_superseded) {
        const Record *left = journal_find_functions(journal, plan->members[0].address);
        _cleanup_free_ unsigned long *superseded = calloc(1, sizeof(unsigned long));
        _cleanup_(record_freep) Record *record = NULL;
        bool recovery = plan->functions.recovery;
        int r;

        if (!superseded)
                return -ENOMEM;
        if (recovery && !left)
                return -ENOENT;
        if ((r = record_new(recovery ? left->number : journal->next_number, IOMMU_GROUP_NONE, 0, &record)) < 0 ||
                        (r = recovery ? function_record_copy(left->functions, &record->functions)
                                      : new_functions(plan, left, &record->functions)) < 0)
                return r;
        if (!recovery)
                journal->next_number += 1 + plan->functions.count;
        if (left)
                superseded[0] = left->number;
        *ret = TAKE_PTR(record);
        *ret_superseded = TAKE_PTR(superseded);
        *ret_n_superseded = left && !recovery;
        return 0;
}

/* The card that the record is about, NULL where it is gone. */
static const Device *find_physical(const Inventory *inventory, const FunctionRecord *functions) {
        const Device *physical = inventory_find_device(inventory, functions->physical);

        return physical && physical->present && pci_ids_equal(&physical->ids, &functions->ids) ? physical : NULL;
}

/* Of functions that have gone, and of earlier ones at the addresses of the new: whatever older records say is of others. */
static int settle_one(Journal *journal, const Record *record) {
        const FunctionRecord *functions = record->functions;
        unsigned long number = record->number;
        int r = 0;

        for (size_t i = 0; i < functions->n_before && r >= 0; i++)
                r = journal_drop_older(journal, functions->before[i].address, number);
        for (size_t i = 0; i < journal->n_records && r >= 0; i++) {
                const Record *new = journal->records[i];

                for (size_t m = 0; new->number > number &&new->number <= number + functions->count &&m <
                                new->n_members &&r >= 0;
                                m++)
                        r = journal_drop_older(journal, new->members[m].address, number);
        }
        return r;
}

int function_job_settle(Journal *journal, const Inventory *inventory) {
        bool settled = false;
        int r = 0;

        for (size_t i = 0; i < journal->n_records && r >= 0; i++) {
                const Record *record = journal->records[i];
                FunctionPhase phase = record->functions ? record->functions->phase : FUNCTIONS_MAKING;

                bool gone = record->functions && !find_physical(inventory, record->functions);
                if (journal->locked[i] || (phase != FUNCTIONS_DONE && phase != FUNCTIONS_KEPT && !gone))
                        continue;
                if ((r = settle_one(journal, record)) >= 0 && (phase == FUNCTIONS_DONE || gone))
                        r = record_delete(journal->state_fd, record->number);
                settled = true;
        }
        return r < 0 || !settled ? r : journal_load(journal);
}

/* The event of a new function may still be on its way. */
int function_job_look(const Job *job) {
        PciAddress physical = job->plan->members[0].address;
        _cleanup_free_ PciAddress *functions = NULL;
        size_t n = 0;

        int r = function_job_settle(job->table->journal, job->table->inventory);
        if (r < 0)
                return r;
        _cleanup_close_ int fd = pci_device_open(job->table->kernel, physical);
        r = fd < 0 ? 0 : sriov_list_functions(fd, &functions, &n);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = scan_device(job->table->kernel, job->table->inventory, functions[i]);
        return r;
}

/* The plan that ends what a record says was cut off. Returns 0; -ENOENT where there is nothing to do; -ENOMEM. */
static int make_plan(const Inventory *inventory, const Record *record, Plan **ret) {
        const FunctionRecord *functions = record->functions;
        const Device *physical = find_physical(inventory, functions);

        if (!physical || (functions->phase != FUNCTIONS_MAKING && functions->phase != FUNCTIONS_MADE))
                return -ENOENT;
        return function_plan_restore(inventory, physical, functions->phase == FUNCTIONS_MADE, ret);
}

int function_job_recover(JobTable *table, size_t i) {
        const Record *record = table->journal->records[i];
        PciAddress physical = record->functions->physical;
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};

        int r = make_plan(table->inventory, record, &plan);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = job_start(table, TAKE_PTR(plan), "recovery", NULL, NULL, &problem);
        if (r > 0)
                log_warning("The virtual functions of %s were left in between: %s", PCI_ADDRESS_TEXT(physical),
                                problem.message);
        return r < 0 ? r : 0;
}

int function_job_recover_own(Job *job) {
        JobTable *table = job->table;
        _cleanup_(plan_freep) Plan *plan = NULL;

        int r = journal_load(table->journal);
        if (r < 0)
                return r;
        const Record *record = journal_find_functions(table->journal, job->plan->members[0].address);
        bool own = record && record->number == job->record->number;
        job->settled = own && record->functions->phase >= FUNCTIONS_DONE;
        job->was_recorded = own && record->functions->phase == FUNCTIONS_MADE;

        if ((r = job_look_again(job)) < 0)
                return r;
        record = journal_find_functions(table->journal, job->plan->members[0].address);
        r = own && record ? make_plan(table->inventory, record, &plan) : -ENOENT;
        if (r < 0)
                return r;

        job_set_activity(job, DEVICE_QUIET);
        job->asked = job->plan;
        job->plan = TAKE_PTR(plan);
        job->worker = worker_free(job->worker);
        job->recovering = true;
        job->step = 0;
        return job_start_worker(job);
}

/* As they are, where no worker is left to tell. */
static int list_functions(const Job *job, TransactionReport *report) {
        const Device *physical = inventory_find_device(job->table->inventory, job->plan->members[0].address);
        size_t n;

        transaction_report_done(report);
        Device *const *devices = inventory_devices(job->table->inventory, &n);
        report->changes = calloc(n + 1, sizeof(TransactionChange));
        if (!report->changes)
                return -ENOMEM;
        for (size_t i = 0; physical && i < n; i++) {
                TransactionChange *change = &report->changes[report->n_changes];

                if (!device_is_function_of(devices[i], physical))
                        continue;
                change->address = devices[i]->address;
                (void)snprintf(change->driver_after, DRIVER_NAME_MAX, "%s", strempty(devices[i]->driver));
                report->n_changes++;
        }
        return 0;
}

int function_job_conclude_recovery(const Job *job, WorkerResult *result, bool restored) {
        const char *address = PCI_ADDRESS_TEXT(job->plan->members[0].address);

        if (!restored) {
                if (result->problem.message)
                        log_warning("Job %lu: what its worker left is not undone: %s", job->number,
                                        result->problem.message);
                result->error = 0;
                return problem_set(&result->problem, OUTCOME_FAILED,
                                "The worker process for the virtual functions of %s died, and what it left could not "
                                "be undone. Look with 'vfioctl show %s'.",
                                address, address);
        }
        if (job->was_recorded) {
                int r = function_job_look(job);
                return r < 0 ? r : list_functions(job, &result->report);
        }
        return problem_set(&result->problem, OUTCOME_ROLLED_BACK,
                        "The worker process for the virtual functions of %s died. Everything is as it was before.",
                        address);
}

int function_job_conclude(const Job *job, WorkerResult *result) {
        PciAddress physical = job->plan->members[0].address;

        int r = list_functions(job, &result->report);
        if (r < 0)
                return r;
        if (job->settled)
                return 0;
        transaction_report_done(&result->report);
        return problem_set(&result->problem, OUTCOME_FAILED,
                        "The worker process for the virtual functions of %s died, and nothing is changed: try again.",
                        PCI_ADDRESS_TEXT(physical));
}

void function_job_log_end(const Job *job, const WorkerResult *result, const char *number) {
        bool failed = result->error < 0 || result->problem.outcome != OUTCOME_DONE;
        const char *address = PCI_ADDRESS_TEXT(job->plan->members[0].address);
        char group[16];

        (void)snprintf(group, sizeof(group), "%d", job->plan->group);
        LogEvent event = {
                        .priority = failed ? LOG_WARNING : LOG_NOTICE,
                        .message_id = failed ? MESSAGE_JOB_FAILED : MESSAGE_FUNCTIONS_SET,
                        .address = address,
                        .group = group,
                        .job = number,
                        .caller = job->caller,
        };

        if (failed)
                log_event(&event, "%s: %s for %s failed: %s", address, plan_verb_to_string(job->verb), job->caller,
                                result->error < 0 ? strerror(-result->error) : strempty(result->problem.message));
        else if (job->plan->functions.recovery)
                log_event(&event, "%s: what was left of its virtual functions is undone, or ended", address);
        else
                log_event(&event, "%s has %zu virtual function%s now%s, for %s", address, result->report.n_changes,
                                result->report.n_changes == 1 ? "" : "s",
                                job->plan->functions.fate == FUNCTIONS_DETACHED ? ", all on " PLAN_VFIO_DRIVER : "",
                                job->caller);
}
