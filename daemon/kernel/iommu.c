/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/iommu.h"
#include "kernel/sysfs.h"

#include <fcntl.h>

static const char *const state_table[_IOMMU_STATE_MAX] = {
                [IOMMU_ON] = "on",
                [IOMMU_OFF] = "off",
                [IOMMU_ABSENT] = "absent",
};

const char *iommu_state_to_string(IommuState state) {
        return state_table[state];
}

static int count_entry(int directory_fd, const char *name, void *userdata) {
        (void)directory_fd;
        (void)name;
        ++*(unsigned *)userdata;
        return 0;
}

static unsigned count_entries(const Kernel *kernel, const char *folder) {
        unsigned n = 0;
        return sysfs_for_each(kernel->sys_fd, folder, count_entry, &n) < 0 ? 0 : n;
}

static bool has_table(const Kernel *kernel, const char *path) {
        return faccessat(kernel->sys_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

/* Tells whether the kernel command line contains exactly this parameter. */
static bool has_parameter(const Kernel *kernel, const char *parameter) {
        char line[SYSFS_TEXT_MAX], *state;

        if (sysfs_read_text(kernel->proc_fd, "cmdline", line, sizeof(line)) < 0)
                return false;
        for (char *word = strtok_r(line, " \n", &state); word; word = strtok_r(NULL, " \n", &state))
                if (streq(word, parameter))
                        return true;
        return false;
}

void iommu_examine(const Kernel *kernel, IommuReport *ret) {
        unsigned groups = count_entries(kernel, "kernel/iommu_groups");
        unsigned units = count_entries(kernel, "class/iommu");
        bool intel = has_table(kernel, "firmware/acpi/tables/DMAR");
        bool amd = has_table(kernel, "firmware/acpi/tables/IVRS");

        if (groups > 0) {
                ret->state = IOMMU_ON;
                (void)snprintf(ret->reason, sizeof(ret->reason), "The kernel uses %u IOMMU unit%s and made %u group%s.",
                                units, units == 1 ? "" : "s", groups, groups == 1 ? "" : "s");
                return;
        }

        ret->state = intel || amd ? IOMMU_OFF : IOMMU_ABSENT;
        const char *off_switch = has_parameter(kernel, "intel_iommu=off") ? "intel_iommu=off"
                        : has_parameter(kernel, "amd_iommu=off")          ? "amd_iommu=off"
                        : has_parameter(kernel, "iommu=off")              ? "iommu=off"
                                                                          : NULL;
        if (off_switch)
                (void)snprintf(ret->reason, sizeof(ret->reason),
                                "The kernel was started with %s: remove it from the kernel command line and reboot.",
                                off_switch);
        else if (intel)
                (void)snprintf(ret->reason, sizeof(ret->reason),
                                "The firmware reports VT-d (table DMAR), but the kernel made no IOMMU groups: add "
                                "intel_iommu=on "
                                "to the kernel command line and reboot.");
        else if (amd)
                (void)snprintf(ret->reason, sizeof(ret->reason),
                                "The firmware reports AMD-Vi (table IVRS), but the kernel made no IOMMU groups: "
                                "'journalctl -k -g AMD-Vi' says why.");
        else
                (void)snprintf(ret->reason, sizeof(ret->reason),
                                "The firmware reports no IOMMU (neither table DMAR nor IVRS): enable VT-d or AMD-Vi in "
                                "the "
                                "firmware set-up, if the machine has it.");
}

int iommu_group_has_firmware_mapping(const Kernel *kernel, int group) {
        char path[64], text[SYSFS_TEXT_MAX], *state;

        (void)snprintf(path, sizeof(path), "kernel/iommu_groups/%d/reserved_regions", group);
        _cleanup_close_ int fd = openat(kernel->sys_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return -errno;
        ssize_t n = read(fd, text, sizeof(text) - 1);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                const char *type = strrchr(line, ' ');
                if (type && streq(type, " direct"))
                        return 1;
        }
        return 0;
}
