/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "decode.h"

#include "decode-rows.h"
#include "strv.h"

static const Field device_fields[] = {
                FIELD(Device, "Address", "s", address),
                FIELD(Device, "State", "s", state),
                FIELD(Device, "Driver", "s", driver),
                FIELD(Device, "GroupNumber", "i", group),
                FIELD(Device, "Group", "o", group_path),
                FIELD(Device, "Node", "s", node),
                FIELD(Device, "Cdev", "s", cdev),
                FIELD(Device, "VendorId", "q", vendor),
                FIELD(Device, "DeviceId", "q", device),
                FIELD(Device, "SubsystemVendorId", "q", subsystem_vendor),
                FIELD(Device, "SubsystemDeviceId", "q", subsystem_device),
                FIELD(Device, "Class", "u", class),
                FIELD(Device, "Revision", "y", revision),
                FIELD(Device, "VendorName", "s", vendor_name),
                FIELD(Device, "DeviceName", "s", device_name),
                FIELD(Device, "SubsystemName", "s", subsystem_name),
                FIELD(Device, "ClassName", "s", class_name),
                FIELD(Device, "Availability", "s", availability),
                FIELD(Device, "Category", "s", category),
                FIELD(Device, "Icon", "s", icon),
                FIELD(Device, "Endpoint", "b", endpoint),
                FIELD(Device, "Parent", "s", parent),
                FIELD(Device, "MatchedRule", "s", rule),
                FIELD(Device, "NumaNode", "i", numa_node),
                FIELD(Device, "LinkSpeed", "u", link_speed),
                FIELD(Device, "LinkSpeedMax", "u", link_speed_max),
                FIELD(Device, "LinkWidth", "u", link_width),
                FIELD(Device, "LinkWidthMax", "u", link_width_max),
                FIELD(Device, "ResetMethods", "as", reset_methods),
                FIELD(Device, "BootVga", "b", boot_vga),
                FIELD(Device, "PhysicalFunction", "s", physical_function),
                FIELD(Device, "VirtualFunctions", "as", virtual_functions),
                FIELD(Device, "VirtualFunctionsMax", "u", virtual_functions_max),
                FIELD(Device, "NetworkInterfaces", "as", network_interfaces),
                FIELD(Device, "BlockDevices", "as", block_devices),
                FIELD(Device, "OriginalDriver", "s", original_driver),
                FIELD(Device, "OriginalOverride", "s", original_override),
                FIELD(Device, "OriginalNames", "as", original_names),
};

static const Field group_fields[] = {
                FIELD(Group, "Number", "i", number),
                FIELD(Group, "State", "s", state),
                FIELD(Group, "Viable", "b", viable),
                FIELD(Group, "Blockers", "a(sssa{sv})", blockers),
                FIELD(Group, "Members", "as", members),
                FIELD(Group, "Devices", "ao", devices),
                FIELD(Group, "Node", "s", node),
                FIELD(Group, "RevertAt", "t", revert_at_us),
                SENTENCE_FIELD(Group, "RevertWaitsFor", "s", revert_waits_for),
};

static const Field job_fields[] = {
                FIELD(Job, "Number", "u", number),
                FIELD(Job, "Kind", "s", kind),
                FIELD(Job, "State", "s", state),
                FIELD(Job, "Cancelled", "b", cancelled),
                FIELD(Job, "GroupNumber", "i", group),
                FIELD(Job, "DeviceAddresses", "as", devices),
                FIELD(Job, "Step", "u", step),
                FIELD(Job, "Steps", "u", steps),
                FIELD(Job, "Action", "s", action),
                FIELD(Job, "Address", "s", address),
                SENTENCE_FIELD(Job, "WaitsFor", "s", waits_for),
                FIELD(Job, "Caller", "a{sv}", caller),
                FIELD(Job, "Started", "t", started_us),
                FIELD(Job, "Ended", "t", ended_us),
                FIELD(Job, "Error", "s", error),
                SENTENCE_FIELD(Job, "Message", "s", message),
                FIELD(Job, "Device", "s", refusal.device),
                FIELD(Job, "Findings", "a(sssba{sv})", refusal.findings),
                FIELD(Job, "More", "u", refusal.more),
                FIELD(Job, "Options", "as", refusal.options),
                FIELD(Job, "Companions", "as", refusal.companions),
                FIELD(Job, "Override", "as", refusal.guards),
                FIELD(Job, "Pid", "u", refusal.pid),
                SENTENCE_FIELD(Job, "Cure", "s", refusal.cure),
};

