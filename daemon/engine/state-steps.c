/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/steps.h"
#include "state/device-file.h"

/* Steps that write and remove the state files of devices. The first step of a plan that writes is a record, so its
 * revert comes last: then each device is as the other reverts left it. */

static bool is_away(const Work *work, size_t i) {
        return work->plan->verb != PLAN_SET_VFS || i > 0;
}

static int write_file(const Work *work, size_t i, const DeviceOrigin *origin, Problem *problem) {
        const PlanMember *member = &work->plan->members[i];

        int r = !origin ? -EINVAL
                        : device_file_write(work->transaction->devices_fd, member->address, is_away(work, i), origin);
        return r == -ENOMEM ? r : work_check(work, i, r, "Cannot write the state file of", problem);
}

static int remove_file(const Work *work, size_t i, Problem *problem) {
        int r = device_file_remove(work->transaction->devices_fd, work->plan->members[i].address);
        return work_check(work, i, r, "Cannot remove the state file of", problem);
}

/* When vfiod reattaches a new VF, the VF gets a driver as the host's setting says. */
static int make_vf_origin(Work *work, size_t i) {
        PlanMember *member = &work->plan->members[i];
        const DeviceOrigin *pf = work->plan->members[member->parent].origin;

        device_origin_free(member->origin);
        member->origin = calloc(1, sizeof(DeviceOrigin));
        if (!member->origin)
                return -ENOMEM;
        member->origin->ids = member->ids;
        if (free_and_strdup(&member->origin->vfio_driver, member->named_driver) < 0)
                return -ENOMEM;
        member->origin->virtual_function = true;
        member->origin->binding.any_driver = pf && pf->autoprobe_known && pf->autoprobe;
        member->origin->binding.power = member->before.power;
        member->origin->binding.link = member->before.link;
        return 0;
}

/* The device has a state file, which says how it was before vfiod first changed it. That stays right. But a device that
 * vanishes with another device comes back with it, and a device that a failed detach left degraded is detached now. */
static int update_file(const Work *work, size_t i, Problem *problem) {
        _cleanup_(device_origin_freep) DeviceOrigin *origin = NULL;
        const PlanMember *member = &work->plan->members[i];

        bool same_driver = streq_ptr(member->origin->vfio_driver, member->named_driver);
        if (!plan_member_depends(member) && !member->origin->degraded && same_driver)
                return 0;
        int r = device_origin_copy(member->origin, &origin);
        if (r < 0 || (r = free_and_strdup(&origin->vfio_driver, member->named_driver)) < 0)
                return r;
        /* A failed detach was another one. A device that was plugged in again is still detached by the first one. */
        if (origin->degraded)
                origin->trial = work->plan->trial;
        origin->degraded = false;
        if (plan_member_depends(member)) {
                origin->has_parent = true;
                origin->parent = work->plan->members[member->parent].address;
        }
        return write_file(work, i, origin, problem);
}

static int apply_record(Work *work, const PlanStep *step, Problem *problem) {
        const PlanMember *member = &work->plan->members[step->member];
        int r;

        if (member->recorded)
                return update_file(work, step->member, problem);
        if (member->created && (r = make_vf_origin(work, step->member)) < 0)
                return r;
        return write_file(work, step->member, member->origin, problem);
}

/* Tells whether the member is gone because its parent could not be restored. A reattach of the parent brings it
 * back. */
static bool is_expected_back(const Work *work, size_t i) {
        const PlanMember *member = &work->plan->members[i];
        size_t parent = (size_t)member->parent;

        return work->plan->verb == PLAN_DETACH && plan_member_depends(member) && work_is_gone(work, i) &&
                        !work_is_gone(work, parent) && !work_is_restored(work, parent);
}

static int revert_record(Work *work, const PlanStep *step, Problem *problem) {
        PlanMember *member = &work->plan->members[step->member];

        /* A recovery does not know the VFs that were created: the revert of their creation removes the files. */
        if (member->created && work->fds[step->member] < 0)
                return 0;
        if (member->recorded || (member->origin && is_expected_back(work, step->member)))
                return write_file(work, step->member, member->origin, problem);
        /* If a card was pulled, nothing of what was written to it is left. */
        if (member->created || !is_away(work, step->member) || work_is_restored(work, step->member) ||
                        work_is_gone(work, step->member))
                return remove_file(work, step->member, problem);
        if (!member->origin)
                return 0;
        member->origin->degraded = true;
        return write_file(work, step->member, member->origin, problem);
}

const StepRow record_row = {apply_record, NULL, revert_record};

static int apply_forget(Work *work, const PlanStep *step, Problem *problem) {
        const PlanMember *member = &work->plan->members[step->member];

        /* A device that has not come back yet is still expected. */
        if (work->plan->verb == PLAN_REATTACH && plan_member_depends(member) && work->fds[step->member] < 0)
                return 0;
        return remove_file(work, step->member, problem);
}

static int revert_forget(Work *work, const PlanStep *step, Problem *problem) {
        const PlanMember *member = &work->plan->members[step->member];

        return member->recorded ? write_file(work, step->member, member->origin, problem) : 0;
}

const StepRow forget_row = {apply_forget, NULL, revert_forget};
