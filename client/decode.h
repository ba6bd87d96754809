/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"

#include <systemd/sd-bus.h>

/* Reads what vfiod sent into plain structs. All functions return 0 or a negative errno. */

/* Reads the a{sv} with the properties of an object into a struct, which is the caller's to clear, also after a
 * failure. Unknown properties are skipped. The members of missing properties keep their values. */
int decode_device(sd_bus_message *m, Device *device);
int decode_group(sd_bus_message *m, Group *group);
int decode_job(sd_bus_message *m, Job *job);
int decode_status(sd_bus_message *m, Status *status);

/* Reads the rows of ListDevices, ListGroups, ListJobs, ListLeases, ListHolders and ListRules. The old list is
 * cleared and replaced. */
int decode_devices(sd_bus_message *m, DeviceList *ret_devices);
int decode_groups(sd_bus_message *m, GroupList *ret_groups);
int decode_jobs(sd_bus_message *m, JobList *ret_jobs);
int decode_leases(sd_bus_message *m, LeaseList *ret_leases);
int decode_holders(sd_bus_message *m, HolderList *ret_holders);
int decode_rules(sd_bus_message *m, RuleList *ret_rules);

/* Reads the reply of Plan. */
int decode_plan(sd_bus_message *m, Plan *ret_plan);

/* Reads the details of an error, which the caller clears, also after a failure. */
int decode_refusal(sd_bus_message *m, Refusal *refusal);

/* Reads the reply of Lease. */
int decode_grant(sd_bus_message *m, Grant *ret_grant);
