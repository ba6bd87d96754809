/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/driver.h"
#include "kernel/modules.h"

int driver_ensure(const Kernel *kernel, const char *driver, const char *module, Problem *problem) {
        const char *name = TEXT_NAME(module ? module : driver);
        char lockdown[LOCKDOWN_MAX];

        int r = modules_ensure_driver(kernel, driver, module);
        switch (-r) {
        case 0:
                return 0;
        case ENOENT:
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "There is no driver %s, and no module '%s' for the running kernel: install the "
                                "kernel's extra modules.",
                                TEXT_NAME(driver), name);
        case ENOEXEC:
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "A line 'install' in /etc/modprobe.d says how the module '%s' is to be loaded, and "
                                "vfiod runs no commands: load it with 'modprobe %s', or remove that line.",
                                name, name);
        case EKEYREJECTED:
        case ENOKEY:
        case EBADMSG:
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "The kernel loads no module '%s', since nobody that it trusts has signed it: sign it, "
                                "or install the one of your distribution.",
                                name);
        case EPERM:
                if (lockdown_read(kernel, lockdown))
                        return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                        "The module '%s' is blacklisted, or the kernel's lockdown (%s) keeps it out "
                                        "since it is not signed: look into /etc/modprobe.d and 'journalctl -k -g "
                                        "lockdown'.",
                                        name, lockdown);
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "The module '%s' is blacklisted, or the daemon may not load it: load it with "
                                "'modprobe', or look into /etc/modprobe.d.",
                                name);
        case ENODEV:
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "The module '%s' is loaded and brought no PCI driver %s.", name, TEXT_NAME(driver));
        default:
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE, "The module '%s' for %s cannot be loaded: %s",
                                name, TEXT_NAME(driver), strerror(-r));
        }
}
