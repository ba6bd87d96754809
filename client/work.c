/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "work.h"

#include "present.h"
#include "progress.h"

#include <signal.h>
#include <systemd/sd-event.h>

/* What is done before that needs no progress line. */
#define PATIENCE_USEC (UINT64_C(500) * 1000)
#define PATIENCE_ACCURACY_USEC (UINT64_C(50) * 1000)

/* How long to stay for the daemon to take up what we asked for: it asks the bus who we are, and who has left is
 * nobody. */
#define LEAVING_USEC (UINT64_C(2000) * 1000)

typedef struct Work {
        Invocation *invocation;
        const char *verb;
        EntryList *changes;
        sd_bus_error *error;

        sd_event *event;
        sd_event_source *timer, *leaving_timer, *interrupt;
        sd_bus_slot *change_slot, *cancel_slot, *added_slot, *changed_slot;

        pid_t pid; /* ours, as the daemon sees it */
        Job job;   /* the one that does our work, as soon as it is known */
        Progress progress;
        bool has_terminal; /* to show progress on */
        bool takes_long;
        bool cancelling; /* the user wants it undone */
        bool cancelled;  /* the daemon has answered that */
        bool leaving;    /* the user does not want to wait */
        bool ended;      /* then result is what work_do() returns */
        int result;
        char *told; /* whom it waits for, as the user was told */
} Work;

static void work_clear(Work *work) {
        progress_clear(&work->progress);
        sd_bus_slot_unref(work->change_slot);
        sd_bus_slot_unref(work->cancel_slot);
        sd_bus_slot_unref(work->added_slot);
        sd_bus_slot_unref(work->changed_slot);
        sd_event_source_disable_unref(work->timer);
        sd_event_source_disable_unref(work->leaving_timer);
        sd_event_source_disable_unref(work->interrupt);
        (void)sd_bus_detach_event(work->invocation->bus);
        sd_event_unref(work->event);
        job_clear(&work->job);
        free(work->told);
}

static void end(Work *work, int result) {
        if (work->ended)
                return;
        work->ended = true;
        work->result = result;
}

static bool is_known(const Work *work) {
        return work->job.number > 0;
}

/* Shows where the job is. What fails here is memory: then there is no line. */
static void show(Work *work) {
        bool waits = !isempty(work->job.waits_for);
        _cleanup_free_ char *step = NULL, *line = NULL;
        char group[sizeof(" group -2147483648")] = "";

        if (!work->has_terminal || !work->takes_long || work->leaving || !is_known(work))
                return;
        step = job_progress(&work->job);
        if (!step)
                return;
        if (work->job.group >= 0)
                (void)snprintf(group, sizeof(group), " group %i", work->job.group);
        if (asprintf(&line, "%s%s: %s ...%s%s%s", work->verb, group, step, waits ? " (waits for " : "",
                            strempty(work->job.waits_for), waits ? ")" : "") < 0) {
                line = NULL;
                return;
        }
        progress_show(&work->progress, line);
}

/* Without a terminal that shows it, whom it waits for is told once. */
static void tell_holder(Work *work) {
        const Job *job = &work->job;

        if (work->has_terminal || work->invocation->output.quiet || work->leaving || isempty(job->waits_for) ||
                        free_and_strdup(&work->told, job->waits_for) <= 0)
                return;
        fprintf(stderr, "vfioctl: %s of %s waits for %s\n", strempty(job->action), strempty(job->address),
                        job->waits_for);
}

/* Says what a stuck job will do. Where the job is not stuck, it undoes its work now, and its result says so. */
static void tell_cancelled(Work *work, sd_bus_message *reply) {
        _cleanup_free_ char *state = NULL, *message = NULL;

        if (proxy_read_cancelled(reply, &state, &message, NULL) < 0 || !streq(state, "stuck") ||
                        work->invocation->output.quiet)
                return;
        progress_clear(&work->progress);
        fprintf(stderr, "vfioctl: %s\n", message);
        show(work);
}

static int on_cancelled(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        const sd_bus_error *refusal = sd_bus_message_get_error(reply);
        Work *work = userdata;

        (void)ret_error;
        work->cancelled = true;
        if (work->leaving) {
                end(work, 1);
                return 0;
        }
        /* If the job has just ended, its result comes next: nothing to say about the cancel. */
        if (refusal && !sd_bus_error_has_name(refusal, SD_BUS_ERROR_UNKNOWN_OBJECT)) {
                progress_clear(&work->progress);
                (void)report_error(-sd_bus_error_get_errno(refusal), refusal);
                show(work);
        } else if (!refusal)
                tell_cancelled(work, reply);
        return 0;
}

