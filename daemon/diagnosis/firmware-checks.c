/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/boot-loader.h"
#include "diagnosis/command-line.h"
#include "diagnosis/host-checks.h"

#define WORD_MAX 512

static void check_cpu(const HostFacts *facts, CheckList *list) {
        const Platform *platform = &facts->platform;
        const char *name = platform->cpu == CPU_AMD ? "AMD-V (svm)" : "VT-x (vmx)";

        if (!platform->tells_virtualization)
                return;
        if (platform->has_virtualization) {
                check_add(list, CHECK_FIRMWARE, "cpu-virtualization", CHECK_OK, "The CPU supports virtualization, %s.",
                                name);
                return;
        }
        if (platform->is_guest) {
                check_add(list, CHECK_FIRMWARE, "cpu-virtualization", CHECK_WARNING,
                                "This machine is virtual, and its hypervisor gives it no %s. A virtual machine in it "
                                "is "
                                "emulated, which is slow.",
                                name);
                check_cure(list, "Turn on nested virtualization in the configuration of this virtual machine.");
                return;
        }
        check_add(list, CHECK_FIRMWARE, "cpu-virtualization", CHECK_ERROR,
                        "The CPU reports no %s. A virtual machine is emulated, which is slow.", name);
        check_cure(list, "Enable %s in the firmware set-up, if the CPU has it.",
                        platform->cpu == CPU_AMD ? "AMD-V (often named SVM)"
                                                 : "VT-x (often named Intel Virtualization "
                                                   "Technology)");
}

static void check_tables(const HostFacts *facts, CheckList *list) {
        const Platform *platform = &facts->platform;

        if (platform->table != FIRMWARE_NO_TABLE)
                check_add(list, CHECK_FIRMWARE, "firmware-tables", CHECK_OK, "The firmware reports %s.",
                                platform_table_text(platform->table));
        else if (facts->iommu.state == IOMMU_ABSENT && !platform->is_dom0) {
                check_add(list, CHECK_FIRMWARE, "firmware-tables", CHECK_ERROR,
                                "The firmware reports no IOMMU: there is no table DMAR, IVRS, IORT or VIOT.");
                if (platform->is_guest)
                        check_cure(list, "Add a virtual IOMMU to the configuration of this virtual machine.");
                else
                        check_cure(list, "Enable %s in the firmware set-up, if the machine has it.",
                                        platform->cpu == CPU_INTEL                 ? "VT-d"
                                                        : platform->cpu == CPU_AMD ? "AMD-Vi (IOMMU)"
                                                                                   : "the IOMMU");
        }
}

/* Removes the whole word on the command line that turns the IOMMU off: "intel_iommu=off" of "intel_iommu=off,sm_on" is not enough. Other
 * words of the same parameter, such as "iommu=pt", stay. */
static void cure_off_switch(const HostFacts *facts, CheckList *list) {
        const char *parameter = facts->platform.off_switch;
        char name[32], word[WORD_MAX];

        (void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(parameter, "="), parameter);
        bool is_found = command_line_find_entry(facts->command_line, name, "off", word, sizeof(word));
        boot_loader_cure_remove(list, &facts->boot, is_found ? word : parameter);
}

static void check_iommu(const HostFacts *facts, CheckList *list) {
        const Platform *platform = &facts->platform;

        if (facts->iommu.state == IOMMU_ON) {
                check_add(list, CHECK_BOOT, "iommu", CHECK_OK, "The IOMMU is on. %s", facts->iommu.reason);
                return;
        }
        check_add(list, CHECK_BOOT, "iommu", CHECK_ERROR,
                        "The IOMMU is %s, so no virtual machine can use a device of this host. %s",
                        iommu_state_to_string(facts->iommu.state), facts->iommu.reason);
        if (platform->is_dom0 || facts->iommu.state == IOMMU_ABSENT)
                return;
        if (platform->off_switch[0] != '\0')
                cure_off_switch(facts, list);
        else if (platform->table == FIRMWARE_DMAR && !platform->on_switch_given)
                boot_loader_cure_add(list, &facts->boot, "intel_iommu=on");
        else
                check_cure(list, "journalctl -k -g %s", platform_log_word(platform));
}

static void check_interrupts(const HostFacts *facts, CheckList *list) {
        char word[WORD_MAX];

        if (facts->iommu.state != IOMMU_ON)
                return;
        if (facts->iommu.unsafe_interrupts) {
                check_add(list, CHECK_BOOT, "interrupt-remapping", CHECK_WARNING,
                                "Interrupt remapping is off, and allow_unsafe_interrupts is set: a virtual machine "
                                "with "
                                "a device can send any interrupt to the host, and may crash it or take control of it.");
        } else if (facts->iommu.warning[0] != '\0') {
                check_add(list, CHECK_BOOT, "interrupt-remapping", CHECK_ERROR, "%s", facts->iommu.warning);
        } else {
                check_add(list, CHECK_BOOT, "interrupt-remapping", CHECK_OK,
                                "Interrupt remapping is on, or this machine needs none.");
                return;
        }
        const char *value = command_line_find(facts->command_line, "intremap", word, sizeof(word));
        if (value && streq(value, "off"))
                boot_loader_cure_remove(list, &facts->boot, word);
        else
                check_cure(list,
                                "Enable interrupt remapping (with VT-d: also x2APIC) in the firmware set-up, if the "
                                "machine has it.");
}

