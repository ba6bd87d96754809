/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "functions.h"

Host *functions_host(void) {
        return host_new_with("functions");
}

int functions_begin(Daemon *daemon, const FunctionRequest *request, Answer *answer, Problem *problem) {
        const Device *physical = inventory_find_device(daemon->host->inventory, address_of(request->physical));
        IommuReport iommu;
        Plan *plan = NULL;

        g_assert_nonnull(physical);
        iommu_examine(daemon->host->kernel, &iommu);
        VfOptions options = {request->fate, request->overrides, &iommu};
        int r = vf_plan_new(daemon->host->inventory, physical, request->count, &options, &plan, problem);
        return r != 0 ? r : job_start(daemon->jobs, plan, "a test", answer_take, answer, problem);
}

void functions_must_begin(Daemon *daemon, const FunctionRequest *request, Answer *answer) {
        _cleanup_problem_ Problem problem = {};

        if (functions_begin(daemon, request, answer, &problem) != 0)
                g_error("%u functions of %s: %s", request->count, request->physical, strempty(problem.message));
}

char *functions_set(Daemon *daemon, const FunctionRequest *request, Outcome expected) {
        _cleanup_answer_ Answer answer = {};
        _cleanup_problem_ Problem problem = {};

        int r = functions_begin(daemon, request, &answer, &problem);
        g_assert_cmpint(r, >=, 0);
        if (r == 0) {
                daemon_await(daemon, &answer);
                g_assert_cmpint(answer.error, ==, 0);
        }
        const char *message = r == 0 ? answer.message : problem.message;
        Outcome outcome = r == 0 ? answer.outcome : problem.outcome;
        g_test_message("%s %u: %s %s", request->physical, request->count, outcome_to_string(outcome),
                        strempty(message));
        g_assert_cmpstr(outcome_to_string(outcome), ==, outcome_to_string(expected));
        return g_strdup(outcome == OUTCOME_DONE ? answer.changes : message);
}

void functions_must_set(Daemon *daemon, const FunctionRequest *request, Outcome expected) {
        g_autofree char *text G_GNUC_UNUSED = functions_set(daemon, request, expected);
}

void functions_ensure(Daemon *daemon, const FunctionRequest *request) {
        _cleanup_answer_ Answer answer = {};
        _cleanup_problem_ Problem problem = {};
        FunctionRequest forced = *request;

        forced.overrides = (1U << _GUARD_MAX) - 1;
        int r = functions_begin(daemon, &forced, &answer, &problem);
        if (r == OUTCOME_ALREADY_DETACHED)
                return;
        g_assert_cmpint(r, ==, 0);
        daemon_await(daemon, &answer);
        if (answer.outcome != OUTCOME_DONE)
                g_error("%u functions of %s: %s", request->count, request->physical, answer.message);
}

unsigned functions_count(Host *host, const char *physical) {
        g_autofree char *text = fake_kernel_read(host->fake, "sys/bus/pci/devices/%s/sriov_numvfs", physical);

        g_assert_nonnull(text);
        return (unsigned)g_ascii_strtoull(text, NULL, 10);
}

void assert_autoprobe(Host *host, const char *physical, bool expected) {
        g_autofree char *text =
                        fake_kernel_read(host->fake, "sys/bus/pci/devices/%s/sriov_drivers_autoprobe", physical);

        g_assert_cmpstr(text, ==, expected ? "1" : "0");
}

void assert_functions(Host *host, const char *physical, unsigned count, const char *driver) {
        g_assert_cmpuint(functions_count(host, physical), ==, count);
        for (unsigned i = 0; i < count; i++) {
                g_autofree char *found =
                                fake_kernel_link(host->fake, "sys/bus/pci/devices/%s/virtfn%u/driver", physical, i);

                g_assert_cmpstr(found, ==, driver);
        }
}
