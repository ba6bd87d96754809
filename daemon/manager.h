/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/idle.h"
#include "bus/root-socket.h"
#include "bus/system-bus.h"
#include "job/link-reader.h"
#include "model/driver-check.h"
#include "model/follower.h"
#include "rule/rule-keeper.h"

typedef struct RescanRequest RescanRequest;

/* All parts of the daemon. The parts do not know the manager. */
typedef struct Manager {
        sd_event *event;
        Kernel *kernel;
        UeventSource *uevents;
        sd_event_source *uevent_source;
        sd_event_source *more_source; /* enabled if the last turn did not process everything */
        unsigned turns_of_others;     /* calls since the last take_turn() */
        sd_event_source *post_source; /* runs at the end of each turn, and sends signals */
        sd_event_source *trim_timer;  /* gives unused memory back to the kernel, soon after a change */
        Inventory *inventory;
        Follower *follower;
        DriverCheck *driver_check;
        LinkReader *links;
        unsigned links_rescan;  /* number of the last rescan after which all links were requested */
        RescanRequest *rescans; /* not answered yet; the newest first */
        WorkerPort *worker;
        State *state;
        JobTable *jobs;
        LeaseTable *leases;
        RevertTable *reverts;
        RuleKeeper *rules;
        PciNames *names;
        CensusTable censuses;
        DiagnosisTable diagnoses;
        Service service; /* holds the bus */
        SystemBus *system_bus;
        RootSocket *root_socket; /* NULL for none */
        sd_event_source *settled_timer;
        void (*on_settled)(void); /* NULL after the call */
        Idle *idle;               /* NULL: vfiod stays */
} Manager;

typedef struct ManagerParts {
        sd_bus *bus;           /* referenced */
        Kernel *kernel;        /* taken over */
        UeventSource *uevents; /* taken over; it already listens, so that no event before the scan is lost */
        WorkerPort *worker;    /* borrowed, as all paths but those of the rules; writes what the daemon may not write */
        const char *census;    /* path of the socket of vfiod-census */
        const char *state_folder;
        const JobLimits *job_limits;
        const LeaseLimits *lease_limits;
        const RevertLimits *revert_limits;
        DescriptorStore *store;          /* of leases; NULL for none */
        const char *lease_socket;        /* path of the socket of leases, for clients; NULL for none */
        const char *const *rule_folders; /* by precedence, the highest first; ends with NULL */
        const char *early_rules;         /* path of the rules file for udev; NULL for none */
        const char *boot_rules;          /* path of the boot file, see rule/boot-list.h; NULL for none */
        const char *network_online;      /* path of a file, see rule/network-watch.h; NULL for none */
        const char *udev_database;       /* directory of the udev database; NULL for none */
        uint64_t bus_deadline_us;        /* see system-bus.h */
        uint64_t idle_us;                /* see bus/idle.h; 0: vfiod does not end by itself */
        uint64_t polkit_deadline_us;     /* for tests: how long polkit may take; 0 for the default */
        uint64_t links_start_us;         /* for tests: how long the start waits for the links; 0 for the default */
        int root_fd;                     /* taken over: root's listening socket; -EBADF for none */
        int lease_fd;                    /* taken over: the listening socket of leases; -EBADF for none */
} ManagerParts;

/* Reads the devices of the host and the state files, registers the objects on the bus, ends the jobs that an earlier
 * daemon did not finish, and requests the bus name. Takes over what is marked so, also on failure. Returns 0 or a
 * negative errno, which is logged. */
int manager_new(sd_event *event, const ManagerParts *parts, Manager **ret);
Manager *manager_free(Manager *manager);
DEFINE_TRIVIAL_CLEANUP_FUNC(Manager *, manager_free)

/* Calls done() once: when all rules are applied or refused, except those that wait for the network or for a stuck device; or
 * after patience_us.
 * Returns 0 or a negative errno, and then done() is not called. */
int manager_when_settled(Manager *manager, uint64_t patience_us, void (*done)(void));

/* Requests that all devices and then all rules are read again. Does not wait for it. */
void manager_rescan(Manager *manager);
