/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "work.h"
#include "language.h"

#include "lease-proxy.h"
#include "present.h"
#include "progress.h"
#include "terminal.h"

#include <signal.h>
#include <systemd/sd-event.h>

/* A change that is done within this time shows no progress line. */
#define PROGRESS_DELAY_USEC (UINT64_C(500) * 1000)
#define PROGRESS_ACCURACY_USEC (UINT64_C(50) * 1000)

/* After a second interrupt, vfioctl waits at most this long for the answer to its Cancel. If it left the bus at
 * once, vfiod could not check who sent the call, and would refuse it. */
#define CANCEL_ANSWER_USEC (UINT64_C(2000) * 1000)

typedef struct Work {
        Invocation *invocation;
        const char *verb;
        EntryList *changes; /* NULL for a lease and for a reset */
        Grant *grant;       /* NULL for a change */
        sd_bus_error *error;

        sd_event *event;
        sd_event_source *timer, *answer_timer, *interrupt;
        sd_bus_slot *change_slot, *cancel_slot, *added_slot, *changed_slot;

        pid_t pid; /* id of this process, as vfiod sees it */
        Job job;   /* the job of this change; its number is 0 until it is known */
        Progress progress;
        bool has_terminal; /* stderr can show a progress line */
        bool takes_long;
        bool cancelling;    /* the user has interrupted once: the change is to be undone */
        bool cancelled;     /* vfiod has answered the Cancel */
        bool stops_waiting; /* the user has interrupted twice: vfioctl does not wait any more */
        bool ended;         /* result is valid: work_do() returns it */
        int result;
        char *told; /* the process that the user was told about last */
} Work;

