/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "lease/lease-internal.h"
#include "policy/plan.h"

#include <poll.h>
#include <sys/random.h>
#include <sys/syscall.h>

/* Answers the caller of lease_start(). */
static void answer(Lease *lease, const WorkerResult *result) {
        lease_started_t started = TAKE_PTR(lease->started);
        bool success = result->error == 0 && result->problem.outcome == OUTCOME_DONE;

        if (started)
                started(success ? lease : NULL, result, lease->userdata);
}

static void answer_outcome(Lease *lease, int r, Problem *problem) {
        WorkerResult result = {.error = r < 0 ? r : 0};

        if (r > 0)
                result.problem = TAKE_GENERIC(*problem, Problem, (Problem){});
        answer(lease, &result);
        worker_result_done(&result);
}

/* The access could not be given. What the lease has detached is reattached. */
static void give_up(Lease *lease, int r, Problem *problem) {
        answer_outcome(lease, r, problem);
        lease->state = LEASE_UNCLAIMED;
        lease_end(lease);
}

static int explain(const Lease *lease, int error, Problem *problem) {
        if (error == -ENOENT && lease->descriptors)
                return problem_set(problem, OUTCOME_DRIVER_UNAVAILABLE,
                                "There are no descriptors for group %d: they need /dev/iommu and device nodes in "
                                "/dev/vfio/devices, which this kernel does not have, or which the drivers did not "
                                "make. Ask for "
                                "a lease without descriptors.",
                                lease->group);
        if (error == -EOPNOTSUPP)
                return problem_set(problem, OUTCOME_FAILED,
                                "Cannot let user %u open the nodes of group %d: the file system of /dev has no access "
                                "control "
                                "lists.",
                                (unsigned)lease->uid, lease->group);
        if (error == -EPIPE)
                return problem_set(problem, OUTCOME_FAILED,
                                "Cannot let user %u open the nodes of group %d, because vfiod-worker ended without an "
                                "answer, twice. Read its log with 'journalctl -u vfiod-worker', and ask again.",
                                (unsigned)lease->uid, lease->group);
        return problem_set(problem, OUTCOME_FAILED, "Cannot let user %u open the nodes of group %d: %s",
                        (unsigned)lease->uid, lease->group, strerror(-error));
}

static int on_unclaimed(sd_event_source *source, uint64_t time, void *userdata) {
        Lease *lease = userdata;

        (void)source, (void)time;
        if (lease->state == LEASE_UNCLAIMED) {
                log_notice("Lease %u was not claimed: it ends.", lease->number);
                lease_end(lease);
        }
        return 0;
}

static int make_ticket(Lease *lease) {
        uint8_t random[TICKET_LENGTH / 2];

        if (getrandom(random, sizeof(random), GRND_NONBLOCK) != sizeof(random))
                return -EAGAIN;
        for (size_t i = 0; i < sizeof(random); i++)
                (void)snprintf(lease->ticket + 2 * i, 3, "%02x", random[i]);
        return 0;
}

/* If the process of the lease has ended meanwhile, continues with the end of the lease. Returns whether it did. */
static bool has_ended(Lease *lease) {
        _cleanup_problem_ Problem problem = {};

        if (lease->state != LEASE_ENDING)
                return false;
        answer_outcome(lease,
                        problem_set(&problem, OUTCOME_CANCELLED, "Process %d has ended, so the lease ends, too.",
                                        (int)lease->pid),
                        &problem);
        lease_continue_end(lease);
        return true;
}

static void on_granted(Lease *lease, int error) {
        _cleanup_problem_ Problem problem = {};
        WorkerResult result = {};

        lease->waits = false;
        if (has_ended(lease))
                return;
        if (error >= 0)
                error = make_ticket(lease);
        if (error >= 0 && lease->pid == 0)
                error = lease_set_timer(lease, lease->table->parts.limits->claim_us, on_unclaimed);
        if (error < 0) {
                give_up(lease, explain(lease, error, &problem), &problem);
                return;
        }
        lease_set_state(lease, lease->pid == 0 ? LEASE_UNCLAIMED : LEASE_ACTIVE);
        lease_log_began(lease);
        answer(lease, &result);
}

static void begin_grant(Lease *lease) {
        _cleanup_problem_ Problem problem = {};

        int r = lease_access_grant(lease, on_granted);
        if (r < 0)
                give_up(lease, explain(lease, r, &problem), &problem);
        else
                lease->waits = true;
}

/* The table may be gone with vfiod, so the lease is found by its number. */
typedef struct Detaching {
        LeaseTable *table;
        unsigned number;
} Detaching;

/* The group was not detached. If the file of the lease remains, the next vfiod removes it. */
static void drop_failed(Lease *lease) {
        int r = lease_access_revoke(lease, true, NULL);

        if (r < 0)
                log_error_errno(r, "Cannot remove the file of lease %u, which has not begun", lease->number);
        answer(lease, &lease->failure);
        lease_discard(lease);
}

