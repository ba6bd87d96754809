/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"

/* Puts the objects on the bus, without asking for the name yet. Returns 0 or a negative errno. */
int service_publish(Service *service);

/* Each interface's own file. */
int manager_interface_publish(Service *service);
int group_interface_publish(Service *service);
int device_interface_publish(Service *service);
int job_interface_publish(Service *service);

/* Appends an array with a row for each job. Returns 0 or a negative errno. */
int job_interface_append_all(const Service *service, sd_bus_message *reply);