static const Field status_fields[] = {
                FIELD(Status, "Version", "s", version),
                FIELD(Status, "Iommu", "s", iommu),
                SENTENCE_FIELD(Status, "IommuReason", "s", iommu_reason),
                SENTENCE_FIELD(Status, "IommuWarning", "s", iommu_warning),
                FIELD(Status, "DeviceCount", "u", device_count),
                FIELD(Status, "GroupCount", "u", group_count),
                FIELD(Status, "DetachedCount", "u", detached_count),
                FIELD(Status, "RevertCount", "u", revert_count),
                FIELD(Status, "EventsLost", "u", events_lost),
};

static const Field plan_details[] = {
                SENTENCE_FIELD(Plan, "warnings", "as", warnings),
                FIELD(Plan, "Groups", "a(isa{sv})", groups),
};

static const Field device_columns[] = {
                COLUMN(Device, "s", address),
                COLUMN(Device, "o", path),
                COLUMN(Device, "i", group),
                COLUMN(Device, "s", state),
                COLUMN(Device, "s", driver),
                COLUMN(Device, "u", class),
                COLUMN(Device, "q", vendor),
                COLUMN(Device, "q", device),
                COLUMN(Device, "as", names),
};

static const Field group_columns[] = {
                COLUMN(Group, "i", number),
                COLUMN(Group, "o", path),
                COLUMN(Group, "s", state),
                COLUMN(Group, "b", viable),
                COLUMN(Group, "as", members),
                COLUMN(Group, "s", node),
};

static const Field step_columns[] = {
                COLUMN(Step, "s", action),
                COLUMN(Step, "s", address),
                SENTENCE_COLUMN(Step, reason),
};

static const Field job_columns[] = {
                COLUMN(Job, "u", number),
                COLUMN(Job, "o", path),
                COLUMN(Job, "s", kind),
                COLUMN(Job, "s", state),
                COLUMN(Job, "i", group),
                COLUMN(Job, "as", devices),
                COLUMN(Job, "u", step),
                COLUMN(Job, "u", steps),
                COLUMN(Job, "s", action),
                COLUMN(Job, "s", address),
                SENTENCE_COLUMN(Job, waits_for),
                COLUMN(Job, "a{sv}", caller),
                COLUMN(Job, "t", started_us),
};

static const Field holder_columns[] = {
                COLUMN(Holder, "u", pid),
                COLUMN(Holder, "s", command),
                COLUMN(Holder, "s", unit),
                COLUMN(Holder, "s", node),
                COLUMN(Holder, "s", address),
};

static const Field holder_details[] = {
                FIELD(Holder, "Group", "i", group),
                FIELD(Holder, "More", "u", more),
                FIELD(Holder, "Error", "s", error),
};

static const RowType device_rows = {
                "soissuqqasa{sv}",
                sizeof(Device),
                device_columns,
                ELEMENTSOF(device_columns),
                device_fields,
                ELEMENTSOF(device_fields),
};

static const RowType group_rows = {
                "iosbassa{sv}",
                sizeof(Group),
                group_columns,
                ELEMENTSOF(group_columns),
                group_fields,
                ELEMENTSOF(group_fields),
};

static const RowType step_rows = {
                "sssa{sv}",
                sizeof(Step),
                step_columns,
                ELEMENTSOF(step_columns),
                NULL,
                0,
};

static const RowType job_rows = {
                "uossiasuusssa{sv}ta{sv}",
                sizeof(Job),
                job_columns,
                ELEMENTSOF(job_columns),
                job_fields,
                ELEMENTSOF(job_fields),
};

static const RowType holder_rows = {
                "ussssa{sv}",
                sizeof(Holder),
                holder_columns,
                ELEMENTSOF(holder_columns),
                holder_details,
                ELEMENTSOF(holder_details),
};

static const Field refusal_fields[] = {
                FIELD(Refusal, "Device", "s", device),
                FIELD(Refusal, "Group", "i", group),
                FIELD(Refusal, "Findings", "a(sssba{sv})", findings),
                FIELD(Refusal, "More", "u", more),
                FIELD(Refusal, "Options", "as", options),
                FIELD(Refusal, "Companions", "as", companions),
                FIELD(Refusal, "Override", "as", guards),
                FIELD(Refusal, "Pid", "u", pid),
                SENTENCE_FIELD(Refusal, "Cure", "s", cure),
                FIELD(Refusal, "Rule", "s", rule),
};

