/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proxy.h"
#include "language.h"

#include "connect.h"
#include "decode-rows.h"
#include "decode.h"
#include "error-details.h"
#include "host-path.h"
#include "proxy-internal.h"
#include "strv.h"

#include <inttypes.h>
#include <unistd.h>

#define JOBS ROOT "/jobs/"
#define OBJECT_MANAGER "org.freedesktop.DBus.ObjectManager"
#define PROPERTIES "org.freedesktop.DBus.Properties"

int decoded(int r, sd_bus_error *error) {
        if (r < 0 && r != -ENOMEM)
                (void)sd_bus_error_set(error, SD_BUS_ERROR_INCONSISTENT_MESSAGE,
                                _("Cannot understand the answer of vfiod; compare their versions."));
        return r;
}

static int get_properties(
                sd_bus *bus, const char *path, const char *interface, sd_bus_message **ret_reply, sd_bus_error *error) {
        return sd_bus_call_method(bus, SERVICE, path, PROPERTIES, "GetAll", error, ret_reply, "s", interface);
}

/* Tells whether vfiod knows the selector, or refuses it for another reason than that nothing has this name. */
static bool is_known(sd_bus *bus, const char *selector) {
        _cleanup_(sd_bus_error_free) sd_bus_error error = SD_BUS_ERROR_NULL;

        int r = sd_bus_call_method(bus, SERVICE, ROOT, SERVICE ".Manager", "GetDevice", &error, NULL, "s", selector);
        return r >= 0 || !sd_bus_error_has_name(&error, SERVICE ".Error.NoSuchDevice");
}

/* Makes the selector that vfiod gets. A path of this host becomes one in sysfs. If an interface has the selector as
 * an alternative name, and vfiod does not know it, it becomes the name of the interface. The caller frees *ret. */
static int translate_selector(sd_bus *bus, const char *selector, char **ret) {
        char interface[HOST_INTERFACE_MAX];

        if (connection_is_remote()) {
                *ret = strdup(selector);
                return *ret ? 0 : -ENOMEM;
        }
        if (host_interface_find(selector, interface) && !streq(interface, selector) && !is_known(bus, selector))
                selector = interface;
        return host_path_resolve("", selector, ret);
}

int new_selector_call(
                sd_bus *bus, const char *method, const char *selector, sd_bus_message **ret_call, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        _cleanup_free_ char *translated = NULL;
        int r;

        if ((r = translate_selector(bus, selector, &translated)) < 0 ||
                        (r = sd_bus_message_new_method_call(bus, &call, SERVICE, ROOT, SERVICE ".Manager", method)) < 0)
                return r;
        r = sd_bus_message_append(call, "s", translated);
        if (r == -EINVAL) /* D-Bus does not carry other strings */
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS,
                                _("The selector is not valid UTF-8: write each such byte as vfioctl shows it, like "
                                  "'\\xff'."));
        if (r < 0)
                return r;
        *ret_call = TAKE_PTR(call);
        return 0;
}

/* Calls GetGroup or GetDevice to get the object path for a selector. The path is valid as long as the reply. */
static int resolve(sd_bus *bus, const char *method, const char *selector, sd_bus_message **ret_reply,
                const char **ret_path, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        int r;

        r = new_selector_call(bus, method, selector, &call, error);
        if (r < 0)
                return r;
        r = sd_bus_call(bus, call, 0, error, &reply);
        if (r < 0)
                return r;
        r = decoded(sd_bus_message_read_basic(reply, 'o', ret_path), error);
        if (r < 0)
                return r;
        *ret_reply = TAKE_PTR(reply);
        return 0;
}

int proxy_list_groups(sd_bus *bus, GroupList *ret_groups, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(bus, SERVICE, ROOT, SERVICE ".Manager", "ListGroups", error, &reply, NULL);
        if (r < 0)
                return r;
        return decoded(decode_groups(reply, ret_groups), error);
}