static void work_clear(Work *work) {
        progress_clear(&work->progress);
        sd_bus_slot_unref(work->change_slot);
        sd_bus_slot_unref(work->cancel_slot);
        sd_bus_slot_unref(work->added_slot);
        sd_bus_slot_unref(work->changed_slot);
        sd_event_source_disable_unref(work->timer);
        sd_event_source_disable_unref(work->answer_timer);
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

/* Shows the progress line. If there is not enough memory, it shows none. */
static void show(Work *work) {
        bool waits = !isempty(work->job.waits_for);
        _cleanup_free_ char *step = NULL, *line = NULL;
        char group[64] = "";

        if (!work->has_terminal || !work->takes_long || work->stops_waiting || !is_known(work))
                return;
        step = job_progress(&work->job);
        if (!step)
                return;
        if (work->job.group >= 0)
                (void)snprintf(group, sizeof(group), _(" group %i"), work->job.group);
        if (asprintf(&line, "%s%s: %s ...%s%s%s", work->verb, group, step, waits ? _(" (waits for ") : "",
                            strempty(work->job.waits_for), waits ? ")" : "") < 0) {
                line = NULL;
                return;
        }
        progress_show(&work->progress, line);
}

/* If there is no progress line, prints once which process the job waits for. */
static void tell_holder(Work *work) {
        const Job *job = &work->job;

        if (work->has_terminal || work->invocation->output.quiet || work->stops_waiting || isempty(job->waits_for) ||
                        free_and_strdup(&work->told, job->waits_for) <= 0)
                return;
        terminal_say(_("vfioctl: %s of %s waits for %s"), strempty(job->action), strempty(job->address),
                        job->waits_for);
}

/* Says what a stuck job will do. A job that is not stuck undoes its work now, and its result says so. */
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
        if (work->stops_waiting) {
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

/* Whether this process asked for the job. */
static bool is_ours(const Work *work, const Job *job) {
        return job->number > 0 && streq_ptr(job->caller.kind, "call") && (pid_t)job->caller.pid == work->pid;
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

static int on_takes_long(sd_event_source *source, uint64_t time, void *userdata) {
        Work *work = userdata;

        (void)source, (void)time;
        work->takes_long = true;
        show(work);
        return 0;
}

static int on_answer_timeout(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time;
        end(userdata, 1);
        return 0;
}

static void stop_waiting(Work *work) {
        if (is_known(work))
                terminal_say(_("vfioctl: job %u continues without vfioctl: see 'vfioctl jobs'"), work->job.number);
        else
                fputs(_("vfioctl: if the job has begun, it continues without vfioctl: see 'vfioctl jobs'\n"), stderr);

        work->stops_waiting = true;
        if (!work->cancel_slot || work->cancelled ||
                        sd_event_add_time_relative(work->event, &work->answer_timer, CLOCK_MONOTONIC,
                                        CANCEL_ANSWER_USEC, 0, on_answer_timeout, work) < 0)
                end(work, 1);
}

static int on_interrupt(sd_event_source *source, const struct signalfd_siginfo *info, void *userdata) {
        Work *work = userdata;

        (void)source, (void)info;
        progress_clear(&work->progress);
        if (work->stops_waiting) {
                end(work, 1);
                return 0;
        }
        if (work->cancelling) {
                stop_waiting(work);
                return 0;
        }
        work->cancelling = true;
        if (!work->invocation->output.quiet)
                fputs(_("vfioctl: cancelling the job; press Ctrl-C again to stop waiting\n"), stderr);
        cancel(work);
        show(work);
        return 0;
}

static int on_change(sd_bus_message *reply, void *userdata, sd_bus_error *ret_error) {
        Work *work = userdata;

        (void)ret_error;
        progress_clear(&work->progress);
        end(work,
                        work->grant ? proxy_read_grant(reply, work->grant, work->error)
                                    : proxy_read_changes(reply, work->changes, work->error));
        return 0;
}

/* Sets up progress and interrupts. If that fails, the change is made without them. */
static void prepare(Work *work) {
        sd_bus *bus = work->invocation->bus;

        if (proxy_get_own_pid(bus, &work->pid) < 0)
                work->pid = getpid();
        (void)proxy_watch_jobs(bus, on_job_added, on_job_changed, work, &work->added_slot, &work->changed_slot);
        (void)sd_event_add_time_relative(work->event, &work->timer, CLOCK_MONOTONIC, PROGRESS_DELAY_USEC,
                        PROGRESS_ACCURACY_USEC, on_takes_long, work);
        if (!terminal_ignores(SIGINT))
                (void)sd_event_add_signal(
                                work->event, &work->interrupt, SIGINT | SD_EVENT_SIGNAL_PROCMASK, on_interrupt, work);
}

/* Makes the call, and waits for its reply. */
static int run(Work *work) {
        Invocation *invocation = work->invocation;
        const Output *output = &invocation->output;
        int r;

        work->has_terminal = !output->quiet && !output->json && progress_is_possible();
        if ((r = sd_event_new(&work->event)) < 0 ||
                        (r = sd_bus_attach_event(invocation->bus, work->event, SD_EVENT_PRIORITY_NORMAL)) < 0)
                return r;
        prepare(work);
        r = proxy_start_change(invocation->bus, work->verb, invocation->selector, invocation->n_vfs,
                        &invocation->options, on_change, work, &work->change_slot, work->error);
        /* Not sd_event_loop(), because it closes the bus when it ends. */
        while (r >= 0 && !work->ended)
                r = sd_event_run(work->event, UINT64_MAX);
        return r < 0 ? r : work->result;
}

int work_do(Invocation *invocation, const char *verb, EntryList *ret_changes, sd_bus_error *error) {
        _cleanup_(work_clear)
                        Work work = {.invocation = invocation, .verb = verb, .changes = ret_changes, .error = error};

        return run(&work);
}

int work_lease(Invocation *invocation, Grant *ret_grant, sd_bus_error *error) {
        _cleanup_(work_clear)
                        Work work = {.invocation = invocation, .verb = "lease", .grant = ret_grant, .error = error};

        return run(&work);
}
