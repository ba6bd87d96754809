/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/driver.h"

static const char *describe_error(int error) {
        switch (-error) {
        case ENOENT:
                return "the running kernel has no such module. Install the kernel's extra modules";
        case ELIBBAD:
                return "the module on disk does not fit the running kernel. Probably the kernel was upgraded: reboot";
        case ENOEXEC:
                return "/etc/modprobe.d has an 'install' command for it, and vfiod does not run such commands. Load "
                       "the module with 'modprobe', or remove that line";
        case EKEYREJECTED:
        case ENOKEY:
        case EBADMSG:
                return "the kernel refuses it, because it has no trusted signature. Sign the module, or "
                       "install the module of your distribution";
        case EPERM:
                return "it is blacklisted in /etc/modprobe.d, or vfiod may not load it. Load it with 'modprobe'";
        case ECONNREFUSED:
                return "vfiod-modules, which loads modules, does not answer. See 'systemctl status "
                       "vfiod-modules.socket'";
        case ENODEV:
                return "it is loaded, but it does not provide this PCI driver";
        default:
                return strerror(-error);
        }
}

/* The modules of the running kernel are gone when a package manager has upgraded the kernel. */
static int explain_missing(const Kernel *kernel, const char *driver, const char *module, Problem *problem) {
        ModuleSearch search;

        modules_search(kernel, module, &search);
        if (search.file == MODULE_FILE_NO_FOLDER)
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "Cannot load the module '%s' for the driver %s: the running kernel %s has no modules "
                                "in /lib/modules. Probably the kernel was upgraded since the machine was started: "
                                "reboot%s%s.",
                                TEXT_NAME(module), TEXT_NAME(driver), search.release,
                                search.other[0] != '\0' ? " into the kernel " : "", TEXT_NAME(search.other));
        if (search.file == MODULE_FILE_MISSING && search.other[0] != '\0')
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "Cannot load the module '%s' for the driver %s: the running kernel %s does not have it "
                                "on disk, but the kernel %s has: reboot into that kernel, or install the extra modules "
                                "of the running kernel.",
                                TEXT_NAME(module), TEXT_NAME(driver), search.release, TEXT_NAME(search.other));
        if (search.file == MODULE_FILE_EXISTS)
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "Cannot load the module '%s' for the driver %s: it is on disk, but it needs something "
                                "that the running kernel %s does not have. Probably the kernel was upgraded since the "
                                "machine was started: reboot. 'journalctl -k -g symbol' says more.",
                                TEXT_NAME(module), TEXT_NAME(driver), search.release);
        return 0;
}

static int describe_failure(const Kernel *kernel, const char *driver, const char *module, int error, Problem *problem) {
        char lockdown[LOCKDOWN_MAX];

        int explained = error == -ENOENT ? explain_missing(kernel, driver, module, problem) : 0;
        if (explained != 0)
                return explained;
        if (error == -EPERM && lockdown_read(kernel, lockdown))
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "Cannot load the module '%s' for the driver %s: it is blacklisted in /etc/modprobe.d, "
                                "or the kernel lockdown (%s) refuses it because it is not signed. See "
                                "'journalctl -k -g lockdown'.",
                                TEXT_NAME(module), TEXT_NAME(driver), lockdown);
        return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE, "Cannot load the module '%s' for the driver %s: %s.",
                        TEXT_NAME(module), TEXT_NAME(driver), describe_error(error));
}

int driver_ensure(const Kernel *kernel, const char *driver, const char *module, Problem *problem) {
        int r = modules_ensure_driver(kernel, driver, module);
        return r < 0 ? describe_failure(kernel, driver, module ? module : driver, r, problem) : 0;
}

int driver_find_vfio(const Kernel *kernel, const char *name, char ret_driver[static DRIVER_NAME_MAX]) {
        int r = 0;

        if (modules_driver_exists(kernel, name))
                (void)snprintf(ret_driver, DRIVER_NAME_MAX, "%s", name);
        else
                r = modules_find_driver(kernel, name, ret_driver);
        return r < 0 || pci_driver_is_vfio(ret_driver) ? r : -ENOENT;
}

int driver_ensure_vfio(
                const Kernel *kernel, const char *name, char ret_driver[static DRIVER_NAME_MAX], Problem *problem) {
        if (driver_find_vfio(kernel, name, ret_driver) == 0)
                return 0;
        int r = modules_load_driver(kernel, name, ret_driver);
        if (r == 0 && !pci_driver_is_vfio(ret_driver))
                r = -ENODEV;
        return r < 0 ? describe_failure(kernel, name, name, r, problem) : 0;
}
