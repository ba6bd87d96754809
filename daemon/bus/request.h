/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/action.h"
#include "diagnosis/isolation.h"
#include "policy/plan.h"
#include "rule/rule-change.h"

/* The arguments of a call that vfiod runs only after it knows the caller. Everybody may send a message of megabytes.
 * So all limits are checked while the message is read. All functions return 0, or a negative errno, in which case
 * they may have set the error. */

/* Limit for the entries of a list; each entry is shorter than SELECTOR_MAX. */
#define REQUEST_LIST_MAX 1024

/* Limits for the option "revert-after". */
#define REVERT_AFTER_MIN_US UINT64_C(1000000)
#define REVERT_AFTER_MAX_US (86400 * UINT64_C(1000000))

/* A list of strings from a caller. */
typedef struct RequestList {
        char **entries; /* ends with NULL; NULL for an empty list */
        size_t n_entries;
        size_t size; /* of all entries, in bytes */
} RequestList;

/* The configuration spaces that a caller sends. */
typedef struct RequestSpaces {
        IsolationSpaces *known; /* NULL for none */
} RequestSpaces;

/* Each method uses some of the fields. The others are 0. */
typedef struct Request {
        const MethodAccess *method; /* of the call; never NULL */
        unsigned actions;           /* mask of 1 << Action: what the method and the given options need */
        PlanVerb verb;
        char *selector;             /* of RemoveRule, and of a Rule object: the name of the rule */
        unsigned long number;       /* of a job or a lease */
        uint32_t count;             /* number of virtual functions that are to exist */
        RequestList companions;     /* option "companions": selectors */
        unsigned overrides;         /* option "override": mask of 1 << Guard */
        uint64_t fingerprint;       /* option "plan": 0 for none */
        char *name;                 /* option "name": of a new rule; NULL for the default */
        char *driver;               /* option "driver": a vfio driver; NULL: vfiod chooses */
        uint32_t pid;               /* option "pid": a process; 0 for none */
        unsigned virtual_functions; /* option "virtual-functions": of a new rule; 0 for none */
        uint64_t revert_after_us;   /* option "revert-after"; 0 for none */
        uint64_t version;           /* option "version-id": of a rule; 0 for any */
        bool starts;                /* the caller does not wait for the end of the job */
        RequestSpaces spaces;       /* option "config-space": what the caller has read */
        bool explain;               /* option "explain" */
        bool iommufd;               /* option "iommufd" */
        RuleChangeList rules;       /* what becomes of rule files */
        bool force, adopt, detach, driverless, dry_run, inspect, descriptors, kill, no_apply;
        bool error_details; /* option "error-details": what an error tells for programs */
} Request;

/* Creates the request for a call. Sets the selector: that of the Group or Device object, the name of the Rule object, or the first argument of a
 * method of the Manager if that is a string. The caller frees *ret. Fails with -EACCES for a call that is not in the table
 * of action.h. */
int request_new(sd_bus_message *call, Request **ret);
Request *request_free(Request *request);
DEFINE_TRIVIAL_CLEANUP_FUNC(Request *, request_free)

/* Reads the options, a dictionary a{sv}, and adds what they need to the actions. An option that is false, or an empty
 * list, needs nothing. Refuses options that the method does not
 * have, and an option that is given twice, with InvalidArgs. */
int request_read_options(Request *request, sd_bus_message *call, sd_bus_error *error);

/* The same for a method whose dry run everybody may call, as Plan: it then needs nothing, because it changes nothing. */
int request_read_options_or_dry_run(Request *request, sd_bus_message *call, sd_bus_error *error);

/* The same for Plan. It takes the options of the method that it plans. */
int request_read_planned_options(
                Request *request, sd_bus_message *call, const MethodAccess *planned, sd_bus_error *error);

/* Tells whether options of this name can be read. */
bool request_knows_option(const char *name);

/* Tells whether the selector is the name of a rule. */
bool request_names_rule(const Request *request);
