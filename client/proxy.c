/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "proxy.h"

#include "decode.h"
#include "strv.h"

#define SERVICE "org.vfiod1"
#define ROOT "/org/vfiod1"

/* The daemon has deadlines of its own and answers when they are over; this one is for a daemon that lost its mind. */
#define CHANGE_TIMEOUT_USEC (10 * 60 * UINT64_C(1000000))

int proxy_open(sd_bus **ret_bus) {
        return sd_bus_open_system(ret_bus);
}

/* Passes the result of decoding on, with words for what can only be another version's answer. */
static int decoded(int r, sd_bus_error *error) {
        if (r < 0 && r != -ENOMEM)
                (void)sd_bus_error_set(error, SD_BUS_ERROR_INCONSISTENT_MESSAGE,
                                "vfiod answered in a form that this vfioctl does not know; compare their versions.");
        return r;
}

static int get_properties(
                sd_bus *bus, const char *path, const char *interface, sd_bus_message **ret_reply, sd_bus_error *error) {
        return sd_bus_call_method(bus, SERVICE, path, "org.freedesktop.DBus.Properties", "GetAll", error, ret_reply,
                        "s", interface);
}

/* A new call of one of the manager's methods that begin with a selector. */
static int new_selector_call(
                sd_bus *bus, const char *method, const char *selector, sd_bus_message **ret_call, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &call, SERVICE, ROOT, SERVICE ".Manager", method);
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "s", selector);
        if (r == -EINVAL) /* the one thing that the bus does not carry */
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "The selector is not valid UTF-8.");
        if (r < 0)
                return r;
        *ret_call = TAKE_PTR(call);
        return 0;
}

/* The object path that the method gives for the selector, as a part of the reply. */
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

static int append_companions(sd_bus_message *call, char *const *companions, sd_bus_error *error) {
        int r;

        r = sd_bus_message_open_container(call, 'e', "sv");
        if (r < 0)
                return r;
        r = sd_bus_message_append(call, "s", "companions");
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(call, 'v', "as");
        if (r < 0)
                return r;
        r = sd_bus_message_append_strv(call, (char **)companions);
        if (r == -EINVAL)
                return sd_bus_error_set(error, SD_BUS_ERROR_INVALID_ARGS, "A companion is not valid UTF-8.");
        if (r < 0)
                return r;
        r = sd_bus_message_close_container(call);
        if (r < 0)
                return r;
        return sd_bus_message_close_container(call);
}

static int change(sd_bus *bus, const char *method, const char *selector, char *const *companions,
                EntryList *ret_changes, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL, *reply = NULL;
        int r;

        r = new_selector_call(bus, method, selector, &call, error);
        if (r < 0)
                return r;
        r = sd_bus_message_open_container(call, 'a', "{sv}");
        if (r < 0)
                return r;
        if (companions && *companions) {
                r = append_companions(call, companions, error);
                if (r < 0)
                        return r;
        }
        r = sd_bus_message_close_container(call);
        if (r < 0)
                return r;

        r = sd_bus_call(bus, call, CHANGE_TIMEOUT_USEC, error, &reply);
        if (r < 0)
                return r;
        return decoded(decode_entries(reply, ret_changes), error);
}

int proxy_detach(sd_bus *bus, const char *selector, char *const *companions, EntryList *ret_changes,
                sd_bus_error *error) {
        return change(bus, "Detach", selector, companions, ret_changes, error);
}

int proxy_reattach(sd_bus *bus, const char *selector, EntryList *ret_changes, sd_bus_error *error) {
        return change(bus, "Reattach", selector, NULL, ret_changes, error);
}

int proxy_get_status(sd_bus *bus, Status *ret_status, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        _cleanup_(status_clear) Status status = {0};
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