/* The caller gets the answer when the lease is gone, so that the next request for the group does not find it. */
static void fail(Lease *lease, const WorkerResult *result) {
        lease->has_failed = true;
        lease->failure.error = result->error;
        if (result->problem.message &&
                        problem_set(&lease->failure.problem, result->problem.outcome, "%s", result->problem.message) <
                                        0)
                lease->failure.error = -ENOMEM;
        /* Without memory, the caller gets the error without the findings. */
        (void)finding_list_copy(&result->report.findings, &lease->failure.report.findings);
        if (!lease->is_recording)
                drop_failed(lease);
}

static void on_recorded(Lease *lease, int error) {
        lease->is_recording = false;
        if (error < 0)
                log_error_errno(error, "Cannot write the file of lease %u before its devices are detached",
                                lease->number);
        if (lease->has_failed)
                drop_failed(lease);
}

static void on_detached(const WorkerResult *result, void *userdata) {
        _cleanup_free_ Detaching *detaching = userdata;
        Lease *lease = lease_find(detaching->table, detaching->number);

        if (!lease)
                return;
        lease->waits = false;
        if (result->error != 0 || result->problem.outcome != OUTCOME_DONE) {
                fail(lease, result);
                return;
        }
        if (!has_ended(lease))
                begin_grant(lease);
}

static int begin_detach(Lease *lease, Plan *plan, Problem *problem) {
        _cleanup_(plan_freep) Plan *owned_plan = plan;
        Detaching *detaching = malloc(sizeof(Detaching));
        int r;

        if (!detaching)
                return -ENOMEM;
        *detaching = (Detaching){lease->table, lease->number};
        plan->lease = lease->number;
        r = job_start(lease->table->parts.jobs, TAKE_PTR(owned_plan), lease->caller, &lease->fields, on_detached,
                        detaching, problem);
        if (r != 0) {
                free(detaching);
                return r;
        }
        /* Meanwhile, the job begins. If vfiod ends before the lease begins, the file tells the next vfiod to reattach the group. */
        lease->took = true;
        lease->is_recording = lease_access_record(lease, on_recorded) >= 0;
        return 0;
}

static int on_begin(sd_event_source *source, void *userdata) {
        Lease *lease = userdata;

        (void)source;
        lease->start_source = sd_event_source_disable_unref(lease->start_source);
        lease->waits = false;
        if (!has_ended(lease))
                begin_grant(lease);
        return 0;
}

static int list_endpoints(Lease *lease, const Group *group, Problem *problem) {
        lease->addresses = calloc(group->n_members + 1, sizeof(PciAddress));
        if (!lease->addresses)
                return -ENOMEM;
        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i]->endpoint)
                        lease->addresses[lease->n_addresses++] = group->members[i]->address;
        if (lease->n_addresses == 0)
                return problem_set(problem, OUTCOME_NOT_ENDPOINT, "Group %d has no device that a program could use.",
                                group->number);
        size_t max = lease->descriptors ? LEASE_DESCRIPTORS_MAX - 1 : LEASE_DEVICES_MAX;
        if (lease->n_addresses > max)
                return problem_set(problem, OUTCOME_LIMITS_EXCEEDED,
                                "Group %d has %zu devices, but a lease can have at most %zu.", group->number,
                                lease->n_addresses, max);
        return 0;
}

static int check_quota(const LeaseTable *table, uid_t uid, Problem *problem) {
        QuotaUse use = {};

        for (const Lease *lease = table->leases; lease; lease = lease->next)
                quota_add(&use, lease->uid, uid);
        return quota_check(&table->parts.limits->leases, &use, uid, "leases", problem);
}

static int refuse_process(const Lease *lease, const char *what, Problem *problem) {
        return problem_set(problem, OUTCOME_FAILED,
                        "A lease cannot be bound to process %d, which is %s. Name the process of the program that uses "
                        "the devices, or ask for a lease without a process.",
                        (int)lease->pid, what);
}

static bool is_over(int pid_fd) {
        return poll(&(struct pollfd){.fd = pid_fd, .events = POLLIN}, 1, 0) == 1;
}

/* Opens the process. It may be that of another user, for example of a container: it only tells when the lease ends. */
static int open_process(const Lease *lease, int *ret_fd, Problem *problem) {
        if (lease->pid == 1)
                return refuse_process(lease, "the first process of the host and does not end", problem);
        if (lease->pid == getpid())
                return refuse_process(lease, "vfiod itself", problem);
        _cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, lease->pid, 0);
        if (fd < 0)
                /* Linux 6.15 has ENOENT for a thread that is no process; before, it was EINVAL. */
                return errno == ESRCH || errno == EINVAL || errno == ENOENT
                                ? problem_set(problem, OUTCOME_FAILED,
                                                  "There is no process %d to which the lease could be bound. The "
                                                  "number "
                                                  "of a thread does not name a process.",
                                                  (int)lease->pid)
                                : -errno;
        if (is_over(fd))
                return refuse_process(lease, "over already", problem);
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int fill(Lease *lease, const LeaseWish *wish, Problem *problem) {
        lease->uid = wish->uid;
        lease->pid = wish->pid;
        lease->descriptors = wish->descriptors;
        lease->kill = wish->kill;
        lease->group = wish->group->number;
        lease->since_us = clock_us(CLOCK_REALTIME);
        if (!(lease->caller = strdup(wish->caller)))
                return -ENOMEM;
        if (wish->fields)
                log_fields_add_all(&lease->fields, wish->fields);
        return list_endpoints(lease, wish->group, problem);
}

