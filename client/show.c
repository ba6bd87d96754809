/* SPDX-License-Identifier: GPL-2.0-or-later */
/* show: all properties of a device and its group, and the processes that hold them. */
#include "fragment.h"
#include "job-text.h"
#include "language.h"
#include "lease-proxy.h"
#include "present.h"
#include "proxy.h"
#include "revert.h"
#include "strv.h"
#include "terminal.h"
#include "verbs.h"

/* The group with its members; and the device, if the user asked for a device. */
typedef struct Subject {
        Device device; /* has no address if the user asked for a group */
        Group group;   /* has no path if the device is in no group */
        DeviceList members;
        HolderList holders;
        bool holders_known;
        Job job;     /* that works on the group; its number is 0 if there is none */
        Lease lease; /* of the group; its number is 0 if there is none */
} Subject;

static void subject_clear(Subject *subject) {
        device_clear(&subject->device);
        group_clear(&subject->group);
        device_list_clear(&subject->members);
        holder_list_clear(&subject->holders);
        job_clear(&subject->job);
        lease_clear(&subject->lease);
}

static bool is_worked_on(const char *state) {
        return streq(strempty(state), "changing") || streq(strempty(state), "stuck");
}

/* Gets the job that works on the group. If there is none, the job stays as it is. */
static int get_job(sd_bus *bus, int32_t group, Job *ret_job, sd_bus_error *error) {
        _cleanup_(job_list_clear) JobList jobs = {0};
        int r;

        r = proxy_list_jobs(bus, &jobs, error);
        for (size_t i = 0; r >= 0 && i < jobs.count; i++)
                if (jobs.items[i].group == group) {
                        *ret_job = TAKE_STRUCT(jobs.items[i]);
                        break;
                }
        return r;
}

/* Gets the lease of the group. If there is none, the lease stays as it is. If that fails, prints a remark. */
static void subject_get_lease(Invocation *invocation, Subject *subject) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = proxy_get_lease_of_group(invocation->bus, subject->group.number, &subject->lease, &error);
        if (r < 0 && !invocation->output.quiet)
                terminal_say(_("vfioctl: cannot read the lease: %s"),
                                isempty(error.message) ? strerror(-r) : error.message);
}

/* Gets the holders and the job. If that fails, prints a remark: the rest can be shown all the same. */
static void subject_get_use(Invocation *invocation, Subject *subject) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL, job_error = SD_BUS_ERROR_NULL;
        int r;

        r = proxy_list_holders(invocation->bus, invocation->selector, &subject->holders, &error);
        subject->holders_known = r >= 0;
        if (r < 0 && !invocation->output.quiet)
                terminal_say(_("vfioctl: cannot find out which processes hold the device: %s"),
                                isempty(error.message) ? strerror(-r) : error.message);

        if (subject->group.path && streq(strempty(subject->group.state), "leased"))
                subject_get_lease(invocation, subject);
        if (!subject->group.path || !is_worked_on(subject->group.state))
                return;
        r = get_job(invocation->bus, subject->group.number, &subject->job, &job_error);
        if (r < 0 && !invocation->output.quiet)
                terminal_say(_("vfioctl: cannot read the job: %s"),
                                isempty(job_error.message) ? strerror(-r) : job_error.message);
}

static int subject_get(Invocation *invocation, Subject *subject, sd_bus_error *error) {
        int r;

        if (startswith(invocation->selector, "group:"))
                r = proxy_get_group(invocation->bus, invocation->selector, &subject->group, error);
        else {
                r = proxy_get_device(invocation->bus, invocation->selector, &subject->device, error);
                if (r < 0 || isempty(subject->device.group_path) || streq(subject->device.group_path, "/"))
                        return r;
                r = proxy_get_group_at(invocation->bus, subject->device.group_path, &subject->group, error);
        }
        if (r < 0)
                return r;
        return proxy_get_members(invocation->bus, &subject->group, &subject->members, error);
}

/* Prints a list in one line; nothing if it is empty. */
static void print_strings(Output *output, const char *key, char *const *list) {
        _cleanup_free_ char *joined = strv_join(list, ", ");

        if (!isempty(joined))
                output_field(output, key, "%s", joined);
}

