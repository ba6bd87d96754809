/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

void reply_done(Reply *reply) {
        answer_done(&reply->answer);
        g_free(reply->findings);
        *reply = (Reply){};
}

static void on_done(const WorkerResult *result, void *userdata) {
        const FindingList *findings = &result->report.findings;
        g_autoptr(GString) text = g_string_new(NULL);
        Reply *reply = userdata;

        answer_take(result, &reply->answer);
        for (size_t i = 0; i < findings->n_findings; i++)
                g_string_append_printf(text, "%s %s %s\n", guard_to_string(findings->findings[i].guard),
                                PCI_ADDRESS_TEXT(findings->findings[i].address), findings->findings[i].evidence);
        g_free(reply->findings);
        reply->findings = g_strdup(text->str);
        reply->fingerprint = result->report.fingerprint;
}

static int make_plan(const Host *host, const Request *request, Plan **ret, Problem *problem) {
        Selection selection;
        IommuReport iommu;

        int r = selector_resolve(host->inventory, request->selector, &selection, problem);
        if (r != 0)
                return r;
        if (request->verb == PLAN_RESET)
                return plan_reset(host->inventory, selection.device, ret, problem);
        if (request->verb == PLAN_REATTACH)
                return plan_reattach(host->inventory, &selection,
                                &(ReattachOptions){.force = request->force, .adopt = request->adopt}, ret, problem);
        iommu_examine(host->kernel, &iommu);
        return plan_detach(host->inventory, &selection, &iommu,
                        &(DetachOptions){.whole_group = true, .overrides = request->overrides}, ret, problem);
}

int request_begin(Daemon *daemon, const Request *request, Reply *reply, Problem *problem) {
        Plan *plan = NULL;

        int r = make_plan(daemon->host, request, &plan, problem);
        if (r != 0)
                return r;
        plan->fingerprint = request->fingerprint;
        plan->only_plan = request->only_plan;
        return job_start(daemon->jobs, plan, "a test", NULL, on_done, reply, problem);
}

void request_must_begin(Daemon *daemon, const Request *request, Reply *reply) {
        _cleanup_problem_ Problem problem = {};

        int r = request_begin(daemon, request, reply, &problem);
        if (r != 0)
                g_error("%s of %s does not start: %d: %s", plan_verb_to_string(request->verb), request->selector, r,
                                strempty(problem.message));
}

void request_run(Daemon *daemon, const Request *request, Outcome expected, Reply *reply) {
        request_must_begin(daemon, request, reply);
        daemon_await(daemon, &reply->answer);
        if (reply->answer.error != 0 || reply->answer.outcome != expected)
                g_error("%s of %s ended with %d, %d: %s", plan_verb_to_string(request->verb), request->selector,
                                reply->answer.error, reply->answer.outcome, reply->answer.message);
}

void request_move(Daemon *daemon, const Request *request, Outcome expected) {
        _cleanup_reply_ Reply reply = {};

        request_run(daemon, request, expected, &reply);
}

Job *daemon_job(Daemon *daemon) {
        Job *job = job_next(daemon->jobs, NULL);

        g_assert_nonnull(job);
        g_assert_null(job_next(daemon->jobs, job));
        return job;
}

JobState daemon_job_state(Daemon *daemon) {
        return job_describe(daemon_job(daemon)).state;
}
