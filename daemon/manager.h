/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/service.h"
#include "job/link-reader.h"
#include "model/driver-check.h"
#include "model/follower.h"
#include "rule/rule-keeper.h"

typedef struct RescanRequest RescanRequest;

/* Everything that the daemon is, in one struct; made of parts that know nothing of it. */
typedef struct Manager {
        sd_event *event;
        Kernel *kernel;
        UeventSource *uevents;
        sd_event_source *uevent_source;
        sd_event_source *more_source; /* enabled when the last turn left something to do */
        unsigned turns_of_others;     /* since take_turn() */
        sd_event_source *post_source; /* at the end of each turn: what changed goes out */
        Inventory *inventory;
        Follower *follower;
        DriverCheck *driver_check;
        LinkReader *links;
        unsigned links_rescan;  /* the last rescan after which all links were asked for */
        RescanRequest *rescans; /* that are not answered yet */
        State *state;
        JobTable *jobs;
        RuleKeeper *rules;
        PciNames *names;
        CensusTable censuses;
        Service service; /* holds the bus */
} Manager;

typedef struct ManagerParts {
        sd_bus *bus;           /* referenced */
        Kernel *kernel;        /* taken over */
        UeventSource *uevents; /* taken over: listening already, so that no event falls between it and the scan */
        const char *state_folder;
        const JobLimits *job_limits;
        const char *const *rule_folders; /* the heaviest first, ended by NULL */
        const char *early_rules;         /* file for udev; NULL for none */
        const char *udev_database;       /* udev's folder of devices; NULL for none */
} ManagerParts;

/* Scans the host, reads the records, puts the objects on the bus, undoes what an earlier life left in between, and asks for the name. What it
 * takes over it does also on failure. Returns 0 or a negative errno, which has been logged. */
int manager_new(sd_event *event, const ManagerParts *parts, Manager **ret);
Manager *manager_free(Manager *manager);
DEFINE_TRIVIAL_CLEANUP_FUNC(Manager *, manager_free)

/* Reads all devices anew, and then the rules, while everything else goes on. */
void manager_rescan(Manager *manager);
