/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/system-bus.h"
#include "base/log.h"
#include "bus/authorize.h"
#include "bus/connection.h"
#include "bus/publish.h"

/* Limit for the queue, in messages. */
#define QUEUE_MAX 16384

#define RETRY_US UINT64_C(1000000)

struct SystemBus {
        Service *service;
        sd_event *event;
        uint64_t deadline_us;
        Backlog *backlog;
        sd_event_source *post_source; /* at the end of each turn: looks at the queue */
        sd_event_source *timer;       /* makes the next connection; NULL while there is a connection */
        sd_bus_slot *probe;           /* a call of the bus daemon behind everything that is queued; NULL for none */
        bool drained;                 /* The queue was empty since the probe was sent. */
};

static int set_timer(SystemBus *bus, uint64_t delay_us);

/* The new connection. */

static int on_name(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *refusal = sd_bus_message_get_error(reply);
        SystemBus *bus = userdata;

        (void)error;
        if (!refusal)
                return 0;
        log_error("Cannot get the name %s on the bus again: %s", BUS_NAME, refusal->message);
        return set_timer(bus, RETRY_US);
}

static int attach(SystemBus *bus) {
        sd_bus *connection = bus->service->bus;
        int r;

        if ((r = service_publish(bus->service)) < 0 ||
                        (r = sd_bus_add_filter(connection, NULL, backlog_filter, bus->backlog)) < 0 ||
                        /* By default, sd-bus closes the connection when the loop ends. But at the end, vfiod still
                         * answers the calls that wait for jobs. */
                        (r = sd_bus_set_close_on_exit(connection, false)) < 0)
                return r;
        return sd_bus_attach_event(connection, bus->event, SD_EVENT_PRIORITY_NORMAL);
}

static int connect_again(SystemBus *bus) {
        Service *service = bus->service;
        int r;

        if ((r = service_connect(&service->bus)) < 0 || (r = sd_bus_set_exit_on_disconnect(service->bus, true)) < 0 ||
                        (r = attach(bus)) < 0)
                return r;
        /* The bus daemon may not have noticed yet that the old connection is closed. Then the name comes later. */
        return sd_bus_request_name_async(service->bus, NULL, BUS_NAME, SD_BUS_NAME_QUEUE, on_name, bus);
}

/* Drops the connection with all that is queued. */
static void disconnect(SystemBus *bus) {
        Service *service = bus->service;

        authorize_forget(service);
        backlog_clear(bus->backlog);
        bus->probe = sd_bus_slot_unref(bus->probe);
        sd_bus_close_unref(TAKE_PTR(service->bus));
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        SystemBus *bus = userdata;

        (void)source, (void)time;
        bus->timer = sd_event_source_disable_unref(bus->timer);
        disconnect(bus);
        int r = connect_again(bus);
        if (r >= 0)
                return 0;
        log_error_errno(r, "Cannot connect to the system bus again");
        return set_timer(bus, RETRY_US);
}

static int set_timer(SystemBus *bus, uint64_t delay_us) {
        bus->timer = sd_event_source_disable_unref(bus->timer);
        return sd_event_add_time_relative(bus->event, &bus->timer, CLOCK_MONOTONIC, delay_us, 1, on_timer, bus);
}

/* The queue. */

static int give_up(SystemBus *bus) {
        log_warning("The system bus does not read the messages of vfiod: vfiod drops %zu messages and connects again.",
                        (size_t)connection_queue_length(bus->service->bus));
        return set_timer(bus, 0);
}

static int on_probe(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        SystemBus *bus = userdata;

        (void)error;
        bus->probe = sd_bus_slot_unref(bus->probe);
        bool is_late = sd_bus_error_has_names(
                        sd_bus_message_get_error(reply), SD_BUS_ERROR_NO_REPLY, SD_BUS_ERROR_TIMEOUT);
        return is_late && !bus->drained && !bus->timer ? give_up(bus) : 0;
}

/* The bus daemon answers this call when it has read everything that was queued before. */
static int send_probe(SystemBus *bus) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *call = NULL;
        sd_bus *connection = bus->service->bus;

        bus->drained = false;
        int r = sd_bus_message_new_method_call(connection, &call, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                        "org.freedesktop.DBus", "GetId");
        return r < 0 ? r : sd_bus_call_async(connection, &bus->probe, call, on_probe, bus, bus->deadline_us);
}

static int on_turn_end(sd_event_source *source, void *userdata) {
        SystemBus *bus = userdata;

        (void)source;
        if (bus->timer)
                return 0;
        uint64_t queued = connection_queue_length(bus->service->bus);
        bus->drained = bus->drained || queued == 0;
        if (queued > QUEUE_MAX)
                return give_up(bus);
        if (queued > 0 && !bus->probe)
                (void)send_probe(bus);
        return 0;
}

int system_bus_new(Service *service, sd_event *event, uint64_t deadline_us, SystemBus **ret) {
        SystemBus *bus = calloc(1, sizeof(SystemBus));
        int r;

        if (!bus)
                return -ENOMEM;
        *bus = (SystemBus){.service = service, .event = event, .deadline_us = deadline_us};
        if ((r = backlog_new(service, &bus->backlog)) < 0 || (r = attach(bus)) < 0 ||
                        (r = sd_event_add_post(event, &bus->post_source, on_turn_end, bus)) < 0) {
                system_bus_free(bus);
                return r;
        }
        *ret = bus;
        return 0;
}

Backlog *system_bus_backlog(const SystemBus *bus) {
        return bus->backlog;
}

SystemBus *system_bus_free(SystemBus *bus) {
        if (!bus)
                return NULL;
        sd_event_source_disable_unref(bus->post_source);
        sd_event_source_disable_unref(bus->timer);
        sd_bus_slot_unref(bus->probe);
        backlog_free(bus->backlog);
        free(bus);
        return NULL;
}
