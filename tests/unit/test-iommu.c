/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/iommu.h"
#include "temp-tree.h"

#include <sys/stat.h>

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
        /* Groups count, whatever else exists. */
        temp_tree_file(tree, "quiet iommu=off\n", "proc/cmdline");
        assert_report(tree, IOMMU_ON, "made 2 groups");
}

static void assert_warning(TempTree *tree, const char *says) {
        IommuReport report;

        iommu_examine(tree->kernel, &report);
        if (says ? !strstr(report.warning, says) : report.warning[0] != '\0')
                g_error("\"%s\" does not say \"%s\"", report.warning, says);
        g_assert_cmpuint(strlen(report.warning), <, sizeof(report.warning) - 1);
}

/* Without interrupt remapping, QEMU fails with EPERM. */
static void test_interrupts(void) {
        static const char parameter[] = "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts";
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_folder(tree, "sys/kernel/iommu_groups/0");
        assert_warning(tree, NULL);
        /* Another architecture. */
        temp_tree_file(tree, "GICv3\n", "sys/kernel/irq/3/chip_name");
        assert_warning(tree, NULL);
        /* The interrupt of an IOMMU itself, and an interrupt without a controller. */
        temp_tree_file(tree, "DMAR-MSI\n", "sys/kernel/irq/24/chip_name");
        temp_tree_file(tree, "\n", "sys/kernel/irq/2/chip_name");
        assert_warning(tree, NULL);

        temp_tree_file(tree, "PCI-MSI-0000:00:1f.2\n", "sys/kernel/irq/26/chip_name");
        assert_warning(tree, "Interrupt remapping is off.");
        temp_tree_file(tree, "IR-PCI-MSI-0000:00:1f.2\n", "sys/kernel/irq/27/chip_name");
        assert_warning(tree, NULL);
        temp_tree_file(tree, "IO-APIC\n", "sys/kernel/irq/9/chip_name");
        assert_warning(tree, "EPERM");
        assert_warning(tree, "Turn it on in the firmware");
        assert_warning(tree, "allow_unsafe_interrupts of the module vfio_iommu_type1");
        assert_warning(tree, "may crash it or take control of it.");
        temp_tree_file(tree, "quiet intremap=off\n", "proc/cmdline");
        assert_warning(tree, "Remove intremap=off from the kernel command line");
        temp_tree_file(tree, "IR-IO-APIC\n", "sys/kernel/irq/9/chip_name");
        assert_warning(tree, NULL);

        /* The administrator has taken the risk, now or for a module that is not loaded yet. */
        temp_tree_file(tree, "IO-APIC\n", "sys/kernel/irq/9/chip_name");
        temp_tree_file(tree, "N\n", parameter);
        assert_warning(tree, "Interrupt remapping is off.");
        temp_tree_file(tree, "Y\n", parameter);
        assert_warning(tree, NULL);
        temp_tree_file(tree, "vfio_iommu_type1.allow_unsafe_interrupts=1\n", "proc/cmdline");
        temp_tree_file(tree, "N\n", parameter);
        assert_warning(tree, "Interrupt remapping is off.");
        temp_tree_remove(tree, parameter);
        assert_warning(tree, NULL);
        temp_tree_file(tree, "vfio_iommu_type1.allow_unsafe_interrupts=0\n", "proc/cmdline");
        assert_warning(tree, "Interrupt remapping is off.");

        /* The kernel has cdevs only, so programs use iommufd. */
        temp_tree_file(tree, "vfio_iommu_type1.allow_unsafe_interrupts=1\n", "proc/cmdline");
        assert_warning(tree, NULL);
        temp_tree_folder(tree, "sys/class/vfio-dev");
        assert_warning(tree, "allow_unsafe_interrupts of the module iommufd");
        temp_tree_file(tree, "N\n", "sys/module/iommufd/parameters/allow_unsafe_interrupts");
        assert_warning(tree, "allow_unsafe_interrupts of the module iommufd");
        temp_tree_file(tree, "Y\n", "sys/module/iommufd/parameters/allow_unsafe_interrupts");
        assert_warning(tree, NULL);
        temp_tree_folder(tree, "sys/class/vfio");
        assert_warning(tree, NULL);
        temp_tree_file(tree, "quiet\n", "proc/cmdline");
        assert_warning(tree, "allow_unsafe_interrupts of the module vfio_iommu_type1");

        /* Without an IOMMU, that is all there is to say. */
        temp_tree_remove(tree, "sys/kernel/iommu_groups/0");
        assert_warning(tree, NULL);
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
        /* Only the parameter itself, not similar words. */
        temp_tree_file(tree, "xintel_iommu=off intel_iommu=offx\n", "proc/cmdline");
        assert_report(tree, IOMMU_OFF, "add intel_iommu=on");

        temp_tree_remove(tree, "sys/firmware/acpi/tables/DMAR");
        temp_tree_file(tree, "x", "sys/firmware/acpi/tables/IVRS");
        assert_report(tree, IOMMU_OFF, "AMD-Vi (table IVRS)");
        temp_tree_file(tree, "amd_iommu=off\n", "proc/cmdline");
        assert_report(tree, IOMMU_OFF, "started with amd_iommu=off");
}

