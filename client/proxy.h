/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "facts.h"

#include <systemd/sd-bus.h>

/* All calls of vfiod. Replies become plain structs. Nothing here prints. Every function returns 0 or a negative
 * errno, and fills the sd_bus_error if the bus or vfiod gave a reason. */

/* The options of a call. The lists may be NULL. */
typedef struct CallOptions {
        bool whole_group;   /* all devices of the group are taken */
        char **companions;  /* selectors of the other devices that are taken */
        const char *driver; /* the vfio driver; NULL: vfiod chooses */
        char **overrides;   /* names of the guards that must not refuse */
        const char *plan;   /* fingerprint of a plan; NULL for none */
        bool force;         /* reattach also while a process has a device open; the kernel waits for that process */
        bool adopt;         /* reattach also devices that vfiod did not detach */
        bool detach;        /* bind new virtual functions to vfio-pci */
        bool driverless;    /* keep new virtual functions without a driver */
        const char *name;   /* of a new rule; NULL: vfiod makes it from the address of the device */
        uint32_t virtual_functions; /* of a new rule; 0 for none */
        bool descriptors;           /* of a lease: the command gets descriptors, and opens no nodes */
        bool kill;                  /* of a lease: its end ends processes that keep a device open */
        uint32_t pid;               /* of a lease: it ends with this process; 0 for none */
        bool no_apply;              /* of a new rule: detach nothing before a hot-plug or the next start of vfiod */
        uint64_t revert_after_us;   /* the detach is undone after this time, unless it is confirmed; 0 for none */
        bool dry_run;               /* check whether the rule can be written, and write nothing */
} CallOptions;

/* Gets all groups as rows, sorted by number. */
int proxy_list_groups(sd_bus *bus, GroupList *ret_groups, sd_bus_error *error);

/* Gets all devices as rows, sorted by address. */
int proxy_list_devices(sd_bus *bus, DeviceList *ret_devices, sd_bus_error *error);

/* Gets the group that the selector names, or the group of the device that it names. */
int proxy_get_group(sd_bus *bus, const char *selector, Group *ret_group, sd_bus_error *error);

/* Gets the group with this object path. */
int proxy_get_group_at(sd_bus *bus, const char *path, Group *ret_group, sd_bus_error *error);

/* Gets all members of a group from proxy_get_group() or proxy_get_group_at(), with all their properties. */
int proxy_get_members(sd_bus *bus, const Group *group, DeviceList *ret_devices, sd_bus_error *error);

/* Gets the device that the selector names, with all its properties. */
int proxy_get_device(sd_bus *bus, const char *selector, Device *ret_device, sd_bus_error *error);

/* Gets what the verb would do: "detach" or "reattach" to the group of the selected device, or "reset" to the device. */
int proxy_plan(sd_bus *bus, const char *selector, const char *verb, const CallOptions *options, Plan *ret_plan,
                sd_bus_error *error);

/* Gets which groups the host uses: a plan for all groups. Waits only as long as a user waits for a list. */
int proxy_survey(sd_bus *bus, Plan *ret_plan, sd_bus_error *error);

/* Starts a change and does not wait for it: "detach" or "reattach" of the group of the selected device, "reset" of the
 * device itself, or "vfs" (SetVirtualFunctions) of it, with the number of virtual functions, or "lease" of the group. The
 * handler gets the reply, and proxy_read_changes() reads it, or proxy_read_grant() of lease-proxy.h. A reset has no changes:
 * ret_changes is NULL. */
int proxy_start_change(sd_bus *bus, const char *verb, const char *selector, uint32_t n_vfs, const CallOptions *options,
                sd_bus_message_handler_t handler, void *userdata, sd_bus_slot **ret_slot, sd_bus_error *error);
int proxy_read_changes(sd_bus_message *reply, EntryList *ret_changes, sd_bus_error *error);

/* Get the jobs that are running, or also those that have ended, as rows. */
int proxy_list_jobs(sd_bus *bus, JobList *ret_jobs, sd_bus_error *error);
int proxy_list_all_jobs(sd_bus *bus, JobList *ret_jobs, sd_bus_error *error);

/* Asks a job to undo what it did, and does not wait until it has done so. Gets the state of the job ("cancelling" or
 * "stuck") and a sentence that says what happens next; both are the caller's to free. */
int proxy_cancel_job(sd_bus *bus, uint32_t number, char **ret_state, char **ret_message, sd_bus_error *error);

/* The same without waiting for the reply: the handler gets it, and proxy_read_cancelled() reads it. */
int proxy_start_cancel(
                sd_bus *bus, uint32_t number, sd_bus_message_handler_t handler, void *userdata, sd_bus_slot **ret_slot);
int proxy_read_cancelled(sd_bus_message *reply, char **ret_state, char **ret_message, sd_bus_error *error);

/* Calls the handlers for each job that is added and for each job that changes. The two functions below read such a
 * signal into a job, which is the caller's to clear, also after a failure. They return 1; 0 if the signal is not
 * about a job, or not about this one; or a negative errno. */
int proxy_watch_jobs(sd_bus *bus, sd_bus_message_handler_t on_added, sd_bus_message_handler_t on_changed,
                void *userdata, sd_bus_slot **ret_added_slot, sd_bus_slot **ret_changed_slot);
int proxy_read_added_job(sd_bus_message *m, Job *job);
int proxy_read_changed_job(sd_bus_message *m, Job *job);

/* Gets the id of this process as vfiod sees it, which may be in another PID namespace. */
int proxy_get_own_pid(sd_bus *bus, pid_t *ret_pid);

/* Gets the processes that have a node of the selected device open, or the node of its group. */
int proxy_list_holders(sd_bus *bus, const char *selector, HolderList *ret_holders, sd_bus_error *error);

/* Gets the properties of the manager. */
int proxy_get_status(sd_bus *bus, Status *ret_status, sd_bus_error *error);
