/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Connects to the system bus. The connection takes no file descriptors from callers. Waits for nothing. Returns 0 or a
 * negative errno; the caller owns the bus. */
int service_connect(sd_bus **ret);

/* Registers all objects with sd-bus. Does not request the bus name. Returns 0 or a negative errno of sd-bus. */
int service_publish(Service *service);

/* Answers what waits, when the service ends. The bus stays open. */
void service_done(Service *service);

/* Register the objects of one interface; each is in its own file. Return 0 or a negative errno of sd-bus. */
int manager_interface_publish(Service *service);
int group_interface_publish(Service *service);
int device_interface_publish(Service *service);
int job_interface_publish(Service *service);

/* Appends the result of ListJobs: an array with a row for each job. Returns 0 or a negative errno of sd-bus. */
int job_interface_append_all(const Service *service, sd_bus_message *reply);
