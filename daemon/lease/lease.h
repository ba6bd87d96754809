/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/log-fields.h"
#include "job/census.h"
#include "job/job.h"
#include "job/worker-request.h"
#include "lease/descriptor-store.h"
#include "policy/selector.h"

/* Leases: a user may use a detached group until the lease ends.
 *
 * A lease begins when its user may open the nodes of the group: a worker adds the user to their ACLs, or opens them. It ends when
 * its guard is closed, when the process ends that it is bound to, or when its owner releases it. Then a worker takes the access
 * away. The kernel cannot take open descriptors away from a process, so the lease then waits until no process has the devices
 * open ("lingering"). Then the group is reattached if the lease had
 * detached it.
 *
 * The guard is the connection of the user to the socket of leases (lease-socket.c). Processes of the user have its other end
 * open, and the connection ends when the last of them closes it. This socket also passes descriptors to the user. The system bus does
 * not, because vfiod turns that off there: see bus/publish.c.
 *
 * While vfiod does not run, systemd keeps the guards and the pidfds (descriptor-store.h), and a file keeps the rest
 * (state/lease-file.h). Until a lease is over, no other job may change its devices. */

typedef struct Lease Lease;
typedef struct LeaseTable LeaseTable;

typedef enum LeaseState {
        LEASE_STARTING,  /* the group is detached, and the user gets access */
        LEASE_UNCLAIMED, /* the user has access, but no guard yet */
        LEASE_ACTIVE,
        LEASE_ENDING,    /* the access is taken away, and the group is reattached */
        LEASE_LINGERING, /* it has ended, but a process still has a device open */
        _LEASE_STATE_MAX,
} LeaseState;

/* Returns the name of the state on the bus, for example "active", a static string. */
const char *lease_state_to_string(LeaseState state);

/* The limits of leases; tests shorten the times. */
typedef struct LeaseLimits {
        QuotaLimits leases;
        uint64_t claim_us; /* an unclaimed lease ends after this time */
        uint64_t grace_us; /* With "kill", processes that keep the devices open get SIGTERM after this time, and SIGKILL as long after SIGTERM. */
        uint64_t retry_min_us; /* A lease that lingers searches for holders again after this time, */
        uint64_t retry_max_us; /* then after twice as long each time, up to this. */
} LeaseLimits;

extern const LeaseLimits lease_limits_default;

typedef struct LeaseParts {
        sd_event *event; /* all of these are borrowed and must outlive the table */
        const Kernel *kernel;
        Inventory *inventory;
        State *state;
        JobTable *jobs;
        WorkerPort *port;
        CensusTable *censuses;
        DescriptorStore *store; /* NULL for none: then all leases end when vfiod ends */
        const LeaseLimits *limits;
        int socket_fd; /* taken over: the listening socket of leases; -EBADF for none: then no lease can be claimed */
} LeaseParts;

/* Reads the leases of an earlier daemon, and continues them. A lease without its guard or process ends. The table is the gate of
 * the jobs. Returns 0 or a negative errno. */
int lease_table_new(const LeaseParts *parts, LeaseTable **ret);

/* Forgets all leases, which the next daemon continues. To be freed after the jobs, and after the requests to workers. Returns
 * NULL. */
LeaseTable *lease_table_free(LeaseTable *table);
DEFINE_TRIVIAL_CLEANUP_FUNC(LeaseTable *, lease_table_free)

/* What somebody asks for. */
typedef struct LeaseWish {
        uid_t uid;
        pid_t pid;          /* the process that it is bound to; 0 for none: then it needs a guard */
        bool kill;          /* end the processes of the user that keep the devices open after the end of the lease */
        bool descriptors;   /* the user gets open descriptors instead of access to the nodes */
        const Group *group; /* all its endpoints are leased */
        Plan *plan;         /* that detaches the group, taken over also on failure; NULL if it is detached */
        const char *caller; /* for the log */
        const LogFields *fields; /* for the log: copied; NULL for none */
} LeaseWish;

/* Called once, after lease_start() has returned. lease is NULL if the lease could not begin, and then result has the reason. */
typedef void (*lease_started_t)(const Lease *lease, const WorkerResult *result, void *userdata);

/* Starts a lease. Returns 0; LEASED, LIMITS_EXCEEDED, NOT_ENDPOINT for a group without endpoints, FAILED for a process that does
 * not exist, or an outcome of job_start(); or a negative errno. Then started() is not called. */
int lease_start(LeaseTable *table, const LeaseWish *wish, lease_started_t started, void *userdata, Problem *problem);

/* Refuses as lease_start() would refuse, or fail at the end if the kernel is known to have no descriptors. Starts nothing, and
 * does not take the plan over. Whether the plan can be carried out is checked by others. Returns as lease_start() does, or
 * DRIVER_UNAVAILABLE. */
int lease_check_start(LeaseTable *table, const LeaseWish *wish, Problem *problem);

/* Begins to end the lease. With force, the group is unbound even if a process has a device open: the kernel asks the process
 * through vfio to release it, and waits. Returns 0; BUSY if the lease is just starting; or -ENOMEM. */
int lease_release(Lease *lease, bool force, Problem *problem);

/* Returns the lease of the device; NULL for none. */
const Lease *lease_find_of(const LeaseTable *table, PciAddress address);

/* Refuses if a member of the selected group, or the selected device, is leased. The message names the owner. Returns 0, LEASED or
 * -ENOMEM. */
int lease_table_refuse(const LeaseTable *table, const Selection *selection, Problem *problem);

/* Gives access to nodes that the kernel has made again. To be called once per turn, before the changes of the inventory are taken. */
void lease_table_process(LeaseTable *table);

/* What the bus shows of leases. */

typedef struct LeaseDescription {
        unsigned number;
        LeaseState state;
        uid_t uid;
        pid_t pid;         /* 0 for none */
        uint64_t since_us; /* CLOCK_REALTIME */
        int group; /* its number when the lease began, or IOMMU_GROUP_NONE if vfiod has been restarted and it is gone */
        const PciAddress *addresses;
        size_t n_addresses;
        char *const *nodes; /* that the user may open, or that were opened for the user; ends with NULL; NULL for none */
        bool descriptors;
        const char *ticket; /* secret: for the owner only */
        const char *holder; /* the process that a lingering lease waits for; "" for none */
} LeaseDescription;

/* The description is valid until the next turn of the loop. */
LeaseDescription lease_describe(const Lease *lease);

/* NULL for none. */
Lease *lease_find(const LeaseTable *table, unsigned number);
Lease *lease_next(const LeaseTable *table, const Lease *previous);

typedef enum LeaseEvent {
        LEASE_ADDED,
        LEASE_CHANGED,
        LEASE_REMOVED
} LeaseEvent;

/* Called for each lease that is added, changes or is removed. */
typedef void (*lease_watch_t)(const Lease *lease, LeaseEvent event, void *userdata);
void lease_table_watch(LeaseTable *table, lease_watch_t watch, void *userdata);
