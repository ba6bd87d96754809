/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/modules.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <sys/stat.h>

/* Tells whether the name is one path component. It comes from the kernel or from a file on disk. */
static bool is_valid_name(const char *driver) {
        return !isempty(driver) && !streq(driver, ".") && !streq(driver, "..") && !strchr(driver, '/') &&
                        strlen(driver) < DRIVER_NAME_MAX;
}

static bool is_dash(char c) {
        return c == '-' || c == '_';
}

bool modules_names_equal(const char *a, const char *b) {
        for (; *a && (*a == *b || (is_dash(*a) && is_dash(*b))); a++, b++)
                ;
        return *a == *b;
}

const char *modules_format_unbind(const char *driver, char buffer[static DRIVER_UNBIND_TEXT_MAX]) {
        (void)snprintf(buffer, DRIVER_UNBIND_TEXT_MAX, "/sys/bus/pci/drivers/%s/unbind", TEXT_NAME(driver));
        return buffer;
}

bool modules_driver_exists(const Kernel *kernel, const char *driver) {
        struct stat status;

        return is_valid_name(driver) &&
                        fstatat(kernel->sys_fd, SYSFS_PATH("bus/pci/drivers/%s", driver), &status,
                                        AT_SYMLINK_NOFOLLOW) >= 0;
}

int modules_of_driver(const Kernel *kernel, const char *driver, char *buffer, size_t size) {
        if (!is_valid_name(driver))
                return -EINVAL;
        return sysfs_read_link(kernel->sys_fd, SYSFS_PATH("bus/pci/drivers/%s/module", driver), buffer, size);
}

int modules_ensure_driver(const Kernel *kernel, const char *driver, const char *module) {
        if (modules_driver_exists(kernel, driver))
                return 0;

        if (!kernel->load_module)
                return -EOPNOTSUPP;
        int r = kernel->load_module(kernel, module ? module : driver, kernel->load_module_userdata);
        if (r < 0)
                return r;
        return modules_driver_exists(kernel, driver) ? 0 : -ENODEV;
}

/* Finds a driver among the entries of a folder, which have this prefix before their names. With a name, only a driver of
 * that name; otherwise each, but rather a vfio driver. */
static int find_in_folder(const Kernel *kernel, const char *path, const char *prefix, const char *name,
                char buffer[static DRIVER_NAME_MAX]) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *entry;

        buffer[0] = '\0';
        int r = sysfs_open_folder(kernel->sys_fd, path, &folder);
        while (r >= 0 && (r = sysfs_next(folder, &entry)) > 0) {
                const char *driver = startswith(entry, prefix);

                if (!driver || !is_valid_name(driver) ||
                                (name ? !modules_names_equal(driver, name)
                                      : buffer[0] != '\0' && !strstr(driver, "vfio")))
                        continue;
                (void)snprintf(buffer, DRIVER_NAME_MAX, "%s", driver);
        }
        return buffer[0] != '\0' ? 0 : -ENOENT;
}

int modules_find_driver(const Kernel *kernel, const char *module, char buffer[static DRIVER_NAME_MAX]) {
        char path[DRIVER_NAME_MAX + 32];

        if (!is_valid_name(module))
                return -ENOENT;
        (void)snprintf(path, sizeof(path), "module/%s/drivers", module);
        for (char *c = path + strlen("module/"); *c; c++)
                if (*c == '-')
                        *c = '_';
        return find_in_folder(kernel, path, "pci:", NULL, buffer) == 0
                        ? 0
                        : find_in_folder(kernel, "bus/pci/drivers", "", module, buffer);
}

int modules_load_driver(const Kernel *kernel, const char *module, char buffer[static DRIVER_NAME_MAX]) {
        if (modules_find_driver(kernel, module, buffer) == 0)
                return 0;
        if (!kernel->load_module)
                return -EOPNOTSUPP;
        int r = kernel->load_module(kernel, module, kernel->load_module_userdata);
        if (r < 0)
                return r;
        return modules_find_driver(kernel, module, buffer) == 0 ? 0 : -ENODEV;
}

bool lockdown_read(const Kernel *kernel, char ret_mode[static LOCKDOWN_MAX]) {
        char text[128], *end;

        /* The file contains "none [integrity] confidentiality"; the active mode is in brackets. */
        if (sysfs_read_text(kernel->sys_fd, "kernel/security/lockdown", text, sizeof(text)) < 0)
                return false;
        char *mode = strchr(text, '[');
        if (!mode || !(end = strchr(++mode, ']')))
                return false;
        *end = '\0';
        if (streq(mode, "none") || strlen(mode) >= LOCKDOWN_MAX)
                return false;
        memcpy(ret_mode, mode, strlen(mode) + 1);
        return true;
}

/* The list of a distribution's kernel has about 600 KB. */
#define MODULE_LIST_MAX (16 * 1024 * 1024)
#define MODULES_FOLDER "lib/modules"

/* Tells whether a line of modules.dep or modules.builtin, "kernel/drivers/vfio/pci/vfio-pci.ko.xz: ...", is about
 * the module. */
static bool is_line_of(const char *line, const char *module) {
        size_t length = strcspn(line, ":");

        for (const char *slash; (slash = memchr(line, '/', length)); line = slash + 1)
                length -= (size_t)(slash + 1 - line);
        for (; *module; module++, line++)
                if (*line != *module && !(is_dash(*line) && is_dash(*module)))
                        return false;
        return startswith(line, ".ko");
}

static bool list_has(const Kernel *kernel, const char *release, const char *list, const char *module) {
        _cleanup_free_ char *text = NULL;
        char *state;

        if (kernel_read_file(kernel, SYSFS_PATH(MODULES_FOLDER "/%s/%s", release, list), MODULE_LIST_MAX, &text) < 0)
                return false;
        for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
                if (is_line_of(line, module))
                        return true;
        return false;
}

static bool release_has(const Kernel *kernel, const char *release, const char *module) {
        return list_has(kernel, release, "modules.dep", module) || list_has(kernel, release, "modules.builtin", module);
}

/* Finds the newest other kernel that has the module. */
static void find_other(const Kernel *kernel, const char *module, ModuleSearch *search) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        int r = sysfs_open_folder(kernel->root_fd, MODULES_FOLDER, &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0)
                if (strlen(name) < KERNEL_RELEASE_MAX && !streq(name, search->release) &&
                                strverscmp(name, search->other) > 0 && release_has(kernel, name, module))
                        (void)snprintf(search->other, sizeof(search->other), "%s", name);
}

void modules_search(const Kernel *kernel, const char *module, ModuleSearch *ret) {
        *ret = (ModuleSearch){.file = MODULE_FILE_UNKNOWN};
        if (kernel->search_module) {
                kernel->search_module(kernel, module, ret, kernel->load_module_userdata);
                return;
        }
        if (kernel->root_fd < 0 || isempty(module) ||
                        sysfs_read_text(kernel->proc_fd, "sys/kernel/osrelease", ret->release, sizeof(ret->release)) <=
                                        0 ||
                        strchr(ret->release, '/'))
                return;
        if (release_has(kernel, ret->release, module)) {
                ret->file = MODULE_FILE_EXISTS;
                return;
        }
        /* After an upgrade, the directory is gone, or it still has files that no package owns. */
        if (faccessat(kernel->root_fd, SYSFS_PATH(MODULES_FOLDER "/%s/modules.dep", ret->release), F_OK, 0) >= 0)
                ret->file = MODULE_FILE_MISSING;
        else if (errno == ENOENT)
                ret->file = MODULE_FILE_NO_FOLDER;
        find_other(kernel, module, ret);
}