static void check_passthrough(const HostFacts *facts, CheckList *list) {
        char some[96];

        if (facts->iommu.state != IOMMU_ON || facts->identity_groups == 0)
                return;
        (void)snprintf(some, sizeof(some), "%u of %u IOMMU groups are in passthrough mode (type identity)",
                        facts->identity_groups, facts->groups);
        check_add(list, CHECK_BOOT, "iommu-passthrough", CHECK_INFO,
                        "%s: the host's own devices use memory directly. That makes no difference for a device of a "
                        "virtual machine, which the IOMMU still confines.",
                        facts->identity_groups == facts->groups ? "The IOMMU is in passthrough mode (iommu=pt)" : some);
}

static void check_acs_override(const HostFacts *facts, CheckList *list) {
        char word[WORD_MAX];

        if (command_line_find(facts->command_line, "pcie_acs_override", word, sizeof(word))) {
                check_add(list, CHECK_BOOT, "acs-override", CHECK_WARNING,
                                "The kernel was started with %s. An unpatched kernel ignores that. A patched one "
                                "splits "
                                "groups although their devices can reach each other past the IOMMU: a virtual machine "
                                "may "
                                "then read and change the memory of the host or of another one.",
                                word);
                boot_loader_cure_remove(list, &facts->boot, word);
        }
        const char *value = command_line_find(facts->command_line, "pci", word, sizeof(word));
        if (value && (strstr(value, "disable_acs_redir=") || strstr(value, "config_acs="))) {
                check_add(list, CHECK_BOOT, "acs-settings", CHECK_WARNING,
                                "The kernel was started with %s, which changes the ACS settings of bridges. Devices "
                                "behind them may share a group, or reach each other past the IOMMU.",
                                word);
        }
}

/* Parameters that many instructions name, and that have no effect. */
static void check_parameters(const HostFacts *facts, CheckList *list) {
        if (facts->platform.amd_on_given) {
                check_add(list, CHECK_BOOT, "kernel-parameters", CHECK_INFO,
                                "The parameter amd_iommu=on has no effect: the kernel knows no such value, and uses "
                                "AMD-Vi without it.");
                boot_loader_cure_remove(list, &facts->boot, "amd_iommu=on");
        } else if (facts->platform.cpu == CPU_AMD && facts->platform.on_switch_given &&
                        facts->platform.table != FIRMWARE_DMAR) { /* a hypervisor may emulate VT-d on any CPU */
                check_add(list, CHECK_BOOT, "kernel-parameters", CHECK_INFO,
                                "The parameter intel_iommu=on has no effect: this CPU is from AMD.");
                boot_loader_cure_remove(list, &facts->boot, "intel_iommu=on");
        }
}

static void check_kvm(const HostFacts *facts, CheckList *list) {
        const Platform *platform = &facts->platform;

        if (facts->has_kvm) {
                check_add(list, CHECK_KERNEL, "kvm", CHECK_OK, "KVM is available.");
                return;
        }
        if (platform->tells_virtualization && !platform->has_virtualization)
                return; /* check_cpu() tells why */
        check_add(list, CHECK_KERNEL, "kvm", CHECK_WARNING,
                        "KVM is not loaded, so QEMU emulates the CPU, which is slow.");
        check_cure(list, "sudo modprobe %s",
                        platform->cpu == CPU_INTEL                 ? "kvm_intel"
                                        : platform->cpu == CPU_AMD ? "kvm_amd"
                                                                   : "kvm");
}

static void check_lockdown(const HostFacts *facts, CheckList *list) {
        if (facts->lockdown[0] != '\0')
                check_add(list, CHECK_KERNEL, "lockdown", CHECK_INFO,
                                "Kernel lockdown is on (%s), usually because of Secure Boot: the kernel loads only "
                                "signed modules. The vfio modules of the distribution are signed.",
                                facts->lockdown);
}

void firmware_checks_run(const HostFacts *facts, CheckList *list) {
        check_cpu(facts, list);
        check_tables(facts, list);
        check_iommu(facts, list);
        check_interrupts(facts, list);
        check_passthrough(facts, list);
        check_acs_override(facts, list);
        check_parameters(facts, list);
        check_kvm(facts, list);
        check_lockdown(facts, list);
}
