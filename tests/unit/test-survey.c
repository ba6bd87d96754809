/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "survey-bed.h"

/* The fingerprint changes with each relevant fact, and with nothing else. */

/* Each of these changes makes a different state. */
static void change(SurveyBed *bed, unsigned what) {
        switch (what) {
        case 0:
                bed->plan->verb = PLAN_REATTACH;
                break;
        case 1:
                bed->plan->group = 11;
                break;
        case 2:
                bed->plan->n_members = 1;
                break;
        case 3:
                bed->members[1].address = address_of("0000:03:03.0");
                break;
        case 4:
                bed->members[1].ids.vendor++;
                break;
        case 5:
                bed->members[1].ids.device++;
                break;
        case 6:
                bed->members[1].ids.subsystem_vendor++;
                break;
        case 7:
                bed->members[1].ids.subsystem_device++;
                break;
        case 8:
                bed->members[1].ids.class ++;
                break;
        case 9:
                bed->members[1].ids.revision++;
                break;
        case 10:
                binding_set_driver(&bed->members[0].before, "");
                break;
        case 11:
                binding_set_driver(&bed->members[1].before, "");
                break;
        case 12:
                binding_set_override(&bed->members[0].before, "x");
                break;
        case 13:
                binding_set_driver(&bed->members[0].target, "nvme");
                break;
        case 14:
                binding_set_override(&bed->members[0].target, "");
                break;
        case 15: /* the same letters, divided in another way */
                binding_set_driver(&bed->members[0].before, "nvm");
                binding_set_override(&bed->members[0].before, "e");
                break;
        case 16:
                put_block(bed->tree, "pci0000:00/" PORT1 "/nvme/nvme0/nvme0n1", "259:0");
                put_process(bed->tree, 1, "systemd", 1, "27 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
                break;
        case 17: /* of the other device */
                put_block(bed->tree, "pci0000:00/" PORT2 "/nvme/nvme0/nvme0n1", "259:0");
                put_process(bed->tree, 1, "systemd", 1, "27 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n");
                break;
        case 18:
                temp_tree_attribute(bed->tree, PORT1, "boot_vga", "1");
                break;
        case 19:
                temp_tree_file(bed->tree, "1:3\n", "sys/bus/pci/devices/" PORT1 "/uio/uio0/dev");
                put_process(bed->tree, 7, "dpdk", 1, "");
                temp_tree_link(bed->tree, "/dev/null", "proc/7/fd/3");
                break;
        case 20:
                temp_tree_name(bed->tree, PORT1, "net", "ens1");
                temp_tree_file(bed->tree, "7\n", "sys/class/net/ens1/ifindex");
                temp_tree_link(bed->tree, "../br0", "sys/class/net/ens1/master");
                break;
        case 21:
                temp_tree_file(bed->tree, "0x0 0xfff direct\n", "sys/kernel/iommu_groups/10/reserved_regions");
                break;
        case 22:
                g_assert_cmpint(finding_list_add(&bed->plan->findings, GUARD_VIRTUAL_FUNCTIONS, bed->members[0].address,
                                                "of the model"),
                                ==, 0);
                break;
        case 23:
                bed->plan->vf_count = 1;
                break;
        case 24:
                bed->members[0].target.any_driver = true;
                break;
        case 25:
                bed->plan->vf_fate = VFS_DRIVERLESS;
                break;
        default:
                g_assert_not_reached();
        }
}
#define N_CHANGES 26

static void test_relevant_changes(void) {
        uint64_t seen[N_CHANGES + 1];

        for (unsigned i = 0; i <= N_CHANGES; i++) {
                g_autoptr(SurveyBed) bed = survey_bed_new();

                if (i > 0)
                        change(bed, i - 1);
                seen[i] = survey_bed_take(bed);
                g_assert_cmpuint(survey_bed_take(bed), ==, seen[i]);
                for (unsigned other = 0; other < i; other++)
                        if (seen[other] == seen[i])
                                g_error("change %d gives the same fingerprint as change %d", (int)i - 1,
                                                (int)other - 1);
        }
}

/* The words of the evidence, the requested options, and the plan's own findings. */
static void test_irrelevant_changes(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();

        change(bed, 16);
        change(bed, 19);
        change(bed, 22);
        uint64_t before = survey_bed_take(bed);

        /* Mounted at another path, and another process. */
        put_process(bed->tree, 1, "init", 1, "27 1 259:0 / /mnt rw - ext4 /dev/nvme0n1 rw\n");
        temp_tree_remove(bed->tree, "proc/7");
        put_process(bed->tree, 70, "spdk", 1, "");
        temp_tree_link(bed->tree, "/dev/null", "proc/70/fd/4");
        finding_list_done(&bed->plan->findings);
        g_assert_cmpint(finding_list_add(&bed->plan->findings, GUARD_VIRTUAL_FUNCTIONS, bed->members[0].address,
                                        "in other words"),
                        ==, 0);
        g_assert_cmpuint(survey_bed_take(bed), ==, before);

        bed->plan->overrides = 1U << GUARD_STORAGE;
        bed->plan->only_plan = true;
        bed->plan->fingerprint = 7;
        bed->plan->selected = bed->members[1].address;
        bed->members[0].virtual_function = true;
        g_assert_cmpuint(survey_bed_take(bed), ==, before);

        /* Other devices of the host. */
        temp_tree_device(bed->tree, "pci0000:00/0000:09:00.0");
        temp_tree_attribute(bed->tree, "0000:09:00.0", "boot_vga", "1");
        put_block(bed->tree, "pci0000:00/0000:09:00.0/nvme/nvme1/nvme1n1", "259:8");
        temp_tree_driver(bed->tree, "0000:09:00.0", "nvme");
        temp_tree_file(bed->tree, "0x0 0xfff direct\n", "sys/kernel/iommu_groups/11/reserved_regions");
        g_assert_cmpuint(survey_bed_take(bed), ==, before);
}

/* Every member is examined, and the findings of the plan are kept. */
static void test_findings(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();

        assert_found(bed, GUARD_STORAGE, 0);
        temp_tree_attribute(bed->tree, PORT2, "boot_vga", "1");
        assert_found(bed, GUARD_DISPLAY, 1);
        temp_tree_attribute(bed->tree, PORT1, "boot_vga", "1");
        assert_found(bed, GUARD_DISPLAY, 2);
        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" PORT1 "/boot_vga");
        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" PORT2 "/boot_vga");
        change(bed, 22);
        assert_found(bed, GUARD_VIRTUAL_FUNCTIONS, 1);
}

/* Only a plan of root and a real execution open a disk exclusively. The test notices such an open because it fails. */
static void test_only_visible(void) {
        static const struct {
                bool only_plan;
                uid_t asker;
                unsigned expected;
        } cases[] = {{false, 0, 1}, {false, 1000, 1}, {true, 0, 1}, {true, 1000, 0}};
        g_autoptr(SurveyBed) bed = survey_bed_new();

        put_block(bed->tree, "pci0000:00/" PORT1 "/nvme/nvme0/nvme0n1", "259:0");
        temp_tree_remove(bed->tree, "dev/nvme0n1");
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                bed->plan->only_plan = cases[i].only_plan;
                bed->plan->asker = cases[i].asker;
                assert_found(bed, GUARD_STORAGE, cases[i].expected);
        }
}

