/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "facts.h"

#include "strv.h"

void device_clear(Device *device) {
        free(device->path);
        free(device->address);
        free(device->state);
        free(device->driver);
        strv_free(device->names);
        free(device->vendor_name);
        free(device->device_name);
        free(device->class_name);
        free(device->group_path);
        free(device->node);
        free(device->subsystem_name);
        strv_free(device->reset_methods);
        free(device->physical_function);
        strv_free(device->virtual_functions);
        strv_free(device->network_interfaces);
        strv_free(device->block_devices);
        free(device->original_driver);
        free(device->original_override);
        strv_free(device->original_names);
        *device = (Device){0};
}

void device_list_clear(DeviceList *list) {
        for (size_t i = 0; i < list->count; i++)
                device_clear(&list->items[i]);
        free(list->items);
        *list = (DeviceList){0};
}

void entry_list_clear(EntryList *list) {
        for (size_t i = 0; i < list->count; i++) {
                free(list->items[i].address);
                free(list->items[i].before);
                free(list->items[i].after);
        }
        free(list->items);
        *list = (EntryList){0};
}

void plan_clear(Plan *plan) {
        for (size_t i = 0; i < plan->n_steps; i++) {
                free(plan->steps[i].action);
                free(plan->steps[i].address);
                free(plan->steps[i].reason);
        }
        free(plan->steps);
        for (size_t i = 0; i < plan->n_findings; i++) {
                free(plan->findings[i].guard);
                free(plan->findings[i].address);
                free(plan->findings[i].evidence);
        }
        free(plan->findings);
        free(plan->fingerprint);
        *plan = (Plan){0};
}

void job_clear(Job *job) {
        free(job->path);
        free(job->kind);
        free(job->state);
        strv_free(job->devices);
        free(job->action);
        free(job->address);
        free(job->waits_for);
        free(job->caller);
        *job = (Job){0};
}

void job_list_clear(JobList *list) {
        for (size_t i = 0; i < list->count; i++)
                job_clear(&list->items[i]);
        free(list->items);
        *list = (JobList){0};
}

void holder_list_clear(HolderList *list) {
        for (size_t i = 0; i < list->count; i++) {
                free(list->items[i].command);
                free(list->items[i].unit);
                free(list->items[i].node);
                free(list->items[i].address);
        }
        free(list->items);
        *list = (HolderList){0};
}

void group_clear(Group *group) {
        free(group->path);
        free(group->state);
        strv_free(group->members);
        free(group->node);
        entry_list_clear(&group->blockers);
        strv_free(group->devices);
        *group = (Group){0};
}

void group_list_clear(GroupList *list) {
        for (size_t i = 0; i < list->count; i++)
                group_clear(&list->items[i]);
        free(list->items);
        *list = (GroupList){0};
}

void rule_list_clear(RuleList *list) {
        for (size_t i = 0; i < list->count; i++) {
                Rule *rule = &list->items[i];

                free(rule->name);
                free(rule->file);
                free(rule->state);
                free(rule->fault);
                entry_list_clear(&rule->devices);
        }
        free(list->items);
        *list = (RuleList){0};
}

void status_clear(Status *status) {
        free(status->version);
        free(status->iommu);
        free(status->iommu_reason);
        *status = (Status){0};
}
