/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/iommu.h"
#include "kernel/platform.h"
#include "kernel/sysfs.h"

#include <fcntl.h>

const char *iommu_state_to_string(IommuState state) {
        static const char *const names[_IOMMU_STATE_MAX] = {"on", "off", "absent"};
        return names[state];
}

static unsigned count_entries(const Kernel *kernel, const char *path) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;
        unsigned n = 0;

        int r = sysfs_open_folder(kernel->sys_fd, path, &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0)
                n++;
        return r < 0 ? 0 : n;
}

/* What to do if the firmware reports an IOMMU, but the kernel made no groups. */
static void advise_off(const Platform *platform, char *reason, size_t size) {
        const char *table = platform_table_text(platform->table), *log = platform_log_word(platform);

        if (platform->off_switch[0] != '\0')
                (void)snprintf(reason, size,
                                "The kernel was started with %s: remove it from the kernel command line and reboot.",
                                platform->off_switch);
        else if (platform->table == FIRMWARE_DMAR && platform->on_switch_given)
                (void)snprintf(reason, size,
                                "The firmware reports %s, and the kernel was started with intel_iommu=on, but it made "
                                "no "
                                "IOMMU groups: 'journalctl -k -g %s' says why.",
                                table, log);
        else if (platform->table == FIRMWARE_DMAR && platform->on_switch_file)
                (void)snprintf(reason, size,
                                "The firmware reports %s. %s has intel_iommu=on, but the running kernel was started "
                                "without it: reboot, or find out where the boot loader has its configuration (for "
                                "GRUB, run update-grub).",
                                table, platform->on_switch_file);
        else if (platform->table == FIRMWARE_DMAR)
                (void)snprintf(reason, size,
                                "The firmware reports %s, but the kernel made no IOMMU groups: add intel_iommu=on to "
                                "the "
                                "kernel command line and reboot.",
                                table);
        else
                (void)snprintf(reason, size,
                                "The firmware reports %s, but the kernel made no IOMMU groups: 'journalctl -k -g %s' "
                                "says "
                                "why.%s",
                                table, log,
                                platform->table == FIRMWARE_IVRS && platform->amd_on_given
                                                ? " The parameter amd_iommu=on has no effect: the kernel knows no such "
                                                  "value."
                                                : "");
}

/* What to do if the firmware reports no IOMMU. */
static void advise_absent(const Platform *platform, char *reason, size_t size) {
        const char *useless = platform->cpu == CPU_INTEL && platform->on_switch_given
                        ? " Until then, intel_iommu=on has no effect."
                        : platform->cpu == CPU_AMD && platform->amd_on_given
                        ? " The parameter amd_iommu=on has no effect: the kernel knows no such value."
                        : "";
        const char *text;

        if (platform->is_guest)
                text = "This machine is virtual, and its hypervisor gives it no IOMMU. Add a virtual IOMMU to the "
                       "configuration "
                       "of this virtual machine, if its hypervisor has one.";
        else if (platform->cpu == CPU_INTEL)
                text = "The firmware reports no VT-d (there is no table DMAR): enable VT-d in the firmware set-up, if "
                       "the "
                       "machine has it.";
        else if (platform->cpu == CPU_AMD)
                text = "The firmware reports no AMD-Vi (there is no table IVRS): enable the IOMMU (AMD-Vi) in the "
                       "firmware "
                       "set-up, if the machine has it.";
        else if (platform->cpu == CPU_ARM)
                text = "The kernel found no SMMU: there is no table IORT, and no SMMU that the kernel uses. The "
                       "machine needs "
                       "an SMMU for its PCI bus, and the firmware must describe it. 'journalctl -k -g smmu' says what "
                       "the kernel "
                       "found.";
        else if (platform->cpu == CPU_OTHER)
                text = "The kernel found no IOMMU that it can use for PCI devices. 'journalctl -k -g iommu' says what "
                       "it found.";
        else
                text = "The firmware reports no IOMMU (neither table DMAR nor IVRS): enable VT-d or AMD-Vi in the "
                       "firmware set-up, if the machine has it.";
        (void)snprintf(reason, size, "%s%s", text, platform->is_guest ? "" : useless);
}

void iommu_examine(const Kernel *kernel, IommuReport *ret) {
        unsigned groups = count_entries(kernel, "kernel/iommu_groups");
        unsigned units = count_entries(kernel, "class/iommu");
        Platform platform;

        if (groups > 0) {
                ret->state = IOMMU_ON;
                (void)snprintf(ret->reason, sizeof(ret->reason), "The kernel uses %u IOMMU unit%s and made %u group%s.",
                                units, units == 1 ? "" : "s", groups, groups == 1 ? "" : "s");
                return;
        }
        platform_examine(kernel, &platform);
        ret->state = platform.table == FIRMWARE_NO_TABLE && !platform.is_dom0 ? IOMMU_ABSENT : IOMMU_OFF;
        if (platform.is_dom0)
                (void)snprintf(ret->reason, sizeof(ret->reason),
                                "Linux runs as dom0 of Xen, and Xen uses the IOMMU itself. Give devices to Xen guests "
                                "with "
                                "'xl pci-assignable-add', or boot Linux without Xen.");
        else if (ret->state == IOMMU_OFF)
                advise_off(&platform, ret->reason, sizeof(ret->reason));
        else
                advise_absent(&platform, ret->reason, sizeof(ret->reason));
}

int iommu_group_has_firmware_mapping(const Kernel *kernel, int group) {
        char text[SYSFS_TEXT_MAX], *state;

        int r = sysfs_read_text(kernel->sys_fd, SYSFS_PATH("kernel/iommu_groups/%d/reserved_regions", group), text,
                        sizeof(text));
        if (r < 0)
                return r;
        for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                const char *type = strrchr(line, ' ');
                if (type && streq(type, " direct"))
                        return 1;
        }
        return 0;
}
