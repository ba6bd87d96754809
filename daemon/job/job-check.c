/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/job-internal.h"

bool job_is_visible(const Job *job) {
        return !job->plan->only_plan && !job->orphan;
}

static bool plans_overlap(const Plan *a, const Plan *b) {
        if (a->group != IOMMU_GROUP_NONE && a->group == b->group)
                return true;
        for (size_t i = 0; i < a->n_members; i++)
                if (!a->members[i].created && plan_find_member(b, a->members[i].address) >= 0)
                        return true;
        return false;
}

/* Finds a PF that another job works on while this plan changes a VF of it. */
static const Device *find_busy_pf(const JobTable *table, const Plan *plan) {
        for (size_t i = 0; i < plan->n_members; i++) {
                const Device *device = inventory_find_device(table->inventory, plan->members[i].address);
                const Device *pf = device && device->virtual_function && !plan->members[i].created
                                ? inventory_find_device(table->inventory, device_physical_function(device))
                                : NULL;

                if (pf && pf->activity != DEVICE_QUIET && plan_find_member(plan, pf->address) < 0)
                        return pf;
        }
        return NULL;
}

static int refuse_conflict(const JobTable *table, const Plan *plan, Problem *problem) {
        for (const Job *other = table->jobs; other; other = other->next)
                if (job_is_visible(other) && plans_overlap(plan, other->plan))
                        return problem_set(problem, OUTCOME_BUSY,
                                        "Job %lu is changing the same devices: try again when it is done.",
                                        other->number);
        const Device *pf = find_busy_pf(table, plan);
        if (pf)
                return problem_set(problem, OUTCOME_BUSY,
                                "Another job is changing %s, the physical function: try again when it is done.",
                                PCI_ADDRESS_TEXT(pf->address));
        return 0;
}

static int refuse_slow_survey(const JobTable *table, const Plan *plan, Problem *problem) {
        for (const Job *other = table->jobs; other; other = other->next)
                if (other->plan->only_plan && other->given_up && other->plan->group == plan->group)
                        return problem_set(problem, OUTCOME_SURVEY_TIMED_OUT,
                                        "An earlier plan for %s still waits for the kernel: another program is "
                                        "changing a device, or a disk does not answer. Try again when that is over.",
                                        PLAN_GROUP_TEXT(plan));
        return 0;
}

int job_check_plan_quota(const JobTable *table, uid_t asker, Problem *problem) {
        QuotaUse use = {};

        for (const Job *job = table->jobs; job; job = job->next)
                if (job->plan->only_plan)
                        quota_add(&use, job->plan->asker, asker);
        return quota_check(&table->limits.plans, &use, asker, "plans", problem);
}

static int check_job_quota(const JobTable *table, uid_t owner, Problem *problem) {
        QuotaUse use = {};

        for (const Job *job = table->jobs; job; job = job->next)
                if (job_is_visible(job))
                        quota_add(&use, job->owner, owner);
        return quota_check(&table->limits.jobs, &use, owner, "jobs", problem);
}

int job_check(const JobTable *table, const Plan *plan, Problem *problem) {
        int r;

        if ((table->gate && (r = table->gate(plan, table->gate_userdata, problem)) != 0) ||
                        (r = refuse_conflict(table, plan, problem)) != 0)
                return r;
        return check_job_quota(table, plan->asker, problem);
}

int job_check_survey(const JobTable *table, const Plan *plan, Problem *problem) {
        int r = refuse_slow_survey(table, plan, problem);

        return r != 0 ? r : job_check_plan_quota(table, plan->asker, problem);
}
