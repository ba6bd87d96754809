/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "daemon/base/util.h"

#include <stdint.h>

/* The data that vfiod sends, as plain structs. A string that vfiod did not send is NULL. A list of strings ends in
 * NULL; NULL itself is an empty list. */

/* Returns the value of the variable and clears the variable, so that its contents have a new owner. */
#define TAKE_STRUCT(variable) TAKE_GENERIC(variable, typeof(variable), (typeof(variable)){0})

/* A PCI function. A row of ListDevices has only the members of the first block. */
typedef struct Device {
        char *path;
        char *address;
        char *state;
        char *driver;
        int32_t group; /* number of the IOMMU group; -1 for none */
        char **names; /* names of its network interfaces and disks: those that it has now; if none, those that it had */
        uint32_t class;
        uint16_t vendor;
        uint16_t device;
        char *vendor_name;
        char *device_name;
        char *class_name;
        char *availability; /* what stands against a detach: "available", "detached", "host-only", ... */
        char *icon;         /* name of an icon for the category */
        char *category;     /* "network", "storage", ... */
        bool endpoint;
        char *rule;   /* name of the rule that matches; empty for none */
        char *parent; /* address of the bridge or controller above it; NULL for none */

        char *group_path;
        char *node;
        char *cdev;
        uint16_t subsystem_vendor;
        uint16_t subsystem_device;
        char *subsystem_name;
        uint8_t revision;
        int32_t numa_node;
        uint32_t link_speed, link_speed_max;
        uint32_t link_width, link_width_max;
        char **reset_methods;
        bool boot_vga;
        char *physical_function;
        char **virtual_functions;
        uint32_t virtual_functions_max;
        char **network_interfaces;
        char **block_devices;
        char *original_driver;
        char *original_override;
        char **original_names;
} Device;

typedef struct DeviceList {
        Device *items;
        size_t count;
} DeviceList;

/* One device with two more texts: a blocker has driver and reason, a change has the driver before and after, a
 * device of a rule has status and message. An empty driver means none. */
typedef struct Entry {
        char *address;
        union {
                char *driver;
                char *before;
                char *status;
        };
        union {
                char *reason;
                char *after;
                char *message;
        };
        bool changing; /* of a device of a rule: a job of the rule works on it */
} Entry;

typedef struct EntryList {
        Entry *items;
        size_t count;
} EntryList;

/* A step of a plan: what would be done, to which device, and why. */
typedef struct Step {
        char *action;
        char *address;
        char *reason;
} Step;

/* Something that a guard found, or another reason to refuse. It makes vfiod refuse, unless it is overridden. */
typedef struct Finding {
        char *guard;
        char *address;
        char *evidence;
        bool overridden;
        char *error;       /* name of the error with which the operation would fail */
        int32_t group;     /* of the device; -1 for none */
        char **options;    /* that would help: "override", "companions", "force", "adopt" or "driver" */
        char **companions; /* addresses: of "consent" */
        uint32_t pid;      /* of the process that it is about; 0 for none, or if vfiod does not tell it */
        char *command, *unit;
        uint32_t lease; /* its number; 0 for none */
        uint32_t user;  /* who has the lease */
        char *cure;     /* a command or a sentence */
} Finding;

typedef struct FindingList {
        Finding *items;
        size_t count;
} FindingList;

/* What vfiod tells about an error besides its name and message. What is not known is empty. */
typedef struct Refusal {
        char *device;
        int32_t group; /* -1 for none */
        FindingList findings;
        uint32_t more;                          /* findings that are not told */
        char **options, **companions, **guards; /* what would help: see Finding, and guards to override */
        uint32_t pid;                           /* 0 for none */
        char *cure;
        char *rule;
} Refusal;

/* Whether a virtual machine can get a group: "in-use" if a guard refuses. */
typedef struct GroupUse {
        int32_t number;
        char *availability;
} GroupUse;

typedef struct GroupUseList {
        GroupUse *items;
        size_t count;
} GroupUseList;

typedef struct Plan {
        bool would_go;
        Step *steps;
        size_t n_steps;
        Finding *findings;
        size_t n_findings;
        char *fingerprint;
        char **warnings;     /* what can fail later */
        GroupUseList groups; /* of a plan for all groups */
} Plan;

typedef struct Group {
        char *path;
        int32_t number;
        char *state;
        bool viable;
        char **members;
        char *node;
        uint64_t revert_at_us;  /* CLOCK_BOOTTIME of the host: when it goes back; 0 if no revert is pending */
        char *revert_waits_for; /* what the revert waits for after this time */

        /* The rows of ListGroups do not have these. */
        EntryList blockers;
        char **devices; /* object paths, in the order of the members */
} Group;

typedef struct GroupList {
        Group *items;
        size_t count;
} GroupList;

