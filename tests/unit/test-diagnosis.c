/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks.h"
#include "diagnosis/captured-ids.h"
#include "diagnosis/command-line.h"
#include "diagnosis/host-checks.h"
#include "model.h"
#include "temp-tree.h"

#include <sys/stat.h>

/* The checks of the host, from the files of a host. */

#define GPU "0000:01:00.0"
#define GPU2 "0000:02:00.0"
#define NIC "0000:05:00.0"

#define INTEL "vendor_id\t: GenuineIntel\nflags\t\t: fpu vme vmx sse\n"
#define AMD "vendor_id\t: AuthenticAMD\nflags\t\t: fpu vme svm sse\n"
#define SED_GRUB "sudo sed -i -E *GRUB_CMDLINE_LINUX_DEFAULT* /etc/default/grub && sudo update-grub"

typedef struct Bed {
        TempTree *tree;
        Inventory *inventory;
        HostFacts facts;
        CheckList list;
} Bed;

/* A host on which everything is right. */
static Bed bed_new(const char *cpuinfo) {
        Bed bed = {.tree = temp_tree_new(), .inventory = make_inventory()};

        temp_tree_file(bed.tree, cpuinfo, "proc/cpuinfo");
        temp_tree_file(bed.tree, "quiet\n", "proc/cmdline");
        temp_tree_file(bed.tree, "x", "sys/firmware/acpi/tables/%s", strstr(cpuinfo, "AMD") ? "IVRS" : "DMAR");
        temp_tree_file(bed.tree, "DMA\n", "sys/kernel/iommu_groups/0/type");
        temp_tree_folder(bed.tree, "sys/class/iommu/dmar0");
        temp_tree_folder(bed.tree, "sys/class/misc/kvm");
        temp_tree_folder(bed.tree, "sys/bus/pci/drivers/vfio-pci");
        temp_tree_folder(bed.tree, "sys/class/vfio");
        temp_tree_file(bed.tree, "IR-IO-APIC\n", "sys/kernel/irq/9/chip_name");
        temp_tree_file(bed.tree, "ID=debian\nVERSION_ID=\"12\"\n", "etc/os-release");
        temp_tree_file(bed.tree, "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"\nGRUB_CMDLINE_LINUX=\"\"\n", "etc/default/grub");
        temp_tree_file(bed.tree, "", "usr/sbin/update-grub");
        return bed;
}

static void bed_clear(Bed *bed) {
        check_list_done(&bed->list);
        host_facts_done(&bed->facts);
        inventory_free(bed->inventory);
        temp_tree_free(bed->tree);
}

static void read_as(Bed *bed, uid_t uid, pid_t pid) {
        check_list_done(&bed->list);
        host_facts_done(&bed->facts);
        g_assert_cmpint(host_facts_read(bed->tree->kernel, uid, pid, &bed->facts), ==, 0);
}

static void run_checks(Bed *bed) {
        check_list_done(&bed->list);
        firmware_checks_run(&bed->facts, &bed->list);
        vfio_checks_run(&bed->facts, bed->inventory, &bed->list);
        program_checks_run(&bed->facts, bed->inventory, &bed->list);
        machine_checks_run(&bed->facts, &bed->list);
}

static void diagnose(Bed *bed) {
        read_as(bed, 0, 0);
        run_checks(bed);
}

#define EXPECT(bed, ...) (diagnose(bed), expect_check(&(bed)->list, __VA_ARGS__))
#define EXPECT_NONE(bed, code) (diagnose(bed), expect_no_check(&(bed)->list, code))

/* On a good host, nothing is wrong, and no check needs a cure. */
static void test_good(void) {
        static const char *const codes[] = {"cpu-virtualization", "firmware-tables", "iommu", "interrupt-remapping",
                        "kvm", "vfio-module", "vfio-interface"};
        Bed bed = bed_new(INTEL);

        diagnose(&bed);
        for (size_t i = 0; i < G_N_ELEMENTS(codes); i++)
                expect_check(&bed.list, codes[i], "ok", "", "");
        g_assert_cmpuint(bed.list.n_checks, ==, G_N_ELEMENTS(codes));
        bed_clear(&bed);
}

