/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/survey.h"
#include "uses.h"

/* The fingerprint changes with each relevant fact, and with nothing else. */

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
        const char *nic; /* the port whose interface changes */
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
                seen[i] = take(bed);
                g_assert_cmpuint(take(bed), ==, seen[i]);
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
        uint64_t before = take(bed);

        /* Mounted at another path, and another process. */
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

        /* Other devices of the host. */
        temp_tree_device(bed->tree, "pci0000:00/0000:09:00.0");
        temp_tree_attribute(bed->tree, "0000:09:00.0", "boot_vga", "1");
        put_block(bed->tree, "pci0000:00/0000:09:00.0/nvme/nvme1/nvme1n1", "259:8");
        temp_tree_driver(bed->tree, "0000:09:00.0", "nvme");
        temp_tree_file(bed->tree, "0x0 0xfff direct\n", "sys/kernel/iommu_groups/11/reserved_regions");
        g_assert_cmpuint(take(bed), ==, before);
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

/* A census that takes long: meanwhile, the host changes. */
typedef struct ChangingCensus {
        CensusPort port;
        SurveyBed *bed;
        void (*change)(SurveyBed *bed);
        unsigned n_searches;
} ChangingCensus;

static int search_while_changing(const CensusPort *port, HolderTable *table, MountTable *mounts) {
        ChangingCensus *census = (ChangingCensus *)port;

        (void)table;
        (void)mounts;
        if (census->n_searches++ == 0)
                census->change(census->bed);
        return 0;
}

/* Takes the survey with a disk on one port: the census searches for its mounts and nodes after the names are read. */
static void survey_while(SurveyBed *bed, const char *disk_port, void (*change_host)(SurveyBed *bed)) {
        ChangingCensus census = {.port = {.search = search_while_changing}, .bed = bed, .change = change_host};
        g_autofree char *path = g_strdup_printf("pci0000:00/%s/nvme/nvme0/nvme0n1", disk_port);

        put_block(bed->tree, path, "259:0");
        bed->tree->kernel->census = &census.port;
        (void)take(bed);
        bed->tree->kernel->census = NULL;
        g_assert_cmpuint(census.n_searches, >=, 1);
}

static void put_interface(SurveyBed *bed, const char *name) {
        temp_tree_name(bed->tree, bed->nic, "net", name);
        temp_tree_file(bed->tree, "7\n", "sys/class/net/%s/ifindex", name);
}

static void change_nothing(SurveyBed *bed) {
        (void)bed;
}

static void add_interface(SurveyBed *bed) {
        put_interface(bed, "ens1");
}

static void rename_interface(SurveyBed *bed) {
        temp_tree_remove(bed->tree, "sys/class/net/eth0");
        add_interface(bed);
}

/* The names of the survey are recorded only if they are still the names of the host. */
static void test_names(void) {
        static const struct {
                const char *disk_port, *nic;
                void (*change)(SurveyBed *bed);
                bool has_names;
        } cases[] = {
                        {PORT1, PORT2, change_nothing, true},
                        {PORT2, PORT1, change_nothing, true},
                        /* The interface is examined after the census, or before. */
                        {PORT1, PORT2, rename_interface, false},
                        {PORT2, PORT1, rename_interface, false},
                        {PORT1, PORT2, add_interface, false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(SurveyBed) bed = survey_bed_new();

                bed->nic = cases[i].nic;
                /* A network card should have an interface. */
                bed->members[streq(bed->nic, PORT1) ? 0 : 1].ids.class = 0x020000;
                if (cases[i].change != add_interface)
                        put_interface(bed, "eth0");
                survey_while(bed, cases[i].disk_port, cases[i].change);
                if (bed->work.has_names != cases[i].has_names)
                        g_error("case %zu: %d", i, bed->work.has_names);
        }
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
        g_test_add_func("/survey/names", test_names);
        g_test_add_func("/survey/many", test_many);
        g_test_add_func("/survey/many-processes", test_many_processes);
        g_test_add_func("/survey/unreadable", test_unreadable);
        return g_test_run();
}