static void print_text(Output *output, const char *key, const char *text) {
        if (!isempty(text))
                output_field(output, key, "%s", text);
}

static void print_state(Output *output, const char *state) {
        output_field(output, _("State"), "%s%s%s", output_state_color(output, state), strempty(state),
                        output_color_reset(output));
}

static void print_link(Output *output, const char *key, uint32_t speed, uint32_t width) {
        if (speed > 0)
                output_field(output, key, _("%u.%u GT/s, x%u"), speed / 1000, speed % 1000 / 100, width);
}

static void print_original(Output *output, const Device *device) {
        bool is_ours = streq(strempty(device->state), "detached") || streq(strempty(device->state), "leased");

        if (!is_ours && isempty(device->original_driver) && isempty(device->original_override) &&
                        !device->original_names)
                return;
        output_field(output, _("Original driver"), "%s", driver_in_words(device->original_driver));
        print_text(output, _("Original override"), device->original_override);
        print_strings(output, _("Original names"), device->original_names);
}

/* Prints the processes that have the nodes of this device open. The address "" stands for the node of the group. */
static void print_holders(Output *output, const HolderList *holders, const char *address) {
        size_t n = 0;

        for (size_t i = 0; i < holders->count; i++) {
                _cleanup_free_ char *description = NULL;

                if (!streq(strempty(holders->items[i].address), address))
                        continue;
                description = holder_description(&holders->items[i]);
                output_field(output, n++ == 0 ? _("Held by") : "", "%s", strempty(description));
        }
}

static void print_job(Output *output, const Job *job) {
        _cleanup_free_ char *progress = NULL;

        if (job->number == 0)
                return;
        progress = job_progress(job);
        output_field(output, _("Job"), "%u, %s, %s", job->number, strempty(job->kind), strempty(progress));
        print_text(output, _("Waits for"), job->waits_for);
}

/* Prints who has the group, since when, and until when. */
static void print_lease(Output *output, const Lease *lease) {
        _cleanup_free_ char *user = user_in_words(lease->uid);
        char since[64];

        if (lease->number == 0)
                return;
        time_in_words(lease->since_us, since, sizeof(since));
        output_field(output, _("Lease"), _("%u of user %s, %s%s%s, since %s"), lease->number, strempty(user),
                        output_state_color(output, lease->state), strempty(lease->state), output_color_reset(output),
                        since);
        if (lease->pid > 0)
                output_field(output, "", _("until process %u ends"), lease->pid);
        print_text(output, _("Lease held by"), lease->holder);
}

static void print_device(Output *output, const Device *device, const HolderList *holders) {
        _cleanup_free_ char *description = device_description(device);

        output_field(output, _("Device"), "%s", strempty(device->address));
        print_text(output, _("Name"), description);
        print_text(output, _("Subsystem"), device->subsystem_name);
        output_field(output, _("Class"), "%s%s%06x", strempty(device->class_name),
                        isempty(device->class_name) ? "" : ", ", device->class);
        output_field(output, _("IDs"), _("%04x:%04x, subsystem %04x:%04x, revision %02x"), device->vendor,
                        device->device, device->subsystem_vendor, device->subsystem_device, device->revision);
        print_state(output, device->state);
        output_field(output, _("Driver"), "%s", driver_in_words(device->driver));
        print_original(output, device);
        print_strings(output, _("Network"), device->network_interfaces);
        print_strings(output, _("Block devices"), device->block_devices);
        if (!device->endpoint)
                output_field(output, _("Endpoint"), _("no, it stays with the host"));
        if (device->group < 0)
                output_field(output, _("IOMMU group"), "%s", _("none"));
        else
                output_field(output, _("IOMMU group"), "%i", device->group);
        print_text(output, _("Node"), device->node);
        print_text(output, _("Cdev"), device->cdev);
        if (device->numa_node >= 0)
                output_field(output, _("NUMA node"), "%i", device->numa_node);
        print_link(output, _("Link"), device->link_speed, device->link_width);
        print_link(output, _("Maximum link"), device->link_speed_max, device->link_width_max);
        if (device->reset_methods)
                print_strings(output, _("Reset"), device->reset_methods);
        else
                output_field(output, _("Reset"), "%s", _("none"));
        if (device->boot_vga)
                output_field(output, _("Boot display"), "%s", _("yes"));
        print_text(output, _("Physical function"), device->physical_function);
        if (device->virtual_functions_max > 0)
                output_field(output, _("Virtual functions"), _("%zu of %u"), strv_length(device->virtual_functions),
                                device->virtual_functions_max);
        for (char **address = device->virtual_functions; address && *address; address++)
                output_field(output, "", "%s", *address);
        print_holders(output, holders, strempty(device->address));
}

