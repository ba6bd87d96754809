/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <systemd/sd-bus.h>

/* Declares a property getter for an sd-bus vtable. It appends the value of the property to reply. userdata is the object that the find callback of the
 * vtable returned. */
#define BUS_GETTER(name) \
        static int name(sd_bus *bus __attribute__((unused)), const char *path __attribute__((unused)), \
                        const char *interface __attribute__((unused)), const char *property __attribute__((unused)), \
                        sd_bus_message *reply, void *userdata __attribute__((unused)), \
                        sd_bus_error *error __attribute__((unused)))