/* The groups that vfio makes in its no-IOMMU mode do not count. */
static void test_no_iommu(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_file(tree, "vfio-noiommu\n", "sys/kernel/iommu_groups/0/name");
        temp_tree_file(tree, "", "dev/vfio/noiommu-0");
        assert_report(tree, IOMMU_OFF, "vfio is in its no-IOMMU mode, which is not for virtual machines. The firmware");
        g_assert_true(iommu_group_has_no_iommu(tree->kernel, 0));
        g_assert_false(iommu_group_has_no_iommu(tree->kernel, 1));
        temp_tree_file(tree, "x", "sys/firmware/acpi/tables/DMAR");
        assert_report(tree, IOMMU_OFF, "virtual machines. The firmware reports VT-d");
        assert_report(tree, IOMMU_OFF, "add intel_iommu=on");
        temp_tree_file(tree, "intel_iommu=off\n", "proc/cmdline");
        assert_report(tree, IOMMU_OFF, "virtual machines. The kernel was started with intel_iommu=off");

        /* The kernel was tainted when vfio made the group: 64, beside other reasons. */
        temp_tree_file(tree, "4161\n", "proc/sys/kernel/tainted");
        assert_report(tree, IOMMU_OFF, "vfio is in its no-IOMMU mode");
        temp_tree_file(tree, "4097\n", "proc/sys/kernel/tainted");
        assert_report(tree, IOMMU_ON, "made 1 group.");
        /* A mediated device has a group of this name, too. */
        temp_tree_folder(tree, "sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001");
        assert_report(tree, IOMMU_OFF, "vfio is in its no-IOMMU mode");
        temp_tree_remove(tree, "sys/bus/mdev");
        temp_tree_remove(tree, "proc/sys/kernel/tainted");

        /* Next to groups of an IOMMU, with another name or without one. */
        temp_tree_file(tree, "other\n", "sys/kernel/iommu_groups/1/name");
        assert_report(tree, IOMMU_ON, "made 1 group.");
        temp_tree_folder(tree, "sys/kernel/iommu_groups/2");
        assert_report(tree, IOMMU_ON, "made 2 groups.");
}

static void test_absent(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        assert_report(tree, IOMMU_ABSENT, "neither table DMAR nor IVRS");
        temp_tree_folder(tree, "sys/firmware/acpi/tables");
        temp_tree_folder(tree, "sys/kernel/iommu_groups");
        assert_report(tree, IOMMU_ABSENT, "enable VT-d or AMD-Vi");
}

#define INTEL "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu vmx hypervisors\n"
#define AMD "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu svm\n"
#define VIRTUAL "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu hypervisor svm\n"
#define ARM "processor\t: 0\nBogoMIPS\t: 50.00\nCPU implementer\t: 0x41\n"
#define POWER "processor\t: 0\ncpu\t\t: POWER9, altivec supported\n"

