/* SPDX-License-Identifier: GPL-2.0-or-later */

/* bus-peer NAME [copy]: a minimal service of sd-bus to compare vfiod with.
 *
 * It takes NAME on the system bus, and notifies READY=1. With "copy", it first reads the rows of ListDevices of vfiod,
 * and answers with the same rows, made anew for each call from plain strings. Methods of org.vfiod1.Peer at /:
 *   Devices(): the rows
 *   Bytes() -> ay   as many bytes as Devices returns: what it costs to move a reply of this size over the bus
 *   Path(s) -> o   a constant: what a small call costs */

#include "measure.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#define INTERFACE "org.vfiod1.Peer"
#define DEVICE_ROW "soissuqqasa{sv}"
#define DETAILS_MAX 16

/* A value of a basic type of D-Bus. */
typedef struct Detail {
        char *name, type;
        union {
                char *text;
                int number; /* also a boolean */
        };
} Detail;

typedef struct DeviceRow {
        char *address, *path, *state, *driver, **names;
        Detail details[DETAILS_MAX];
        size_t n_details;
        int group;
        unsigned class_code;
        uint16_t vendor, device;
} DeviceRow;

static DeviceRow *devices;
static size_t n_devices;

static char *copy(const char *text) {
        char *result = strdup(text);
        if (!result)
                abort();
        return result;
}

static DeviceRow *add_row(void) {
        devices = reallocarray(devices, n_devices + 1, sizeof(DeviceRow));
        if (!devices)
                abort();
        DeviceRow *row = &devices[n_devices++];
        *row = (DeviceRow){};
        return row;
}

static Detail read_detail(sd_bus_message *message) {
        const char *name, *contents, *text;
        Detail detail = {};

        must(sd_bus_message_read(message, "s", &name), "detail");
        must(sd_bus_message_peek_type(message, NULL, &contents), "detail");
        detail.name = copy(name);
        detail.type = contents[0];
        must(sd_bus_message_enter_container(message, 'v', contents), "detail");
        switch (detail.type) {
        case 's':
                must(sd_bus_message_read_basic(message, 's', &text), "detail");
                detail.text = copy(text);
                break;
        case 'b':
        case 'u':
        case 'i':
                must(sd_bus_message_read_basic(message, detail.type, &detail.number), "detail");
                break;
        default:
                must(-EOPNOTSUPP, "type of a detail");
        }
        must(sd_bus_message_exit_container(message), "detail");
        return detail;
}

static void read_details(sd_bus_message *message, DeviceRow *row) {
        must(sd_bus_message_enter_container(message, 'a', "{sv}"), "details");
        while (must(sd_bus_message_enter_container(message, 'e', "sv"), "detail") > 0) {
                if (row->n_details == DETAILS_MAX)
                        must(-E2BIG, "details");
                row->details[row->n_details++] = read_detail(message);
                must(sd_bus_message_exit_container(message), "detail");
        }
        must(sd_bus_message_exit_container(message), "details");
}

static void read_devices(sd_bus *bus) {
        const char *address, *path, *state, *driver;
        sd_bus_message *message;

        must(sd_bus_call_method(bus, "org.vfiod1", "/org/vfiod1", "org.vfiod1.Manager", "ListDevices", NULL, &message,
                             NULL),
                        "ListDevices");
        must(sd_bus_message_enter_container(message, 'a', "(" DEVICE_ROW ")"), "devices");
        while (must(sd_bus_message_enter_container(message, 'r', DEVICE_ROW), "device") > 0) {
                DeviceRow *row = add_row();
                must(sd_bus_message_read(message, "soissuqq", &address, &path, &row->group, &state, &driver,
                                     &row->class_code, &row->vendor, &row->device),
                                "device");
                row->address = copy(address);
                row->path = copy(path);
                row->state = copy(state);
                row->driver = copy(driver);
                must(sd_bus_message_read_strv(message, &row->names), "names");
                read_details(message, row);
                must(sd_bus_message_exit_container(message), "device");
        }
        sd_bus_message_unref(message);
}

static void append_detail(sd_bus_message *reply, const Detail *detail) {
        if (detail->type == 's')
                must(sd_bus_message_append(reply, "{sv}", detail->name, "s", detail->text), "detail");
        else
                must(sd_bus_message_append(reply, "{sv}", detail->name, (char[]){detail->type, '\0'}, detail->number),
                                "detail");
}

