/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/steps.h"
#include "state/device-file.h"

/* Steps that keep the state files. The first step of a plan that writes is a record, so its revert comes last: it finds each
 * device as the reverts before have left it. */

static bool is_away(const Work *work, size_t i) {
        return work->plan->verb != PLAN_SET_VFS || i > 0;
}

static int describe_error(const Work *work, size_t i, int error, Problem *problem) {
        if (error == -ENOMEM)
                return error;
        if (error == -E2BIG)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED,
                                "%s has so many interfaces and disks that vfiod cannot remember all of their names.",
                                PCI_ADDRESS_TEXT(work->plan->members[i].address));
        return problem_set(problem, OUTCOME_FAILED, "The state file of %s cannot be written: %s",
                        PCI_ADDRESS_TEXT(work->plan->members[i].address), strerror(-error));
}

static int write_file(const Work *work, size_t i, Problem *problem) {
        const PlanMember *member = &work->plan->members[i];

        int r = member->origin ? device_file_write(work->devices_fd, member->address, is_away(work, i), member->origin)
                               : -EINVAL;
        return r < 0 ? describe_error(work, i, r, problem) : 0;
}

static int remove_file(const Work *work, size_t i, Problem *problem) {
        int r = device_file_remove(work->devices_fd, work->plan->members[i].address);
        return r < 0 ? describe_error(work, i, r, problem) : 0;
}

/* A new VF gets what the host's setting says when vfiod gives it back. */
static int make_vf_origin(Work *work, size_t i) {
        PlanMember *member = &work->plan->members[i];
        const DeviceOrigin *pf = work->plan->members[member->parent].origin;

        member->origin = device_origin_free(member->origin);
        member->origin = calloc(1, sizeof(DeviceOrigin));
        if (!member->origin)
                return -ENOMEM;
        member->origin->ids = member->ids;
        member->origin->virtual_function = true;
        member->origin->binding.any_driver = pf && pf->autoprobe_known && pf->autoprobe;
        member->origin->binding.power = member->before.power;
        member->origin->binding.link = member->before.link;
        return 0;
}

/* The device has a state file, which says how it was before vfiod first changed it. It stays right, but a device that vanishes with
 * another one is expected back with that, and one that a failed detach left is detached now. */
static int update_file(const Work *work, size_t i, Problem *problem) {
        _cleanup_(device_origin_freep) DeviceOrigin *origin = NULL;
        const PlanMember *member = &work->plan->members[i];

        if (!plan_member_depends(member) && !member->origin->degraded)
                return 0;
        int r = device_origin_copy(member->origin, &origin);
        if (r < 0)
                return r;
        origin->degraded = false;
        if (plan_member_depends(member)) {
                origin->has_parent = true;
                origin->parent = work->plan->members[member->parent].address;
        }
        r = device_file_write(work->devices_fd, member->address, is_away(work, i), origin);
        return r < 0 ? describe_error(work, i, r, problem) : 0;
}

int step_record(Work *work, const PlanStep *step, Problem *problem) {
        PlanMember *member = &work->plan->members[step->member];
        int r;

        if (member->recorded)
                return update_file(work, step->member, problem);
        if (member->created && (r = make_vf_origin(work, step->member)) < 0)
                return r;
        return write_file(work, step->member, problem);
}

/* Whether the member is gone because its parent could not be restored: a reattach of the parent brings it back. */
static bool is_expected_back(const Work *work, size_t i) {
        const PlanMember *member = &work->plan->members[i];
        size_t parent = (size_t)member->parent;

        return work->plan->verb == PLAN_DETACH && plan_member_depends(member) && work_is_gone(work, i) &&
                        !work_is_gone(work, parent) && !work_is_restored(work, parent);
}

int step_record_revert(Work *work, const PlanStep *step, Problem *problem) {
        PlanMember *member = &work->plan->members[step->member];

        /* A recovery does not know the VFs that were created: the revert of their creation removes the files. */
        if (member->created && work->fds[step->member] < 0)
                return 0;
        if (member->recorded || (member->origin && is_expected_back(work, step->member)))
                return write_file(work, step->member, problem);
        /* A card that was pulled took along what was written to it. */
        if (member->created || !is_away(work, step->member) || work_is_restored(work, step->member) ||
                        work_is_gone(work, step->member))
                return remove_file(work, step->member, problem);
        if (!member->origin)
                return 0;
        member->origin->degraded = true;
        return write_file(work, step->member, problem);
}

int step_forget(Work *work, const PlanStep *step, Problem *problem) {
        const PlanMember *member = &work->plan->members[step->member];

        /* A device that has not come back is still expected. */
        if (work->plan->verb == PLAN_REATTACH && plan_member_depends(member) && work->fds[step->member] < 0)
                return 0;
        return remove_file(work, step->member, problem);
}

int step_forget_revert(Work *work, const PlanStep *step, Problem *problem) {
        return work->plan->members[step->member].recorded ? write_file(work, step->member, problem) : 0;
}
