/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/bind.h"
#include "engine/steps.h"

/* Steps that change how one device is bound. */

#define ADDRESS(work, step) PCI_ADDRESS_TEXT((work)->plan->members[(step)->member].address)

static PlanMember *member_of(const Work *work, const PlanStep *step) {
        return &work->plan->members[step->member];
}

static int read_binding(const Work *work, const PlanStep *step, Binding *ret, Problem *problem) {
        int r = work_read_binding(work, step->member, ret);
        if (r == -ENOENT || r == -ENODEV)
                return problem_set(problem, OUTCOME_FAILED, "%s is gone from its slot.", ADDRESS(work, step));
        return r < 0 ? problem_set(problem, OUTCOME_FAILED, "Cannot read how %s is bound: %s", ADDRESS(work, step),
                                       strerror(-r))
                     : 0;
}

/* A device that is not moved gets only its driver_override. */
static const char *override_for(const Work *work, const PlanStep *step) {
        const Binding *target = &member_of(work, step)->target;

        return work_needs_move(work, step->member) ? binding_override_for_probe(target) : target->override;
}

static int verify_override(const Work *work, const PlanStep *step, const char *expected, Problem *problem) {
        Binding now;

        int r = read_binding(work, step, &now, problem);
        if (r != 0 || streq(now.override, expected))
                return r;
        return problem_set(problem, OUTCOME_FAILED, "driver_override of %s is '%s' after '%s' was written.",
                        ADDRESS(work, step), now.override, expected);
}

int step_override(Work *work, const PlanStep *step, Problem *problem) {
        return bind_set_override(work, step->member, override_for(work, step), problem);
}

int step_override_verify(Work *work, const PlanStep *step, Problem *problem) {
        return verify_override(work, step, override_for(work, step), problem);
}

int step_override_revert(Work *work, const PlanStep *step, Problem *problem) {
        const char *before = member_of(work, step)->before.override;

        int r = bind_set_override(work, step->member, before, problem);
        return r != 0 ? r : verify_override(work, step, before, problem);
}

int step_unbind(Work *work, const PlanStep *step, Problem *problem) {
        return work_needs_move(work, step->member)
                        ? bind_unbind(work, step->member, member_of(work, step)->target.driver, problem)
                        : 0;
}

int step_unbind_verify(Work *work, const PlanStep *step, Problem *problem) {
        Binding now;

        int r = work_needs_move(work, step->member) ? read_binding(work, step, &now, problem) : 1;
        if (r != 0)
                return r == 1 ? 0 : r;
        if (now.driver[0] == '\0' || streq(now.driver, member_of(work, step)->target.driver))
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "%s is still on %s after its unbind.", ADDRESS(work, step),
                        now.driver);
}

/* Whether the device is where the plan, and not the state before, has it. */
static bool is_moved(const Binding *now, const Binding *before) {
        if (now->driver[0] == '\0')
                return false;
        return before->any_driver ? pci_driver_is_vfio(now->driver) : !streq(now->driver, before->driver);
}

/* A virtual machine may have taken the group by now. Then the unbind would wait for its end, so the device stays. */
static int refuse_held(const Work *work, const PlanStep *step, const Binding *now, Problem *problem) {
        if (!pci_driver_is_vfio(now->driver) || work_holds_group(work, member_of(work, step)->group))
                return 0;
        return problem_set(problem, OUTCOME_HELD, "%s stays on %s, since a virtual machine may use it.",
                        ADDRESS(work, step), now->driver);
}

int step_unbind_revert(Work *work, const PlanStep *step, Problem *problem) {
        const Binding *before = &member_of(work, step)->before;
        Binding now;

        int r = work_needs_move(work, step->member) ? read_binding(work, step, &now, problem) : 1;
        if (r == 1)
                return 0;
        if (r != 0 || (is_moved(&now, before) && (r = refuse_held(work, step, &now, problem)) != 0))
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
        Binding now;

        int r = read_binding(work, step, &now, problem);
        if (r != 0)
                return r;
        if (work_needs_move(work, step->member) && !streq(now.driver, target->driver))
                return problem_set(problem, OUTCOME_DRIVER_DID_NOT_BIND,
                                "%s has driver '%s' after its probe, not '%s'.", ADDRESS(work, step), now.driver,
                                target->driver);
        return verify_override(work, step, target->override, problem);
}

int step_probe_revert(Work *work, const PlanStep *step, Problem *problem) {
        const Binding *before = &member_of(work, step)->before;
        Binding now;

        int r = work_needs_move(work, step->member) ? read_binding(work, step, &now, problem) : 1;
        if (r == 1)
                return 0;
        if (r != 0 || !is_moved(&now, before) || (r = refuse_held(work, step, &now, problem)) != 0)
                return r;
        /* Only the driver from before may come when others are probed. */
        if ((r = bind_set_override(work, step->member, binding_override_for_probe(before), problem)) != 0)
                return r;
        return bind_unbind(work, step->member, before->driver, problem);
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
        Binding now;

        int r = read_binding(work, step, &now, problem);
        if (r != 0)
                return r;
        bool same_control = wanted->control[0] == '\0' || now.power.control[0] == '\0' ||
                        streq(now.power.control, wanted->control);
        bool same_d3cold = !wanted->d3cold_known || !now.power.d3cold_known ||
                        now.power.d3cold_allowed == wanted->d3cold_allowed;
        if (same_control && same_d3cold)
                return 0;
        return problem_set(problem, OUTCOME_FAILED, "The power settings of %s are not as they were written.",
                        ADDRESS(work, step));
}

int step_set_power_revert(Work *work, const PlanStep *step, Problem *problem) {
        return write_power(work, step, &member_of(work, step)->before.power, problem);
}
