/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/iommu.h"
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

static bool has_table(const Kernel *kernel, const char *path) {
        return faccessat(kernel->sys_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

/* Returns the parameter of the kernel command line that turns the IOMMU off; NULL if there is none. */
static const char *find_off_switch(const Kernel *kernel) {
        static const char *const parameters[] = {"intel_iommu=off", "amd_iommu=off", "iommu=off"};
        char line[SYSFS_TEXT_MAX], *state;

        if (sysfs_read_text(kernel->proc_fd, "cmdline", line, sizeof(line)) < 0)
                return NULL;
        for (char *word = strtok_r(line, " \n", &state); word; word = strtok_r(NULL, " \n", &state))
                for (size_t i = 0; i < ELEMENTSOF(parameters); i++)
                        if (streq(word, parameters[i]))
                                return parameters[i];
        return NULL;
}

void iommu_examine(const Kernel *kernel, IommuReport *ret) {
        unsigned groups = count_entries(kernel, "kernel/iommu_groups");
        unsigned units = count_entries(kernel, "class/iommu");
        bool intel = has_table(kernel, "firmware/acpi/tables/DMAR");
        bool amd = has_table(kernel, "firmware/acpi/tables/IVRS");
        const char *off_switch = find_off_switch(kernel), *reason;

        ret->state = groups > 0 ? IOMMU_ON : intel || amd ? IOMMU_OFF : IOMMU_ABSENT;
        if (groups > 0) {
                (void)snprintf(ret->reason, sizeof(ret->reason), "The kernel uses %u IOMMU unit%s and made %u group%s.",
                                units, units == 1 ? "" : "s", groups, groups == 1 ? "" : "s");
                return;
        }
        if (off_switch) {
                (void)snprintf(ret->reason, sizeof(ret->reason),
                                "The kernel was started with %s: remove it from the kernel command line and reboot.",
                                off_switch);
                return;
        }
        if (intel)
                reason = "The firmware reports VT-d (table DMAR), but the kernel made no IOMMU groups: add "
                         "intel_iommu=on to the kernel command line and reboot.";
        else if (amd)
                reason = "The firmware reports AMD-Vi (table IVRS), but the kernel made no IOMMU groups: "
                         "'journalctl -k -g AMD-Vi' says why.";
        else
                reason = "The firmware reports no IOMMU (neither table DMAR nor IVRS): enable VT-d or AMD-Vi in the "
                         "firmware set-up, if the machine has it.";
        (void)snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
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