static void test_cpu(void) {
        Bed bed = bed_new(INTEL);

        EXPECT(&bed, "cpu-virtualization", "ok", "VT-x", "");
        temp_tree_file(bed.tree, "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmxx\n", "proc/cpuinfo");
        EXPECT(&bed, "cpu-virtualization", "error", "no VT-x", "Enable VT-x*");
        temp_tree_remove(bed.tree, "sys/class/misc/kvm");
        EXPECT_NONE(&bed, "kvm");
        temp_tree_file(bed.tree, "vendor_id\t: AuthenticAMD\nflags\t\t: fpu\n", "proc/cpuinfo");
        EXPECT(&bed, "cpu-virtualization", "error", "no AMD-V", "Enable AMD-V*SVM*");
        temp_tree_file(bed.tree, "vendor_id\t: AuthenticAMD\nflags\t\t: fpu hypervisor\n", "proc/cpuinfo");
        EXPECT(&bed, "cpu-virtualization", "warning", "is virtual", "Turn on nested virtualization*");
        temp_tree_file(bed.tree, "vendor_id\t: AuthenticAMD\nflags\t\t: svm\n", "proc/cpuinfo");
        EXPECT(&bed, "cpu-virtualization", "ok", "AMD-V", "");
        EXPECT(&bed, "kvm", "warning", "KVM", "sudo modprobe kvm_amd");
        temp_tree_file(bed.tree, INTEL, "proc/cpuinfo");
        EXPECT(&bed, "kvm", "warning", "KVM", "sudo modprobe kvm_intel");
        temp_tree_file(bed.tree, "CPU implementer\t: 0x41\n", "proc/cpuinfo");
        EXPECT_NONE(&bed, "cpu-virtualization");
        EXPECT(&bed, "kvm", "warning", "KVM", "sudo modprobe kvm");
        bed_clear(&bed);
}

static void test_iommu(void) {
        Bed bed = bed_new(INTEL);

        EXPECT(&bed, "firmware-tables", "ok", "DMAR", "");
        temp_tree_remove(bed.tree, "sys/kernel/iommu_groups/0");
        EXPECT(&bed, "iommu", "error", "add intel_iommu=on", SED_GRUB);
        const Check *check = find_check(&bed.list, "iommu");
        g_assert_cmpstr(check_get_detail(check, "new-line"), ==, "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on\"");
        g_assert_cmpstr(check_get_detail(check, "old-line"), ==, "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet\"");
        expect_no_check(&bed.list, "interrupt-remapping");
        /* Configured, but not in the running kernel. */
        temp_tree_file(bed.tree, "GRUB_CMDLINE_LINUX_DEFAULT=\"quiet intel_iommu=on\"\n", "etc/default/grub");
        EXPECT(&bed, "iommu", "error", "reboot", "/etc/default/grub is right already. Run 'sudo update-grub' *");
        /* The kernel has it already. */
        temp_tree_file(bed.tree, "quiet intel_iommu=on\n", "proc/cmdline");
        EXPECT(&bed, "iommu", "error", "it made no IOMMU groups", "journalctl -k -g DMAR");
        temp_tree_file(bed.tree, "GRUB_CMDLINE_LINUX_DEFAULT=\"intel_iommu=off,sm_on quiet\"\n", "etc/default/grub");
        temp_tree_file(bed.tree, "quiet intel_iommu=off,sm_on\n", "proc/cmdline");
        EXPECT(&bed, "iommu", "error", "started with intel_iommu=off", "sudo sed -i -E*intel_iommu=off,sm_on*");
        /* Turned on again later. */
        temp_tree_file(bed.tree, "intel_iommu=off intel_iommu=on\n", "proc/cmdline");
        EXPECT(&bed, "iommu", "error", "started with intel_iommu=on", "journalctl *");
        temp_tree_file(bed.tree, "quiet\n", "proc/cmdline");
        temp_tree_remove(bed.tree, "sys/firmware/acpi/tables/DMAR");
        EXPECT(&bed, "iommu", "error", "absent", "");
        expect_check(&bed.list, "firmware-tables", "error", "no table DMAR", "Enable VT-d in the firmware set-up*");
        temp_tree_file(bed.tree, AMD, "proc/cpuinfo");
        EXPECT(&bed, "firmware-tables", "error", "no table DMAR", "Enable AMD-Vi*");
        temp_tree_file(bed.tree, "vendor_id\t: AuthenticAMD\nflags\t: svm hypervisor\n", "proc/cpuinfo");
        EXPECT(&bed, "firmware-tables", "error", "no table DMAR", "Add a virtual IOMMU*");
        temp_tree_file(bed.tree, "x", "sys/firmware/acpi/tables/VIOT");
        EXPECT(&bed, "firmware-tables", "ok", "virtio-iommu", "");
        expect_check(&bed.list, "iommu", "error", "made no IOMMU groups", "journalctl -k -g virtio_iommu");
        /* Xen. */
        temp_tree_file(bed.tree, "xen\n", "sys/hypervisor/type");
        temp_tree_file(bed.tree, "control_d\n", "proc/xen/capabilities");
        EXPECT(&bed, "iommu", "error", "dom0", "");
        bed_clear(&bed);
}

