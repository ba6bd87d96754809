/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"

#include <systemd/sd-bus.h>

/* All calls on the bus, answered with plain structs. Nothing here prints. Every function returns 0 or a negative errno
 * and fills the sd_bus_error where the bus or the daemon said why. */

/* What the user agrees to. The lists may be NULL. */
typedef struct Consent {
        bool whole_group;  /* to take all that share the group */
        char **companions; /* selectors of those to take too */
        char **overrides;  /* names of guards that are not to refuse */
        const char *plan;  /* fingerprint of the plan that was shown; NULL for none */
        bool force;        /* to take devices from who has them open, as soon as he lets go */
        bool adopt;        /* to take over what somebody else put on a vfio driver */
        uint32_t n_vfs;    /* for the verb "vfs": how many virtual functions to make */
        bool detach;       /* the new ones go to vfio-pci */
        bool driverless;   /* or get no driver */
} Consent;

/* Connects to the system bus, or to the one that DBUS_SYSTEM_BUS_ADDRESS names. */
int proxy_open(sd_bus **ret_bus);

/* All groups, in the order of their numbers, as rows. */
int proxy_list_groups(sd_bus *bus, GroupList *ret_groups, sd_bus_error *error);

/* All devices, in the order of their addresses, as rows. */
int proxy_list_devices(sd_bus *bus, DeviceList *ret_devices, sd_bus_error *error);

/* The group that the selector names, or that the device it names is in. */
int proxy_get_group(sd_bus *bus, const char *selector, Group *ret_group, sd_bus_error *error);

/* The group with this object path. */
int proxy_get_group_at(sd_bus *bus, const char *path, Group *ret_group, sd_bus_error *error);

/* All members of a group from proxy_get_group() or proxy_get_group_at(), with all that is known of them. */
int proxy_get_members(sd_bus *bus, const Group *group, DeviceList *ret_devices, sd_bus_error *error);

/* The device that the selector names, with all that is known of it. */
int proxy_get_device(sd_bus *bus, const char *selector, Device *ret_device, sd_bus_error *error);

/* What the verb, "detach" or "reattach", would do to the group of the selected device. */
int proxy_plan(sd_bus *bus, const char *selector, const char *verb, const Consent *consent, Plan *ret_plan,
                sd_bus_error *error);

/* Asks for the verb, "detach" or "reattach", on the group of the selected device, or for "vfs" of that device, and does not wait: the handler gets
 * the reply, and proxy_read_changes() says what it is. */
int proxy_start_change(sd_bus *bus, const char *verb, const char *selector, const Consent *consent,
                sd_bus_message_handler_t handler, void *userdata, sd_bus_slot **ret_slot, sd_bus_error *error);
int proxy_read_changes(sd_bus_message *reply, EntryList *ret_changes, sd_bus_error *error);

/* All jobs, as rows. */
int proxy_list_jobs(sd_bus *bus, JobList *ret_jobs, sd_bus_error *error);

/* Asks a job to undo what it did, and does not wait until it has done so. Gets the state of the job ("cancelling" or
 * "stuck") and a sentence that says what happens next; both are the caller's to free. */
int proxy_cancel_job(sd_bus *bus, uint32_t number, char **ret_state, char **ret_message, sd_bus_error *error);

/* The same without waiting for the reply: the handler gets it, and proxy_read_cancelled() reads it. */
int proxy_start_cancel(
                sd_bus *bus, uint32_t number, sd_bus_message_handler_t handler, void *userdata, sd_bus_slot **ret_slot);
int proxy_read_cancelled(sd_bus_message *reply, char **ret_state, char **ret_message, sd_bus_error *error);

/* Has the handlers told of each job that comes, and of each that moves on. What the message says is read into a job
 * that is the caller's to clear, also after a failure. Reading returns 1, or 0 for a message that is not of a job, or
 * not of this one. */
int proxy_watch_jobs(sd_bus *bus, sd_bus_message_handler_t on_added, sd_bus_message_handler_t on_changed,
                void *userdata, sd_bus_slot **ret_added_slot, sd_bus_slot **ret_changed_slot);
int proxy_read_added_job(sd_bus_message *m, Job *job);
int proxy_read_changed_job(sd_bus_message *m, Job *job);

/* The id of this process as the daemon sees it, in whatever namespace that is. */
int proxy_get_own_pid(sd_bus *bus, pid_t *ret_pid);

/* Who has a node of the selected device open, or the node of its group. */
int proxy_list_holders(sd_bus *bus, const char *selector, HolderList *ret_holders, sd_bus_error *error);

/* The properties of the manager. */
int proxy_get_status(sd_bus *bus, Status *ret_status, sd_bus_error *error);
