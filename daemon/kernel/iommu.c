/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/iommu.h"
#include "kernel/platform.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

const char *iommu_state_to_string(IommuState state) {
        static const char *const names[_IOMMU_STATE_MAX] = {"on", "off", "absent"};
        return names[state];
}

bool iommu_is_unit(const Kernel *kernel, const char *devpath) {
        char path[PATH_MAX];
        struct stat status;

        if (*devpath != '/' || snprintf(path, sizeof(path), "%s/iommu", devpath + 1) >= (int)sizeof(path))
                return false;
        return fstatat(kernel->sys_fd, path, &status, AT_SYMLINK_NOFOLLOW) >= 0 && S_ISDIR(status.st_mode);
}

static bool is_no_iommu(int groups_fd, const char *group) {
        char name[32];

        return sysfs_read_text(groups_fd, SYSFS_PATH("%s/name", group), name, sizeof(name)) >= 0 &&
                        streq(name, "vfio-noiommu");
}

bool iommu_group_has_no_iommu(const Kernel *kernel, int group) {
        return is_no_iommu(kernel->sys_fd, SYSFS_PATH("kernel/iommu_groups/%d", group));
}

/* TAINT_USER of the kernel */
#define TAINTED_BY_USER (UINT64_C(1) << 6)

static unsigned count_entries(const Kernel *kernel, const char *path) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;
        unsigned n = 0;

        int r = sysfs_open_folder(kernel->sys_fd, path, &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0)
                n++;
        return r < 0 ? 0 : n;
}

/* When vfio makes a group for a PCI device in its no-IOMMU mode, it taints the kernel for ever. It also makes a group of this name for
 * each mediated device (vfio_device_set_group() in drivers/vfio/group.c). Otherwise there is no such group. */
static bool can_have_no_iommu(const Kernel *kernel) {
        char text[32];

        return count_entries(kernel, "bus/mdev/devices") > 0 ||
                        sysfs_read_text(kernel->proc_fd, "sys/kernel/tainted", text, sizeof(text)) < 0 ||
                        (strtoull(text, NULL, 10) & TAINTED_BY_USER) != 0;
}

/* Counts the groups of an IOMMU, and those that vfio made in its no-IOMMU mode. */
static void count_groups(const Kernel *kernel, unsigned *ret_groups, unsigned *ret_no_iommu) {
        _cleanup_closedir_ DIR *folder = NULL;
        bool ask = can_have_no_iommu(kernel);
        const char *name;

        *ret_groups = *ret_no_iommu = 0;
        int r = sysfs_open_folder(kernel->sys_fd, "kernel/iommu_groups", &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0)
                (*(ask && is_no_iommu(dirfd(folder), name) ? ret_no_iommu : ret_groups))++;
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
                                "no IOMMU groups: 'journalctl -k -g %s' says why.",
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
                                "the kernel command line and reboot.",
                                table);
        else
                (void)snprintf(reason, size,
                                "The firmware reports %s, but the kernel made no IOMMU groups: 'journalctl -k -g %s' "
                                "says why.%s",
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
                       "configuration of this virtual machine, if its hypervisor has one.";
        else if (platform->cpu == CPU_INTEL)
                text = "The firmware reports no VT-d (there is no table DMAR): enable VT-d in the firmware set-up, if "
                       "the machine has it.";
        else if (platform->cpu == CPU_AMD)
                text = "The firmware reports no AMD-Vi (there is no table IVRS): enable the IOMMU (AMD-Vi) in the "
                       "firmware set-up, if the machine has it.";
        else if (platform->cpu == CPU_ARM)
                text = "The kernel found no SMMU: there is no table IORT, and no SMMU that the kernel uses. The "
                       "machine needs an SMMU for its PCI bus, and the firmware must describe it. 'journalctl -k -g "
                       "smmu' says what the kernel found.";
        else if (platform->cpu == CPU_OTHER)
                text = "The kernel found no IOMMU that it can use for PCI devices. 'journalctl -k -g iommu' says what "
                       "it found.";
        else
                text = "The firmware reports no IOMMU (neither table DMAR nor IVRS): enable VT-d or AMD-Vi in the "
                       "firmware set-up, if the machine has it.";
        (void)snprintf(reason, size, "%s%s", text, platform->is_guest ? "" : useless);
}

/* Interrupt remapping. */

/* Returns the first of the parameters that is on the kernel command line; NULL if there is none. */
static const char *find_parameter(const Kernel *kernel, const char *const *parameters) {
        char line[SYSFS_TEXT_MAX], *state;

        if (sysfs_read_text(kernel->proc_fd, "cmdline", line, sizeof(line)) < 0)
                return NULL;
        for (char *word = strtok_r(line, " \n", &state); word; word = strtok_r(NULL, " \n", &state))
                for (const char *const *parameter = parameters; *parameter; parameter++)
                        if (streq(word, *parameter))
                                return *parameter;
        return NULL;
}

/* The interrupts of an IO-APIC have the lowest numbers. */
#define INTERRUPTS_MAX 64

/* Without interrupt remapping, a device can send any interrupt to the host. So the kernel does not give it to a
 * virtual machine. On x86, the names of the interrupt controllers tell: "IR-IO-APIC" and "IR-PCI-MSI", or "IO-APIC" and
 * "PCI-MSI". Other architectures have other names: then nothing is known. */