static void cancel(Work *work) {
        int r;

        if (!work->cancelling || !is_known(work) || work->cancel_slot)
                return;
        r = proxy_start_cancel(work->invocation->bus, work->job.number, on_cancelled, work, &work->cancel_slot);
        if (r < 0) {
                progress_clear(&work->progress);
                (void)report_error(r, NULL);
        }
}

/* Whether the daemon says that this process asked for the job: "uid 0, process 1234 (vfioctl)". */
static bool is_ours(const Work *work, const Job *job) {
        int uid, pid;

        return job->number > 0 && sscanf(strempty(job->caller), "uid %d, process %d", &uid, &pid) == 2 &&
                        pid == work->pid;
}

static void on_progress(Work *work) {
        tell_holder(work);
        show(work);
}

static int on_job_added(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        _cleanup_(job_clear) Job job = {0};
        Work *work = userdata;

        (void)ret_error;
        if (is_known(work) || proxy_read_added_job(m, &job) <= 0 || !is_ours(work, &job))
                return 0;
        work->job = TAKE_STRUCT(job);
        cancel(work);
        on_progress(work);
        return 0;
}

static int on_job_changed(sd_bus_message *m, void *userdata, sd_bus_error *ret_error) {
        Work *work = userdata;

        (void)ret_error;
        if (is_known(work) && proxy_read_changed_job(m, &work->job) > 0)
                on_progress(work);
        return 0;
}

static int on_patience_lost(sd_event_source *source, uint64_t time, void *userdata) {
        Work *work = userdata;

        (void)source, (void)time;
        work->takes_long = true;
        show(work);
        return 0;
}

static int on_left(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time;
        end(userdata, 1);
        return 0;
}

static void leave(Work *work) {
        if (is_known(work))
                fprintf(stderr, "vfioctl: job %u goes on by itself: see 'vfioctl jobs'\n", work->job.number);
        else
                fputs("vfioctl: the work goes on by itself, if it has begun: see 'vfioctl jobs'\n", stderr);

        work->leaving = true;
        if (!work->cancel_slot || work->cancelled ||
                        sd_event_add_time_relative(work->event, &work->leaving_timer, CLOCK_MONOTONIC, LEAVING_USEC, 0,
                                        on_left, work) < 0)
                end(work, 1);
}

static int on_interrupt(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Work *work = userdata;

        (void)source, (void)info;
        progress_clear(&work->progress);
        if (work->leaving) {
                end(work, 1);
                return 0;
        }
        if (work->cancelling) {
                leave(work);
                return 0;
        }
        work->cancelling = true;
        if (!work->invocation->output.quiet)
                fputs("vfioctl: asking vfiod to undo it; interrupt again to leave it alone\n", stderr);
        cancel(work);
        show(work);
        return 0;
}

static int on_change(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Work *work = userdata;

        (void)ret_error;
        progress_clear(&work->progress);
        end(work, proxy_read_changes(reply, work->changes, work->error));
        return 0;
}

/* A shell without job control has what it starts in the background ignore interrupts: that is to stay so. */
static bool interrupts_are_ignored(void) {
        struct sigaction action;

        return sigaction(SIGINT, NULL, &action) >= 0 && action.sa_handler == SIG_IGN;
}

/* What only makes the waiting more pleasant: it goes on without. */
static void prepare(Work *work) {
        sd_bus *bus = work->invocation->bus;

        if (proxy_get_own_pid(bus, &work->pid) < 0)
                work->pid = getpid();
        (void)proxy_watch_jobs(bus, on_job_added, on_job_changed, work, &work->added_slot, &work->changed_slot);
        (void)sd_event_add_time_relative(work->event, &work->timer, CLOCK_MONOTONIC, PATIENCE_USEC,
                        PATIENCE_ACCURACY_USEC, on_patience_lost, work);
        if (!interrupts_are_ignored())
                (void)sd_event_add_signal(
                                work->event, &work->interrupt, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_interrupt, work);
}

int work_do(Invocation *invocation, const char *verb, const Consent *consent, EntryList *ret_changes,
                sd_bus_error *error) {
        const Output *output = &invocation->output;
        _cleanup_(work_clear) Work work = {
                        .invocation = invocation,
                        .verb = verb,
                        .changes = ret_changes,
                        .error = error,
                        .has_terminal = !output->quiet && !output->json && progress_is_possible(),
        };
        int r;

        if ((r = sd_event_new(&work.event)) < 0 ||
                        (r = sd_bus_attach_event(invocation->bus, work.event, SD_EVENT_PRIORITY_NORMAL)) < 0)
                return r;
        prepare(&work);
        r = proxy_start_change(invocation->bus, verb, invocation->selector, consent, on_change, &work,
                        &work.change_slot, error);
        /* Not sd_event_loop(): its end closes the bus. */
        while (r >= 0 && !work.ended)
                r = sd_event_run(work.event, UINT64_MAX);
        return r < 0 ? r : work.result;
}
