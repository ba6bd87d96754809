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
