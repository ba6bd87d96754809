/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/report.h"

void report_drop_changes(Report *report) {
        free(TAKE_PTR(report->changes));
        report->n_changes = 0;
}

void report_done(Report *report) {
        finding_list_done(&report->findings);
        report_drop_changes(report);
        for (size_t i = 0; i < report->n_warnings; i++)
                free(report->warnings[i]);
        free(report->warnings);
        *report = (Report){};
}

int report_add_change(Report *report, PciAddress address, const char *before, const char *after) {
        size_t i = report->n_changes;
        DriverChange *grown = reallocarray(report->changes, i + 1, sizeof(DriverChange));
        if (!grown)
                return -ENOMEM;
        report->changes = grown;
        report->n_changes++;
        for (; i > 0 && pci_address_key(grown[i - 1].address) > pci_address_key(address); i--)
                grown[i] = grown[i - 1];
        grown[i].address = address;
        (void)snprintf(grown[i].before, DRIVER_NAME_MAX, "%s", strempty(before));
        (void)snprintf(grown[i].after, DRIVER_NAME_MAX, "%s", strempty(after));
        return 0;
}

int report_add_planned_changes(Report *report, const Plan *plan) {
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r >= 0; i++) {
                const PlanMember *member = &plan->members[i];
                bool vanishes = plan->verb == PLAN_DETACH && plan_member_depends(member);
                const char *after = vanishes ? "" : member->target.driver;

                if (!streq(member->before.driver, after))
                        r = report_add_change(report, member->address, member->before.driver, after);
        }
        return r;
}

int report_add_warning(Report *report, const char *warning) {
        _cleanup_free_ char *copy = strdup(warning);

        if (!copy || !ARRAY_GROW(report->warnings, report->n_warnings))
                return -ENOMEM;
        report->warnings[report->n_warnings++] = TAKE_PTR(copy);
        return 0;
}

void report_take_warnings(Report *report, Plan *plan) {
        for (size_t i = 0; i < report->n_warnings; i++)
                free(report->warnings[i]);
        free(report->warnings);
        report->warnings = TAKE_PTR(plan->warnings);
        report->n_warnings = plan->n_warnings;
        plan->n_warnings = 0;
}

void report_update_targets(const Report *report, Plan *plan) {
        for (size_t i = 0; i < report->n_changes && plan->verb == PLAN_DETACH; i++) {
                int member = plan_find_member(plan, report->changes[i].address);

                if (member >= 0 && plan_binds_vfio(plan, &plan->members[member]))
                        plan_set_vfio_driver(&plan->members[member], report->changes[i].after);
        }
}
