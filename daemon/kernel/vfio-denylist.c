/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/vfio-denylist.h"
#include "kernel/sysfs.h"

#define PARAMETER "disable_denylist"
#define CONFIG_FILE_MAX (64 * 1024)
#define CONFIG_FILES_MAX 256

const char *vfio_denylist_find(uint16_t vendor, uint16_t device) {
        static const struct {
                uint16_t device;
                const char *name;
        } intel[] = {
                        {0x0435, "QAT DH895xCC"},
                        {0x0443, "QAT DH895xCC, virtual function"},
                        {0x0b25, "DSA"},
                        {0x0cfe, "IAX"},
                        {0x19e2, "QAT C3xxx"},
                        {0x19e3, "QAT C3xxx, virtual function"},
                        {0x37c8, "QAT C62x"},
                        {0x37c9, "QAT C62x, virtual function"},
        };

        for (size_t i = 0; vendor == 0x8086 && i < ELEMENTSOF(intel); i++)
                if (intel[i].device == device)
                        return intel[i].name;
        return NULL;
}

/* As the kernel reads a boolean parameter (kstrtobool()); a parameter without a value is true. */
static bool is_true(const char *value) {
        return strchr("yYtT1", *value) || ((*value == 'o' || *value == 'O') && (value[1] == 'n' || value[1] == 'N'));
}

/* Evaluates a word if it is "PREFIXdisable_denylist[=VALUE]". The last one counts. */
static void note_word(const char *word, const char *prefix, bool *disabled) {
        const char *rest = startswith(word, prefix);

        rest = rest ? startswith(rest, PARAMETER) : NULL;
        if (rest && (*rest == '=' || *rest == '\0'))
                *disabled = is_true(rest + (*rest == '='));
}

static void read_command_line(const Kernel *kernel, bool *disabled) {
        char line[SYSFS_TEXT_MAX], *state;

        if (sysfs_read_text(kernel->proc_fd, "cmdline", line, sizeof(line)) < 0)
                return;
        for (char *word = strtok_r(line, " \n", &state); word; word = strtok_r(NULL, " \n", &state)) {
                note_word(word, "vfio_pci.", disabled);
                note_word(word, "vfio-pci.", disabled);
        }
}

/* Reads the lines "options vfio-pci ..." of a file. */
static void read_config(const Kernel *kernel, const char *path, bool *disabled) {
        _cleanup_free_ char *text = NULL;
        char *lines, *words;

        if (kernel_read_file(kernel, path, CONFIG_FILE_MAX, &text) < 0)
                return;
        for (char *line = strtok_r(text, "\n", &lines); line; line = strtok_r(NULL, "\n", &lines)) {
                const char *word = strtok_r(line, " \t", &words);

                if (!word || !streq(word, "options") || !(word = strtok_r(NULL, " \t", &words)) ||
                                (!streq(word, "vfio-pci") && !streq(word, "vfio_pci")))
                        continue;
                while ((word = strtok_r(NULL, " \t", &words)))
                        note_word(word, "", disabled);
        }
}

static void read_configs(const Kernel *kernel, const char *directory, bool *disabled) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;
        unsigned n = 0;

        int r = sysfs_open_folder(kernel->root_fd, directory, &folder);
        while (r >= 0 && n < CONFIG_FILES_MAX && (r = sysfs_next(folder, &name)) > 0) {
                size_t length = strlen(name);

                if (length > strlen(".conf") && streq(name + length - strlen(".conf"), ".conf")) {
                        read_config(kernel, SYSFS_PATH("%s/%s", directory, name), disabled);
                        n++;
                }
        }
}

bool vfio_denylist_is_disabled(const Kernel *kernel) {
        static const char *const folders[] = {"usr/lib/modprobe.d", "run/modprobe.d", "etc/modprobe.d"};
        bool disabled = false;
        char value[8];

        int r = sysfs_read_text(kernel->sys_fd, "module/vfio_pci/parameters/" PARAMETER, value, sizeof(value));
        if (r >= 0)
                return value[0] != '\0' && is_true(value);
        for (size_t i = 0; kernel->root_fd >= 0 && i < ELEMENTSOF(folders); i++)
                read_configs(kernel, folders[i], &disabled);
        read_command_line(kernel, &disabled);
        return disabled;
}
