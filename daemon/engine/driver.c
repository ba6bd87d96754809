/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/driver.h"
#include "kernel/modules.h"

static const char *describe_error(int error) {
        switch (-error) {
        case ENOENT:
                return "the running kernel has no such module. Install the kernel's extra modules";
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

int driver_ensure(const Kernel *kernel, const char *driver, const char *module, Problem *problem) {
        const char *name = TEXT_NAME(module ? module : driver);
        char lockdown[LOCKDOWN_MAX];

        int r = modules_ensure_driver(kernel, driver, module);
        if (r == 0)
                return 0;
        if (r == -EPERM && lockdown_read(kernel, lockdown))
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "Cannot load the module '%s' for the driver %s: it is blacklisted in /etc/modprobe.d, "
                                "or the kernel lockdown (%s) refuses it because it is not signed. See "
                                "'journalctl -k -g lockdown'.",
                                name, TEXT_NAME(driver), lockdown);
        return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE, "Cannot load the module '%s' for the driver %s: %s.",
                        name, TEXT_NAME(driver), describe_error(r));
}