static bool interrupts_are_not_remapped(const Kernel *kernel) {
        bool is_plain = false;
        char name[64];

        _cleanup_close_ int folder_fd = openat(kernel->sys_fd, "kernel/irq", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        for (unsigned i = 0; folder_fd >= 0 && i < INTERRUPTS_MAX; i++) {
                if (sysfs_read_text(folder_fd, SYSFS_PATH("%u/chip_name", i), name, sizeof(name)) < 0)
                        continue;
                if (startswith(name, "IR-"))
                        return false;
                if (streq(name, "IO-APIC"))
                        return true;
                is_plain = is_plain || startswith(name, "PCI-MSI");
        }
        return is_plain;
}

/* The module whose parameter allow_unsafe_interrupts counts: iommufd, if the kernel has only cdevs. See vfio_has_group_nodes(). */
static const char *interrupt_module(const Kernel *kernel) {
        bool cdevs_only = faccessat(kernel->sys_fd, "class/vfio-dev", F_OK, 0) >= 0 &&
                        faccessat(kernel->sys_fd, "class/vfio", F_OK, 0) < 0;
        return cdevs_only ? "iommufd" : "vfio_iommu_type1";
}

/* Tells whether the administrator lets virtual machines use devices without interrupt remapping. */
static bool unsafe_interrupts_are_allowed(const Kernel *kernel, const char *module) {
        static const char *const values[] = {"", "=1", "=y", "=Y", "=on"};
        char value[8], words[ELEMENTSOF(values)][64];
        const char *parameters[ELEMENTSOF(values) + 1] = {};

        int r = sysfs_read_text(kernel->sys_fd, SYSFS_PATH("module/%s/parameters/allow_unsafe_interrupts", module),
                        value, sizeof(value));
        if (r >= 0)
                return streq(value, "Y");
        /* A module that is loaded later reads the kernel command line. */
        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                (void)snprintf(words[i], sizeof(words[i]), "%s.allow_unsafe_interrupts%s", module, values[i]);
                parameters[i] = words[i];
        }
        return find_parameter(kernel, parameters) != NULL;
}

static void examine_interrupts(const Kernel *kernel, bool *ret_unsafe, char *warning, size_t size) {
        static const char *const switches[] = {"intremap=off", "nointremap", "noapic", NULL};
        char advice[96] = "Turn it on in the firmware set-up, if the machine has it.";

        if (!interrupts_are_not_remapped(kernel))
                return;
        const char *module = interrupt_module(kernel);
        *ret_unsafe = unsafe_interrupts_are_allowed(kernel, module);
        if (*ret_unsafe)
                return;
        const char *found = find_parameter(kernel, switches);
        if (found)
                (void)snprintf(advice, sizeof(advice), "Remove %s from the kernel command line and reboot.", found);
        (void)snprintf(warning, size,
                        "Interrupt remapping is off. So QEMU fails to start with a device of the host, with the error "
                        "EPERM (Operation not permitted). %s Without interrupt remapping, QEMU starts only if the "
                        "parameter allow_unsafe_interrupts of the module %s is Y. That is a risk: the "
                        "guest can then send any interrupt to the host, and may crash it or take control of it.",
                        advice, module);
}

/* Why there are no groups of an IOMMU, and what to do about it. Returns the state. */
static IommuState explain_no_groups(const Kernel *kernel, char *reason, size_t size) {
        Platform platform;

        platform_examine(kernel, &platform);
        if (platform.is_dom0)
                (void)snprintf(reason, size,
                                "Linux runs as dom0 of Xen, and Xen uses the IOMMU itself. Give devices to Xen guests "
                                "with 'xl pci-assignable-add', or boot Linux without Xen.");
        else if (platform.table != FIRMWARE_NO_TABLE)
                advise_off(&platform, reason, size);
        else
                advise_absent(&platform, reason, size);
        return platform.is_dom0 || platform.table != FIRMWARE_NO_TABLE ? IOMMU_OFF : IOMMU_ABSENT;
}

void iommu_examine(const Kernel *kernel, IommuReport *ret) {
        unsigned groups, no_iommu, units = count_entries(kernel, "class/iommu");
        int n = 0;

        ret->warning[0] = '\0';
        ret->unsafe_interrupts = false;
        count_groups(kernel, &groups, &no_iommu);
        if (groups > 0) {
                ret->state = IOMMU_ON;
                (void)snprintf(ret->reason, sizeof(ret->reason), "The kernel uses %u IOMMU unit%s and made %u group%s.",
                                units, units == 1 ? "" : "s", groups, groups == 1 ? "" : "s");
                examine_interrupts(kernel, &ret->unsafe_interrupts, ret->warning, sizeof(ret->warning));
                return;
        }
        if (no_iommu > 0)
                n = snprintf(ret->reason, sizeof(ret->reason),
                                "vfio is in its no-IOMMU mode, which is not for virtual machines. ");
        ret->state = explain_no_groups(kernel, ret->reason + n, sizeof(ret->reason) - (size_t)n);
        if (no_iommu > 0)
                ret->state = IOMMU_OFF;
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
