/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "present.h"
#include "language.h"

#include "strv.h"
#include "terminal.h"

#include <inttypes.h>
#include <pwd.h>
#include <time.h>

const char *driver_in_words(const char *driver) {
        return isempty(driver) ? _("none") : driver;
}

char *device_description(const Device *device) {
        const char *kind = !isempty(device->vendor_name) ? device->vendor_name : device->class_name;
        char *description;
        int r;

        if (!isempty(device->vendor_name) && !isempty(device->device_name))
                r = asprintf(&description, "%s %s", device->vendor_name, device->device_name);
        else
                r = asprintf(&description, "%s %04x:%04x", isempty(kind) ? _("Device") : kind, device->vendor,
                                device->device);
        return r < 0 ? NULL : description;
}

char *device_model(const Device *device) {
        char *model;

        if (!isempty(device->device_name))
                return strdup(device->device_name);
        /* The ids come first: they tell cards apart, and the end may be cut. */
        return asprintf(&model, "%04x:%04x %s", device->vendor, device->device,
                               isempty(device->class_name) ? _("device") : device->class_name) < 0
                        ? NULL
                        : model;
}

void time_in_words(uint64_t time_us, char *buffer, size_t size) {
        time_t then = (time_t)(time_us / 1000000), now = time(NULL);
        struct tm then_parts, now_parts;

        buffer[0] = '\0';
        if (!localtime_r(&then, &then_parts) || !localtime_r(&now, &now_parts))
                return;
        bool today = then_parts.tm_year == now_parts.tm_year && then_parts.tm_yday == now_parts.tm_yday;
        (void)strftime(buffer, size, today ? "%H:%M:%S" : "%Y-%m-%d %H:%M", &then_parts);
}

char *user_in_words(uid_t uid) {
        const struct passwd *user = getpwuid(uid);
        char *text;

        if (user)
                return strdup(user->pw_name);
        return asprintf(&text, "%u", uid) < 0 ? NULL : text;
}

bool job_is_stuck_cancelled(const Job *job) {
        return job->cancelled && streq(strempty(job->state), "stuck");
}

char *job_progress(const Job *job) {
        bool usual = streq(strempty(job->state), "running");
        char *text;

        if (streq(strempty(job->state), "finishing"))
                return strdup(_("done, waiting until the host's names are back"));
        /* TRANSLATORS: the state of the job comes before that: "stuck, cancelled, step 3 of 7, bind 0000:3b:00.0" */
        if (asprintf(&text, _("%s%s%sstep %u of %u, %s %s"), usual ? "" : strempty(job->state), usual ? "" : ", ",
                            job_is_stuck_cancelled(job) ? _("cancelled, ") : "", job->step, job->steps,
                            strempty(job->action), strempty(job->address)) < 0)
                return NULL;
        return text;
}

char *holder_description(const Holder *holder) {
        bool named = !isempty(holder->command), of_unit = !isempty(holder->unit);
        char *text;

        if (holder->pid == 0) /* vfiod tells nothing else about it */
                return strdup(strempty(holder->command));
        /* TRANSLATORS: "process 324 (qemu-system-x86) of machine.slice: /dev/vfio/12" */
        int r = of_unit ? asprintf(&text, _("process %u%s%s%s of %s: %s"), holder->pid, named ? " (" : "",
                                          strempty(holder->command), named ? ")" : "", holder->unit,
                                          strempty(holder->node))
                        : asprintf(&text, _("process %u%s%s%s: %s"), holder->pid, named ? " (" : "",
                                          strempty(holder->command), named ? ")" : "", strempty(holder->node));
        return r < 0 ? NULL : text;
}

/* Makes an id as the kernel writes it: "0x8086". */
static json_t *json_id(unsigned id, int digits) {
        return json_sprintf("0x%0*x", digits, id);
}

/* A number that is null in JSON if it is -1. */
static json_t *json_number_or_null(int32_t number) {
        return number < 0 ? json_null() : json_integer(number);
}

/* A number that is 0 for what is not known. */
static json_t *json_known_or_null(uint32_t number) {
        return number == 0 ? json_null() : json_integer(number);
}

