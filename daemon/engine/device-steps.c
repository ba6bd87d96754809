/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/bind.h"
#include "engine/steps.h"

/* Steps that change how one device is bound. */

#define ADDRESS(work, step) PCI_ADDRESS_TEXT((work)->plan->members[(step)->member].address)

static PlanMember *member_of(const Work *work, const PlanStep *step) {
        return &work->plan->members[step->member];
}

static int describe_read_error(const Work *work, const PlanStep *step, int error, Problem *problem) {
        if (error == -ENOENT || error == -ENODEV)
                return problem_set(problem, OUTCOME_FAILED, "%s is gone from its slot.", ADDRESS(work, step));
        return problem_set(problem, OUTCOME_FAILED, "Cannot read how %s is bound: %s", ADDRESS(work, step),
                        strerror(-error));
}

static int read_driver(const Work *work, const PlanStep *step, char buffer[static DRIVER_NAME_MAX], Problem *problem) {
        int fd = work->fds[step->member];

        buffer[0] = '\0';
        int r = fd < 0 ? -ENOENT : pci_device_read_driver(fd, buffer);
        return r < 0 ? describe_read_error(work, step, r, problem) : 0;
}

/* A device that is not moved gets only its driver_override. */
static const char *override_for(const Work *work, const PlanStep *step) {
        const Binding *target = &member_of(work, step)->target;

        return work_needs_move(work, step->member) ? binding_override_for_probe(target) : target->override;
}

static int verify_override(const Work *work, const PlanStep *step, const char *expected, Problem *problem) {
        char now[OVERRIDE_MAX];
        int fd = work->fds[step->member], r = fd < 0 ? -ENOENT : binding_read_override(fd, now);

        if (r < 0)
                return describe_read_error(work, step, r, problem);
        if (streq(now, expected))
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "driver_override of %s is '%s' after '%s' was written.",
                        ADDRESS(work, step), now, expected);
}

int step_override(Work *work, const PlanStep *step, Problem *problem) {
        return bind_set_override(work, step->member, override_for(work, step), problem);
}

int step_override_verify(Work *work, const PlanStep *step, Problem *problem) {
        return verify_override(work, step, override_for(work, step), problem);
}

/* Whether the device is where the plan, and not the state before, has it. */
static bool is_moved(const char *driver, const Binding *before) {
        if (driver[0] == '\0')
                return false;
        return before->any_driver ? pci_driver_is_vfio(driver) : !streq(driver, before->driver);
}

/* A virtual machine may have taken the group by now. Then the unbind would wait for its end, so the device stays. */
static int refuse_held(const Work *work, const PlanStep *step, const char *driver, Problem *problem) {
        if (!pci_driver_is_vfio(driver) || work_holds_group(work, member_of(work, step)->group))
                return 0;
        return problem_set(problem, OUTCOME_HELD, "%s stays on %s, since a virtual machine may use it.",
                        ADDRESS(work, step), driver);
}

int step_override_revert(Work *work, const PlanStep *step, Problem *problem) {
        const char *before = member_of(work, step)->before.override;
        char driver[DRIVER_NAME_MAX];

        int r = read_driver(work, step, driver, problem);
        /* What a virtual machine has by now stays as it is, so that no other driver binds when the machine ends. */
        if (r == 0 && work_needs_move(work, step->member) && is_moved(driver, &member_of(work, step)->before))
                r = refuse_held(work, step, driver, problem);
        if (r == 0)
                r = bind_set_override(work, step->member, before, problem);
        return r != 0 ? r : verify_override(work, step, before, problem);
}

int step_unbind(Work *work, const PlanStep *step, Problem *problem) {
        return work_needs_move(work, step->member)
                        ? bind_unbind(work, step->member, &member_of(work, step)->target, problem)
                        : 0;
}

int step_unbind_verify(Work *work, const PlanStep *step, Problem *problem) {
        char driver[DRIVER_NAME_MAX];

        if (!work_needs_move(work, step->member))
                return 0;
        int r = read_driver(work, step, driver, problem);
        if (r != 0)
                return r;
        if (driver[0] == '\0' || bind_is_bound(driver, &member_of(work, step)->target))
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "%s is still on %s after its unbind.", ADDRESS(work, step), driver);
}

int step_unbind_revert(Work *work, const PlanStep *step, Problem *problem) {
        const Binding *before = &member_of(work, step)->before;
        char driver[DRIVER_NAME_MAX];

        if (!work_needs_move(work, step->member))
                return 0;
        int r = read_driver(work, step, driver, problem);
        if (r != 0)
                return r;
        if (is_moved(driver, before) && (r = refuse_held(work, step, driver, problem)) != 0)
                return r;
        return bind_as(work, step->member, before, problem);
}

