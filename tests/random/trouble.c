/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "trouble.h"
#include "history.h"
#include "host-change.h"
#include "keeper.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* No call for the groups here makes more writes. */
#define N_WRITES_MAX 9

/* A call takes about this long. A kill comes at a random time within it. */
#define KILL_WITHIN_US 15000

static trouble_meanwhile_t run_meanwhile;

void trouble_set_meanwhile(trouble_meanwhile_t meanwhile) {
        run_meanwhile = meanwhile;
}

/* Faults that the fake kernel injects at a write. */

static const char *const errors[] = {"EIO", "EBUSY", "ENODEV", "EINVAL", "ENOENT"};

static void fail_writes(World *world, unsigned k) {
        unsigned n_faults = world_chance(world, 2) ? 2 : 1;

        for (unsigned i = 0; i < n_faults; i++, k += 1 + world_random(world, 4)) {
                const char *fault = world_chance(world, 3) ? "fail-after" : "fail",
                           *error = errors[world_random(world, G_N_ELEMENTS(errors))];

                history_note("%s %u %s", fault, k, error);
                fake_kernel_do(world->kernel, "%s %u %s", fault, k, error);
        }
}

static const char *choose_planned(World *world, const Call *call) {
        return call->planned->pdata[world_random(world, call->planned->len)];
}

static void refuse_probe(World *world, const Call *call) {
        const char *address = choose_planned(world, call);

        history_note("noprobe %s", address);
        fake_kernel_do(world->kernel, "noprobe %s", address);
}

static void vanish_at_write(World *world, const Call *call, unsigned k) {
        const char *address = choose_planned(world, call);

        /* A VF does not disappear alone. */
        if (!slot_find(address)->card)
                return;
        history_note("vanish %u %s", k, address);
        world_mark_changed(world, address);
        fake_kernel_do(world->kernel, "vanish %u %s", k, address);
}

static void swap_at_write(World *world, const Call *call, unsigned k) {
        const char *address = choose_planned(world, call);
        const Slot *slot = slot_find(address);
        char ids[IDS_MAX];

        if (!slot->other_card || keeper_concerns(world, slot->group))
                return;
        bool own = g_str_equal(truth_find(call->before, address)->ids, card_ids(slot->card, ids));
        history_note("swap %u %s", k, address);
        world_mark_changed(world, address);
        fake_kernel_do(world->kernel, "swapat %u %s %s", k, address, own ? slot->other_card : slot->card);
}

/* Disturbances while a write is stalled. */

static bool is_readable(Vfiod *vfiod, const void *userdata) {
        const Call *call = ((const void *const *)userdata)[0];
        struct pollfd p = {.fd = *(const int *)((const void *const *)userdata)[1], .events = POLLIN};

        (void)vfiod;
        return call->answer.is_given || poll(&p, 1, 0) == 1;
}

bool trouble_await_stall(World *world, Call *call) {
        int fd = fake_kernel_watch_pending(world->kernel, 1);

        vfiod_listen_until(world->vfiod, is_readable, (const void *[]){call, &fd}, fd);
        (void)close(fd);
        return !call->answer.is_given;
}

static void resume(World *world) {
        fake_kernel_do(world->kernel, "clear");
        fake_kernel_do(world->kernel, "resume");
}

/* The process whose write is stalled. */
static pid_t find_writer(World *world) {
        g_auto(GStrv) writes = fake_kernel_writers(world->kernel);
        unsigned n = g_strv_length(writes);

        g_assert_cmpuint(n, >, 0);
        pid_t pid = (pid_t)atoi(writes[n - 1]);
        g_assert_cmpint(pid, >, 1);
        g_assert_cmpint(pid, !=, getpid());
        return pid;
}

/* As on a real kernel, a killed process ends when its stalled write returns. The recovery after it may fail as well. */
static void kill_worker(World *world, Call *call) {
        history_note("kill the worker");
        g_assert_cmpint(kill(find_writer(world), SIGKILL), ==, 0);
        if (world_chance(world, 4))
                fail_writes(world, 1 + world_random(world, 4));
        fake_kernel_do(world->kernel, "resume");
        call->worker_killed = true;
}

void trouble_reap(GArray *workers) {
        for (unsigned i = 0; i < workers->len; i++) {
                struct pollfd end = {.events = POLLIN};

                end.fd = (int)syscall(SYS_pidfd_open, g_array_index(workers, pid_t, i), 0);
                if (end.fd < 0)
                        continue; /* it has ended */
                g_assert_cmpint(poll(&end, 1, -1), ==, 1);
                close(end.fd);
        }
        g_array_unref(workers);
}

static GArray *end_daemon(World *world, Call *call, bool kill) {
        if (kill)
                vfiod_kill(world->vfiod);
        else
                vfiod_stop(world->vfiod);
        call->daemon_killed = true;
        call->recovery_failed = world_has_vm(world, call->target.group);
        return vfiod_find_orphans();
}

static void kill_daemon(World *world, Call *call, bool with_workers) {
        history_note("kill the daemon%s", with_workers ? " and its worker" : "");
        GArray *workers = end_daemon(world, call, true);

        for (unsigned i = 0; with_workers && i < workers->len; i++)
                (void)kill(g_array_index(workers, pid_t, i), SIGKILL);
        resume(world);
        trouble_reap(workers);
        keeper_start_daemon(world, call->target.group);
}

/* The group itself is still busy, whichever daemon is asked. */
static void must_refuse_as_busy(World *world, int group) {
        g_autofree char *selector = g_strdup_printf("group:%d", group);
        g_auto(Answer) answer = {};

        vfiod_call(world->vfiod, &answer, "/org/vfiod1", "org.vfiod1.Manager",
                        world_chance(world, 2) ? "Detach" : "Reattach", "sa{sv}", selector, 0);
        vfiod_await(world->vfiod, &answer);
        g_assert_cmpstr(answer.error, ==, "Busy");
}