int proxy_list_devices(sd_bus *bus, DeviceList *ret_devices, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(bus, SERVICE, ROOT, SERVICE ".Manager", "ListDevices", error, &reply, NULL);
        if (r < 0)
                return r;
        return decoded(decode_devices(reply, ret_devices), error);
}

int proxy_get_group_at(sd_bus *bus, const char *path, Group *ret_group, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(group_clear) Group group = {0};
        int r;

        group.path = strdup(path);
        if (!group.path)
                return -ENOMEM;
        r = get_properties(bus, path, SERVICE ".Group", &reply, error);
        if (r < 0)
                return r;
        r = decoded(decode_group(reply, &group), error);
        if (r < 0)
                return r;
        *ret_group = TAKE_STRUCT(group);
        return 0;
}

int proxy_get_group(sd_bus *bus, const char *selector, Group *ret_group, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *resolved = NULL;
        const char *path;
        int r;

        r = resolve(bus, "GetGroup", selector, &resolved, &path, error);
        if (r < 0)
                return r;
        return proxy_get_group_at(bus, path, ret_group, error);
}

static int get_device_at(sd_bus *bus, const char *path, Device *ret_device, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(device_clear) Device device = {.group = -1, .numa_node = -1};
        int r;

        device.path = strdup(path);
        if (!device.path)
                return -ENOMEM;
        r = get_properties(bus, path, SERVICE ".Device", &reply, error);
        if (r < 0)
                return r;
        r = decoded(decode_device(reply, &device), error);
        if (r < 0)
                return r;
        *ret_device = TAKE_STRUCT(device);
        return 0;
}

int proxy_get_device(sd_bus *bus, const char *selector, Device *ret_device, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *resolved = NULL;
        const char *path;
        int r;

        r = resolve(bus, "GetDevice", selector, &resolved, &path, error);
        if (r < 0)
                return r;
        return get_device_at(bus, path, ret_device, error);
}

int proxy_get_members(sd_bus *bus, const Group *group, DeviceList *ret_devices, sd_bus_error *error) {
        _cleanup_(device_list_clear) DeviceList devices = {0};
        int r;

        devices.items = calloc(strv_length(group->devices) + 1, sizeof(Device));
        if (!devices.items)
                return -ENOMEM;
        for (char **path = group->devices; path && *path; path++) {
                r = get_device_at(bus, *path, &devices.items[devices.count], error);
                if (r < 0)
                        return r;
                devices.count++;
        }
        *ret_devices = TAKE_STRUCT(devices);
        return 0;
}

/* Appends the option {name: list}, unless the list is empty. */
static int append_list(sd_bus_message *call, const char *name, char *const *list) {
        int r;

        if (strv_length(list) == 0)
                return 0;
        if ((r = sd_bus_message_open_container(call, 'e', "sv")) < 0 ||
                        (r = sd_bus_message_append_basic(call, 's', name)) < 0 ||
                        (r = sd_bus_message_open_container(call, 'v', "as")) < 0 ||
                        (r = sd_bus_message_append_strv(call, (char **)list)) < 0 ||
                        (r = sd_bus_message_close_container(call)) < 0)
                return r;
        return sd_bus_message_close_container(call);
}

/* Appends the option "companions", with what vfiod gets for each selector. */
static int append_companions(sd_bus_message *call, char *const *selectors) {
        _cleanup_(strv_freep) char **translated = NULL;
        int r = 0;

        for (; selectors && *selectors && r >= 0; selectors++) {
                _cleanup_free_ char *selector = NULL;

                r = translate_selector(sd_bus_message_get_bus(call), *selectors, &selector);
                if (r >= 0)
                        r = strv_push(&translated, selector);
        }
        return r < 0 ? r : append_list(call, "companions", translated);
}

