/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/publish.h"
#include "bus/authorize.h"
#include "bus/errors.h"
#include "bus/sleep.h"

/* No method of ours takes a descriptor, but any call may bring 16 of them, which stay open as long as the call is held: so
 * a user could use up all that the daemon may have, and that ends the connection. Where this is not negotiated the bus
 * daemon refuses such a call. It must be said before the connection starts, and only sd_bus_open_system() knows where the
 * bus is: the first connection only tells the address. */
int service_connect(sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *system = NULL;
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        const char *address;
        int r;

        if ((r = sd_bus_open_system(&system)) < 0 || (r = sd_bus_get_address(system, &address)) < 0 ||
                        (r = sd_bus_new(&bus)) < 0 || (r = sd_bus_set_address(bus, address)) < 0 ||
                        (r = sd_bus_set_bus_client(bus, true)) < 0 || (r = sd_bus_negotiate_fds(bus, false)) < 0 ||
                        (r = sd_bus_start(bus)) < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

/* Far longer than any path of ours. */
#define OBJECT_PATH_LENGTH_MAX 255

/* Called for each message before sd-bus looks for its object. That search is quadratic in the length of the path: a path
 * of 60 kB, which the bus lets through, would take most of a second. */
static int refuse_long_path(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const char *path = sd_bus_message_get_path(message);

        (void)userdata;
        if (!path || strlen(path) <= OBJECT_PATH_LENGTH_MAX || !sd_bus_message_is_method_call(message, NULL, NULL))
                return 0;
        return sd_bus_error_setf(error, SD_BUS_ERROR_UNKNOWN_OBJECT,
                        "There is no such object: no object path of %s has more than %d characters.", BUS_NAME,
                        OBJECT_PATH_LENGTH_MAX);
}

int service_publish(Service *service) {
        int r;

        if ((r = errors_register()) < 0 || (r = sd_bus_add_filter(service->bus, NULL, refuse_long_path, NULL)) < 0 ||
                        (r = sd_bus_add_object_manager(service->bus, NULL, BUS_PATH)) < 0 ||
                        (r = manager_interface_publish(service)) < 0 || (r = group_interface_publish(service)) < 0 ||
                        (r = device_interface_publish(service)) < 0 || (r = job_interface_publish(service)) < 0 ||
                        (r = sleep_watch(service)) < 0)
                return r;
        service_count(service, &service->told);
        return 0;
}

void service_done(Service *service) {
        authorize_done(service);
}