static void test_boot(void) {
        Bed bed = bed_new(INTEL);

        /* Interrupt remapping. */
        temp_tree_file(bed.tree, "IO-APIC\n", "sys/kernel/irq/9/chip_name");
        EXPECT(&bed, "interrupt-remapping", "error", "EPERM", "Enable interrupt remapping*");
        temp_tree_file(bed.tree, "GRUB_CMDLINE_LINUX_DEFAULT=\"intremap=off\"\n", "etc/default/grub");
        temp_tree_file(bed.tree, "intremap=off\n", "proc/cmdline");
        EXPECT(&bed, "interrupt-remapping", "error", "intremap=off", "sudo sed *intremap=off*");
        temp_tree_file(bed.tree, "Y\n", "sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts");
        EXPECT(&bed, "interrupt-remapping", "warning", "allow_unsafe_interrupts", "sudo sed *intremap=off*");
        temp_tree_file(bed.tree, "IR-IO-APIC\n", "sys/kernel/irq/9/chip_name");
        EXPECT(&bed, "interrupt-remapping", "ok", "", "");

        /* Passthrough mode. */
        EXPECT_NONE(&bed, "iommu-passthrough");
        temp_tree_file(bed.tree, "identity\n", "sys/kernel/iommu_groups/0/type");
        EXPECT(&bed, "iommu-passthrough", "info", "iommu=pt", "");
        temp_tree_file(bed.tree, "DMA-FQ\n", "sys/kernel/iommu_groups/1/type");
        EXPECT(&bed, "iommu-passthrough", "info", "1 of 2 IOMMU groups are", "");

        /* ACS. */
        EXPECT_NONE(&bed, "acs-override");
        temp_tree_file(bed.tree, "quiet pcie_acs_override=downstream,multifunction\n", "proc/cmdline");
        temp_tree_file(bed.tree, "GRUB_CMDLINE_LINUX_DEFAULT=\"pcie_acs_override=downstream,multifunction\"\n",
                        "etc/default/grub");
        EXPECT(&bed, "acs-override", "warning", "pcie_acs_override=downstream,multifunction",
                        "sudo sed *pcie_acs_override=downstream,multifunction*");
        expect_no_check(&bed.list, "acs-settings");
        temp_tree_file(bed.tree, "pci=noats,disable_acs_redir=pci:8086:1234\n", "proc/cmdline");
        EXPECT(&bed, "acs-settings", "warning", "disable_acs_redir", "");

        /* Parameters without an effect. */
        EXPECT_NONE(&bed, "kernel-parameters");
        temp_tree_file(bed.tree, "amd_iommu=on\n", "proc/cmdline");
        temp_tree_file(bed.tree, "GRUB_CMDLINE_LINUX_DEFAULT=\"amd_iommu=on\"\n", "etc/default/grub");
        EXPECT(&bed, "kernel-parameters", "info", "amd_iommu=on has no effect", "sudo sed *amd_iommu=on*");
        temp_tree_file(bed.tree, "intel_iommu=on\n", "proc/cmdline");
        EXPECT_NONE(&bed, "kernel-parameters");
        /* A virtual machine on AMD, whose hypervisor emulates VT-d. */
        temp_tree_file(bed.tree, AMD, "proc/cpuinfo");
        EXPECT_NONE(&bed, "kernel-parameters");
        temp_tree_remove(bed.tree, "sys/firmware/acpi/tables/DMAR");
        temp_tree_file(bed.tree, "x", "sys/firmware/acpi/tables/IVRS");
        EXPECT(&bed, "kernel-parameters", "info", "from AMD", "/etc/default/grub is right already. *");

        EXPECT_NONE(&bed, "lockdown");
        temp_tree_file(bed.tree, "none [integrity] confidentiality\n", "sys/kernel/security/lockdown");
        EXPECT(&bed, "lockdown", "info", "(integrity)", "");
        bed_clear(&bed);
}

