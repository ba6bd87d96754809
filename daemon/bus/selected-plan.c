/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/selected-plan.h"

int selected_plan_detach(const Service *service, const Request *request, const Selection *selection,
                const IommuReport *iommu, ObstacleList *obstacles, Plan **ret, Problem *problem) {
        DetachOptions options = {
                        .companions = (const char *const *)request->companions.entries,
                        .whole_group = !selection->device,
                        .overrides = request->overrides,
                        .driver = request->driver,
                        .obstacles = obstacles,
        };
        int r = plan_detach(service->inventory, selection, iommu, &options, ret, problem);
        if (r == 0)
                (*ret)->fingerprint = request->fingerprint;
        return r;
}

/* A group with one endpoint selects this endpoint. */
static int make_reset(const Service *service, const Selection *selection, Plan **ret, Problem *problem) {
        Device *device;

        int r = selection_find_device(selection, &device, problem);
        return r != 0 ? r : plan_reset(service->inventory, device, ret, problem);
}

int selected_plan_make(const Service *service, const Request *request, const Selection *selection,
                ObstacleList *obstacles, Plan **ret, Problem *problem) {
        IommuReport iommu;

        if (request->verb == PLAN_DETACH) {
                iommu_examine(service->kernel, &iommu);
                return selected_plan_detach(service, request, selection, &iommu, obstacles, ret, problem);
        }
        int r = request->verb == PLAN_RESET
                        ? make_reset(service, selection, ret, problem)
                        : plan_reattach(service->inventory, selection,
                                          &(ReattachOptions){.force = request->force, .adopt = request->adopt}, ret,
                                          problem);
        if (r == 0)
                (*ret)->fingerprint = request->fingerprint;
        return r;
}

int selected_plan_note_lease(const Service *service, ObstacleList *obstacles, PciAddress address) {
        const LeaseTable *leases = service->leases;
        Device *device = inventory_find_device(service->inventory, address);
        const Lease *lease = device ? lease_find_of(leases, address) : NULL;
        _cleanup_problem_ Problem problem = {};

        if (!lease)
                return 0;
        LeaseDescription description = lease_describe(lease);
        for (size_t i = 0; i < obstacles->n_obstacles; i++)
                if (obstacles->obstacles[i].lease == description.number)
                        return 0;
        int r = lease_table_refuse(leases, &(Selection){.device = device}, &problem);
        if (r < 0 || (r = obstacle_list_take(obstacles, address, &problem)) < 0)
                return r;
        obstacles->obstacles[obstacles->n_obstacles - 1].lease = description.number;
        obstacles->obstacles[obstacles->n_obstacles - 1].user = description.uid;
        return 0;
}

static int note_leases_of_selection(const Service *service, ObstacleList *obstacles, const Selection *selection) {
        const Group *group = selection->group;
        int r = selection->device ? selected_plan_note_lease(service, obstacles, selection->device->address) : 0;

        for (size_t i = 0; group && i < group->n_members && r >= 0; i++)
                r = selected_plan_note_lease(service, obstacles, group->members[i]->address);
        return r;
}

/* Finds the device that an outcome is about: the message names it. */
static PciAddress find_culprit(const Selection *selection, Outcome outcome) {
        const Group *group = selection->group;
        const Device *culprit = selection->device;

        for (size_t i = 0; group && i < group->n_members; i++) {
                const Device *member = group->members[i];
                bool is_busy = member->activity != DEVICE_QUIET;

                if (is_busy && (outcome == OUTCOME_BUSY || outcome == OUTCOME_STUCK))
                        return member->address;
                if (!culprit && member->endpoint)
                        culprit = member;
        }
        return culprit ? culprit->address : (PciAddress){};
}

int selected_plan_find_obstacles(const Service *service, const Request *request, ObstacleList *obstacles,
                PciAddress *ret_selected, Plan **ret, Problem *problem) {
        Selection selection;

        *ret = NULL;
        int r = selector_resolve(service->inventory, request->selector, &selection, problem);
        if (r != 0 || (r = note_leases_of_selection(service, obstacles, &selection)) < 0)
                return r;
        *ret_selected = find_culprit(&selection, OUTCOME_DONE);
        r = selected_plan_make(service, request, &selection, obstacles, ret, problem);
        if (r > 0 && obstacle_to_string((Outcome)r))
                return obstacle_list_take(obstacles, find_culprit(&selection, (Outcome)r), problem);
        /* A device of another group can vanish with a member. */
        for (size_t i = 0; r == 0 && i < (*ret)->n_members; i++)
                r = selected_plan_note_lease(service, obstacles, (*ret)->members[i].address);
        return r;
}
