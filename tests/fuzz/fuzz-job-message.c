/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "message-input.h"
#include "model.h"
#include "process/job-message.h"
#include "state-folder.h"
#include "state-text.h"
#include "state/device-file.h"

/* What the daemon sends to a worker, and what a worker sends to the daemon. */

#define PLAN "ssiuuuuttbbbbba(sqqqquyiiaybbbbs)a(sssuuss)sas"
#define RESULT "issta(sayay)a(sssuuss)as"

/* Has a state file; its ids are those that small numbers give. */
#define DEVICE "0000:03:01.0"

static StateFolder *folder;

static void check_findings(const FindingList *list) {
        g_assert_cmpuint(list->n_findings, <=, FINDINGS_MAX + _GUARD_MAX);
        for (size_t i = 0; i < list->n_findings; i++) {
                g_assert_true(list->findings[i].guard >= 0 && list->findings[i].guard < _GUARD_MAX);
                g_assert_nonnull(list->findings[i].evidence);
        }
}

static void check_plan(const Plan *plan) {
        char reason[PLAN_REASON_MAX];

        g_assert_cmpuint(plan->n_members, >, 0);
        g_assert_true(plan->n_steps > 0 || plan_is_survey(plan));
        g_assert_true(plan->verb >= 0 && plan->verb < _PLAN_VERB_MAX);
        g_assert_true(plan->vf_fate < _VF_FATE_MAX && plan->vf_count <= UINT16_MAX);
        g_assert_false(plan->recovery);
        for (size_t i = 0; i < plan->n_steps; i++) {
                g_assert_true(plan->steps[i].kind >= 0 && plan->steps[i].kind < _STEP_KIND_MAX);
                g_assert_cmpuint(plan->steps[i].member, <, plan->n_members);
                g_assert_cmpuint(plan->steps[i].value, <=, UINT16_MAX);
                (void)plan_step_address(plan, &plan->steps[i]);
                fuzz_assert_message(plan_step_reason(plan, &plan->steps[i], reason));
        }
        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];

                g_assert_cmpint(member->group, >=, IOMMU_GROUP_NONE);
                g_assert_cmpint(member->parent, >=, PLAN_NO_PARENT);
                g_assert_cmpint(member->parent, <, (int)plan->n_members);
                g_assert_cmpint(member->parent, !=, (int)i);
                g_assert_true(member->origin || !(member->recorded || plan->verb == PLAN_REATTACH));
                g_assert_true(!member->created || plan_member_depends(member));
        }
        check_findings(&plan->findings);
}

static int read_plan(sd_bus_message *message, Plan **ret) {
        _cleanup_problem_ Problem problem = {};

        int r = job_message_read_plan(message, folder->fd, ret, &problem);
        g_assert_true(r <= 0 || r == OUTCOME_NOT_DETACHED);
        g_assert_true((r == 0) == (*ret != NULL));
        g_assert_true((r > 0) == (problem.message != NULL));
        if (r > 0)
                fuzz_assert_message(problem.message);
        return r;
}

/* A plan that was read can be sent again. */
static void try_plan(sd_bus_message *message) {
        _cleanup_message_ sd_bus_message *copy = message_input_new();
        _cleanup_(plan_freep) Plan *plan = NULL, *again = NULL;

        if (read_plan(message, &plan) != 0)
                return;
        check_plan(plan);
        g_assert_cmpint(job_message_append_plan(copy, plan), ==, 0);
        message_input_seal(copy);
        g_assert_cmpint(read_plan(copy, &again), ==, 0);
        g_autofree char *text = plan_to_text(plan), *again_text = plan_to_text(again);
        g_assert_cmpstr(again_text, ==, text);
        g_assert_cmpuint(again->findings.n_findings, ==, plan->findings.n_findings);
}

static void check_result(const WorkerResult *result) {
        g_assert_cmpint(result->error, <=, 0);
        g_assert_true(result->problem.outcome >= 0 && result->problem.outcome < _OUTCOME_MAX);
        for (size_t i = 0; i < result->report.n_changes; i++) {
                const DriverChange *change = &result->report.changes[i];

                g_assert_cmpuint(strnlen(change->before, DRIVER_NAME_MAX), <, DRIVER_NAME_MAX);
                g_assert_cmpuint(strnlen(change->after, DRIVER_NAME_MAX), <, DRIVER_NAME_MAX);
                g_assert_true(i == 0 || pci_address_compare(change[-1].address, change->address) <= 0);
        }
        check_findings(&result->report.findings);
}

static void try_result(sd_bus_message *message) {
        _cleanup_(worker_result_done) WorkerResult result = {}, again = {};
        _cleanup_message_ sd_bus_message *copy = message_input_new();

        int r = job_message_read_result(message, &result);
        g_assert_cmpint(r, <=, 0);
        if (r < 0)
                return;
        check_result(&result);
        g_assert_cmpint(job_message_append_result(copy, &result), ==, 0);
        message_input_seal(copy);
        g_assert_cmpint(job_message_read_result(copy, &again), ==, 0);
        g_assert_cmpint(again.error, ==, result.error);
        g_assert_cmpint(again.problem.outcome, ==, result.problem.outcome);
        g_assert_cmpstr(again.problem.message, ==, result.problem.message);
        g_assert_cmpuint(again.report.fingerprint, ==, result.report.fingerprint);
        g_assert_cmpuint(again.report.n_changes, ==, result.report.n_changes);
        g_assert_cmpuint(again.report.findings.n_findings, ==, result.report.findings.n_findings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        MessageInput input = {data, size};

        if (!folder) {
                DeviceOrigin origin = {.ids = {1, 1, 1, 1, 1, 1}, .binding = {.driver = "e1000", .override = "x"}};

                folder = state_folder_new();
                g_assert_cmpint(device_file_write(folder->fd, address_of(DEVICE), true, &origin), ==, 0);
        }
        bool is_plan = message_input_byte(&input) % 2 == 0;
        _cleanup_message_ sd_bus_message *message = message_input_make(&input, is_plan ? PLAN : RESULT);
        if (is_plan)
                try_plan(message);
        else
                try_result(message);
        return 0;
}
