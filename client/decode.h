/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"

#include <systemd/sd-bus.h>

/* Reads what the daemon sent into plain structs. All return 0 or a negative errno. */

/* The a{sv} of all properties of an object, into a struct that is the caller's to clear, also after a failure. Unknown
 * properties are skipped, missing ones leave the member as it is. */
int decode_device(sd_bus_message *m, Device *device);
int decode_group(sd_bus_message *m, Group *group);
int decode_job(sd_bus_message *m, Job *job);
int decode_status(sd_bus_message *m, Status *status);

/* The arrays of rows of ListDevices, ListGroups, ListJobs, ListHolders and ListRules, and the a(sssa{sv}) of changes and blockers. What
 * ret_entries points to is replaced; the others are expected to be empty. */
int decode_devices(sd_bus_message *m, DeviceList *ret_devices);
int decode_groups(sd_bus_message *m, GroupList *ret_groups);
int decode_jobs(sd_bus_message *m, JobList *ret_jobs);
int decode_holders(sd_bus_message *m, HolderList *ret_holders);
int decode_rules(sd_bus_message *m, RuleList *ret_rules);
int decode_entries(sd_bus_message *m, EntryList *ret_entries);

/* The reply of Plan, but for its details, of which none are known. */
int decode_plan(sd_bus_message *m, Plan *ret_plan);