int step_probe(Work *work, const PlanStep *step, Problem *problem) {
        PlanMember *member = member_of(work, step);
        Binding *target = &member->target;
        char found[DRIVER_NAME_MAX];
        int r;

        disk_claims_release(&work->claims);
        if (work->plan->verb == PLAN_REATTACH && member->early)
                bind_announce_interfaces(work, step->member);
        if (!work_needs_move(work, step->member))
                return 0;
        if (target->any_driver || target->driver[0] != '\0') {
                r = bind_probe(work, step->member, target->any_driver ? NULL : target->driver, found, problem);
                if (r != 0)
                        return r;
                binding_set_driver(target, found);
        }
        return bind_set_override(work, step->member, target->override, problem);
}

int step_probe_verify(Work *work, const PlanStep *step, Problem *problem) {
        const Binding *target = &member_of(work, step)->target;
        char driver[DRIVER_NAME_MAX];

        int r = read_driver(work, step, driver, problem);
        if (r != 0)
                return r;
        if (work_needs_move(work, step->member) && !streq(driver, target->driver))
                return problem_set(problem, OUTCOME_DRIVER_DID_NOT_BIND,
                                "%s has driver '%s' after its probe, not '%s'.", ADDRESS(work, step), driver,
                                target->driver);
        return verify_override(work, step, target->override, problem);
}

int step_probe_revert(Work *work, const PlanStep *step, Problem *problem) {
        const Binding *before = &member_of(work, step)->before;
        char driver[DRIVER_NAME_MAX];

        if (!work_needs_move(work, step->member))
                return 0;
        int r = read_driver(work, step, driver, problem);
        if (r != 0)
                return r;
        if (!is_moved(driver, before) || (r = refuse_held(work, step, driver, problem)) != 0)
                return r;
        /* Only the driver from before may come when others are probed. */
        if ((r = bind_set_override(work, step->member, binding_override_for_probe(before), problem)) != 0)
                return r;
        return bind_unbind(work, step->member, before, problem);
}

static int write_link(Work *work, const PlanStep *step, const VirtualFunctionLink *link, Problem *problem) {
        int r = virtual_function_write_link(
                        work->kernel, work->fds[step->member], member_of(work, step)->address, link);
        return r < 0 ? problem_set(problem, OUTCOME_FAILED, "Cannot restore MAC address and VLAN of %s: %s",
                                       ADDRESS(work, step), strerror(-r))
                     : 0;
}

int step_set_link(Work *work, const PlanStep *step, Problem *problem) {
        return write_link(work, step, &member_of(work, step)->target.link, problem);
}

int step_set_link_verify(Work *work, const PlanStep *step, Problem *problem) {
        const PlanMember *member = member_of(work, step);
        VirtualFunctionLink now;

        int r = virtual_function_read_link(work->kernel, work->fds[step->member], member->address, &now);
        if (r >= 0 && (!now.known || virtual_function_link_equal(&now, &member->target.link)))
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "%s has not the MAC address and VLAN that were set: %s",
                        ADDRESS(work, step), r < 0 ? strerror(-r) : "the card did not take them");
}

int step_set_link_revert(Work *work, const PlanStep *step, Problem *problem) {
        return write_link(work, step, &member_of(work, step)->before.link, problem);
}

static int write_power(Work *work, const PlanStep *step, const PowerSettings *power, Problem *problem) {
        int r = power_write(work->fds[step->member], power);
        return r < 0 ? problem_set(problem, OUTCOME_FAILED, "Cannot restore the power settings of %s: %s",
                                       ADDRESS(work, step), strerror(-r))
                     : 0;
}

int step_set_power(Work *work, const PlanStep *step, Problem *problem) {
        return write_power(work, step, &member_of(work, step)->target.power, problem);
}

int step_set_power_verify(Work *work, const PlanStep *step, Problem *problem) {
        const PowerSettings *wanted = &member_of(work, step)->target.power;
        PowerSettings now;

        int r = work->fds[step->member] < 0 ? -ENOENT : power_read(work->fds[step->member], &now);
        if (r < 0)
                return describe_read_error(work, step, r, problem);
        bool same_control = wanted->control[0] == '\0' || now.control[0] == '\0' || streq(now.control, wanted->control);
        bool same_d3cold = !wanted->d3cold_known || !now.d3cold_known || now.d3cold_allowed == wanted->d3cold_allowed;
        if (same_control && same_d3cold)
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "The power settings of %s are not as they were written.",
                        ADDRESS(work, step));
}

int step_set_power_revert(Work *work, const PlanStep *step, Problem *problem) {
        return write_power(work, step, &member_of(work, step)->before.power, problem);
}
