/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/dry-run.h"
#include "bus/error-details.h"
#include "policy/plan-decision.h"

/* A call that is not answered yet. The service outlives it, because all calls are answered before the service ends. */
typedef struct DryRun {
        const Plan *plan; /* belongs to the job, which lives until it calls on_done() */
        sd_bus_message *call, *reply;
        FailureContext context;
} DryRun;

static DryRun *dry_run_free(DryRun *run) {
        if (!run)
                return NULL;
        sd_bus_message_unref(run->call);
        sd_bus_message_unref(run->reply);
        free(run);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(DryRun *, dry_run_free)

static void on_done(const WorkerResult *result, void *userdata) {
        _cleanup_(dry_run_freep) DryRun *run = userdata;
        _cleanup_problem_ Problem problem = {};
        WorkerResult decided = *result; /* borrows all */

        if (result->error == 0 && result->problem.outcome == OUTCOME_DONE) {
                const Report *report = &result->report;
                int r = plan_decide(run->plan, &report->findings, report->fingerprint, &problem);

                if (r < 0)
                        decided.error = r;
                decided.problem = problem;
        }
        if (decided.error == 0 && decided.problem.outcome == OUTCOME_DONE)
                (void)sd_bus_send(NULL, run->reply, NULL);
        else
                (void)error_details_reply_job(run->call, &run->context, &decided);
}

int dry_run_check_quota(const Service *service, const Caller *caller, Problem *problem) {
        return job_check_plan_quota(service->jobs, caller->uid, problem);
}

int dry_run_start(Service *service, sd_bus_message *call, sd_bus_message *reply, const Caller *caller,
                const Request *request, Plan *plan, Problem *problem) {
        _cleanup_(plan_freep) Plan *owned_plan = plan;
        int r;

        if (!plan) {
                r = sd_bus_send(NULL, reply, NULL);
                return r < 0 ? r : 0;
        }
        plan->asker = caller->uid;
        if ((r = job_check(service->jobs, plan, problem)) != 0)
                return r;
        plan->only_plan = true;
        _cleanup_(dry_run_freep) DryRun *run = malloc(sizeof(DryRun));
        if (!run)
                return -ENOMEM;
        *run = (DryRun){
                        .plan = plan,
                        .call = sd_bus_message_ref(call),
                        .reply = sd_bus_message_ref(reply),
                        .context = failure_context_new(service, request, plan->selected, plan->group),
        };
        r = job_start(service->jobs, TAKE_PTR(owned_plan), "a dry run", NULL, on_done, run, problem);
        /* on_done() frees it. The event loop calls it later, never from here. */
        if (r == 0)
                TAKE_PTR(run);
        return r;
}