static void test_firmware(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();

        change(bed, 21);
        assert_found(bed, GUARD_FIRMWARE, 1);
        temp_tree_file(bed->tree, "0x0 0xfff direct-relaxable\n", "sys/kernel/iommu_groups/10/reserved_regions");
        assert_found(bed, GUARD_FIRMWARE, 0);
        /* If it cannot be determined, it counts. */
        temp_tree_remove(bed->tree, "sys/kernel/iommu_groups/10/reserved_regions");
        assert_found(bed, GUARD_FIRMWARE, 1);
}

/* For a reattach nothing is examined: the host does not use a detached device. */
static void test_reattach(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();

        change(bed, 18);
        change(bed, 21);
        bed->plan->verb = PLAN_REATTACH;
        assert_found(bed, GUARD_STORAGE, 0);
}

/* A VF on a vfio driver that disappears with its PF: the lock of its group decides. A PF whose VFs change stays with
 * the host. */
static void test_members_that_stay(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();

        temp_tree_attribute(bed->tree, PORT2, "boot_vga", "1");
        bed->members[1].parent = 0;
        assert_found(bed, GUARD_DISPLAY, 1);
        binding_set_driver(&bed->members[1].before, "vfio-pci");
        assert_found(bed, GUARD_DISPLAY, 0);
        binding_set_driver(&bed->members[1].before, "nvme");
        bed->plan->verb = PLAN_SET_VFS;
        assert_found(bed, GUARD_DISPLAY, 1);
        temp_tree_attribute(bed->tree, PORT1, "boot_vga", "1");
        assert_found(bed, GUARD_DISPLAY, 1);
        /* a device that does not exist */
        bed->work.fds[1] = safe_close(bed->work.fds[1]);
        assert_found(bed, GUARD_DISPLAY, 0);
}

/* A card with 257 VFs that have drivers. */
static void test_many(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();

        for (unsigned i = 0; i < 257; i++)
                g_assert_cmpint(finding_list_add(&bed->plan->findings, GUARD_VIRTUAL_FUNCTIONS, bed->members[0].address,
                                                "its virtual function would vanish"),
                                ==, 0);
        assert_found(bed, GUARD_VIRTUAL_FUNCTIONS, FINDINGS_PER_DEVICE_MAX + 1);
}

/* A host with very many processes, all with the node open. */
static void test_many_processes(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();

        temp_tree_file(bed->tree, "1:3\n", "sys/bus/pci/devices/" PORT1 "/uio/uio0/dev");
        for (int pid = 5000001; pid <= 5000300; pid++) {
                put_process(bed->tree, pid, "dpdk", 1, "");
                temp_tree_link(bed->tree, "/dev/null", "proc/%d/fd/3", pid);
        }
        assert_found(bed, GUARD_PROCESS, FINDINGS_PER_DEVICE_MAX + 1);
}

/* If the host's devices cannot be listed, their uses are unknown. */
static void test_unreadable(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();
        _cleanup_problem_ Problem problem = {};
        Report report = {};

        temp_tree_link(bed->tree, "block", "sys/class/block");
        g_assert_cmpint(survey(&bed->work, &report, &problem), ==, OUTCOME_FAILED);
        g_assert_nonnull(strstr(problem.message, "Cannot determine what uses"));
        report_done(&report);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/survey/relevant-changes", test_relevant_changes);
        g_test_add_func("/survey/irrelevant-changes", test_irrelevant_changes);
        g_test_add_func("/survey/findings", test_findings);
        g_test_add_func("/survey/only-visible", test_only_visible);
        g_test_add_func("/survey/firmware", test_firmware);
        g_test_add_func("/survey/reattach", test_reattach);
        g_test_add_func("/survey/members-that-stay", test_members_that_stay);
        g_test_add_func("/survey/many", test_many);
        g_test_add_func("/survey/many-processes", test_many_processes);
        g_test_add_func("/survey/unreadable", test_unreadable);
        return g_test_run();
}
