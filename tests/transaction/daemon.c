/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon.h"
#include "helper/worker-service.h"
#include "inventory-text.h"
#include "model/scan.h"
#include "process/child.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define DEADLINE_SECONDS 120

const JobLimits patient = {
                .step_deadline_us = 60 * G_USEC_PER_SEC,
                .names_deadline_us = 60 * G_USEC_PER_SEC,
                .jobs = {.total = 4},
                .plans = {.total = 4},
};

const JobLimits impatient = {
                .step_deadline_us = 4 * G_USEC_PER_SEC,
                .names_deadline_us = 60 * G_USEC_PER_SEC,
                .jobs = {.total = 4},
                .plans = {.total = 4},
};

/* "add /devices/... pci" */
static int on_kernel_event(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Daemon *daemon = userdata;
        g_autofree char *line = fake_kernel_next_event(fd);

        (void)source;
        (void)events;
        g_assert_nonnull(line);
        g_auto(GStrv) words = g_strsplit(line, " ", 4);
        g_assert_cmpuint(g_strv_length(words), >=, 3);
        Uevent event = {.action = words[0], .devpath = words[1], .subsystem = words[2], .devpath_old = words[3]};
        g_assert_cmpint(scan_event(daemon->host->kernel, daemon->host->inventory, &event), ==, 0);
        return 0;
}

static int on_turn_end(sd_event_source *source, void *userdata) {
        Daemon *daemon = userdata;
        ChangeList changes;

        (void)source;
        job_table_check_names(daemon->jobs);
        g_assert_cmpint(state_forget_unneeded(daemon->host->state, daemon->host->inventory), >=, 0);
        inventory_take_changes(daemon->host->inventory, &changes);
        change_list_done(&changes);
        return 0;
}

/* Forks the worker of a job, as vfiod-worker does when the daemon connects. */
static int connect_worker(void *userdata) {
        const Daemon *daemon = userdata;
        const Host *host = daemon->host;
        WorkerHost worker = {
                        .kernel = host->kernel,
                        .devices_fd = host->state->devices_fd,
                        .transactions_fd = host->state->transactions_fd,
                        .leases_fd = host->state->leases_fd,
                        .reverts_fd = host->state->reverts_fd,
                        .survey_us = host->survey_us,
        };
        int ends[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
        const int keep[] = {ends[1], worker.devices_fd, worker.transactions_fd, worker.leases_fd, worker.reverts_fd};
        pid_t pid = child_fork("vfiod-job", host->kernel, keep, G_N_ELEMENTS(keep));
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                worker_serve(ends[1], &worker);
                _exit(EXIT_SUCCESS);
        }
        close(ends[1]);
        child_reap(daemon->event, pid);
        return ends[0];
}

Daemon *daemon_start(Host *host, const JobLimits *limits) {
        Daemon *daemon = g_new0(Daemon, 1);
        sigset_t signals;

        /* sd-event requires this. */
        g_assert_cmpint(sigemptyset(&signals), ==, 0);
        g_assert_cmpint(sigaddset(&signals, SIGCHLD), ==, 0);
        g_assert_cmpint(sigprocmask(SIG_BLOCK, &signals, NULL), ==, 0);

        daemon->host = host;
        daemon->events_fd = fake_kernel_open_events(host->fake);
        host_forget(host);
        g_assert_cmpint(sd_event_new(&daemon->event), ==, 0);
        g_assert_cmpint(sd_event_add_io(daemon->event, &daemon->events_source, daemon->events_fd, EPOLLIN,
                                        on_kernel_event, daemon),
                        >=, 0);
        g_assert_cmpint(sd_event_add_post(daemon->event, &daemon->turn_end_source, on_turn_end, daemon), >=, 0);
        daemon->port = host->worker ? *host->worker : (WorkerPort){.connect = connect_worker, .userdata = daemon};
        g_assert_cmpint(job_table_new(daemon->event, host->kernel, host->inventory, host->state, &daemon->port, limits,
                                        &daemon->jobs),
                        ==, 0);
        g_assert_cmpint(job_recover(daemon->jobs), ==, 0);
        return daemon;
}

Daemon *daemon_stop(Daemon *daemon) {
        if (!daemon)
                return NULL;
        sd_event_source_disable_unref(daemon->events_source);
        sd_event_source_disable_unref(daemon->turn_end_source);
        job_table_free(daemon->jobs);
        sd_event_unref(daemon->event);
        close(daemon->events_fd);
        g_free(daemon);
        return NULL;
}

void answer_done(Answer *answer) {
        g_free(answer->message);
        g_free(answer->changes);
        *answer = (Answer){};
}

void answer_take(const WorkerResult *result, void *userdata) {
        Answer *answer = userdata;
        g_autoptr(GString) changes = g_string_new(NULL);

        answer->n++;
        answer->error = result->error;
        answer->outcome = result->problem.outcome;
        g_free(answer->message);
        answer->message = g_strdup(strempty(result->problem.message));
        for (size_t i = 0; i < result->report.n_changes; i++)
                g_string_append_printf(changes, "%s%s %s %s", i > 0 ? ", " : "",
                                PCI_ADDRESS_TEXT(result->report.changes[i].address), result->report.changes[i].before,
                                result->report.changes[i].after);
        g_free(answer->changes);
        answer->changes = g_strdup(changes->str);
}