static void test_module(void) {
        Bed bed = bed_new(INTEL);

        temp_tree_file(bed.tree, "# blacklist vfio\nblacklist \\\n vfio-pci # why\n", "etc/modprobe.d/no-vfio.conf");
        EXPECT(&bed, "vfio-module", "ok", "available", "");
        temp_tree_remove(bed.tree, "sys/bus/pci/drivers/vfio-pci");
        EXPECT(&bed, "vfio-module", "error", "line 2 of /etc/modprobe.d/no-vfio.conf",
                        "sudo sed -i '2s/^/#/' /etc/modprobe.d/no-vfio.conf");
        expect_no_check(&bed.list, "vfio-interface");
        temp_tree_remove(bed.tree, "etc/modprobe.d/no-vfio.conf");
        EXPECT(&bed, "vfio-module", "ok", "not loaded", "");
        /* A file of a package; a file in /etc of the same name hides it. */
        temp_tree_file(bed.tree, "install vfio_iommu_type1 /bin/false\n", "usr/lib/modprobe.d/a.conf");
        EXPECT(&bed, "vfio-module", "error", "replaces its loading with a command", "Remove line 1 of /usr/lib/*");
        temp_tree_file(bed.tree, "", "etc/modprobe.d/a.conf");
        EXPECT(&bed, "vfio-module", "ok", "not loaded", "");
        temp_tree_file(bed.tree, "blacklist vfio-pci\n", "etc/modprobe.d/a.conf.bak");
        EXPECT(&bed, "vfio-module", "ok", "not loaded", "");
        /* A name that would be a program. */
        temp_tree_file(bed.tree, "blacklist vfio-pci\n", "etc/modprobe.d/a;reboot;.conf");
        EXPECT(&bed, "vfio-module", "error", "blacklist", "Remove line 1 of *");
        temp_tree_remove(bed.tree, "etc/modprobe.d/a;reboot;.conf");

        temp_tree_file(bed.tree, "modprobe.blacklist=nouveau,vfio_pci\n", "proc/cmdline");
        EXPECT(&bed, "vfio-module", "error", "modprobe.blacklist=nouveau,vfio_pci", "Remove vfio_pci from *");
        temp_tree_file(bed.tree, "module_blacklist=vfio\n", "proc/cmdline");
        EXPECT(&bed, "vfio-module", "error", "module_blacklist=vfio", "/etc/default/grub is right already. *");
        temp_tree_file(bed.tree, "module_blacklist=vfiox\n", "proc/cmdline");
        EXPECT(&bed, "vfio-module", "ok", "not loaded", "");

        /* What the worker tells. */
        read_as(&bed, 0, 0);
        bed.facts.has_worker_facts = true;
        bed.facts.module = (ModuleSearch){MODULE_FILE_NO_FOLDER, "6.1.0-1", "6.1.0-2"};
        run_checks(&bed);
        expect_check(&bed.list, "vfio-module", "error", "6.1.0-2 has", "sudo systemctl reboot");
        bed.facts.module = (ModuleSearch){MODULE_FILE_MISSING, "6.1.0-1", ""};
        run_checks(&bed);
        expect_check(&bed.list, "vfio-module", "error", "6.1.0-1 has no module", "Install the package*");
        bed.facts.module.file = MODULE_FILE_EXISTS;
        run_checks(&bed);
        expect_check(&bed.list, "vfio-module", "ok", "not loaded", "");
        bed_clear(&bed);
}

