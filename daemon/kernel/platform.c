/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/platform.h"
#include "kernel/sysfs.h"

#include <fcntl.h>

/* Files of a boot loader are smaller. */
#define LOADER_FILE_MAX (64 * 1024)

static const struct {
        const char *file, *text, *log_word;
} tables[] = {
                [FIRMWARE_DMAR] = {"firmware/acpi/tables/DMAR", "VT-d (table DMAR)", "DMAR"},
                [FIRMWARE_IVRS] = {"firmware/acpi/tables/IVRS", "AMD-Vi (table IVRS)", "AMD-Vi"},
                [FIRMWARE_IORT] = {"firmware/acpi/tables/IORT", "the I/O topology of Arm (table IORT)", "smmu"},
                [FIRMWARE_VIOT] = {"firmware/acpi/tables/VIOT", "a virtio-iommu (table VIOT)", "virtio_iommu"},
};

const char *platform_table_text(FirmwareTable table) {
        return strempty(tables[table].text);
}

const char *platform_log_word(const Platform *platform) {
        const char *word = tables[platform->table].log_word;
        return word ? word : "iommu";
}

static FirmwareTable find_table(const Kernel *kernel) {
        for (FirmwareTable table = FIRMWARE_DMAR; table < ELEMENTSOF(tables); table++)
                if (faccessat(kernel->sys_fd, tables[table].file, F_OK, AT_SYMLINK_NOFOLLOW) >= 0)
                        return table;
        return FIRMWARE_NO_TABLE;
}

/* Finds the value of a line "KEY : VALUE" in the text, and returns what follows the colon; NULL if there is none. */
static const char *find_value(const char *text, const char *key) {
        for (const char *line = text; line; line = strchr(line, '\n')) {
                line += *line == '\n';
                const char *rest = startswith(line, key);
                if (rest && *(rest += strspn(rest, " \t")) == ':')
                        return rest + 1 + strspn(rest + 1, " \t");
        }
        return NULL;
}

/* Tells whether the text has this word before the end of the line. */
static bool line_has_word(const char *line, const char *word) {
        size_t length = strcspn(line, "\n"), n = strlen(word);

        for (const char *c = line; (c = strstr(c, word)) && c < line + length; c += n)
                if ((c == line || c[-1] == ' ') && (c[n] == ' ' || c[n] == '\n' || c[n] == '\0'))
                        return true;
        return false;
}

/* The first processor says what all others do. */
static void examine_cpu(const Kernel *kernel, Platform *platform) {
        char text[SYSFS_TEXT_MAX];

        int r = sysfs_read_text(kernel->proc_fd, "cpuinfo", text, sizeof(text));
        if (r < 0 && r != -ENAMETOOLONG) /* then it is the beginning */
                return;
        const char *vendor = find_value(text, "vendor_id"), *flags = find_value(text, "flags");
        if (flags && vendor)
                platform->cpu = startswith(vendor, "GenuineIntel") ? CPU_INTEL
                                : startswith(vendor, "AuthenticAMD") || startswith(vendor, "HygonGenuine")
                                ? CPU_AMD
                                : CPU_OTHER_X86;
        else
                platform->cpu = find_value(text, "CPU implementer") ? CPU_ARM : CPU_OTHER;
        platform->is_guest = flags && line_has_word(flags, "hypervisor");
        platform->tells_virtualization = flags != NULL;
        platform->has_virtualization = flags && (line_has_word(flags, "vmx") || line_has_word(flags, "svm"));
}

static void examine_xen(const Kernel *kernel, Platform *platform) {
        static const char no_uuid[] = "00000000-0000-0000-0000-000000000000";
        char text[128];

        if (sysfs_read_text(kernel->sys_fd, "hypervisor/type", text, sizeof(text)) < 0 || !streq(text, "xen"))
                return;
        platform->is_guest = true;
        if (sysfs_read_text(kernel->proc_fd, "xen/capabilities", text, sizeof(text)) >= 0 && text[0] != '\0')
                platform->is_dom0 = strstr(text, "control_d");
        else if (sysfs_read_text(kernel->sys_fd, "hypervisor/uuid", text, sizeof(text)) >= 0)
                platform->is_dom0 = streq(text, no_uuid);
}

