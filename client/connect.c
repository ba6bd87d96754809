/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "connect.h"

#include "daemon/base/util.h"

#define ROOT_SOCKET "unix:path=/run/vfiod/root"

/* How long vfiod may take to accept the connection. systemd may have to start it first. */
#define CONNECT_TIMEOUT_USEC (25 * UINT64_C(1000000))

int connect_to_system_bus(sd_bus **ret) {
        return sd_bus_open_system(ret);
}

bool connection_is_direct(sd_bus *bus) {
        return sd_bus_is_bus_client(bus) == 0;
}

/* Waits until vfiod has accepted the connection. vfiod closes it at once if root has too many of them. */
static int wait_until_accepted(sd_bus *bus) {
        uint64_t deadline = clock_us(CLOCK_MONOTONIC) + CONNECT_TIMEOUT_USEC;
        int r;

        while ((r = sd_bus_is_ready(bus)) == 0) {
                uint64_t now = clock_us(CLOCK_MONOTONIC);

                if (now >= deadline)
                        return -ETIMEDOUT;
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, deadline - now);
                if (r < 0)
                        return r;
                if (sd_bus_is_open(bus) <= 0)
                        return -ECONNRESET;
        }
        return r < 0 ? r : 0;
}

static int connect_directly(const char *address, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        int r;

        if ((r = sd_bus_new(&bus)) < 0 || (r = sd_bus_set_address(bus, address)) < 0 || (r = sd_bus_start(bus)) < 0 ||
                        (r = wait_until_accepted(bus)) < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

/* sd-bus does not tell it of a connection. This program has only one. */
static bool remote;

bool connection_is_remote(void) {
        return remote;
}

int connect_to_vfiod(const Place *place, sd_bus **ret) {
        remote = place->host || place->machine;
        if (place->host)
                return sd_bus_open_system_remote(ret, place->host);
        if (place->machine)
                return sd_bus_open_system_machine(ret, place->machine);
        if (place->address)
                return connect_directly(place->address, ret);
        if (geteuid() == 0 && !getenv("DBUS_SYSTEM_BUS_ADDRESS") && connect_directly(ROOT_SOCKET, ret) >= 0)
                return 0;
        return connect_to_system_bus(ret);
}