/* As on the bus: the plan uses the model, which the events keep up to date. */
int daemon_begin(Daemon *daemon, PlanVerb verb, const char *selector, Answer *answer, Problem *problem) {
        static const DetachOptions options = {.whole_group = true};
        Selection selection;
        IommuReport iommu;
        Plan *plan = NULL;

        iommu_examine(daemon->host->kernel, &iommu);
        int r = selector_resolve(daemon->host->inventory, selector, &selection, problem);
        if (r == 0)
                r = verb == PLAN_DETACH
                                ? plan_detach(daemon->host->inventory, &selection, &iommu, &options, &plan, problem)
                                : verb == PLAN_RESET
                                ? plan_reset(daemon->host->inventory, selection.device, &plan, problem)
                                : plan_reattach(daemon->host->inventory, &selection, &(ReattachOptions){}, &plan,
                                                  problem);
        return r != 0 ? r : job_start(daemon->jobs, plan, "a test", NULL, answer_take, answer, problem);
}

void daemon_must_begin(Daemon *daemon, PlanVerb verb, const char *selector, Answer *answer) {
        _cleanup_problem_ Problem problem = {};

        int r = daemon_begin(daemon, verb, selector, answer, &problem);
        if (r != 0)
                g_error("%s of %s does not start: %d: %s", plan_verb_to_string(verb), selector, r,
                                strempty(problem.message));
}

void daemon_run_until(Daemon *daemon, condition_t condition, const void *what) {
        gint64 end = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;

        while (!condition(daemon, what)) {
                if (g_get_monotonic_time() > end) {
                        g_autofree char *model = inventory_to_text(daemon->host->inventory),
                                        *kernel = fake_kernel_snapshot(daemon->host->fake);
                        g_error("Timeout. The model:\n%sThe kernel:\n%s", model, kernel);
                }
                g_assert_cmpint(sd_event_run(daemon->event, G_USEC_PER_SEC / 10), >=, 0);
        }
}

static bool is_answered(Daemon *daemon, const void *what) {
        const Answer *answer = what;

        (void)daemon;
        return answer->n > 0;
}

void daemon_await(Daemon *daemon, const Answer *answer) {
        daemon_run_until(daemon, is_answered, answer);
        g_assert_cmpuint(answer->n, ==, 1);
}

DeviceState daemon_state(Daemon *daemon, const char *address) {
        const Device *device = inventory_find_device(daemon->host->inventory, address_of(address));

        g_assert_nonnull(device);
        return device_state(device);
}

typedef struct Wanted {
        const char *address;
        DeviceState state;
} Wanted;

static bool is_in_state(Daemon *daemon, const void *what) {
        const Wanted *wanted = what;

        return daemon_state(daemon, wanted->address) == wanted->state;
}

void daemon_await_state(Daemon *daemon, const char *address, DeviceState state) {
        daemon_run_until(daemon, is_in_state, &(Wanted){address, state});
}

static bool is_quiet(Daemon *daemon, const void *what) {
        size_t n;
        Device *const *devices = inventory_devices(daemon->host->inventory, &n);

        (void)what;
        for (size_t i = 0; i < n; i++)
                if (devices[i]->activity != DEVICE_QUIET)
                        return false;
        return true;
}

void daemon_await_quiet(Daemon *daemon) {
        daemon_run_until(daemon, is_quiet, NULL);
}

void daemon_move(Daemon *daemon, PlanVerb verb, const char *selector, Outcome expected) {
        _cleanup_answer_ Answer answer = {};

        daemon_must_begin(daemon, verb, selector, &answer);
        daemon_await(daemon, &answer);
        if (answer.error != 0 || answer.outcome != expected)
                g_error("%s of %s ended with %d, %d: %s", plan_verb_to_string(verb), selector, answer.error,
                                answer.outcome, answer.message);
}

static bool has_no_more_events(Daemon *daemon, const void *what) {
        (void)what;
        return sd_event_run(daemon->event, 0) == 0;
}

void assert_model_is_current(Daemon *daemon) {
        daemon_run_until(daemon, has_no_more_events, NULL);

        g_autofree char *model = inventory_to_text(daemon->host->inventory);
        host_read(daemon->host);
        g_autofree char *looked = inventory_to_text(daemon->host->inventory);
        g_assert_cmpstr(model, ==, looked);
}

/* "PID (COMMAND) STATE PARENT ..." */
static bool is_worker(const char *pid) {
        g_autofree char *path = g_strdup_printf("/proc/%s/stat", pid), *text = NULL;
        char command[32], state;
        int parent;

        if (!g_ascii_isdigit(pid[0]) || !g_file_get_contents(path, &text, NULL, NULL))
                return false;
        return sscanf(text, "%*d (%31[^)]) %c %d", command, &state, &parent) == 3 && parent == getpid() &&
                        state != 'Z' && streq(command, "vfiod-job");
}

static unsigned find_workers(pid_t *last) {
        g_autoptr(GDir) processes = g_dir_open("/proc", 0, NULL);
        const char *name;
        unsigned n = 0;

        *last = 0;
        while ((name = g_dir_read_name(processes)))
                if (is_worker(name)) {
                        *last = (pid_t)g_ascii_strtoll(name, NULL, 10);
                        n++;
                }
        return n;
}

pid_t find_worker(void) {
        pid_t pid;

        (void)find_workers(&pid);
        return pid;
}

pid_t find_only_worker(void) {
        gint64 end = g_get_monotonic_time() + DEADLINE_SECONDS * G_USEC_PER_SEC;
        pid_t pid;

        while (find_workers(&pid) > 1) {
                g_assert_cmpint(g_get_monotonic_time(), <, end);
                g_usleep(1000);
        }
        return pid;
}

void kill_worker(Host *host, bool reap) {
        siginfo_t info;
        pid_t pid = find_only_worker();

        g_assert_cmpint(pid, >, 0);
        /* As on a real kernel, it dies when its write returns. */
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        fake_kernel_do(host->fake, "resume");
        g_assert_cmpint(waitid(P_PID, (id_t)pid, &info, WEXITED | (reap ? 0 : WNOWAIT)), ==, 0);
        g_assert_cmpint(info.si_status, ==, SIGKILL);
}