static void append_device(sd_bus_message *reply, const DeviceRow *row) {
        must(sd_bus_message_open_container(reply, 'r', DEVICE_ROW), "device");
        must(sd_bus_message_append(reply, "soissuqq", row->address, row->path, row->group, row->state, row->driver,
                             row->class_code, row->vendor, row->device),
                        "device");
        must(sd_bus_message_append_strv(reply, row->names), "names");
        must(sd_bus_message_open_container(reply, 'a', "{sv}"), "details");
        for (size_t i = 0; i < row->n_details; i++)
                append_detail(reply, &row->details[i]);
        must(sd_bus_message_close_container(reply), "details");
        must(sd_bus_message_close_container(reply), "device");
}

static sd_bus_message *start_reply(sd_bus_message *call) {
        sd_bus_message *reply;

        must(sd_bus_message_new_method_return(call, &reply), "sd_bus_message_new_method_return");
        return reply;
}

static int send_reply(sd_bus_message *reply) {
        must(sd_bus_send(NULL, reply, NULL), "sd_bus_send");
        sd_bus_message_unref(reply);
        return 1;
}

/* The size after a value that is aligned. */
static size_t add(size_t size, size_t alignment, size_t length) {
        return (size + alignment - 1) / alignment * alignment + length;
}

static size_t add_string(size_t size, const char *text) {
        return add(size, 4, 4 + strlen(text) + 1);
}

/* The size of the body of Devices(), as D-Bus marshals it. */
static size_t measure_devices(void) {
        size_t size = 4;

        for (size_t i = 0; i < n_devices; i++) {
                const DeviceRow *row = &devices[i];
                size = add(size, 8, 0);
                size = add_string(add_string(size, row->address), row->path);
                size = add_string(add_string(add(size, 4, 4), row->state), row->driver);
                size = add(add(size, 4, 4), 2, 2 + 2);
                size = add(size, 4, 4);
                for (char **name = row->names; name && *name; name++)
                        size = add_string(size, *name);
                size = add(size, 4, 4);
                for (size_t j = 0; j < row->n_details; j++) {
                        /* The signature of the value is a length, a letter and 0. */
                        size = add_string(add(size, 8, 0), row->details[j].name) + 3;
                        size = row->details[j].type == 's' ? add_string(size, row->details[j].text) : add(size, 4, 4);
                }
        }
        return size;
}

static int on_bytes(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        static size_t n;
        void *space;

        (void)userdata, (void)error;
        if (n == 0)
                n = measure_devices();
        sd_bus_message *reply = start_reply(call);
        must(sd_bus_message_append_array_space(reply, 'y', n, &space), "Bytes");
        memset(space, 'x', n);
        return send_reply(reply);
}

static int on_devices(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        sd_bus_message *reply = start_reply(call);

        (void)userdata, (void)error;
        must(sd_bus_message_open_container(reply, 'a', "(" DEVICE_ROW ")"), "devices");
        for (size_t i = 0; i < n_devices; i++)
                append_device(reply, &devices[i]);
        must(sd_bus_message_close_container(reply), "devices");
        return send_reply(reply);
}

static int on_path(sd_bus_message *call, void *userdata, sd_bus_error *error) {
        const char *text;

        (void)userdata, (void)error;
        must(sd_bus_message_read(call, "s", &text), "Path");
        return sd_bus_reply_method_return(call, "o", "/org/vfiod1/devices/_30000_3a00_3a00_2e0");
}

static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("Bytes", "", "ay", on_bytes, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("Devices", "", "a(" DEVICE_ROW ")", on_devices, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("Path", "s", "o", on_path, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
};

int main(int argc, char **argv) {
        sd_event *event;
        sd_bus *bus;

        if (argc < 2)
                return 2;
        must(sd_event_default(&event), "sd_event_default");
        must(sd_bus_open_system(&bus), "sd_bus_open_system");
        if (argc > 2)
                read_devices(bus);
        must(sd_bus_add_object_vtable(bus, NULL, "/", INTERFACE, vtable, NULL), "sd_bus_add_object_vtable");
        must(sd_bus_attach_event(bus, event, 0), "sd_bus_attach_event");
        must(sd_bus_request_name(bus, argv[1], 0), "sd_bus_request_name");
        must(sd_notify(0, "READY=1"), "sd_notify");
        must(sd_event_loop(event), "sd_event_loop");
        return 0;
}