/* The advice fits what is there already, and what this machine can have. */
static void test_advice(void) {
        static const struct {
                const char *cpu, *table, *cmdline, *grub, *kernel_cmdline;
                IommuState state;
                const char *says, *never; /* separated by '|' */
        } cases[] = {
                        {INTEL, "DMAR", "quiet", "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\n", NULL, IOMMU_OFF,
                                        "VT-d (table DMAR)|add intel_iommu=on", "/etc/|amd"},
                        {INTEL, "DMAR", "quiet", "GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX=\"quiet intel_iommu=on\"\n", NULL,
                                        IOMMU_OFF, "/etc/default/grub has intel_iommu=on|reboot|update-grub", "add "},
                        {INTEL, "DMAR", "quiet", "GRUB_CMDLINE_LINUX=\"intel_iommu=on,sm_on\"\n", NULL, IOMMU_OFF,
                                        "/etc/default/grub has intel_iommu=on", "add "},
                        {INTEL, "DMAR", "quiet", NULL, "root=/dev/sda1 intel_iommu=on\n", IOMMU_OFF,
                                        "/etc/kernel/cmdline has intel_iommu=on", "add "},
                        {INTEL, "DMAR", "quiet", "# GRUB_CMDLINE_LINUX=\"intel_iommu=on\"\n", NULL, IOMMU_OFF,
                                        "add intel_iommu=on", "/etc/"},
                        {INTEL, "DMAR", "quiet", "GRUB_CMDLINE_LINUX=\"xintel_iommu=on intel_iommu=only\"\n", NULL,
                                        IOMMU_OFF, "add intel_iommu=on", "/etc/"},
                        {INTEL, "DMAR", "intel_iommu=on quiet", "GRUB_CMDLINE_LINUX=\"intel_iommu=on\"\n", NULL,
                                        IOMMU_OFF, "started with intel_iommu=on|journalctl -k -g DMAR", "add |/etc/"},
                        {INTEL, "DMAR", "intel_iommu=sm_on,on", NULL, NULL, IOMMU_OFF, "started with intel_iommu=on",
                                        "add "},
                        {INTEL, "DMAR", "intel_iommu=off", "GRUB_CMDLINE_LINUX=\"intel_iommu=on\"\n", NULL, IOMMU_OFF,
                                        "started with intel_iommu=off: remove", "/etc/"},
                        {INTEL, "DMAR", "intel_iommu=on intel_iommu=off", NULL, NULL, IOMMU_OFF,
                                        "started with intel_iommu=off: remove", NULL},
                        {INTEL, "DMAR", "intel_iommu=off intel_iommu=on", NULL, NULL, IOMMU_OFF,
                                        "journalctl -k -g DMAR", "remove"},
                        {INTEL, "DMAR", "iommu=pt,off", NULL, NULL, IOMMU_OFF, "started with iommu=off: remove", NULL},
                        /* The parameter of the other maker has no effect. */
                        {INTEL, "DMAR", "amd_iommu=off", NULL, NULL, IOMMU_OFF, "add intel_iommu=on", "remove|amd"},
                        {AMD, "IVRS", "intel_iommu=off", NULL, NULL, IOMMU_OFF, "journalctl -k -g AMD-Vi",
                                        "remove|intel"},
                        {AMD, "IVRS", "amd_iommu=fullflush,off", NULL, NULL, IOMMU_OFF, "started with amd_iommu=off",
                                        NULL},
                        {AMD, "IVRS", "amd_iommu=on", NULL, NULL, IOMMU_OFF, "AMD-Vi|amd_iommu=on has no effect",
                                        "intel"},
                        {INTEL, NULL, "intel_iommu=on", NULL, NULL, IOMMU_ABSENT,
                                        "enable VT-d in the firmware|intel_iommu=on has no effect", "AMD|add "},
                        {AMD, NULL, "amd_iommu=on", NULL, NULL, IOMMU_ABSENT,
                                        "table IVRS|AMD-Vi) in the firmware|amd_iommu=on has no effect",
                                        "VT-d|intel|add "},
                        {AMD, NULL, "quiet", NULL, NULL, IOMMU_ABSENT, "AMD-Vi) in the firmware", "amd_iommu|VT-d"},
                        {VIRTUAL, NULL, "amd_iommu=on", NULL, NULL, IOMMU_ABSENT, "This machine is virtual",
                                        "firmware|amd_iommu"},
                        {VIRTUAL, "VIOT", "quiet", NULL, NULL, IOMMU_OFF, "virtio-iommu (table VIOT)",
                                        "intel|amd|add "},
                        {ARM, "IORT", "quiet iommu=off", "GRUB_CMDLINE_LINUX=\"intel_iommu=on\"\n", NULL, IOMMU_OFF,
                                        "table IORT|journalctl -k -g smmu", "intel|amd|VT-d|remove"},
                        {ARM, NULL, "intel_iommu=on", NULL, NULL, IOMMU_ABSENT, "SMMU|IORT", "intel|amd|VT-d|AMD"},
                        {POWER, NULL, "quiet", NULL, NULL, IOMMU_ABSENT, "journalctl -k -g iommu",
                                        "intel|amd|VT-d|AMD|SMMU|DMAR"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(TempTree) tree = temp_tree_new();
                g_auto(GStrv) says = g_strsplit(cases[i].says, "|", -1),
                              never = g_strsplit(cases[i].never ? cases[i].never : "", "|", -1);
                IommuReport report;

                temp_tree_file(tree, cases[i].cpu, "proc/cpuinfo");
                temp_tree_file(tree, cases[i].cmdline, "proc/cmdline");
                if (cases[i].table)
                        temp_tree_file(tree, "x", "sys/firmware/acpi/tables/%s", cases[i].table);
                if (cases[i].grub)
                        temp_tree_file(tree, cases[i].grub, "etc/default/grub");
                if (cases[i].kernel_cmdline)
                        temp_tree_file(tree, cases[i].kernel_cmdline, "etc/kernel/cmdline");
                for (size_t k = 0; says[k]; k++)
                        assert_report(tree, cases[i].state, says[k]);
                iommu_examine(tree->kernel, &report);
                for (size_t k = 0; never[k]; k++)
                        if (strstr(report.reason, never[k]))
                                g_error("case %zu: \"%s\" says \"%s\"", i, report.reason, never[k]);
        }
}

/* Xen owns the IOMMU. Its control domain and its guests need different advice. */
static void test_xen(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_file(tree, INTEL, "proc/cpuinfo");
        temp_tree_file(tree, "quiet\n", "proc/cmdline");
        temp_tree_file(tree, "xen\n", "sys/hypervisor/type");
        temp_tree_file(tree, "00000000-0000-0000-0000-000000000000\n", "sys/hypervisor/uuid");
        assert_report(tree, IOMMU_OFF, "dom0 of Xen");
        temp_tree_file(tree, "x", "sys/firmware/acpi/tables/DMAR");
        assert_report(tree, IOMMU_OFF, "xl pci-assignable-add");
        temp_tree_remove(tree, "sys/firmware/acpi/tables/DMAR");
        temp_tree_file(tree, "1ac2d50c-6d3a-4e0b-9d05-1d2f1b6d3c11\n", "sys/hypervisor/uuid");
        assert_report(tree, IOMMU_ABSENT, "This machine is virtual");
        temp_tree_file(tree, "control_d\n", "proc/xen/capabilities");
        assert_report(tree, IOMMU_OFF, "dom0 of Xen");
        temp_tree_file(tree, "kvm\n", "sys/hypervisor/type");
        assert_report(tree, IOMMU_ABSENT, "enable VT-d");
}

/* Neither a FIFO nor a huge file of the boot loader delays the answer. */
static void test_loader_files(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        g_autofree char *huge = g_strnfill(1024 * 1024, 'x'), *fifo = temp_tree_path(tree, "etc/default/grub");

        temp_tree_file(tree, "x", "sys/firmware/acpi/tables/DMAR");
        temp_tree_folder(tree, "etc/default");
        g_assert_cmpint(mkfifo(fifo, 0600), ==, 0);
        temp_tree_file(tree, huge, "etc/kernel/cmdline");
        assert_report(tree, IOMMU_OFF, "add intel_iommu=on");
}

/* The whole file is replaced each time. */
static void assert_mapping(TempTree *tree, const char *regions, int expected) {
        temp_tree_file(tree, regions, "sys/kernel/iommu_groups/7/reserved_regions");
        int r = iommu_group_has_firmware_mapping(tree->kernel, 7);
        if (r != expected)
                g_error("%d for \"%s\"", r, regions);
}

#define MSI "0x00000000fee00000 0x00000000feefffff msi\n"
#define RESERVED "0x000000fd00000000 0x000000ffffffffff reserved\n"
#define DIRECT "0x00000000bf800000 0x00000000cfffffff direct\n"
#define RELAXABLE "0x00000000000e0000 0x00000000000effff direct-relaxable\n"

static void test_firmware_mapping(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        g_autoptr(GString) many = g_string_new(NULL);

        assert_mapping(tree, "", 0);
        assert_mapping(tree, MSI RESERVED, 0);
        assert_mapping(tree, RELAXABLE MSI, 0);
        assert_mapping(tree, DIRECT, 1);
        assert_mapping(tree, RELAXABLE DIRECT MSI, 1);
        assert_mapping(tree, MSI RESERVED RELAXABLE DIRECT, 1);
        assert_mapping(tree, "0x0 0x1 direct", 1);
        assert_mapping(tree, "0x0 0x1 indirect\n0x0 0x1 direct-\ndirect\n", 0);

        /* As much as the kernel returns for one read. */
        while (many->len + strlen(RELAXABLE DIRECT) < 4096)
                g_string_append(many, RELAXABLE);
        assert_mapping(tree, many->str, 0);
        g_string_append(many, DIRECT);
        assert_mapping(tree, many->str, 1);

        /* Another group, no group, and something that is no file. */
        g_assert_cmpint(iommu_group_has_firmware_mapping(tree->kernel, 77), ==, -ENOENT);
        temp_tree_link(tree, "../7/reserved_regions", "sys/kernel/iommu_groups/8/reserved_regions");
        g_assert_cmpint(iommu_group_has_firmware_mapping(tree->kernel, 8), ==, -ELOOP);
        temp_tree_folder(tree, "sys/kernel/iommu_groups/9/reserved_regions");
        g_assert_cmpint(iommu_group_has_firmware_mapping(tree->kernel, 9), ==, -EISDIR);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/iommu/on", test_on);
        g_test_add_func("/iommu/interrupts", test_interrupts);
        g_test_add_func("/iommu/off", test_off);
        g_test_add_func("/iommu/no-iommu", test_no_iommu);
        g_test_add_func("/iommu/absent", test_absent);
        g_test_add_func("/iommu/advice", test_advice);
        g_test_add_func("/iommu/xen", test_xen);
        g_test_add_func("/iommu/loader-files", test_loader_files);
        g_test_add_func("/iommu/firmware-mapping", test_firmware_mapping);
        return g_test_run();
}