DEFINE_LIST_DECODER(decode_devices, DeviceList, device_list_clear, device_rows)
DEFINE_LIST_DECODER(decode_groups, GroupList, group_list_clear, group_rows)
DEFINE_LIST_DECODER(decode_jobs, JobList, job_list_clear, job_rows)
DEFINE_LIST_DECODER(decode_holders, HolderList, holder_list_clear, holder_rows)

void device_clear(Device *device) {
        fields_clear(device_columns, ELEMENTSOF(device_columns), device);
        fields_clear(device_fields, ELEMENTSOF(device_fields), device);
        *device = (Device){0};
}

void group_clear(Group *group) {
        fields_clear(group_columns, ELEMENTSOF(group_columns), group);
        fields_clear(group_fields, ELEMENTSOF(group_fields), group);
        *group = (Group){0};
}

void job_clear(Job *job) {
        fields_clear(job_columns, ELEMENTSOF(job_columns), job);
        fields_clear(job_fields, ELEMENTSOF(job_fields), job);
        *job = (Job){0};
}

void status_clear(Status *status) {
        fields_clear(status_fields, ELEMENTSOF(status_fields), status);
        *status = (Status){0};
}

void plan_clear(Plan *plan) {
        rows_free(&step_rows, plan->steps, plan->n_steps);
        rows_free(&finding_rows, plan->findings, plan->n_findings);
        free(plan->fingerprint);
        fields_clear(plan_details, ELEMENTSOF(plan_details), plan);
        *plan = (Plan){0};
}

void refusal_clear(Refusal *refusal) {
        fields_clear(refusal_fields, ELEMENTSOF(refusal_fields), refusal);
        *refusal = (Refusal){0};
}

int decode_refusal(sd_bus_message *m, Refusal *refusal) {
        refusal->group = -1;
        return decode_dictionary(m, refusal_fields, ELEMENTSOF(refusal_fields), refusal);
}

static int read_steps(sd_bus_message *m, Plan *plan) {
        void *items = NULL;

        int r = decode_rows(m, &step_rows, &items, &plan->n_steps);
        plan->steps = items;
        return r;
}

static int read_findings(sd_bus_message *m, Plan *plan) {
        void *items = NULL;

        int r = decode_rows(m, &finding_rows, &items, &plan->n_findings);
        plan->findings = items;
        return r;
}

int decode_plan(sd_bus_message *m, Plan *ret_plan) {
        _cleanup_(plan_clear) Plan plan = {0};
        int r;

        if ((r = decode_bool(m, &plan.would_go)) < 0 || (r = read_steps(m, &plan)) < 0 ||
                        (r = read_findings(m, &plan)) < 0 || (r = decode_string(m, 's', &plan.fingerprint)) < 0 ||
                        (r = decode_dictionary(m, plan_details, ELEMENTSOF(plan_details), &plan)) < 0)
                return r;
        *ret_plan = TAKE_STRUCT(plan);
        return 0;
}

static int append_names(char ***names, char *const *more) {
        int r;

        for (; more && *more; more++) {
                r = strv_push(names, *more);
                if (r < 0)
                        return r;
        }
        return 0;
}

int decode_device(sd_bus_message *m, Device *device) {
        int r;

        r = decode_dictionary(m, device_fields, ELEMENTSOF(device_fields), device);
        if (r < 0)
                return r;

        /* As in the rows of ListDevices: the names that the device has now; if it has none, the names that it had. */
        r = append_names(&device->names, device->network_interfaces);
        if (r >= 0)
                r = append_names(&device->names, device->block_devices);
        if (r >= 0 && !device->names)
                r = append_names(&device->names, device->original_names);
        return r;
}

int decode_group(sd_bus_message *m, Group *group) {
        return decode_dictionary(m, group_fields, ELEMENTSOF(group_fields), group);
}

int decode_job(sd_bus_message *m, Job *job) {
        return decode_dictionary(m, job_fields, ELEMENTSOF(job_fields), job);
}

int decode_status(sd_bus_message *m, Status *status) {
        return decode_dictionary(m, status_fields, ELEMENTSOF(status_fields), status);
}
