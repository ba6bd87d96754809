/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Connects to the system bus. The connection accepts no file descriptors from callers. Waits for nothing. Returns 0
 * or a negative errno. The caller owns the bus. */
int service_connect(sd_bus **ret);

/* Registers all objects with sd-bus on this connection. Returns 0 or a negative errno of sd-bus. */
int service_add_objects(Service *service, sd_bus *bus);

/* Does this for the connection to the system bus, and subscribes to the signals that the service needs. Does not
 * request the bus name. Returns 0 or a negative errno of sd-bus. */
int service_publish(Service *service);

/* The interfaces; each is in its own file. */
extern const sd_bus_vtable manager_vtable[], group_vtable[], device_vtable[], job_vtable[], lease_vtable[],
                rule_vtable[];

/* The methods ListGroups, ListDevices, ListJobs, ListLeases and Lease of the Manager, as handlers for sd-bus. */
int group_interface_list(sd_bus_message *message, void *userdata, sd_bus_error *error);
int device_interface_list(sd_bus_message *message, void *userdata, sd_bus_error *error);
int job_interface_list(sd_bus_message *message, void *userdata, sd_bus_error *error);
int lease_interface_list(sd_bus_message *message, void *userdata, sd_bus_error *error);
int lease_interface_start(sd_bus_message *message, void *userdata, sd_bus_error *error);
