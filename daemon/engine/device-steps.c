/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/bind.h"
#include "engine/steps.h"

/* Steps that change how a device is bound. */

#define ADDRESS(work, step) PCI_ADDRESS_TEXT((work)->plan->members[(step)->member].address)

static PlanMember *member_of(const Work *work, const PlanStep *step) {
        return &work->plan->members[step->member];
}

static int read_driver(const Work *work, const PlanStep *step, char buffer[static DRIVER_NAME_MAX], Problem *problem) {
        int r = pci_device_read_driver(work->fds[step->member], buffer);
        return work_check_read(work, step->member, r, problem);
}

/* Whether the device is on a driver that is not its driver from before the plan. */
static bool is_moved(const char *driver, const Binding *before) {
        if (driver[0] == '\0')
                return false;
        return before->any_driver ? pci_driver_is_vfio(driver) : !streq(driver, before->driver);
}

/* Reads the driver for a revert, and whether the device is still on the driver that it got. A virtual machine may have
 * taken the group by now. Then the unbind would wait until that machine ends, so the device stays as it is. */
static int read_moved(const Work *work, const PlanStep *step, bool *ret_moved, Problem *problem) {
        const PlanMember *member = member_of(work, step);
        char driver[DRIVER_NAME_MAX];

        int r = read_driver(work, step, driver, problem);
        if (r != 0)
                return r;
        *ret_moved = is_moved(driver, &member->before);
        if (!*ret_moved || !pci_driver_is_vfio(driver) || work_holds_group(work, member->group))
                return 0;
        return problem_set(problem, OUTCOME_HELD, "vfiod leaves %s on %s, because a virtual machine may use it.",
                        ADDRESS(work, step), driver);
}

/* driver_override. */

/* If the driver stays, only driver_override changes. */
static const char *override_of(const Work *work, const PlanStep *step) {
        const Binding *target = &member_of(work, step)->target;
        return work_needs_move(work, step->member) ? binding_override_for_probe(target) : target->override;
}

/* work_verify_unmoved() has read what was set before. */
static int apply_override(Work *work, const PlanStep *step, Problem *problem) {
        const char *override = override_of(work, step);

        return streq(override, member_of(work, step)->before.override)
                        ? bind_set_override(work, step->member, override, problem)
                        : bind_write_override(work, step->member, override, problem);
}

static int revert_override(Work *work, const PlanStep *step, Problem *problem) {
        bool moved;

        /* A device that a virtual machine has keeps its driver_override, so that no other driver binds when the machine
         * ends. */
        int r = work_needs_move(work, step->member) ? read_moved(work, step, &moved, problem) : 0;
        return r != 0 ? r : bind_set_override(work, step->member, member_of(work, step)->before.override, problem);
}

const StepRow override_row = {apply_override, NULL, revert_override};

static int apply_unbind(Work *work, const PlanStep *step, Problem *problem) {
        return work_needs_move(work, step->member)
                        ? bind_unbind(work, step->member, &member_of(work, step)->target, problem)
                        : 0;
}

static int verify_unbind(Work *work, const PlanStep *step, Problem *problem) {
        char driver[DRIVER_NAME_MAX];

        if (!work_needs_move(work, step->member))
                return 0;
        int r = read_driver(work, step, driver, problem);
        if (r != 0 || driver[0] == '\0' || bind_is_bound(driver, &member_of(work, step)->target))
                return r;
        return problem_set(problem, OUTCOME_FAILED, "%s is still on %s after its unbind.", ADDRESS(work, step), driver);
}

static int revert_unbind(Work *work, const PlanStep *step, Problem *problem) {
        bool moved;

        if (!work_needs_move(work, step->member))
                return 0;
        int r = read_moved(work, step, &moved, problem);
        return r != 0 ? r : bind_as(work, step->member, &member_of(work, step)->before, problem);
}

const StepRow unbind_row = {apply_unbind, verify_unbind, revert_unbind};

static int apply_probe(Work *work, const PlanStep *step, Problem *problem) {
        PlanMember *member = member_of(work, step);
        Binding *target = &member->target;
        char found[DRIVER_NAME_MAX];

        disk_claims_release(&work->claims);
        if (work->plan->verb == PLAN_REATTACH && member->early)
                bind_announce(work, step->member);
        if (!work_needs_move(work, step->member))
                return 0;
        if (target->any_driver || target->driver[0] != '\0') {
                int r = bind_probe(work, step->member, target->any_driver ? NULL : target->driver, found, problem);
                if (r != 0)
                        return r;
                binding_set_driver(target, found);
        }
        return bind_set_override(work, step->member, target->override, problem);
}

static int revert_probe(Work *work, const PlanStep *step, Problem *problem) {
        const Binding *before = &member_of(work, step)->before;
        bool moved;

        if (!work_needs_move(work, step->member))
                return 0;
        int r = read_moved(work, step, &moved, problem);
        if (r != 0 || !moved)
                return r;
        /* When other devices are probed, only the driver from before may bind. */
        if ((r = bind_set_override(work, step->member, binding_override_for_probe(before), problem)) != 0)
                return r;
        return bind_unbind(work, step->member, before, problem);
}

const StepRow probe_row = {apply_probe, NULL, revert_probe};

/* MAC address and VLAN, power settings. */

static int apply_link(Work *work, const PlanStep *step, Problem *problem) {
        return bind_set_link(work, step->member, &member_of(work, step)->target.link, problem);
}

static int verify_link(Work *work, const PlanStep *step, Problem *problem) {
        return bind_check_link(work, step->member, &member_of(work, step)->target.link, problem);
}

static int revert_link(Work *work, const PlanStep *step, Problem *problem) {
        return bind_set_link(work, step->member, &member_of(work, step)->before.link, problem);
}

const StepRow set_link_row = {apply_link, verify_link, revert_link};

static int apply_power(Work *work, const PlanStep *step, Problem *problem) {
        return bind_set_power(work, step->member, &member_of(work, step)->target.power, problem);
}

static int verify_power(Work *work, const PlanStep *step, Problem *problem) {
        const PowerSettings *wanted = &member_of(work, step)->target.power;
        PowerSettings now;

        int r = work_check_read(work, step->member, power_read(work->fds[step->member], &now), problem);
        if (r != 0)
                return r;
        if (bind_has_power(&now, wanted))
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "The power settings of %s are not as they were written.",
                        ADDRESS(work, step));
}

static int revert_power(Work *work, const PlanStep *step, Problem *problem) {
        return bind_set_power(work, step->member, &member_of(work, step)->before.power, problem);
}

const StepRow set_power_row = {apply_power, verify_power, revert_power};