/* Who started a job. */
typedef struct JobCaller {
        char *kind;   /* "call", "rule", "hot-plug", "clear-override", "lease", "revert" or "recovery" */
        uint32_t uid; /* of a call */
        uint32_t pid; /* 0 if it is not known */
        char *command, *unit, *session;
        char *rule;
} JobCaller;

/* A job that is running, or has ended. */
typedef struct Job {
        uint32_t number; /* 0 for none */
        char *path;
        char *kind; /* "detach", "reattach", "set-virtual-functions" or "reset" */
        char *state;
        bool cancelled; /* also while the state is "stuck" */
        int32_t group;  /* number of the IOMMU group; -1 for none */
        char **devices; /* addresses */
        uint32_t step;  /* the current step, counted from 1 */
        uint32_t steps;
        char *action; /* of the current step, and the address of its device */
        char *address;
        char *waits_for; /* the process that the step waits for, in words; empty for none */
        JobCaller caller;
        uint64_t started_us;   /* CLOCK_REALTIME */
        uint64_t ended_us;     /* CLOCK_REALTIME; 0 while it runs */
        char *error, *message; /* with which it ended; empty for none */
        Refusal refusal;       /* what vfiod tells about the error, except for the group */
} Job;

typedef struct JobList {
        Job *items;
        size_t count;
} JobList;

/* A lease: a user may use the devices of a group until the lease ends. */
typedef struct Lease {
        uint32_t number; /* 0 for none */
        char *path;
        char *state; /* "starting", "unclaimed", "active", "ending" or "lingering" */
        uint32_t uid;
        uint64_t since_us; /* CLOCK_REALTIME */
        uint32_t pid;      /* the process that the lease ends with; 0 for none */
        int32_t group;     /* number of the IOMMU group; -1 for none */
        char **devices;    /* addresses */
        char **nodes;      /* that the user may open */
        bool descriptors;  /* the command has descriptors instead */
        char *holder;      /* the process that has a device open, in words; empty for none */
} Lease;

typedef struct LeaseList {
        Lease *items;
        size_t count;
} LeaseList;

/* The reply of Lease. */
typedef struct Grant {
        char *path;
        char *ticket; /* for the socket */
        uint32_t number;
        int32_t group;
        char **devices;  /* addresses */
        char **nodes;    /* that the user may open now; empty with descriptors */
        char **warnings; /* what can fail later */
        char *socket;    /* path */
        bool detaches;   /* only of a dry run: the group would be detached first */
} Grant;

/* A process that has a device node of a device open, or the node of its group. */
typedef struct Holder {
        uint32_t pid;
        char *command;
        char *unit; /* systemd unit of the process */
        char *node;
        char *address; /* of the device that the node belongs to; empty for the node of the group */
        int32_t group; /* of the node of the group */
        uint32_t more; /* processes with the same node or device that vfiod does not list */
        char *error;   /* why the processes are not known; empty if they are */
} Holder;

typedef struct HolderList {
        Holder *items;
        size_t count;
} HolderList;

/* A rule, and the status of the devices that it matches. */
typedef struct Rule {
        char *name;
        char *file;
        char *state;
        bool enabled;      /* neither masked nor disabled */
        bool writable;     /* the file is in /etc, and vfiod can change it */
        EntryList devices; /* address, status, message */
        char *fault;       /* what is wrong with the rule, if its state is "off" */
        uint32_t line;     /* where the fault is; 0 for the file as a whole */
} Rule;

typedef struct RuleList {
        Rule *items;
        size_t count;
} RuleList;

typedef struct Status {
        char *version;
        char *iommu;
        char *iommu_reason;
        char *iommu_warning;
        uint32_t device_count;
        uint32_t group_count;
        uint32_t detached_count;
        uint32_t revert_count; /* UINT32_MAX if an older vfiod does not tell it */
        uint32_t events_lost;
} Status;

/* These free the contents of a struct and clear it, for _cleanup_. They are in decode.c, decode-leases.c,
 * decode-rows.c and decode-rules.c, whose tables list the members. */
void device_clear(Device *device);
void device_list_clear(DeviceList *list);
void group_clear(Group *group);
void group_list_clear(GroupList *list);
void entry_list_clear(EntryList *list);
void finding_list_clear(FindingList *list);
void refusal_clear(Refusal *refusal);
void group_use_list_clear(GroupUseList *list);
void plan_clear(Plan *plan);
void job_clear(Job *job);
void job_list_clear(JobList *list);
void lease_clear(Lease *lease);
void lease_list_clear(LeaseList *list);
void grant_clear(Grant *grant);
void holder_list_clear(HolderList *list);
void rule_list_clear(RuleList *list);
void status_clear(Status *status);