static const JsonField device_row[] = {
                JSON_FIELD(Device, "address", JSON_KIND_TEXT, address),
                JSON_FIELD(Device, "path", JSON_KIND_TEXT, path),
                JSON_FIELD(Device, "group", JSON_KIND_NUMBER, group),
                JSON_FIELD(Device, "state", JSON_KIND_TEXT, state),
                JSON_FIELD(Device, "driver", JSON_KIND_TEXT, driver),
                JSON_FIELD(Device, "names", JSON_KIND_TEXTS, names),
                JSON_FIELD(Device, "class", JSON_KIND_CLASS, class),
                JSON_FIELD(Device, "vendor_id", JSON_KIND_ID, vendor),
                JSON_FIELD(Device, "device_id", JSON_KIND_ID, device),
                JSON_FIELD(Device, "class_name", JSON_KIND_TEXT, class_name),
                JSON_FIELD(Device, "vendor_name", JSON_KIND_TEXT, vendor_name),
                JSON_FIELD(Device, "device_name", JSON_KIND_TEXT, device_name),
                JSON_FIELD(Device, "availability", JSON_KIND_TEXT, availability),
                JSON_FIELD(Device, "category", JSON_KIND_TEXT, category),
                JSON_FIELD(Device, "icon", JSON_KIND_TEXT, icon),
                JSON_FIELD(Device, "endpoint", JSON_KIND_FLAG, endpoint),
                JSON_FIELD(Device, "rule", JSON_KIND_TEXT, rule),
};

void device_row_write(JsonWriter *writer, const Device *device) {
        json_write_fields(writer, device_row, ELEMENTSOF(device_row), device);
}

static json_t *device_details_to_json(const Device *device) {
        return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o, s:o, s:I, s:o, "
                         "s:o, s:o, s:o, s:o}",
                        "node", json_text(device->node), "cdev", json_text(device->cdev), "subsystem_vendor_id",
                        json_id(device->subsystem_vendor, 4), "subsystem_device_id",
                        json_id(device->subsystem_device, 4), "subsystem_name", json_text(device->subsystem_name),
                        "revision", json_id(device->revision, 2), "numa_node", json_number_or_null(device->numa_node),
                        "link_speed_mts", json_known_or_null(device->link_speed), "link_speed_max_mts",
                        json_known_or_null(device->link_speed_max), "link_width",
                        json_known_or_null(device->link_width), "link_width_max",
                        json_known_or_null(device->link_width_max), "reset_methods",
                        json_strings(device->reset_methods), "boot_vga", (int)device->boot_vga, "physical_function",
                        json_text(device->physical_function), "virtual_functions",
                        json_strings(device->virtual_functions), "virtual_functions_max",
                        (json_int_t)device->virtual_functions_max, "network_interfaces",
                        json_strings(device->network_interfaces), "block_devices", json_strings(device->block_devices),
                        "original_driver", json_text(device->original_driver), "original_override",
                        json_text(device->original_override), "original_names", json_strings(device->original_names));
}

json_t *device_to_json(const Device *device) {
        return json_merge(json_from_fields(device_row, ELEMENTSOF(device_row), device), device_details_to_json(device));
}

static const JsonField group_row[] = {
                JSON_FIELD(Group, "number", JSON_KIND_NUMBER, number),
                JSON_FIELD(Group, "path", JSON_KIND_TEXT, path),
                JSON_FIELD(Group, "state", JSON_KIND_TEXT, state),
                JSON_FIELD(Group, "viable", JSON_KIND_FLAG, viable),
                JSON_FIELD(Group, "node", JSON_KIND_TEXT, node),
};

/* What comes after the members. */
static const JsonField group_revert[] = {
                JSON_FIELD(Group, "revert_at_usec", JSON_KIND_TIME, revert_at_us),
                JSON_FIELD(Group, "revert_waits_for", JSON_KIND_TEXT, revert_waits_for),
};

void group_row_write(JsonWriter *writer, const Group *group) {
        json_write_fields(writer, group_row, ELEMENTSOF(group_row), group);
}

void group_revert_write(JsonWriter *writer, const Group *group) {
        json_write_fields(writer, group_revert, ELEMENTSOF(group_revert), group);
}

json_t *revert_at_to_json(const Group *group) {
        return group->revert_at_us > 0 ? json_integer((json_int_t)group->revert_at_us) : json_null();
}

static json_t *blockers_to_json(const EntryList *blockers) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < blockers->count; i++) {
                const Entry *blocker = &blockers->items[i];

                array = json_append(array,
                                json_pack("{s:o, s:o, s:o}", "address", json_text(blocker->address), "driver",
                                                json_text(blocker->driver), "reason", json_text(blocker->reason)));
        }
        return array;
}

json_t *group_to_json(const Group *group, const DeviceList *members) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < members->count; i++)
                array = json_append(array, device_to_json(&members->items[i]));
        return json_merge(json_merge(json_from_fields(group_row, ELEMENTSOF(group_row), group),
                                          json_pack("{s:o}", "members", array)),
                        json_merge(json_from_fields(group_revert, ELEMENTSOF(group_revert), group),
                                        json_pack("{s:o}", "blockers", blockers_to_json(&group->blockers))));
}