/* Tells whether this machine obeys the parameter. Unknown machines obey all. */
static bool obeys(const Platform *platform, const char *parameter) {
        bool is_intel = platform->table == FIRMWARE_DMAR || platform->cpu == CPU_INTEL;
        bool is_amd = platform->table == FIRMWARE_IVRS || platform->cpu == CPU_AMD;

        if (platform->table == FIRMWARE_IORT || platform->cpu == CPU_ARM || platform->cpu == CPU_OTHER)
                return false;
        return streq(parameter, "iommu") || (is_intel == is_amd) ||
                        (streq(parameter, "intel_iommu") ? is_intel : is_amd);
}

/* Evaluates one value of a parameter. The last one counts. */
static void note_value(Platform *platform, const char *parameter, const char *value) {
        bool is_intel = streq(parameter, "intel_iommu");

        if (streq(value, "off") && obeys(platform, parameter))
                (void)snprintf(platform->off_switch, sizeof(platform->off_switch), "%s=off", parameter);
        else if (is_intel && streq(value, "on")) {
                platform->on_switch_given = true;
                if (startswith(platform->off_switch, "intel_iommu="))
                        platform->off_switch[0] = '\0';
        } else if (streq(parameter, "amd_iommu") && streq(value, "on"))
                platform->amd_on_given = true;
}

static void examine_command_line(const Kernel *kernel, Platform *platform) {
        static const char *const parameters[] = {"intel_iommu", "amd_iommu", "iommu"};
        char line[SYSFS_TEXT_MAX], *state, *list;

        if (sysfs_read_text(kernel->proc_fd, "cmdline", line, sizeof(line)) < 0)
                return;
        for (char *word = strtok_r(line, " \n", &state); word; word = strtok_r(NULL, " \n", &state))
                for (size_t i = 0; i < ELEMENTSOF(parameters); i++) {
                        const char *rest = startswith(word, parameters[i]);

                        if (!rest || *rest != '=')
                                continue;
                        /* The values of one parameter are separated by commas: "intel_iommu=on,sm_on". */
                        for (char *value = strtok_r(word + strlen(parameters[i]) + 1, ",", &list); value;
                                        value = strtok_r(NULL, ",", &list))
                                note_value(platform, parameters[i], value);
                        break;
                }
}

/* Tells whether a file of a boot loader has this parameter, outside of comments. In the file of GRUB, the parameters
 * are in quotes. */
static bool file_has_parameter(const Kernel *kernel, const char *path, const char *parameter) {
        static const char separators[] = " \t\"'=\n";
        _cleanup_free_ char *text = NULL;
        size_t n = strlen(parameter);
        char *state;

        if (kernel_read_file(kernel, path, LOADER_FILE_MAX, &text) < 0)
                return false;
        for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state)) {
                if (line[strspn(line, " \t")] == '#')
                        continue;
                for (const char *c = line; (c = strstr(c, parameter)); c += n)
                        if ((c == line || strchr(separators, c[-1])) && strchr(" \t\"',\n", c[n]))
                                return true;
        }
        return false;
}

static const char *find_on_switch(const Kernel *kernel) {
        static const char *const files[] = {"/etc/default/grub", "/etc/kernel/cmdline"};

        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                if (file_has_parameter(kernel, files[i] + 1, "intel_iommu=on"))
                        return files[i];
        return NULL;
}

void platform_examine(const Kernel *kernel, Platform *ret) {
        *ret = (Platform){.table = find_table(kernel)};
        examine_cpu(kernel, ret);
        examine_xen(kernel, ret);
        examine_command_line(kernel, ret);
        if (ret->table == FIRMWARE_DMAR && !ret->on_switch_given && ret->off_switch[0] == '\0')
                ret->on_switch_file = find_on_switch(kernel);
}
