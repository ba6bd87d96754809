/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "job/job-internal.h"

/* The end of a job: host names, the list of changes, the log. */

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

bool job_names_are_back(const Job *job) {
        const Plan *plan = job->plan;

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

/* Logs one line only, because there may be hundreds of VFs. */
static void log_vfs(const Job *job, const WorkerResult *result, LogEvent *event) {
        const Plan *plan = job->plan;

        event->message_id = MESSAGE_FUNCTIONS_SET;
        event->address = PCI_ADDRESS_TEXT(plan->selected);
        log_event(event, "%s has %zu virtual function%s now%s, for %s", event->address, result->report.n_changes,
                        result->report.n_changes == 1 ? "" : "s", plan->vf_fate == VFS_DETACHED ? ", detached" : "",
                        job->caller);
}

static void log_warnings(const Report *report, LogEvent event) {
        event.priority = LOG_WARNING;
        event.message_id = NULL;
        for (size_t i = 0; i < report->n_warnings; i++)
                log_event(&event, "%s: %s", event.address, report->warnings[i]);
}

void job_log_end(const Job *job, const WorkerResult *result) {
        const Plan *plan = job->plan;
        const char *verb = plan_verb_to_string(plan->verb);
        LogEvent event = {
                        .priority = LOG_NOTICE,
                        .message_id = plan->verb == PLAN_DETACH ? MESSAGE_DETACHED : MESSAGE_REATTACHED,
                        .group = job->group_text,
                        .job = job->number_text,
                        .caller = job->caller,
        };
        event.address = PCI_ADDRESS_TEXT(plan->selected);
        log_warnings(&result->report, event);
        if (result->error < 0 || result->problem.outcome != OUTCOME_DONE) {
                event.priority = LOG_WARNING;
                event.message_id = MESSAGE_JOB_FAILED;
                event.address = PCI_ADDRESS_TEXT(plan->selected);
                log_event(&event, "%s: %s for %s failed: %s", event.address, verb, job->caller,
                                result->error < 0 ? strerror(-result->error) : strempty(result->problem.message));
                return;
        }
        if (job->recovering) {
                event.address = PCI_ADDRESS_TEXT(plan->selected);
                log_event(&event, "%s: an interrupted %s was %s", event.address, verb,
                                plan->verb == PLAN_REATTACH ? "finished" : "undone");
                return;
        }
        if (plan->verb == PLAN_SET_VFS) {
                log_vfs(job, result, &event);
                return;
        }
        for (size_t i = 0; i < result->report.n_changes; i++) {
                const DriverChange *change = &result->report.changes[i];

                event.address = PCI_ADDRESS_TEXT(change->address);
                log_event(&event, "%s: %s is on %s now, was on %s (group %s, for %s)", verb, event.address,
                                isempty(change->after) ? "no driver" : change->after,
                                isempty(change->before) ? "none" : change->before, job->group_text, job->caller);
        }
}