static void test_interfaces(void) {
        Bed bed = bed_new(INTEL);

        EXPECT(&bed, "vfio-interface", "ok", "groups.", "");
        temp_tree_folder(bed.tree, "sys/class/vfio-dev");
        temp_tree_folder(bed.tree, "sys/class/misc/iommu");
        EXPECT(&bed, "vfio-interface", "ok", "iommufd", "");
        temp_tree_remove(bed.tree, "sys/class/vfio");
        EXPECT(&bed, "vfio-interface", "info", "no nodes of groups", "Start QEMU with -object iommufd*");
        temp_tree_remove(bed.tree, "sys/class/misc/iommu");
        EXPECT(&bed, "vfio-interface", "error", "iommufd is not loaded", "sudo modprobe iommufd");

        EXPECT_NONE(&bed, "no-iommu-mode");
        temp_tree_file(bed.tree, "N\n", "sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
        EXPECT_NONE(&bed, "no-iommu-mode");
        temp_tree_file(bed.tree, "Y\n", "sys/module/vfio/parameters/enable_unsafe_noiommu_mode");
        EXPECT(&bed, "no-iommu-mode", "warning", "no-IOMMU mode", "echo N | sudo tee *");
        bed_clear(&bed);
}

static void put_card(Inventory *inventory, const char *address, const char *driver, int group) {
        PciFacts facts = make_facts(address, driver, group);

        facts.ids = (PciIds){0x10de, 0x2484, 0x1458, 0x4051, 0x030000, 0xa1};
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
}

static void test_captured(void) {
        Bed bed = bed_new(INTEL);

        put_card(bed.inventory, GPU, "nvidia", 1);
        put_device(bed.inventory, NIC, "e1000e", 2);
        EXPECT_NONE(&bed, "captured-ids");
        temp_tree_file(bed.tree,
                        "softdep nvidia pre: vfio-pci\noptions vfio_pci disable_vga=1 ids=10de:2484,10de:228b\n",
                        "etc/modprobe.d/vfio.conf");
        EXPECT(&bed, "captured-ids", "warning", "another driver or on none: " GPU " (nvidia)",
                        "sudo sed -i '2s/^/#/' /etc/modprobe.d/vfio.conf");
        g_assert_cmpstr(check_get_detail(find_check(&bed.list, "captured-ids"), "ids"), ==, "10de:2484,10de:228b");
        put_card(bed.inventory, GPU, "vfio-pci", 1);
        EXPECT(&bed, "captured-ids", "info", "vfio-pci: " GPU " (vfio-pci).", "*vfio.conf");
        expect_no_check(&bed.list, "foreign-devices");
        put_card(bed.inventory, GPU2, "vfio-pci", 3);
        EXPECT(&bed, "captured-ids", "warning", "the host can keep none", "*");
        temp_tree_remove(bed.tree, "etc/modprobe.d/vfio.conf");
        EXPECT(&bed, "foreign-devices", "info", GPU " (vfio-pci), " GPU2, "*reattach --adopt*");
        expect_no_check(&bed.list, "captured-ids");
        temp_tree_file(bed.tree, "quiet vfio-pci.ids=dead:beef\n", "proc/cmdline");
        EXPECT(&bed, "captured-ids", "info", "no device has them", "/etc/default/grub is right already. *");
        bed_clear(&bed);
}

static void test_ids(void) {
        static const PciIds card = {0x10de, 0x2484, 0x1458, 0x4051, 0x030000, 0xa1};
        static const struct {
                const char *ids;
                bool matches;
        } cases[] = {
                        {"10de:2484", true},
                        {"8086:1521,10DE:2484", true},
                        {"10de:2484:1458", true},
                        {"10de:2484:1458:4051", true},
                        {"10de:2484:1458:4052", false},
                        {"10de:ffffffff", true},
                        {"ffffffff:ffffffff:ffffffff:ffffffff:030000:ff0000", true},
                        {"ffffffff:ffffffff:ffffffff:ffffffff:020000:ff0000", false},
                        {"10de", false},
                        {"10de:", false},
                        {"", false},
                        {",", false},
                        {":2484", false},
                        {"10de:2485", false},
                        {"x10de:2484", false},
                        {"110de:2484", false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                if (captured_ids_match(cases[i].ids, &card) != cases[i].matches)
                        g_error("\"%s\"", cases[i].ids);
}

static void test_command_line(void) {
        char word[16];

        g_assert_cmpstr(command_line_find("a=1 vfio_pci.ids=2 b", "vfio-pci.ids", word, sizeof(word)), ==, "2");
        g_assert_cmpstr(word, ==, "vfio_pci.ids=2");
        g_assert_cmpstr(command_line_find("a=1\ta=2\n", "a", word, sizeof(word)), ==, "2");
        g_assert_null(command_line_find("ab=1 a b xa=3", "a", word, sizeof(word)));
        g_assert_null(command_line_find("", "a", word, sizeof(word)));
        g_assert_cmpstr(command_line_find("averylongname=valuevalue", "averylongname", word, sizeof(word)), ==, "v");
        g_assert_cmpstr(command_line_find("averylongnameaaaaaa=v", "averylongnameaaaaaa", word, sizeof(word)), ==, "");
        g_assert_cmpstr(command_line_find_entry("a=b,off a=pt b=off", "a", "off", word, sizeof(word)), ==, "b,off");
        g_assert_cmpstr(word, ==, "a=b,off");
        g_assert_null(command_line_find_entry("a=offx a=xoff a=", "a", "off", word, sizeof(word)));
        g_assert_true(command_line_list_has("a,vfio_pci", "vfio_pci"));
        g_assert_false(command_line_list_has("a,vfio_pcix,xvfio-pci,", "vfio-pci"));
        g_assert_false(command_line_list_has("", "vfio-pci"));
}

static void test_programs(void) {
        Bed bed = bed_new(INTEL);

        EXPECT_NONE(&bed, "libvirt");
        temp_tree_file(bed.tree, "", "run/libvirt/libvirt-sock");
        EXPECT(&bed, "libvirt", "info", "managed='no'", "");
        EXPECT_NONE(&bed, "driverctl");
        temp_tree_file(bed.tree, "vfio-pci\n", "etc/driverctl.d/pci-" GPU);
        temp_tree_file(bed.tree, "x", "etc/driverctl.d/vmbus-1");
        EXPECT(&bed, "driverctl", "warning", GPU " to vfio-pci", "sudo driverctl unset-override " GPU);
        EXPECT_NONE(&bed, "dpdk");
        put_device(bed.inventory, NIC, "uio_pci_generic", 2);
        EXPECT(&bed, "dpdk", "warning", NIC " (uio_pci_generic)", "dpdk-devbind.py --status");
        EXPECT_NONE(&bed, "supergfxd");
        temp_tree_file(bed.tree, "{}", "etc/supergfxd.conf");
        EXPECT(&bed, "supergfxd", "warning", "supergfxd", "supergfxctl --get");
        bed_clear(&bed);
}

static void put_limit(Bed *bed, const char *soft, const char *hard) {
        g_autofree char *text = g_strdup_printf(
                        "Limit                     Soft Limit           Hard Limit           Units     \n"
                        "Max cpu time              unlimited            unlimited            seconds   \n"
                        "Max locked memory         %-20s %-20s bytes     \n",
                        soft, hard);

        temp_tree_file(bed->tree, text, "proc/77/limits");
}

static void test_memlock(void) {
        static const struct {
                const char *soft, *hard, *severity, *says, *cure;
        } cases[] = {
                        {"8388608", "8388608", "warning", "is 8 MiB. ", "*'@kvm - memlock*limits.d*'sudo *--uid=NAME*"},
                        {"8388608", "16777216", "warning", "is 8 MiB. ", "*limits.d*"},
                        {"8388608", "17179869184", "warning", "8 MiB, but you may raise it to 16384 MiB.",
                                        "Start QEMU with 'vfioctl lease'*"},
                        {"8388608", "unlimited", "warning", "8 MiB, but you may raise it without a limit.",
                                        "Start QEMU with 'vfioctl lease'*"},
                        {"17179869184", "unlimited", "info", "is 16384 MiB. ", "*limits.d*"},
                        {"unlimited", "unlimited", "ok", "without a limit", ""},
        };
        Bed bed = bed_new(INTEL);

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                put_limit(&bed, cases[i].soft, cases[i].hard);
                read_as(&bed, 1000, 77);
                run_checks(&bed);
                expect_check(&bed.list, "memlock", cases[i].severity, cases[i].says, cases[i].cure);
                const char *limit = check_get_detail(find_check(&bed.list, "memlock"), "limit");
                g_assert_cmpstr(limit, ==, streq(cases[i].severity, "ok") ? NULL : cases[i].soft);
        }
        /* Root has no limit, and nothing is known of another process. */
        read_as(&bed, 0, 77);
        run_checks(&bed);
        expect_no_check(&bed.list, "memlock");
        read_as(&bed, 1000, 78);
        run_checks(&bed);
        expect_no_check(&bed.list, "memlock");
        bed_clear(&bed);
}

static void put_node(Bed *bed, const char *name, mode_t mode) {
        NodeFact *node = &bed->facts.nodes[bed->facts.n_nodes++];

        (void)snprintf(node->name, sizeof(node->name), "%s", name);
        node->mode = mode;
}

static void test_nodes(void) {
        Bed bed = bed_new(INTEL);

        read_as(&bed, 0, 0);
        put_node(&bed, "vfio", S_IFCHR | 0666);
        put_node(&bed, "12", S_IFCHR | 0600);
        run_checks(&bed);
        expect_no_check(&bed.list, "vfio-container");
        expect_no_check(&bed.list, "vfio-node");
        expect_no_check(&bed.list, "node-access");
        bed.facts.is_root = false;
        run_checks(&bed);
        expect_check(&bed.list, "node-access", "info", "Only root", "");
        bed.facts.nodes[0].mode = S_IFCHR | 0660;
        run_checks(&bed);
        expect_check(&bed.list, "vfio-container", "warning",
                        "0660, so not every user, but only its owner and its group", "*udev rule for vfio/vfio*");
        bed.facts.nodes[0].mode = S_IFCHR | 0600;
        bed.facts.nodes[1].mode = S_IFCHR | 0666;
        run_checks(&bed);
        expect_check(&bed.list, "vfio-container", "warning", "0600, so only its owner", "sudo udevadm trigger*");
        expect_check(&bed.list, "vfio-node", "warning", "/dev/vfio/12", "Remove the udev rule*");
        bed.facts.nodes[1].mode = S_IFREG | 0600;
        run_checks(&bed);
        expect_check(&bed.list, "vfio-node", "error", "/dev/vfio/12 is no device node", "*");

        /* Only these are read. */
        NodeFact nodes[NODE_FACTS_MAX];
        temp_tree_file(bed.tree, "", "dev/vfio/12");
        temp_tree_file(bed.tree, "", "dev/vfio/devices/vfio0");
        temp_tree_file(bed.tree, "", "dev/vfio/a name of more than thirty-two bytes");
        g_assert_cmpuint(host_facts_read_nodes(bed.tree->kernel, nodes), ==, 2);
        g_assert_cmpstr(nodes[1].name, ==, "devices/vfio0");
        bed_clear(&bed);
}

/* Beside a device, only what is wrong with the host matters. */
static void test_minor(void) {
        _cleanup_check_list_ CheckList list = {};

        check_add(&list, CHECK_FIRMWARE, "a", CHECK_OK, "A.");
        check_add(&list, CHECK_BOOT, "b", CHECK_WARNING, "B.");
        check_add(&list, CHECK_DEVICE, "c", CHECK_OK, "C.");
        check_add(&list, CHECK_MACHINE, "d", CHECK_INFO, "D.");
        check_add(&list, CHECK_KERNEL, "e", CHECK_ERROR, "E.");
        check_cure(&list, "One.");
        check_cure(&list, "Two \033.");
        check_list_drop_minor(&list);
        g_assert_cmpuint(list.n_checks, ==, 3);
        expect_check(&list, "b", "warning", "B.", "");
        expect_check(&list, "c", "ok", "C.", "");
        expect_check(&list, "e", "error", "E.", "Two \\x1b.");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/diagnosis/good", test_good);
        g_test_add_func("/diagnosis/cpu", test_cpu);
        g_test_add_func("/diagnosis/iommu", test_iommu);
        g_test_add_func("/diagnosis/boot", test_boot);
        g_test_add_func("/diagnosis/module", test_module);
        g_test_add_func("/diagnosis/interfaces", test_interfaces);
        g_test_add_func("/diagnosis/captured", test_captured);
        g_test_add_func("/diagnosis/ids", test_ids);
        g_test_add_func("/diagnosis/command-line", test_command_line);
        g_test_add_func("/diagnosis/programs", test_programs);
        g_test_add_func("/diagnosis/memlock", test_memlock);
        g_test_add_func("/diagnosis/nodes", test_nodes);
        g_test_add_func("/diagnosis/minor", test_minor);
        return g_test_run();
}
