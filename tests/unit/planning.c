/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planning.h"

static const IommuReport iommu_on = {.state = IOMMU_ON, .reason = "It is on."};

int try_detach(Inventory *inventory, const char *selector, const DetachOptions *options, const IommuReport *iommu,
                Plan **ret, Problem *problem) {
        static const DetachOptions none = {};
        Selection selection;

        g_assert_cmpint(selector_resolve(inventory, selector, &selection, problem), ==, 0);
        int r = plan_detach(inventory, &selection, iommu ? iommu : &iommu_on, options ? options : &none, ret, problem);
        g_assert_true(r == 0 || (r == (int)problem->outcome && !isempty(problem->message)));
        return r;
}

int try_reattach(Inventory *inventory, const char *selector, const ReattachOptions *options, Plan **ret,
                Problem *problem) {
        static const ReattachOptions none = {};
        Selection selection;

        g_assert_cmpint(selector_resolve(inventory, selector, &selection, problem), ==, 0);
        int r = plan_reattach(inventory, &selection, options ? options : &none, ret, problem);
        g_assert_true(r == 0 || (r == (int)problem->outcome && !isempty(problem->message)));
        return r;
}

Plan *make_detach_plan(Inventory *inventory, const char *selector, unsigned overrides) {
        DetachOptions options = {.whole_group = true, .overrides = overrides};
        _cleanup_problem_ Problem problem = {};
        Plan *plan = NULL;

        if (try_detach(inventory, selector, &options, NULL, &plan, &problem) != 0)
                g_error("No plan to detach %s: %s", selector, problem.message);
        return plan;
}

Plan *make_reattach_plan(Inventory *inventory, const char *selector, const ReattachOptions *options) {
        _cleanup_problem_ Problem problem = {};
        Plan *plan = NULL;

        if (try_reattach(inventory, selector, options, &plan, &problem) != 0)
                g_error("No plan to reattach %s: %s", selector, problem.message);
        return plan;
}

static void append_value(GString *text, const PlanStep *step) {
        if (step->kind == STEP_SET_AUTOPROBE && step->value == AUTOPROBE_OF_HOST)
                g_string_append(text, "=host");
        else if (step->kind == STEP_SET_AUTOPROBE || step->kind == STEP_SET_VFS)
                g_string_append_printf(text, "=%u", step->value);
}

char *plan_steps_to_text(const Plan *plan) {
        GString *text = g_string_new(NULL);

        for (size_t i = 0; i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];
                const PlanMember *member = &plan->members[step->member];

                g_assert_cmpuint(step->member, <, plan->n_members);
                g_string_append_printf(text, "%s%s ", i > 0 ? ", " : "", step_kind_to_string(step->kind));
                if (member->created)
                        g_string_append_printf(text, "#%u", step->member);
                else
                        g_string_append(text, PCI_ADDRESS_TEXT(member->address));
                append_value(text, step);
        }
        return g_string_free(text, FALSE);
}

void assert_steps(const Plan *plan, const char *expected) {
        g_autofree char *text = plan_steps_to_text(plan);

        g_assert_cmpstr(text, ==, expected);
}

char *plan_members_to_text(const Plan *plan) {
        GString *text = g_string_new(NULL);

        for (size_t i = 0; i < plan->n_members; i++) {
                const PlanMember *member = &plan->members[i];

                g_string_append_printf(text, "%s%s", i > 0 ? " " : "",
                                member->created ? "new" : PCI_ADDRESS_TEXT(member->address));
                if (plan_member_depends(member))
                        g_string_append_printf(text, "<%d", member->parent);
        }
        return g_string_free(text, FALSE);
}

void assert_members(const Plan *plan, const char *expected) {
        g_autofree char *text = plan_members_to_text(plan);

        g_assert_cmpstr(text, ==, expected);
}

void assert_findings(const Plan *plan, const char *expected) {
        g_autoptr(GString) text = g_string_new(NULL);

        for (size_t i = 0; i < plan->findings.n_findings; i++) {
                const Finding *finding = &plan->findings.findings[i];

                g_string_append_printf(text, "%s%s %s: %s", i > 0 ? "; " : "", guard_to_string(finding->guard),
                                PCI_ADDRESS_TEXT(finding->address), finding->evidence);
        }
        g_assert_cmpstr(text->str, ==, expected);
}
