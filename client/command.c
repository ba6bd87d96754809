/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "command.h"

#include "strv.h"

#include "daemon/base/util.h"

#include <stdarg.h>
#include <sys/stat.h>

CommandUse command_use(char *const *command) {
        CommandUse use = COMMAND_WITHOUT_QEMU;

        for (; *command; command++) {
                if (streq(*command, COMMAND_QEMU_WORD))
                        use = COMMAND_WITH_QEMU;
                else if (strstr(*command, COMMAND_QEMU_WORD))
                        return COMMAND_WRONG_QEMU;
        }
        return use;
}

int command_substitute(char *const *command, char *const *arguments, char ***ret_command) {
        _cleanup_(strv_freep) char **words = NULL;
        int r;

        for (; *command; command++) {
                bool replaced = streq(*command, COMMAND_QEMU_WORD);

                for (char *const *word = arguments; replaced && word && *word; word++) {
                        r = strv_push(&words, *word);
                        if (r < 0)
                                return r;
                }
                r = replaced ? 0 : strv_push(&words, *command);
                if (r < 0)
                        return r;
        }
        *ret_command = TAKE_PTR(words);
        return 0;
}

/* Appends a word, as printf() makes it. */
static int push(char ***words, const char *format, ...) _printf_(2, 3);
static int push(char ***words, const char *format, ...) {
        _cleanup_free_ char *word = NULL;
        va_list arguments;
        int n;

        va_start(arguments, format);
        n = vasprintf(&word, format, arguments);
        va_end(arguments);
        if (n < 0) {
                word = NULL;
                return -ENOMEM;
        }
        return strv_push(words, word);
}

int command_descriptor_arguments(char *const *paths, const int *descriptors, char ***ret_arguments) {
        _cleanup_(strv_freep) char **words = NULL;
        int r = -ENOENT;

        for (size_t i = 0; paths && paths[i]; i++)
                if (streq(paths[i], "/dev/iommu") && r == -ENOENT)
                        if ((r = push(&words, "-object")) >= 0)
                                r = push(&words, "iommufd,id=iommufd0,fd=%d", descriptors[i]);
        for (size_t i = 0; r >= 0 && paths[i]; i++)
                if (!streq(paths[i], "/dev/iommu"))
                        if ((r = push(&words, "-device")) >= 0)
                                r = push(&words, "vfio-pci,iommufd=iommufd0,fd=%d", descriptors[i]);
        if (r < 0)
                return r;
        *ret_arguments = TAKE_PTR(words);
        return 0;
}

static int check_file(const char *path) {
        struct stat info;

        if (stat(path, &info) < 0)
                return errno == EACCES ? -EACCES : -ENOENT;
        return S_ISREG(info.st_mode) && access(path, X_OK) >= 0 ? 0 : -EACCES;
}

/* Gets the path in this folder. An empty folder is the current one. Returns as command_find(). */
static int find_in(const char *folder, const char *name, char **ret_path) {
        _cleanup_free_ char *path = NULL;
        int r;

        if (asprintf(&path, "%s/%s", isempty(folder) ? "." : folder, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = check_file(path);
        if (r >= 0)
                *ret_path = TAKE_PTR(path);
        return r;
}

int command_find(const char *name, char **ret_path) {
        const char *folders = getenv("PATH");
        _cleanup_free_ char *copy = NULL;
        int r, result = -ENOENT;

        if (isempty(name))
                return -ENOENT;
        if (strchr(name, '/')) {
                r = check_file(name);
                return r < 0 ? r : (*ret_path = strdup(name)) ? 0 : -ENOMEM;
        }
        copy = strdup(folders ?: "/bin:/usr/bin");
        if (!copy)
                return -ENOMEM;
        for (char *rest = copy, *folder; (folder = strsep(&rest, ":"));) {
                r = find_in(folder, name, ret_path);
                if (r == 0 || r == -ENOMEM)
                        return r;
                if (r == -EACCES) /* a program in a later folder is better */
                        result = r;
        }
        return result;
}
