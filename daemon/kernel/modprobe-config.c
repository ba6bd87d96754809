/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/modprobe-config.h"
#include "kernel/sysfs.h"

#define TEXT_MAX (256 * 1024)
#define FILES_MAX 512
#define LINES_MAX 8192

static const char separators[] = " \t\r";

static int add_line(ModprobeConfig *config, const char *file, unsigned number, ModprobeCommand command,
                const char *module, const char *rest) {
        if (config->n_lines >= LINES_MAX)
                return 0;
        if (!ARRAY_GROW(config->lines, config->n_lines))
                return -ENOMEM;
        ModprobeLine line = {strdup(file), number, command, strdup(module), strdup(rest)};
        config->lines[config->n_lines++] = line;
        return line.file && line.module && line.rest ? 0 : -ENOMEM;
}

/* Reads one logical line, which it changes. */
static int parse_line(ModprobeConfig *config, const char *file, unsigned number, char *text) {
        static const char *const words[] = {
                        [MODPROBE_BLACKLIST] = "blacklist",
                        [MODPROBE_INSTALL] = "install",
                        [MODPROBE_OPTIONS] = "options",
        };
        char *state;

        const char *word = strtok_r(text, separators, &state), *module = strtok_r(NULL, separators, &state);
        if (!word || !module || *word == '#')
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (streq(word, words[i]))
                        return add_line(config, file, number, (ModprobeCommand)i, module,
                                        strempty(state) + strspn(strempty(state), separators));
        return 0;
}

/* Joins the lines that end in a backslash with the next one. */
int modprobe_config_parse(ModprobeConfig *config, const char *file, const char *text) {
        _cleanup_free_ char *copy = strdup(text);
        unsigned number = 1, first = 1;
        int r = 0;

        if (!copy)
                return -ENOMEM;
        for (char *line = copy, *c = copy; line && r >= 0;) {
                c += strcspn(c, "\n");
                bool is_end = *c == '\0';

                if (!is_end && c > line && c[-1] == '\\') {
                        c[-1] = *c = ' ';
                        number++;
                        continue;
                }
                *c = '\0';
                r = parse_line(config, file, first, line);
                first = ++number;
                line = is_end ? NULL : ++c;
        }
        return r;
}

/* The names of the files that were read. */
typedef struct NameList {
        char *names[FILES_MAX];
        size_t n;
} NameList;

static void name_list_done(NameList *list) {
        for (size_t i = 0; i < list->n; i++)
                free(list->names[i]);
}

static bool has_name(const NameList *list, const char *name) {
        for (size_t i = 0; i < list->n; i++)
                if (streq(list->names[i], name))
                        return true;
        return false;
}

static int read_file(const Kernel *kernel, const char *folder, const char *name, ModprobeConfig *config) {
        const char *path = SYSFS_PATH("/%s/%s", folder, name);
        _cleanup_free_ char *text = NULL;

        int r = kernel_read_file(kernel, path + 1, TEXT_MAX, &text);
        return r < 0 ? (r == -ENOMEM ? r : 0) : modprobe_config_parse(config, path, text);
}

static int read_folder(const Kernel *kernel, const char *path, NameList *names, ModprobeConfig *config) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        int r = sysfs_open_folder(kernel->root_fd, path, &folder);
        while (r >= 0 && names->n < FILES_MAX && (r = sysfs_next(folder, &name)) > 0) {
                size_t length = strlen(name);

                if (length <= 5 || !streq(name + length - 5, ".conf") || has_name(names, name))
                        continue;
                if (!(names->names[names->n] = strdup(name)))
                        return -ENOMEM;
                names->n++;
                r = read_file(kernel, path, name, config);
        }
        return r == -ENOMEM ? r : 0;
}

int modprobe_config_read(const Kernel *kernel, ModprobeConfig *ret) {
        static const char *const folders[] = {"etc/modprobe.d", "run/modprobe.d", "usr/local/lib/modprobe.d",
                        "usr/lib/modprobe.d", "lib/modprobe.d"};
        _cleanup_(name_list_done) NameList names = {};
        int r = 0;

        *ret = (ModprobeConfig){};
        for (size_t i = 0; i < ELEMENTSOF(folders) && r >= 0 && kernel->root_fd >= 0; i++)
                r = read_folder(kernel, folders[i], &names, ret);
        if (r < 0)
                modprobe_config_done(ret);
        return r;
}

void modprobe_config_done(ModprobeConfig *config) {
        for (size_t i = 0; i < config->n_lines; i++) {
                free(config->lines[i].file);
                free(config->lines[i].module);
                free(config->lines[i].rest);
        }
        free(config->lines);
        *config = (ModprobeConfig){};
}
