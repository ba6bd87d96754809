/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"

#include <jansson.h>
#include <systemd/sd-bus.h>

/* What the lists show: all devices, and what belongs to each of them. */

typedef struct Row {
        const Device *device;
        const char *availability;  /* of the device */
        const Device **companions; /* the other endpoints of the group, which go along */
        size_t n_companions;
        const Lease *lease;     /* NULL for none */
        const Holder **holders; /* processes that have the device, or its group, open */
        size_t n_holders;
        size_t position; /* in the order of addresses */
} Row;

typedef struct Overview {
        DeviceList devices;
        LeaseList leases;
        HolderList holders;
        bool holders_known;
        Row *rows; /* one for each device; the caller may sort and drop them */
        size_t n_rows;
} Overview;

/* Reads everything from vfiod. The holders need a search through all processes; without wants_holders, only those of
 * devices that are on vfio drivers are searched. If vfiod does not tell leases or holders, they are missing. The caller
 * clears the overview. Returns 0 or a negative errno, with the error if vfiod gave a reason. */
int overview_get(sd_bus *bus, bool wants_holders, Overview *ret, sd_bus_error *error);
void overview_clear(Overview *overview);

/* Drops the rows for which the function returns false. The others keep their order. */
void overview_filter(Overview *overview, bool (*keep)(const Row *row, void *userdata), void *userdata);

/* Makes {"devices": [...]} of the rows. Returns NULL if there is not enough memory. */
json_t *overview_to_json(const Overview *overview);
