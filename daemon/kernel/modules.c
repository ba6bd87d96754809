/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/modules.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <libkmod.h>
#include <sys/stat.h>

/* Writes "bus/pci/drivers/NAME" and the entry into buffer. The name comes from the kernel or from a record on disk. It must not contain more than one
 * path component. Returns 0, -EINVAL or -ENAMETOOLONG. */
static int driver_path(const char *driver, const char *entry, char *buffer, size_t size) {
        if (isempty(driver) || streq(driver, ".") || streq(driver, "..") || strchr(driver, '/'))
                return -EINVAL;
        int length = snprintf(buffer, size, "bus/pci/drivers/%s%s", driver, entry);
        return length < 0 || (size_t)length >= size ? -ENAMETOOLONG : 0;
}

const char *modules_format_unbind(const char *driver, char buffer[static DRIVER_UNBIND_TEXT_MAX]) {
        (void)snprintf(buffer, DRIVER_UNBIND_TEXT_MAX, "/sys/bus/pci/drivers/%s/unbind", TEXT_NAME(driver));
        return buffer;
}

bool modules_driver_exists(const Kernel *kernel, const char *driver) {
        char path[sizeof("bus/pci/drivers/") + DRIVER_NAME_MAX];
        struct stat status;

        return driver_path(driver, "", path, sizeof(path)) >= 0 &&
                        fstatat(kernel->sys_fd, path, &status, AT_SYMLINK_NOFOLLOW) >= 0;
}

int modules_of_driver(const Kernel *kernel, const char *driver, char *buffer, size_t size) {
        char path[sizeof("bus/pci/drivers//module") + DRIVER_NAME_MAX];

        int r = driver_path(driver, "/module", path, sizeof(path));
        if (r < 0)
                return r;
        return sysfs_read_link(kernel->sys_fd, path, buffer, size);
}

int modules_ensure_driver(const Kernel *kernel, const char *driver, const char *module) {
        if (modules_driver_exists(kernel, driver))
                return 0;

        int r = kernel->load_module(kernel, module ? module : driver, kernel->load_module_userdata);
        if (r < 0)
                return r;
        return modules_driver_exists(kernel, driver) ? 0 : -ENODEV;
}

static void kmod_unrefp(struct kmod_ctx **context) {
        if (*context)
                kmod_unref(*context);
}

static void kmod_module_unrefp(struct kmod_module **module) {
        if (*module)
                kmod_module_unref(*module);
}

static void kmod_module_unref_listp(struct kmod_list **list) {
        if (*list)
                kmod_module_unref_list(*list);
}

/* libkmod calls this for an "install" command of modprobe.d. vfiod does not run such commands. */
static int refuse_command(struct kmod_module *module, const char *command, void *userdata) {
        (void)module, (void)command, (void)userdata;
        return -ENOEXEC;
}

int modules_load_with_kmod(const Kernel *kernel, const char *module, void *userdata) {
        (void)kernel;
        (void)userdata;

        _cleanup_(kmod_unrefp) struct kmod_ctx *context = kmod_new(NULL, NULL);
        if (!context)
                return -ENOMEM;

        _cleanup_(kmod_module_unref_listp) struct kmod_list *list = NULL;
        int r = kmod_module_new_from_lookup(context, module, &list);
        if (r < 0)
                return r;
        if (!list)
                return -ENOENT;

        struct kmod_list *item;
        kmod_list_foreach(item, list) {
                _cleanup_(kmod_module_unrefp) struct kmod_module *found = kmod_module_get_module(item);

                r = kmod_module_probe_insert_module(
                                found, KMOD_PROBE_APPLY_BLACKLIST, NULL, refuse_command, NULL, NULL);
                if (r == KMOD_PROBE_APPLY_BLACKLIST)
                        return -EPERM;
                if (r < 0 && r != -EEXIST)
                        return r;
        }
        return 0;
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
