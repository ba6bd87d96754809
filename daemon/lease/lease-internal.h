/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "lease/lease.h"

/* Shared only by the files of this room. */

#define TICKET_LENGTH 32

/* The kernel passes not more with one packet (SCM_MAX_FD). One of them is for /dev/iommu. */
#define LEASE_DESCRIPTORS_MAX 253

typedef struct LeaseSocket LeaseSocket;

struct Lease {
        Lease *next;
        LeaseTable *table;
        unsigned number;
        LeaseState state;
        uid_t uid;
        pid_t pid;
        uint64_t since_us;
        int group;
        PciAddress *addresses;
        size_t n_addresses;
        bool took; /* it detached the group */
        bool descriptors;
        bool kill;         /* its end ends the processes of the user that keep the devices open */
        bool force;        /* the end does not wait for holders */
        bool is_recording; /* a worker writes the file, before the group is detached */
        bool has_failed;   /* The group was not detached. The lease goes as soon as its file is written. */
        bool waits;        /* a worker, a job or a census works for the lease, and its callback continues */
        char ticket[TICKET_LENGTH + 1]; /* "" if it has been used, or is not known any more */
        char **nodes;                   /* ends with NULL */
        size_t n_nodes;
        int *fds; /* the open nodes, until the user claims the lease */
        size_t n_fds;
        int guard_fd, pid_fd;
        sd_event_source *guard_source, *pid_source; /* the end of the guard and of the process */
        sd_event_source *timer;                     /* for the claim, or for the next search for holders */
        sd_event_source *start_source; /* starts a lease of a detached group in the next turn; NULL for none */
        int holder_fd;                 /* pidfd of a process that a lingering lease waits for */
        sd_event_source *holder_source;
        char *holder;           /* NULL for none */
        size_t n_tried;         /* devices that the end has tried to reattach */
        uint64_t ended_us;      /* CLOCK_MONOTONIC */
        uint64_t terminated_us; /* when a holder first got SIGTERM, CLOCK_MONOTONIC; 0 if none did */
        uint64_t retry_us;      /* how long the next search for holders waits */
        uint64_t granted; /* fingerprint of the devices when the access was given: see lease_access_fingerprint() */
        char *caller;
        LogFields fields;        /* about the caller, for the log */
        WorkerResult failure;    /* of a lease with has_failed; of the report, only the findings */
        lease_started_t started; /* NULL once it was called */
        void *userdata;
};

struct LeaseTable {
        LeaseParts parts;
        Lease *leases;
        unsigned next_number;
        LeaseSocket *socket;       /* NULL for none */
        void (*end)(Lease *lease); /* lease_end() */
        lease_watch_t watch;       /* NULL for nobody */
        void *watch_userdata;
};

/* lease.c */

/* Creates a lease, which is not in the table yet. The caller adds it with lease_add(), or frees it. */
int lease_new(LeaseTable *table, unsigned number, Lease **ret);

/* Adds it to the table, marks its devices as leased, and announces it. Returns 0 or -ENOMEM. */
int lease_add(Lease *lease);

/* The number after this one. After the highest comes 1. */
static inline unsigned lease_following_number(unsigned number) {
        return number >= FILE_NUMBER_MAX ? 1 : number + 1;
}

/* Frees the lease, removes it from its table, and announces that. Returns NULL. */
Lease *lease_free(Lease *lease);
DEFINE_TRIVIAL_CLEANUP_FUNC(Lease *, lease_free)

/* The same for a lease that could not start: what was stored for it is dropped, too. */
Lease *lease_discard(Lease *lease);
DEFINE_TRIVIAL_CLEANUP_FUNC(Lease *, lease_discard)

/* Sets the state, and announces it. */
void lease_set_state(Lease *lease, LeaseState state);

/* Sets a timer, which replaces the former one. Returns 0 or a negative errno. */
int lease_set_timer(Lease *lease, uint64_t delay_us, sd_event_time_handler_t handler);

/* Watch the guard or the process: the lease ends when it ends. They take the descriptor over, also on failure. With store, systemd keeps
 * a copy. Return 0 or a negative errno. */
int lease_watch_guard(Lease *lease, int fd, bool store);
int lease_watch_process(Lease *lease, int fd, bool store);

/* Closes the guard, the pidfd of the process, and what is stored. */
void lease_drop_watches(Lease *lease);

/* Refuses if the device is leased, but not by the lease with the number own. Returns 0, LEASED or -ENOMEM. */
int lease_refuse_device(const LeaseTable *table, PciAddress address, unsigned own, Problem *problem);

/* Closes the descriptors for the user. */
void lease_drop_descriptors(Lease *lease);

/* lease-log.c */

/* Log that the lease has begun; that a process still has a device open after the end, with a text about the process; and that the
 * lease is over. */
void lease_log_began(const Lease *lease);
void lease_log_lingering(const Lease *lease, const char *holder);
void lease_log_over(const Lease *lease);

/* lease-access.c */

/* Both ask a worker. done() is called once, later, with 0 or a negative errno. If it is -ECANCELED, vfiod ends. Return 0; or a
 * negative errno, and then done() is not called. The first stores nodes and descriptors in the lease. */
typedef void (*lease_access_done_t)(Lease *lease, int error);
int lease_access_grant(Lease *lease, lease_access_done_t done);
int lease_access_revoke(Lease *lease, bool forget, lease_access_done_t done);

/* Asks a worker to write the file of the lease. The same for done(). */
int lease_access_record(Lease *lease, lease_access_done_t done);

/* Asks a worker to end the processes of the user that have the devices open: with SIGTERM, or with SIGKILL if hard. Notes in the lease when
 * a process first got the signal. The same for done(). */
int lease_access_end_holders(Lease *lease, bool hard, lease_access_done_t done);

/* A number that changes when the kernel makes nodes of the lease again. 0 while a device is not on a vfio driver. */
uint64_t lease_access_fingerprint(const Lease *lease);

/* lease-start.c */

/* If somebody waits for the lease to begin, tells that vfiod ends. */
void lease_answer_end(Lease *lease);

/* lease-end.c */

/* Ends the lease, which is not starting. Does nothing if it is ending already. */
void lease_end(Lease *lease);

/* Continues with the end of a lease that ended while it waited: see the field waits. */
void lease_continue_end(Lease *lease);

/* lease-socket.c */

/* Accepts connections on the listening socket, which it takes over. Returns 0 or a negative errno. */
int lease_socket_new(LeaseTable *table, int fd, LeaseSocket **ret);
LeaseSocket *lease_socket_free(LeaseSocket *lease_socket);

/* lease-restore.c */

/* Reads the files of the leases of an earlier daemon. Returns 0 or a negative errno. */
int lease_restore_all(LeaseTable *table);