/* Appends the option {name: text}, unless the text is NULL. */
static int append_text(sd_bus_message *call, const char *name, const char *text) {
        return text ? sd_bus_message_append(call, "{sv}", name, "s", text) : 0;
}

/* Appends the option {name: true}, if it is set. */
static int append_flag(sd_bus_message *call, const char *name, bool set) {
        return set ? sd_bus_message_append(call, "{sv}", name, "b", 1) : 0;
}

int append_options(sd_bus_message *call, const CallOptions *options, sd_bus_error *error) {
        char *everything[] = {(char *)"*", NULL};
        char **companions = options->whole_group ? everything : options->companions;
        uint32_t n_vfs = options->virtual_functions, pid = options->pid;
        uint64_t revert_us = options->revert_after_us;
        int r;

        if ((r = sd_bus_message_open_container(call, 'a', "{sv}")) < 0 ||
                        (r = append_companions(call, companions)) < 0 ||
                        (r = append_list(call, "override", options->overrides)) < 0 ||
                        (r = append_text(call, "driver", options->driver)) < 0 ||
                        (r = append_text(call, "plan", options->plan)) < 0 ||
                        (r = append_flag(call, "force", options->force)) < 0 ||
                        (r = append_flag(call, "adopt", options->adopt)) < 0 ||
                        (r = append_flag(call, "detach", options->detach)) < 0 ||
                        (r = append_flag(call, "driverless", options->driverless)) < 0 ||
                        (r = append_text(call, "name", options->name)) < 0 ||
                        (n_vfs > 0 && (r = sd_bus_message_append(call, "{sv}", "virtual-functions", "u", n_vfs)) < 0) ||
                        (r = append_flag(call, "descriptors", options->descriptors)) < 0 ||
                        (r = append_flag(call, "kill", options->kill)) < 0 ||
                        (pid > 0 && (r = sd_bus_message_append(call, "{sv}", "pid", "u", pid)) < 0) ||
                        (revert_us > 0 &&
                                        (r = sd_bus_message_append(call, "{sv}", "revert-after", "t", revert_us)) <
                                                        0) ||
                        (r = append_flag(call, "dry-run", options->dry_run)) < 0 ||
                        (r = append_flag(call, "no-apply", options->no_apply)) < 0 ||
                        (r = error_details_append_option(call)) < 0 || (r = sd_bus_message_close_container(call)) < 0) {
                if (r == -EINVAL)
                        return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, _("An option is not valid UTF-8."));
                return r;
        }
        return 0;
}

int proxy_plan(sd_bus *bus, const char *selector, const char *verb, const CallOptions *options, Plan *ret_plan,
                sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        int r;

        if ((r = new_selector_call(bus, "Plan", selector, &call, error)) < 0 ||
                        (r = sd_bus_message_append_basic(call, 's', verb)) < 0 ||
                        (r = append_options(call, options, error)) < 0 ||
                        (r = error_details_call(bus, call, WORK_TIMEOUT_USEC, error, &reply)) < 0)
                return r;
        return decoded(decode_plan(reply, ret_plan), error);
}

int proxy_survey(sd_bus *bus, Plan *ret_plan, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        int r;

        if ((r = sd_bus_message_new_method_call(bus, &call, SERVICE, ROOT, SERVICE ".Manager", "Plan")) < 0 ||
                        (r = sd_bus_message_append(call, "ssa{sv}", "", "detach", 0)) < 0 ||
                        (r = sd_bus_call(bus, call, SURVEY_TIMEOUT_USEC, error, &reply)) < 0)
                return r;
        return decoded(decode_plan(reply, ret_plan), error);
}

static const char *method_for(const char *verb) {
        static const struct {
                const char *verb, *method;
        } methods[] = {
                        {"detach", "Detach"},
                        {"reattach", "Reattach"},
                        {"reset", "Reset"},
                        {"vfs", "SetVirtualFunctions"},
                        {"lease", "Lease"},
        };

        for (size_t i = 0; i < ELEMENTSOF(methods); i++)
                if (streq(methods[i].verb, verb))
                        return methods[i].method;
        assert(false);
        return NULL;
}

