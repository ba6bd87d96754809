/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "bus/reply.h"
#include "job/census.h"
#include "job/diagnosis-table.h"
#include "job/job.h"
#include "job/worker-request.h"
#include "kernel/iommu.h"
#include "kernel/pci-names.h"
#include "lease/lease.h"
#include "model/follower.h"
#include "revert/revert.h"
#include "rule/rule-keeper.h"

/* The objects of vfiod on the bus. The service borrows all its parts, which must outlive it. */

#define BUS_NAME "org.vfiod1"
#define BUS_PATH "/org/vfiod1"
#define BUS_PATH_GROUPS BUS_PATH "/groups"
#define BUS_PATH_DEVICES BUS_PATH "/devices"
#define BUS_PATH_JOBS BUS_PATH "/jobs"
#define BUS_PATH_LEASES BUS_PATH "/leases"
#define BUS_PATH_RULES BUS_PATH "/rules"
#define BUS_INTERFACE_MANAGER "org.vfiod1.Manager"
#define BUS_INTERFACE_GROUP "org.vfiod1.Group"
#define BUS_INTERFACE_DEVICE "org.vfiod1.Device"
#define BUS_INTERFACE_JOB "org.vfiod1.Job"
#define BUS_INTERFACE_LEASE "org.vfiod1.Lease"
#define BUS_INTERFACE_RULE "org.vfiod1.Rule"

/* The counts of the Manager object. */
typedef struct ManagerFacts {
        uint32_t n_devices, n_groups, n_detached, n_reverts, events_lost;
} ManagerFacts;

/* A device and the rule that matches it, see matched-rules.h. */
typedef struct MatchedRule {
        PciAddress address;
        char *rule; /* owned */
} MatchedRule;

/* What was signalled about a rule, see rule-news.h. */
typedef struct ToldRule ToldRule;

typedef struct CallerQuery CallerQuery;
typedef struct Approval Approval;
typedef struct Service Service;

/* A program that is connected to root's socket: see root-socket.h. Its process was root's when it connected. */
typedef struct Peer Peer;
struct Peer {
        Peer *next;
        Service *service;
        sd_bus *bus;
        pid_t pid;                   /* 0 if it is in another PID namespace */
        sd_event_source *first_turn; /* see root-socket.c */
        bool gone; /* the connection has ended, or the program does not read: it is freed at the end of the turn */
};

struct Service {
        sd_bus *bus; /* the connection to the system bus; NULL while there is none: see system-bus.h */
        Peer *peers; /* the other connections that have the same objects */
        const Kernel *kernel;
        Inventory *inventory;
        JobTable *jobs;
        LeaseTable *leases;
        RevertTable *reverts;
        const char *lease_socket; /* path of the socket of leases; NULL for none */
        PciNames *names;
        CensusTable *censuses;
        DiagnosisTable *diagnoses;
        WorkerPort *worker;
        RuleKeeper *rules;
        const Follower *follower;
        ManagerFacts told;    /* the values of the properties, as they were signalled last */
        uint64_t told_jobs;   /* how many ended jobs were signalled */
        IommuReport iommu;    /* for the properties about the IOMMU */
        uint64_t iommu_turn;  /* turn of the event loop in which it was made; 0 for never */
        MatchedRule *matches; /* the rules of devices, as they were signalled last, sorted by address */
        size_t n_matches;
        ToldRule *told_rules; /* sorted by name */
        size_t n_told_rules;
        CallerQuery *queries; /* for authorize.c: calls that wait until the bus says who the caller is */
        size_t n_queries;
        Approval *approvals;         /* for approval.c: calls that wait for polkit */
        uint64_t polkit_deadline_us; /* for tests; 0 for the default */
        sd_event_source *turn;       /* runs the next of these calls; NULL for none */
        uint64_t n_turns;

        /* Requests a rescan of all devices and rules, and replies to the call when it is done. call may be NULL;
         * otherwise it is referenced. Returns 0 or a negative errno. */
        int (*rescan)(void *userdata, sd_bus_message *call);
        void *rescan_userdata;
};

/* Returns the service in a method handler or property getter of one of its objects. */
Service *service_of(sd_bus *bus);

/* Returns the peer of a connection; NULL for the connection to the system bus. */
const Peer *service_find_peer(const Service *service, const sd_bus *bus);

/* Counts devices, groups, detached devices, reverts and lost events, for the field "told". */
ManagerFacts service_count(const Service *service);

/* Counts the groups that go back to the host. */
uint32_t service_count_reverts(const Service *service);

/* The longest object path. */
#define BUS_PATH_LENGTH_MAX 255

/* Return the object path of a group, device, job, lease or rule in *ret, which the caller frees. Return 0 or -ENOMEM. */
int service_group_path(int number, char **ret);
int service_device_path(PciAddress address, char **ret);
int service_job_path(unsigned long number, char **ret);
int service_lease_path(unsigned number, char **ret);
int service_rule_path(const char *name, char **ret);

/* Refuses a call that needs the group of a device that has none. Sets the problem that says why there is none, and returns its outcome
 * or -ENOMEM. */
int service_refuse_without_group(const Service *service, const Device *device, Problem *problem);
