/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/iommu.h"
#include "temp-tree.h"

static void assert_report(TempTree *tree, IommuState state, const char *says) {
        IommuReport report;

        iommu_examine(tree->kernel, &report);
        g_assert_cmpstr(iommu_state_to_string(report.state), ==, iommu_state_to_string(state));
        if (!strstr(report.reason, says))
                g_error("\"%s\" does not say \"%s\"", report.reason, says);
        g_assert_cmpint(report.reason[strlen(report.reason) - 1], ==, '.');
        g_assert_cmpuint(strlen(report.reason), <, sizeof(report.reason) - 1);
}

static void test_on(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_folder(tree, "sys/kernel/iommu_groups/0");
        temp_tree_folder(tree, "sys/class/iommu/dmar0");
        assert_report(tree, IOMMU_ON, "1 IOMMU unit and made 1 group.");
        temp_tree_folder(tree, "sys/kernel/iommu_groups/1");
        temp_tree_folder(tree, "sys/class/iommu/dmar1");
        assert_report(tree, IOMMU_ON, "2 IOMMU units and made 2 groups.");
        /* Groups count, whatever else is there. */
        temp_tree_file(tree, "quiet iommu=off\n", "proc/cmdline");
        assert_report(tree, IOMMU_ON, "made 2 groups");
}

static void test_off(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_file(tree, "x", "sys/firmware/acpi/tables/DMAR");
        temp_tree_folder(tree, "sys/kernel/iommu_groups");
        assert_report(tree, IOMMU_OFF, "add intel_iommu=on");
        temp_tree_file(tree, "BOOT_IMAGE=/vmlinuz quiet\n", "proc/cmdline");
        assert_report(tree, IOMMU_OFF, "VT-d (table DMAR)");
        temp_tree_file(tree, "quiet intel_iommu=off ro\n", "proc/cmdline");
        assert_report(tree, IOMMU_OFF, "started with intel_iommu=off");
        temp_tree_file(tree, "quiet iommu=off\n", "proc/cmdline");
        assert_report(tree, IOMMU_OFF, "started with iommu=off");
        /* Only the parameter itself, not what looks like it. */
        temp_tree_file(tree, "xintel_iommu=off intel_iommu=offx\n", "proc/cmdline");
        assert_report(tree, IOMMU_OFF, "add intel_iommu=on");

        temp_tree_remove(tree, "sys/firmware/acpi/tables/DMAR");
        temp_tree_file(tree, "x", "sys/firmware/acpi/tables/IVRS");
        assert_report(tree, IOMMU_OFF, "AMD-Vi (table IVRS)");
        temp_tree_file(tree, "amd_iommu=off\n", "proc/cmdline");
        assert_report(tree, IOMMU_OFF, "started with amd_iommu=off");
}

static void test_absent(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        assert_report(tree, IOMMU_ABSENT, "neither table DMAR nor IVRS");
        temp_tree_folder(tree, "sys/firmware/acpi/tables");
        temp_tree_folder(tree, "sys/kernel/iommu_groups");
        assert_report(tree, IOMMU_ABSENT, "enable VT-d or AMD-Vi");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/iommu/on", test_on);
        g_test_add_func("/iommu/off", test_off);
        g_test_add_func("/iommu/absent", test_absent);
        return g_test_run();
}
