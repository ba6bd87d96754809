/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vfs.h"

Host *vfs_host(void) {
        return host_new_with("vfs");
}

int vfs_begin(Daemon *daemon, const VfRequest *request, Answer *answer, Problem *problem) {
        const Device *pf = inventory_find_device(daemon->host->inventory, address_of(request->pf));
        IommuReport iommu;
        Plan *plan = NULL;

        g_assert_nonnull(pf);
        iommu_examine(daemon->host->kernel, &iommu);
        VfOptions options = {request->fate, request->overrides, &iommu};
        int r = vf_plan_new(daemon->host->inventory, pf, request->count, &options, &plan, problem);
        return r != 0 ? r : job_start(daemon->jobs, plan, "a test", NULL, answer_take, answer, problem);
}

void vfs_must_begin(Daemon *daemon, const VfRequest *request, Answer *answer) {
        _cleanup_problem_ Problem problem = {};

        if (vfs_begin(daemon, request, answer, &problem) != 0)
                g_error("%u VFs of %s: %s", request->count, request->pf, strempty(problem.message));
}

char *vfs_set(Daemon *daemon, const VfRequest *request, Outcome expected) {
        _cleanup_answer_ Answer answer = {};
        _cleanup_problem_ Problem problem = {};

        int r = vfs_begin(daemon, request, &answer, &problem);
        g_assert_cmpint(r, >=, 0);
        if (r == 0) {
                daemon_await(daemon, &answer);
                g_assert_cmpint(answer.error, ==, 0);
        }
        const char *message = r == 0 ? answer.message : problem.message;
        Outcome outcome = r == 0 ? answer.outcome : problem.outcome;
        g_test_message("%s %u: %s %s", request->pf, request->count, outcome_to_string(outcome), strempty(message));
        g_assert_cmpstr(outcome_to_string(outcome), ==, outcome_to_string(expected));
        return g_strdup(outcome == OUTCOME_DONE ? answer.changes : message);
}

void vfs_must_set(Daemon *daemon, const VfRequest *request, Outcome expected) {
        g_autofree char *text G_GNUC_UNUSED = vfs_set(daemon, request, expected);
}

void vfs_ensure(Daemon *daemon, const VfRequest *request) {
        _cleanup_answer_ Answer answer = {};
        _cleanup_problem_ Problem problem = {};
        VfRequest forced = *request;

        forced.overrides = (1U << _GUARD_MAX) - 1;
        int r = vfs_begin(daemon, &forced, &answer, &problem);
        if (r == OUTCOME_ALREADY_DETACHED)
                return;
        g_assert_cmpint(r, ==, 0);
        daemon_await(daemon, &answer);
        if (answer.outcome != OUTCOME_DONE)
                g_error("%u VFs of %s: %s", request->count, request->pf, answer.message);
}

unsigned vfs_count(Host *host, const char *pf) {
        g_autofree char *text = fake_kernel_read(host->fake, "sys/bus/pci/devices/%s/sriov_numvfs", pf);

        g_assert_nonnull(text);
        return (unsigned)g_ascii_strtoull(text, NULL, 10);
}

void assert_autoprobe(Host *host, const char *pf, bool expected) {
        g_autofree char *text = fake_kernel_read(host->fake, "sys/bus/pci/devices/%s/sriov_drivers_autoprobe", pf);

        g_assert_cmpstr(text, ==, expected ? "1" : "0");
}

void assert_vfs(Host *host, const char *pf, unsigned count, const char *driver) {
        g_assert_cmpuint(vfs_count(host, pf), ==, count);
        for (unsigned i = 0; i < count; i++) {
                g_autofree char *found = fake_kernel_link(host->fake, "sys/bus/pci/devices/%s/virtfn%u/driver", pf, i);

                g_assert_cmpstr(found, ==, driver);
        }
}