int proxy_start_change(sd_bus *bus, const char *verb, const char *selector, uint32_t n_vfs, const CallOptions *options,
                sd_bus_message_handler_t handler, void *userdata, sd_bus_slot **ret_slot, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        bool sets_vfs = streq(verb, "vfs");
        int r;

        if ((r = new_selector_call(bus, method_for(verb), selector, &call, error)) < 0 ||
                        (sets_vfs && (r = sd_bus_message_append_basic(call, 'u', &n_vfs)) < 0) ||
                        (r = append_options(call, options, error)) < 0)
                return r;
        return sd_bus_call_async(bus, ret_slot, call, handler, userdata, WORK_TIMEOUT_USEC);
}

int read_refusal(sd_bus_message *reply, sd_bus_error *error) {
        const sd_bus_error *refusal = sd_bus_message_get_error(reply);

        if (!refusal)
                return 0;
        /* sd-bus also ends the call with an error when the connection is lost. */
        if (sd_bus_is_open(sd_bus_message_get_bus(reply)) <= 0)
                return -ECONNRESET;
        error_details_read(reply);
        return sd_bus_error_copy(error, refusal);
}

int proxy_read_changes(sd_bus_message *reply, EntryList *ret_changes, sd_bus_error *error) {
        int r = read_refusal(reply, error);

        return r < 0 || !ret_changes ? r : decoded(decode_entries(reply, ret_changes), error);
}

static void drop_ended(JobList *jobs) {
        size_t n = 0;

        for (size_t i = 0; i < jobs->count; i++)
                if (jobs->items[i].ended_us == 0)
                        jobs->items[n++] = jobs->items[i];
                else
                        job_clear(&jobs->items[i]);
        jobs->count = n;
}

int proxy_list_jobs(sd_bus *bus, JobList *ret_jobs, sd_bus_error *error) {
        int r = proxy_list_all_jobs(bus, ret_jobs, error);

        if (r >= 0)
                drop_ended(ret_jobs);
        return r;
}

int proxy_list_all_jobs(sd_bus *bus, JobList *ret_jobs, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        int r;

        r = sd_bus_call_method(bus, SERVICE, ROOT, SERVICE ".Manager", "ListJobs", error, &reply, NULL);
        if (r < 0)
                return r;
        return decoded(decode_jobs(reply, ret_jobs), error);
}

/* Room for the object path of a job. */
typedef char JobPath[sizeof(JOBS "4294967295")];

static const char *job_path(uint32_t number, JobPath buffer) {
        (void)snprintf(buffer, sizeof(JobPath), JOBS "%" PRIu32, number);
        return buffer;
}

int proxy_read_cancelled(sd_bus_message *reply, char **ret_state, char **ret_message, sd_bus_error *error) {
        _cleanup_free_ char *state = NULL, *message = NULL;
        int r;

        if ((r = decoded(decode_string(reply, 's', &state), error)) < 0 ||
                        (r = decoded(decode_sentence(reply, &message), error)) < 0)
                return r;
        *ret_state = TAKE_PTR(state);
        *ret_message = TAKE_PTR(message);
        return 0;
}

int proxy_cancel_job(sd_bus *bus, uint32_t number, char **ret_state, char **ret_message, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        JobPath path;
        int r;

        r = sd_bus_call_method(
                        bus, SERVICE, job_path(number, path), SERVICE ".Job", "Cancel", error, &reply, "a{sv}", 0);
        if (sd_bus_error_has_name(error, SD_BUS_ERROR_UNKNOWN_OBJECT)) {
                sd_bus_error_free(error);
                return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_OBJECT,
                                _("There is no job %" PRIu32 ", or it has ended: see 'vfioctl jobs'."), number);
        }
        return r < 0 ? r : proxy_read_cancelled(reply, ret_state, ret_message, error);
}

