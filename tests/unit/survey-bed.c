/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "survey-bed.h"

SurveyBed *survey_bed_new(void) {
        SurveyBed *bed = g_new0(SurveyBed, 1);

        bed->tree = temp_tree_new();
        bed->tree->kernel->has_own_network = true;
        bed->plan = g_new0(Plan, 1);
        bed->plan->verb = PLAN_DETACH;
        bed->plan->group = 10;
        bed->plan->members = bed->members;
        bed->plan->n_members = 2;
        for (size_t i = 0; i < 2; i++) {
                const char *address = i == 0 ? PORT1 : PORT2;
                g_autofree char *path = g_strdup_printf("pci0000:00/%s", address);
                PlanMember *member = &bed->members[i];

                temp_tree_device(bed->tree, path);
                temp_tree_attribute(bed->tree, address, "class", "0x010800");
                temp_tree_driver(bed->tree, address, "nvme");
                member->address = address_of(address);
                member->ids = (PciIds){0x8086, 0x100e, 0x1af4, 0x1100, 0x010800, 3};
                member->parent = PLAN_NO_PARENT;
                member->group = 10;
                binding_set_driver(&member->before, "nvme");
                binding_set_driver(&member->target, "vfio-pci");
                binding_set_override(&member->target, "vfio-pci");
        }
        bed->transaction = (Transaction){.kernel = bed->tree->kernel, .devices_fd = -EBADF, .plan = bed->plan};
        g_assert_cmpint(work_init(&bed->work, &bed->transaction), ==, 0);
        for (size_t i = 0; i < 2; i++) {
                bed->work.fds[i] = pci_device_open(bed->tree->kernel, bed->members[i].address);
                g_assert_cmpint(bed->work.fds[i], >=, 0);
        }
        bed->plan->selected = bed->members[0].address;
        temp_tree_file(bed->tree, "0x00000000fee00000 0x00000000feefffff msi\n",
                        "sys/kernel/iommu_groups/10/reserved_regions");
        return bed;
}

void survey_bed_free(SurveyBed *bed) {
        bed->plan->n_members = 2;
        work_done(&bed->work);
        finding_list_done(&bed->plan->findings);
        g_free(bed->plan);
        temp_tree_free(bed->tree);
        g_free(bed);
}

uint64_t survey_bed_take(SurveyBed *bed) {
        _cleanup_problem_ Problem problem = {};
        Report report = {};

        int r = survey(&bed->work, &report, &problem);
        if (r != 0)
                g_error("%d: %s", r, strempty(problem.message));
        g_assert_cmpuint(report.fingerprint, !=, 0);
        memset(bed->n_kinds, 0, sizeof(bed->n_kinds));
        for (size_t i = 0; i < report.findings.n_findings; i++)
                bed->n_kinds[report.findings.findings[i].guard]++;
        uint64_t fingerprint = report.fingerprint;
        report_done(&report);
        return fingerprint;
}

void assert_found(SurveyBed *bed, Guard guard, unsigned expected) {
        (void)survey_bed_take(bed);
        for (Guard other = 0; other < _GUARD_MAX; other++)
                g_assert_cmpuint(bed->n_kinds[other], ==, other == guard ? expected : 0);
}