json_t *lease_to_json(const Lease *lease) {
        _cleanup_free_ char *user = user_in_words(lease->uid);

        return json_pack("{s:I, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o, s:b, s:I, s:o}", "number",
                        (json_int_t)lease->number, "path", json_text(lease->path), "state", json_text(lease->state),
                        "uid", (json_int_t)lease->uid, "user", json_text(user), "pid", json_known_or_null(lease->pid),
                        "group", json_number_or_null(lease->group), "devices", json_strings(lease->devices), "nodes",
                        json_strings(lease->nodes), "descriptors", (int)lease->descriptors, "since_usec",
                        (json_int_t)lease->since_us, "holder", json_text(lease->holder));
}

json_t *finding_to_json(const Finding *finding) {
        return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "guard",
                        json_text(finding->guard), "address", json_text(finding->address), "evidence",
                        json_text(finding->evidence), "overridden", (int)finding->overridden, "error",
                        json_text(finding->error), "group",
                        finding->group < 0 ? json_null() : json_integer(finding->group), "options",
                        json_strings(finding->options), "companions", json_strings(finding->companions), "pid",
                        finding->pid == 0 ? json_null() : json_integer(finding->pid), "command",
                        json_text(finding->command), "unit", json_text(finding->unit), "lease",
                        finding->lease == 0 ? json_null() : json_integer(finding->lease), "uid",
                        finding->lease == 0 ? json_null() : json_integer(finding->user), "cure",
                        json_text(finding->cure));
}

static json_t *findings_to_json(const FindingList *findings) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < findings->count; i++)
                array = json_append(array, finding_to_json(&findings->items[i]));
        return array;
}

/* NULL for an empty list. */
static json_t *known_strings(char *const *list) {
        return list && *list ? json_strings(list) : NULL;
}

json_t *refusal_to_json(const Refusal *refusal) {
        return json_pack("{s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*, s:o*}", "device",
                        isempty(refusal->device) ? NULL : json_string(refusal->device), "group",
                        refusal->group < 0 ? NULL : json_integer(refusal->group), "findings",
                        refusal->findings.count == 0 ? NULL : findings_to_json(&refusal->findings), "more",
                        refusal->more == 0 ? NULL : json_integer(refusal->more), "options",
                        known_strings(refusal->options), "companions", known_strings(refusal->companions), "override",
                        known_strings(refusal->guards), "pid", refusal->pid == 0 ? NULL : json_integer(refusal->pid),
                        "cure", isempty(refusal->cure) ? NULL : json_string(refusal->cure), "rule",
                        isempty(refusal->rule) ? NULL : json_string(refusal->rule));
}

json_t *holder_to_json(const Holder *holder) {
        return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:o}", "pid", (json_int_t)holder->pid, "command",
                        json_text(holder->command), "unit", json_text(holder->unit), "node", json_text(holder->node),
                        "address", json_text(holder->address), "group",
                        isempty(holder->address) ? json_integer(holder->group) : json_null(), "more",
                        (json_int_t)holder->more, "error", json_text(holder->error));
}

json_t *holders_to_json(const HolderList *holders) {
        json_t *array = json_array();

        for (size_t i = 0; array && i < holders->count; i++)
                array = json_append(array, holder_to_json(&holders->items[i]));
        return array;
}

int cell_set(struct libscols_line *line, size_t column, const char *text) {
        if (isempty(text))
                return 0;
        char *shown = terminal_text(text);
        return shown ? scols_line_refer_data(line, column, shown) : -ENOMEM; /* takes it over */
}

int cell_set_number(struct libscols_line *line, size_t column, uint32_t number) {
        char text[sizeof("4294967295")];

        (void)snprintf(text, sizeof(text), "%u", number);
        return cell_set(line, column, text);
}

int cell_set_group(struct libscols_line *line, size_t column, int32_t group) {
        char text[sizeof("-2147483648")];

        (void)snprintf(text, sizeof(text), "%" PRIi32, group);
        return cell_set(line, column, group < 0 ? "-" : text);
}

int cell_set_state(const Output *output, struct libscols_line *line, size_t column, const char *state) {
        const char *color = output_state_color(output, state);
        int r;

        r = cell_set(line, column, state);
        if (r < 0 || isempty(color))
                return r;
        return scols_cell_set_color(scols_line_get_cell(line, column), color);
}