GArray *trouble_replace_daemon(World *world, Call *call, bool kill) {
        history_note("%s the daemon, and start the next daemon at once", kill ? "kill" : "end");
        GArray *workers = end_daemon(world, call, kill);

        keeper_start_daemon(world, call->target.group);
        must_refuse_as_busy(world, call->target.group);
        return workers;
}

static bool has_one_job(Vfiod *vfiod, const void *userdata) {
        g_autoptr(GList) jobs = view_list(vfiod->view, "/org/vfiod1/jobs/");

        if (jobs)
                *(char **)userdata = g_strdup(jobs->data);
        return jobs;
}

static void cancel(World *world) {
        g_autofree char *job = NULL;
        g_auto(Answer) answer = {};

        vfiod_listen_until(world->vfiod, has_one_job, &job, -1);
        vfiod_call(world->vfiod, &answer, job, "org.vfiod1.Job", "Cancel", "a{sv}", 0);
        vfiod_await(world->vfiod, &answer);
        history_note("cancel: '%s'", answer.error ?: "");
        g_assert_true(!answer.error || g_str_equal(answer.error, "Busy"));
        resume(world);
}

void trouble_run_meanwhile(World *world, int group) {
        world->busy_group = group;
        world_read(world);
        history_note("meanwhile: ");
        run_meanwhile(world);
        world->busy_group = NO_GROUP;
}

/* Calls for other groups work meanwhile. */
static void work_meanwhile(World *world, Call *call) {
        must_refuse_as_busy(world, call->target.group);
        vfiod_check_view(world->vfiod);
        trouble_run_meanwhile(world, call->target.group);
        resume(world);
}

static const TruthDevice *find_planned(World *world, const Call *call) {
        world_read(world);
        return world_device(world, choose_planned(world, call));
}

/* Cases 0 to 9. */
#define N_STALLED 10

static void disturb_stalled(World *world, Call *call, unsigned what) {
        const TruthDevice *device;
        GArray *workers;

        switch (what) {
        case 0:
                kill_worker(world, call);
                break;
        case 1:
                kill_daemon(world, call, true);
                break;
        case 2:
                kill_daemon(world, call, false);
                break;
        case 3:
                /* The next daemon checks the locks of its predecessor's workers twice a second, so this case takes
                 * long. */
                workers = world_chance(world, 4) ? trouble_replace_daemon(world, call, world_chance(world, 2)) : NULL;
                resume(world);
                if (workers)
                        trouble_reap(workers);
                break;
        case 4:
                cancel(world);
                break;
        case 5:
                if ((device = find_planned(world, call)))
                        (void)host_write_to(world, device);
                resume(world);
                break;
        case 6:
                if ((device = find_planned(world, call)) && slot_find(device->address)->card)
                        host_unplug_this(world, device);
                resume(world);
                break;
        case 7:
                (void)host_open_this_node(world, call->target.group);
                resume(world);
                break;
        case 8:
                history_note("kill the helpers");
                vfiod_kill_helpers(world->vfiod);
                resume(world);
                break;
        default:
                work_meanwhile(world, call);
                break;
        }
}

static void call_with_stall(World *world, Call *call, unsigned k) {
        const char *stall = world_chance(world, 2) ? "stall" : "stall-after";
        unsigned what = world_random(world, N_STALLED);

        history_note("%s %u", stall, k);
        fake_kernel_do(world->kernel, "%s %u", stall, k);
        call_start(world, call);
        if (trouble_await_stall(world, call))
                disturb_stalled(world, call, what);
        else
                call->is_disturbed = false;
}

/* The kill comes at an unknown point of the call. */
static void call_with_kill(World *world, Call *call) {
        unsigned delay = world_random(world, KILL_WITHIN_US);
        bool all = world_chance(world, 2);

        call_start(world, call);
        g_usleep(delay);
        if (all || world_chance(world, 2)) {
                kill_daemon(world, call, all);
                return;
        }
        g_autoptr(GArray) workers = vfiod_find_workers(world->vfiod);
        history_note("kill %u workers after %u us", workers->len, delay);
        for (unsigned i = 0; i < workers->len; i++)
                (void)kill(g_array_index(workers, pid_t, i), SIGKILL);
        call->worker_killed = workers->len > 0;
}

void trouble_finish(World *world, Call *call) {
        if (!call->daemon_killed)
                vfiod_await(world->vfiod, &call->answer);
        fake_kernel_do(world->kernel, "clear");
        vfiod_await_idle(world->vfiod, world->busy_group);
        world_read(world);
}

void trouble_call_undisturbed(World *world, Call *call) {
        call_start(world, call);
        trouble_finish(world, call);
}

void trouble_call(World *world, Call *call) {
        unsigned k = 1 + world_random(world, N_WRITES_MAX);

        call->is_disturbed = true;
        switch (call->planned->len == 0 ? 99 : world_random(world, 8)) {
        case 0:
        case 1:
                fail_writes(world, k);
                call_start(world, call);
                break;
        case 2:
                refuse_probe(world, call);
                call_start(world, call);
                break;
        case 3:
                vanish_at_write(world, call, k);
                call_start(world, call);
                break;
        case 4:
                swap_at_write(world, call, k);
                call_start(world, call);
                break;
        case 5:
                call_with_kill(world, call);
                break;
        default:
                call_with_stall(world, call, k);
                break;
        }
        trouble_finish(world, call);
}
