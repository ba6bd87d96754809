/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/steps.h"
#include "kernel/pci-config.h"
#include "kernel/sysfs.h"

/* The reset of a device. The kernel saves its configuration space before and restores it afterwards. It tries the methods
 * that it lists in "reset_method", and it resets a bus only if no other function is on that. The write holds the lock of the
 * device until the device answers again, a minute at most. */

#define ADDRESS(work, step) PCI_ADDRESS_TEXT((work)->plan->members[(step)->member].address)

static int apply_reset(Work *work, const PlanStep *step, Problem *problem) {
        int r = sysfs_write(work->fds[step->member], "reset", "1");

        if (r >= 0)
                return 0;
        if (r == -ENOTTY)
                return problem_set(problem, OUTCOME_NO_RESET,
                                "The kernel did not reset %s: none of its reset methods works without other devices.",
                                ADDRESS(work, step));
        return problem_set(problem, OUTCOME_FAILED,
                        "The kernel could not reset %s: %s. The device may not work any more: see the messages of the "
                        "kernel ('journalctl --dmesg').",
                        ADDRESS(work, step), strerror(-r));
}

static int verify_reset(Work *work, const PlanStep *step, Problem *problem) {
        char power_state[POWER_STATE_MAX];

        /* What cannot be read is no proof. */
        if (pci_device_answers(work->fds[step->member], true, power_state) != 0)
                return 0;
        return problem_set(problem, OUTCOME_NOT_ANSWERING,
                        "%s does not answer after its reset: its configuration space reads as ones only. Shut the "
                        "machine down completely, and start it again.",
                        ADDRESS(work, step));
}

const StepRow reset_row = {apply_reset, verify_reset, NULL};
