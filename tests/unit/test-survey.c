/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/survey.h"
#include "uses.h"

/* The fingerprint is another one with each thing that matters, and with nothing else. */

#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"

/* A plan for two ports of a card, opened as a transaction opens it. */
typedef struct SurveyBed {
        TempTree *tree;
        Plan *plan;
        PlanMember members[2];
        Transaction transaction;
        Work work;
        unsigned n_kinds[_GUARD_MAX];
} SurveyBed;

static PciAddress address_of(const char *text) {
        PciAddress address;

        g_assert_cmpint(pci_address_parse(text, &address), ==, 0);
        return address;
}

static SurveyBed *survey_bed_new(void) {
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

static void survey_bed_free(SurveyBed *bed) {
        bed->plan->n_members = 2;
        work_done(&bed->work);
        finding_list_done(&bed->plan->findings);
        g_free(bed->plan);
        temp_tree_free(bed->tree);
        g_free(bed);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC(SurveyBed, survey_bed_free)

static uint64_t take(SurveyBed *bed) {
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

static void assert_found(SurveyBed *bed, Guard guard, unsigned expected) {
        (void)take(bed);
        for (Guard other = 0; other < _GUARD_MAX; other++)
                g_assert_cmpuint(bed->n_kinds[other], ==, other == guard ? expected : 0);
}

/* Each of these makes a state that no other one makes. */
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
        case 15: /* the same letters otherwise divided */
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

static void test_matters(void) {
        uint64_t seen[N_CHANGES + 1];

        for (unsigned i = 0; i <= N_CHANGES; i++) {
                g_autoptr(SurveyBed) bed = survey_bed_new();

                if (i > 0)
                        change(bed, i - 1);
                seen[i] = take(bed);
                g_assert_cmpuint(take(bed), ==, seen[i]);
                for (unsigned other = 0; other < i; other++)
                        if (seen[other] == seen[i])
                                g_error("change %d gives the fingerprint of %d", (int)i - 1, (int)other - 1);
        }
}

/* The words of the evidence, what is asked for, and what the plan says of itself. */
static void test_nothing_else(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();

        change(bed, 16);
        change(bed, 19);
        change(bed, 22);
        uint64_t before = take(bed);

        /* Mounted elsewhere, and another process. */
        put_process(bed->tree, 1, "init", 1, "27 1 259:0 / /mnt rw - ext4 /dev/nvme0n1 rw\n");
        temp_tree_remove(bed->tree, "proc/7");
        put_process(bed->tree, 70, "spdk", 1, "");
        temp_tree_link(bed->tree, "/dev/null", "proc/70/fd/4");
        finding_list_done(&bed->plan->findings);
        g_assert_cmpint(finding_list_add(&bed->plan->findings, GUARD_VIRTUAL_FUNCTIONS, bed->members[0].address,
                                        "in other words"),
                        ==, 0);
        g_assert_cmpuint(take(bed), ==, before);

        bed->plan->overrides = 1U << GUARD_STORAGE;
        bed->plan->only_plan = true;
        bed->plan->fingerprint = 7;
        bed->plan->selected = bed->members[1].address;
        bed->members[0].virtual_function = true;
        g_assert_cmpuint(take(bed), ==, before);

        /* Others on the host. */
        temp_tree_device(bed->tree, "pci0000:00/0000:09:00.0");
        temp_tree_attribute(bed->tree, "0000:09:00.0", "boot_vga", "1");
        put_block(bed->tree, "pci0000:00/0000:09:00.0/nvme/nvme1/nvme1n1", "259:8");
        temp_tree_driver(bed->tree, "0000:09:00.0", "nvme");
        temp_tree_file(bed->tree, "0x0 0xfff direct\n", "sys/kernel/iommu_groups/11/reserved_regions");
        g_assert_cmpuint(take(bed), ==, before);
}

/* Every member is looked at, and what the plan found is taken over. */
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

/* Only the plan of root, and what is carried out, opens a disk exclusively. Here such an open shows because it fails. */
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
        /* What cannot be determined counts. */
        temp_tree_remove(bed->tree, "sys/kernel/iommu_groups/10/reserved_regions");
        assert_found(bed, GUARD_FIRMWARE, 1);
}

/* Of a reattach nothing is asked: the host does not use what it does not have. */
static void test_reattach(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();

        change(bed, 18);
        change(bed, 21);
        bed->plan->verb = PLAN_REATTACH;
        assert_found(bed, GUARD_STORAGE, 0);
}

/* A VF on a vfio driver that vanishes with its PF: the lock of its group decides. A PF whose VFs change stays with the host. */
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
        /* one that is not there */
        bed->work.fds[1] = safe_close(bed->work.fds[1]);
        assert_found(bed, GUARD_DISPLAY, 0);
}

/* A card with 257 virtual functions on drivers. */
static void test_many(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();

        for (unsigned i = 0; i < 257; i++)
                g_assert_cmpint(finding_list_add(&bed->plan->findings, GUARD_VIRTUAL_FUNCTIONS, bed->members[0].address,
                                                "its virtual function would vanish"),
                                ==, 0);
        assert_found(bed, GUARD_VIRTUAL_FUNCTIONS, FINDINGS_PER_DEVICE_MAX + 1);
}

/* Processes of a host that has very many, all with the node open. */
static void test_many_processes(void) {
        g_autoptr(SurveyBed) bed = survey_bed_new();

        temp_tree_file(bed->tree, "1:3\n", "sys/bus/pci/devices/" PORT1 "/uio/uio0/dev");
        for (int pid = 5000001; pid <= 5000300; pid++) {
                put_process(bed->tree, pid, "dpdk", 1, "");
                temp_tree_link(bed->tree, "/dev/null", "proc/%d/fd/3", pid);
        }
        assert_found(bed, GUARD_PROCESS, FINDINGS_PER_DEVICE_MAX + 1);
}

/* Where the host's devices cannot be listed, nothing can be said of their uses. */
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
        g_test_add_func("/survey/matters", test_matters);
        g_test_add_func("/survey/nothing-else", test_nothing_else);
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
