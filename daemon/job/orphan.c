/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/orphan.h"
#include "base/log.h"
#include "model/scan.h"

#include <sys/syscall.h>

typedef struct Orphan Orphan;
struct Orphan {
        Orphan *next;
        OrphanWatch *watch;
        unsigned long transaction;
        PciAddress *devices;
        size_t n_devices;
        int pidfd;
        sd_event_source *exit_source, *timer;
};

struct OrphanWatch {
        sd_event *event;
        const Kernel *kernel;
        Inventory *inventory;
        State *state;
        JobTable *jobs;
        Orphan *orphans;
};

static void orphan_free(Orphan *orphan) {
        for (Orphan **link = &orphan->watch->orphans; *link; link = &(*link)->next)
                if (*link == orphan) {
                        *link = orphan->next;
                        break;
                }
        sd_event_source_disable_unref(orphan->exit_source);
        sd_event_source_disable_unref(orphan->timer);
        (void)safe_close(orphan->pidfd);
        free(orphan->devices);
        free(orphan);
}

static int set_activity(const Orphan *orphan, DeviceActivity activity) {
        int r = 0;

        for (size_t i = 0; i < orphan->n_devices && r >= 0; i++)
                r = inventory_set_activity(orphan->watch->inventory, orphan->devices[i], activity);
        return r;
}

/* The worker has ended: its devices are as it left them. */
static int release(const Orphan *orphan) {
        const OrphanWatch *watch = orphan->watch;
        int r;

        /* As at the end of a job: the devices before the records. */
        if ((r = state_load(watch->state)) < 0)
                return r;
        for (size_t i = 0; i < orphan->n_devices && r >= 0; i++)
                r = scan_device(watch->kernel, watch->inventory, orphan->devices[i]);
        if (r < 0 || (r = state_apply(watch->state, watch->inventory)) < 0 ||
                        (r = set_activity(orphan, DEVICE_QUIET)) < 0)
                return r;
        return job_recover(watch->jobs);
}

static int on_exit_of_worker(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Orphan *orphan = userdata;

        (void)source, (void)fd, (void)events;
        int r = release(orphan);
        if (r < 0)
                log_error_errno(r, "Cannot take over from a worker of an earlier daemon");
        orphan_free(orphan);
        return 0;
}

static int on_deadline(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time;
        return set_activity(userdata, DEVICE_WAITED_FOR);
}

/* The process that has the lock, as a pidfd. A process id is used anew once its process has ended, so the lock is checked again:
 * while the process has it, the id is its own. Returns -ESRCH for one that has just ended. */
static int open_worker(const OrphanWatch *watch, const StateTransaction *transaction) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        pid_t owner = 0;

        _cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, transaction->owner, 0);
        if (pidfd < 0)
                return -errno;
        int r = transaction_file_read(watch->state->transactions_fd, transaction->number, &plan, &owner);
        if (r < 0)
                return r == -ENOENT ? -ESRCH : r;
        return owner == transaction->owner ? TAKE_FD(pidfd) : -ESRCH;
}

static int copy_devices(Orphan *orphan, const Plan *plan) {
        orphan->devices = calloc(plan->n_members, sizeof(PciAddress));
        if (!orphan->devices)
                return -ENOMEM;
        for (size_t i = 0; i < plan->n_members; i++)
                if (!plan->members[i].created)
                        orphan->devices[orphan->n_devices++] = plan->members[i].address;
        return 0;
}

/* Returns 0; -ESRCH for a worker that has ended meanwhile; another negative errno. */
static int add_orphan(OrphanWatch *watch, const StateTransaction *transaction, const JobLimits *limits) {
        uint64_t deadline = transaction->plan->force ? limits->held_deadline_us : limits->step_deadline_us;
        int r;

        int pidfd = open_worker(watch, transaction);
        if (pidfd < 0)
                return pidfd;
        Orphan *orphan = calloc(1, sizeof(Orphan));
        if (!orphan) {
                (void)safe_close(pidfd);
                return -ENOMEM;
        }
        *orphan = (Orphan){.next = watch->orphans, .watch = watch, .transaction = transaction->number, .pidfd = pidfd};
        watch->orphans = orphan;
        if ((r = copy_devices(orphan, transaction->plan)) < 0 ||
                        (r = sd_event_add_io(watch->event, &orphan->exit_source, pidfd, EPOLLIN, on_exit_of_worker,
                                         orphan)) < 0 ||
                        (r = sd_event_add_time_relative(watch->event, &orphan->timer, CLOCK_MONOTONIC, deadline, 0,
                                         on_deadline, orphan)) < 0 ||
                        (r = set_activity(orphan, DEVICE_WORKED_ON)) < 0) {
                orphan_free(orphan);
                return r;
        }
        log_notice("A worker of an earlier daemon is still changing %s.",
                        PCI_ADDRESS_TEXT(transaction->plan->selected));
        return 0;
}

/* The devices of a worker that ended while the daemon started: they were read before its last writes. */
static int scan_members(const OrphanWatch *watch, const Plan *plan) {
        int r = 0;

        for (size_t i = 0; i < plan->n_members && r >= 0; i++)
                if (!plan->members[i].created)
                        r = scan_device(watch->kernel, watch->inventory, plan->members[i].address);
        return r;
}

int orphan_watch_new(sd_event *event, const Kernel *kernel, Inventory *inventory, State *state, JobTable *jobs,
                const JobLimits *limits, OrphanWatch **ret) {
        _cleanup_(orphan_watch_freep) OrphanWatch *watch = malloc(sizeof(OrphanWatch));
        bool ended = false;

        if (!watch)
                return -ENOMEM;
        *watch = (OrphanWatch){
                        .event = sd_event_ref(event),
                        .kernel = kernel,
                        .inventory = inventory,
                        .state = state,
                        .jobs = jobs,
        };
        for (size_t i = 0; i < state->n_transactions; i++) {
                if (state->transactions[i].owner == 0)
                        continue;
                int r = add_orphan(watch, &state->transactions[i], limits);
                if (r == -ESRCH) {
                        ended = true;
                        r = scan_members(watch, state->transactions[i].plan);
                }
                if (r < 0)
                        return r;
        }
        /* What a worker left that has just ended is recovered with all others. */
        int r = ended ? state_load(state) : 0;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(watch);
        return 0;
}

OrphanWatch *orphan_watch_free(OrphanWatch *watch) {
        if (!watch)
                return NULL;
        while (watch->orphans)
                orphan_free(watch->orphans);
        sd_event_unref(watch->event);
        free(watch);
        return NULL;
}