int proxy_start_cancel(sd_bus *bus, uint32_t number, sd_bus_message_handler_t handler, void *userdata,
                sd_bus_slot **ret_slot) {
        JobPath path;

        return sd_bus_call_method_async(bus, ret_slot, SERVICE, job_path(number, path), SERVICE ".Job", "Cancel",
                        handler, userdata, "a{sv}", 0);
}

int proxy_watch_jobs(sd_bus *bus, sd_bus_message_handler_t on_added, sd_bus_message_handler_t on_changed,
                void *userdata, sd_bus_slot **ret_added_slot, sd_bus_slot **ret_changed_slot) {
        static const char added[] = "type='signal',sender='" SERVICE "',path='" ROOT "',interface='" OBJECT_MANAGER
                                    "',member='InterfacesAdded',arg0path='" JOBS "'";
        static const char changed[] =
                        "type='signal',sender='" SERVICE "',path_namespace='" ROOT "/jobs',interface='" PROPERTIES
                        "',member='PropertiesChanged',arg0='" SERVICE ".Job'";
        int r;

        r = sd_bus_add_match(bus, ret_added_slot, added, on_added, userdata);
        return r < 0 ? r : sd_bus_add_match(bus, ret_changed_slot, changed, on_changed, userdata);
}

int proxy_read_added_job(sd_bus_message *m, Job *job) {
        const char *path, *interface;
        int r;

        r = sd_bus_message_read_basic(m, 'o', &path);
        if (r < 0)
                return r;
        r = free_and_strdup(&job->path, path);
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "{sa{sv}}");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_enter_container(m, 'e', "sa{sv}")) > 0) {
                r = sd_bus_message_read_basic(m, 's', &interface);
                if (r < 0)
                        return r;
                if (streq(interface, SERVICE ".Job")) {
                        r = decode_job(m, job);
                        return r < 0 ? r : 1;
                }
                if ((r = sd_bus_message_skip(m, "a{sv}")) < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        }
        return r;
}

int proxy_read_changed_job(sd_bus_message *m, Job *job) {
        int r;

        if (!streq_ptr(sd_bus_message_get_path(m), job->path))
                return 0;
        r = sd_bus_message_skip(m, "s");
        if (r >= 0)
                r = decode_job(m, job);
        return r < 0 ? r : 1;
}

int proxy_get_own_pid(sd_bus *bus, pid_t *ret_pid) {
        _cleanup_(sd_bus_creds_unrefp) sd_bus_creds *creds = NULL;
        const char *name;
        int r;

        if (connection_is_direct(bus)) {
                *ret_pid = getpid();
                return 0;
        }
        if ((r = sd_bus_get_unique_name(bus, &name)) < 0 ||
                        (r = sd_bus_get_name_creds(bus, name, SD_BUS_CREDS_PID, &creds)) < 0)
                return r;
        return sd_bus_creds_get_pid(creds, ret_pid);
}

int proxy_list_holders(sd_bus *bus, const char *selector, HolderList *ret_holders, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        int r;

        if ((r = new_selector_call(bus, "ListHolders", selector, &call, error)) < 0 ||
                        (r = sd_bus_message_append(call, "a{sv}", 0)) < 0 ||
                        (r = sd_bus_call(bus, call, 0, error, &reply)) < 0)
                return r;
        return decoded(decode_holders(reply, ret_holders), error);
}

int proxy_get_status(sd_bus *bus, Status *ret_status, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(status_clear) Status status = {.revert_count = UINT32_MAX};
        int r;

        r = get_properties(bus, ROOT, SERVICE ".Manager", &reply, error);
        if (r < 0)
                return r;
        r = decoded(decode_status(reply, &status), error);
        if (r < 0)
                return r;
        *ret_status = TAKE_STRUCT(status);
        return 0;
}
