/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/job-internal.h"

/* The end of a job: host names, and the list of changes. */

#define CLASS_NETWORK 0x02

/* Tells whether the network driver of the host is still creating the interface. */
static bool lacks_interface(const Device *device) {
        const HostName *name = device->names;

        if (!device->driver || device_is_on_vfio(device) || device->ids.class >> 16 != CLASS_NETWORK)
                return false;
        while (name && name->kind != HOST_NAME_NETWORK)
                name = name->next;
        return !name;
}

static bool vfs_are_complete(const Job *job) {
        const Plan *plan = job->plan;
        const Inventory *inventory = job->table->inventory;
        const Device *pf = inventory_find_device(inventory, plan->members[0].address);
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; pf && job->expects_drivers && i < n; i++)
                if (device_is_vf_of(devices[i], pf) && (!devices[i]->driver || lacks_interface(devices[i])))
                        return false;
        return true;
}

/* A detach that was undone: the devices have all names again that they lost. */
static bool lost_names_are_back(const Job *job) {
        for (size_t i = 0; i < job->plan->n_members; i++) {
                const Device *device = inventory_find_device(job->table->inventory, job->plan->members[i].address);

                for (const HostName *name = device && device->present ? device->former_names : NULL; name;
                                name = name->next)
                        if (name->kind != HOST_NAME_CONTROLLER)
                                return false;
        }
        return true;
}

bool job_names_are_back(const Job *job) {
        const Plan *plan = job->plan;

        if (job_was_undone(job))
                return lost_names_are_back(job);
        if (plan->verb == PLAN_SET_VFS)
                return vfs_are_complete(job);
        for (size_t i = 0; i < plan->n_members && plan->verb == PLAN_REATTACH; i++) {
                const PlanMember *member = &plan->members[i];
                const Device *device = inventory_find_device(job->table->inventory, member->address);

                /* Another device may have the address of a member that did not come back. */
                if (!device || !device->present ||
                                (plan_member_depends(member) &&
                                                !device_depends_on(device, plan->members[member->parent].address)))
                        continue;
                /* The former names are not known if another tool or our early udev rule had taken the device. */
                if (member->origin->binding.any_driver && lacks_interface(device))
                        return false;
                for (const HostName *name = member->origin->names; name; name = name->next)
                        /* A controller may come back with another number. */
                        if (name->kind != HOST_NAME_CONTROLLER &&
                                        !host_name_list_has(device->names, name->kind, name->name))
                                return false;
        }
        return true;
}

int job_list_vfs(const Job *job, Report *report) {
        const Inventory *inventory = job->table->inventory;
        const Device *pf = inventory_find_device(inventory, job->plan->members[0].address);
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        int r = 0;
        report_drop_changes(report);
        for (size_t i = 0; pf && i < n && r >= 0; i++)
                if (device_is_vf_of(devices[i], pf))
                        r = report_add_change(report, devices[i]->address, "", devices[i]->driver);
        return r;
}

/* What only some may see is in the findings of guards, in the names of holders, and in what a failed rollback tells. */
static bool may_name_processes(const Job *job) {
        switch (job->result.problem.outcome) {
        case OUTCOME_DONE:
        case OUTCOME_PLAN_STALE:
        case OUTCOME_IDENTITY_CHANGED:
        case OUTCOME_DRIVER_UNAVAILABLE:
        case OUTCOME_NOT_ANSWERING:
        case OUTCOME_SURVEY_TIMED_OUT:
        case OUTCOME_CANCELLED:
                return false;
        default:
                return plan_reader(job->plan) != READER_ANYBODY;
        }
}

/* The worker of a job that was given up reports that it was cancelled. */
static void restore_reason(Job *job) {
        if (!job->given_up || job->result.problem.outcome != OUTCOME_CANCELLED)
                return;
        job->cancelled = false;
        if (problem_set(&job->result.problem, OUTCOME_SURVEY_TIMED_OUT,
                            "vfiod could not find out in time what uses the devices: the kernel did not answer. "
                            "Nothing "
                            "was changed.") < 0)
                job->result.error = -ENOMEM;
}

/* Copies the first findings of a job that failed: its caller gets all of them. Without memory, the entry lacks some. */
static void keep_findings(const Job *job, EndedJob *entry) {
        const FindingList *findings = &job->result.report.findings;

        for (size_t i = 0; i < findings->n_findings; i++)
                if (i >= ENDED_FINDINGS_MAX || finding_list_append(&entry->findings, &findings->findings[i]) < 0)
                        entry->n_more_findings++;
        entry->findings_are_private = plan_reader(job->plan) != READER_ANYBODY;
}

/* Without memory, the entry lacks the addresses. */
void job_enter_history(Job *job) {
        const Plan *plan = job->plan;
        EndedJob *entry = TAKE_PTR(job->entry);

        restore_reason(job);
        bool is_private = may_name_processes(job);
        *entry = (EndedJob){
                        .number = job->number,
                        .verb = plan->verb,
                        .group = plan->group,
                        .addresses = calloc(plan->n_members, sizeof(PciAddress)),
                        .n_steps = plan->n_steps,
                        .n_begun = job->begun ? job->step + 1 : 0,
                        .cancelled = job->cancelled,
                        .caller = TAKE_GENERIC(job->fields, LogFields, (LogFields){}),
                        .started_us = job->started_us,
                        .ended_us = clock_us(CLOCK_REALTIME),
                        .error = job->result.error,
                        .is_private = is_private,
                        .problem = TAKE_GENERIC(job->result.problem, Problem, (Problem){}),
                        .changes = TAKE_PTR(job->result.report.changes),
                        .n_changes = job->result.report.n_changes,
                        .selected = plan->selected,
                        .overrides = plan->overrides,
                        .force = plan->force,
        };
        if (entry->error < 0 || entry->problem.outcome != OUTCOME_DONE)
                keep_findings(job, entry);
        job->result.report.n_changes = 0;
        for (size_t i = 0; entry->addresses && i < plan->n_members; i++)
                if (!plan->members[i].created)
                        entry->addresses[entry->n_addresses++] = plan->members[i].address;
        job_history_add(&job->table->history, entry);
}