/* A number that no other lease has. */
static unsigned choose_number(const LeaseTable *table) {
        unsigned number = table->next_number;

        while (lease_find(table, number))
                number = lease_following_number(number);
        return number;
}

/* Makes the lease, which is not in the table yet, and opens its process. */
static int prepare(LeaseTable *table, const LeaseWish *wish, Lease **ret, int *ret_pid_fd, Problem *problem) {
        _cleanup_(lease_freep) Lease *lease = NULL;
        int r;

        if ((r = lease_table_refuse(table, &(Selection){.group = (Group *)wish->group}, problem)) != 0 ||
                        (r = check_quota(table, wish->uid, problem)) != 0 ||
                        (r = lease_new(table, choose_number(table), &lease)) != 0 ||
                        (r = fill(lease, wish, problem)) != 0 ||
                        (lease->pid > 0 && (r = open_process(lease, ret_pid_fd, problem)) != 0))
                return r;
        *ret = TAKE_PTR(lease);
        return 0;
}

/* Tells whether the kernel lacks what descriptors need. While no vfio module is loaded, that is not known: 0. */
static bool lacks_descriptors(const Kernel *kernel) {
        bool has_cdevs = faccessat(kernel->sys_fd, "class/vfio-dev", F_OK, 0) >= 0;
        bool has_groups = faccessat(kernel->sys_fd, "class/vfio", F_OK, 0) >= 0;

        return (has_cdevs || has_groups) &&
                        (!has_cdevs || faccessat(kernel->sys_fd, "class/misc/iommu/dev", F_OK, 0) < 0);
}

/* The same for devices that are detached already. */
static bool has_cdevs(const Group *group) {
        for (size_t i = 0; i < group->n_members; i++)
                if (group->members[i]->endpoint && !group->members[i]->has_cdev)
                        return false;
        return true;
}

int lease_check_start(LeaseTable *table, const LeaseWish *wish, Problem *problem) {
        _cleanup_(lease_freep) Lease *lease = NULL;
        _cleanup_close_ int pid_fd = -EBADF;

        int r = prepare(table, wish, &lease, &pid_fd, problem);
        if (r != 0 || !wish->descriptors)
                return r;
        bool lacks = lacks_descriptors(table->parts.kernel) || (!wish->plan && !has_cdevs(wish->group));
        return lacks ? explain(lease, -ENOENT, problem) : 0;
}

int lease_start(LeaseTable *table, const LeaseWish *wish, lease_started_t started, void *userdata, Problem *problem) {
        _cleanup_(plan_freep) Plan *plan = wish->plan;
        _cleanup_(lease_discardp) Lease *lease = NULL;
        _cleanup_close_ int pid_fd = -EBADF;
        int r;

        if ((r = prepare(table, wish, &lease, &pid_fd, problem)) != 0 ||
                        (lease->pid > 0 && (r = lease_watch_process(lease, TAKE_FD(pid_fd), true)) != 0) ||
                        (r = lease_add(lease)) != 0)
                return r;
        if (plan)
                r = begin_detach(lease, TAKE_PTR(plan), problem);
        else
                r = sd_event_add_defer(table->parts.event, &lease->start_source, on_begin, lease);
        if (r != 0)
                return r;
        table->next_number = lease_following_number(lease->number);
        lease->started = started;
        lease->userdata = userdata;
        lease->waits = true;
        TAKE_PTR(lease);
        return 0;
}

void lease_answer_end(Lease *lease) {
        _cleanup_problem_ Problem problem = {};

        answer_outcome(lease,
                        problem_set(&problem, OUTCOME_FAILED,
                                        "vfiod is ending. Ask for the lease again when it has started."),
                        &problem);
}

/* Nodes that the kernel made again. */

static void on_granted_again(Lease *lease, int error) {
        lease->waits = false;
        if (lease->state == LEASE_ENDING) {
                lease_continue_end(lease);
                return;
        }
        if (error < 0)
                log_error_errno(error, "Lease %u: cannot let user %u open the new nodes of its devices", lease->number,
                                (unsigned)lease->uid);
        lease_set_state(lease, lease->state);
}

static void check_nodes(Lease *lease) {
        bool has_access = lease->state == LEASE_UNCLAIMED || lease->state == LEASE_ACTIVE;

        if (!has_access || lease->waits || lease->descriptors)
                return;
        uint64_t fingerprint = lease_access_fingerprint(lease);
        if (fingerprint == lease->granted)
                return;
        /* Only once for each change, also after a failure. Without nodes, this waits until there are new ones. */
        lease->granted = fingerprint;
        if (fingerprint == 0)
                return;
        int r = lease_access_grant(lease, on_granted_again);
        lease->waits = r >= 0;
        if (r < 0)
                on_granted_again(lease, r);
}

void lease_table_process(LeaseTable *table) {
        for (Lease *lease = table->leases; lease; lease = lease->next)
                check_nodes(lease);
}