static void print_member(Output *output, const char *key, const Device *device) {
        _cleanup_free_ char *names = strv_join(device->names, ", ");
        bool driven = !isempty(device->driver), named = !isempty(names);

        output_field(output, key, "%s %s%s%s%s%s%s%s%s", strempty(device->address),
                        output_state_color(output, device->state), strempty(device->state), output_color_reset(output),
                        driven ? _(", driver ") : "", strempty(device->driver), named ? ", " : "", strempty(names),
                        device->endpoint ? "" : _(", not an endpoint"));
}

/* Prints when the group goes back to the host. */
static void print_revert(Output *output, const Group *group) {
        _cleanup_free_ char *text = NULL;
        char selector[sizeof("group:-2147483648")];

        if (group->revert_at_us == 0)
                return;
        (void)snprintf(selector, sizeof(selector), "group:%i", group->number);
        text = revert_in_words(group, selector);
        print_text(output, _("Reverts"), text);
}

static void print_group(Output *output, const Subject *subject) {
        const DeviceList *members = &subject->members;
        const Group *group = &subject->group;

        output_field(output, _("Group"), "%i", group->number);
        print_state(output, group->state);
        output_field(output, _("Viable"), "%s", group->viable ? _("yes") : _("no"));
        for (size_t i = 0; i < group->blockers.count; i++) {
                const Entry *blocker = &group->blockers.items[i];

                output_field(output, i == 0 ? _("Blocked by") : "", _("%s, driver %s: %s"), blocker->address,
                                driver_in_words(blocker->driver), blocker->reason);
        }
        print_job(output, &subject->job);
        print_lease(output, &subject->lease);
        print_revert(output, group);
        output_field(output, _("Node"), "%s", isempty(group->node) ? _("none") : group->node);
        print_holders(output, &subject->holders, "");
        for (size_t i = 0; i < members->count; i++)
                print_member(output, i == 0 ? _("Members") : "", &members->items[i]);
}

static int print_subject(Output *output, const Subject *subject) {
        bool has_device = subject->device.address, has_group = subject->group.path, has_job = subject->job.number > 0,
             has_lease = subject->lease.number > 0;

        if (output->json)
                return output_json(output,
                                json_pack("{s:o, s:o, s:o, s:o, s:o}", "device",
                                                has_device ? device_to_json(&subject->device) : json_null(), "group",
                                                has_group ? group_to_json(&subject->group, &subject->members)
                                                          : json_null(),
                                                "holders",
                                                subject->holders_known ? holders_to_json(&subject->holders)
                                                                       : json_null(),
                                                "job", has_job ? job_to_json(&subject->job) : json_null(), "lease",
                                                has_lease ? lease_to_json(&subject->lease) : json_null()));

        if (has_device)
                print_device(output, &subject->device, &subject->holders);
        if (has_device && has_group)
                fputc('\n', output->stream);
        if (has_group)
                print_group(output, subject);
        if (has_device)
                return 0;
        for (size_t i = 0; i < subject->members.count; i++) {
                fputc('\n', output->stream);
                print_device(output, &subject->members.items[i], &subject->holders);
        }
        return 0;
}

ExitCode verb_show(Invocation *invocation) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;
        _cleanup_(subject_clear) Subject subject = {0};
        int r;

        if (invocation->fragment)
                return fragment_show(invocation);
        r = subject_get(invocation, &subject, &error);
        if (r < 0)
                return report_error(r, &error);
        subject_get_use(invocation, &subject);
        r = print_subject(&invocation->output, &subject);
        return r < 0 ? report_error(r, NULL) : EXIT_DONE;
}
