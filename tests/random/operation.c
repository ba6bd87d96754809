/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "operation.h"
#include "held.h"
#include "history.h"
#include "host-change.h"
#include "invariants.h"
#include "keeper.h"
#include "text-compare.h"
#include "trouble.h"
#include "verdict.h"

/* Calls. */

static bool call_undisturbed(World *world) {
        g_autoptr(Call) call = call_new(world, world_chance(world, 2));

        trouble_call_undisturbed(world, call);
        verdict_on_call(world, call);
        invariants_check(world, call->before);
        return true;
}

static bool call_disturbed(World *world) {
        g_autoptr(Call) call = call_new(world, world_chance(world, 2));

        trouble_call(world, call);
        verdict_on_call(world, call);
        invariants_check(world, call->before);
        return true;
}

/* Changes by others. */

static void await_idle_and_check(World *world, const Truth *before) {
        vfiod_await_idle(world->vfiod, world->busy_group);
        world_read(world);
        invariants_check(world, before);
}

#define N_LOST_MAX 6

static bool change_host(World *world, bool (*change)(World *)) {
        g_autoptr(Truth) before = truth_read(world->kernel);

        /* The kernel's queue of events overruns, and the daemon must read everything again. */
        world->loses_events = world->busy_group == NO_GROUP && !rulebook_has_rules(world->rulebook) &&
                        world_chance(world, 10);
        if (world->loses_events)
                fake_kernel_do(world->kernel, "lose %u", 1 + world_random(world, N_LOST_MAX));
        bool done = change(world), lossy = world->loses_events;

        world->loses_events = false;
        if (lossy)
                fake_kernel_do(world->kernel, "storm %u /devices/pci0000:1f/" SLOTLESS, N_LOST_MAX);
        if (!done)
                return false;
        if (lossy) {
                history_note("and events were lost");
                keeper_await_rescan(world);
        }
        await_idle_and_check(world, before);
        return true;
}

static bool write_sysfs(World *world) {
        return change_host(world, host_write);
}

static bool unplug(World *world) {
        return change_host(world, host_unplug);
}

static bool plug(World *world) {
        return change_host(world, host_plug);
}

static bool swap(World *world) {
        return change_host(world, host_swap);
}

static bool open_node(World *world) {
        return change_host(world, host_open_node);
}

static bool close_node(World *world) {
        return change_host(world, host_close_node);
}

static bool change_modules(World *world) {
        return change_host(world, host_change_modules);
}

static bool change_vfs(World *world) {
        return change_host(world, host_change_vfs);
}

static bool change_use(World *world) {
        return change_host(world, host_change_use);
}

/* A plan, and its execution after the host may have changed. */

static void change_something(World *world, const Call *call) {
        static bool (*const changes[])(World *) = {host_open_node, host_close_node, host_change_use, host_swap};
        g_autoptr(Truth) before = truth_read(world->kernel);

        if (call->planned->len > 0 && world_chance(world, 2))
                (void)host_write_to(world, world_device(world, call->planned->pdata[0]));
        else
                (void)changes[world_random(world, G_N_ELEMENTS(changes))](world);
        await_idle_and_check(world, before);
        world_forget_changes(world);
}

static bool plan(World *world) {
        g_autoptr(Call) call = call_new(world, world_chance(world, 2));

        call_plan(world, call);
        world_forget_permissions(world);
        invariants_check(world, call->before);
        if (!call->fingerprint)
                return true;
        if (world_chance(world, 2))
                change_something(world, call);
        call_predict_again(world, call);
        trouble_call_undisturbed(world, call);
        verdict_on_call(world, call);
        invariants_check(world, call->before);
        return true;
}

/* Start and end of the daemon. */

static bool restart(World *world) {
        static bool (*const changes[])(World *) = {host_write, host_unplug, host_plug, host_swap};
        g_autoptr(Truth) before = truth_read(world->kernel);

        history_note("restart");
        vfiod_stop(world->vfiod);
        if (world_chance(world, 2)) {
                history_note("meanwhile: ");
                (void)changes[world_random(world, G_N_ELEMENTS(changes))](world);
        }
        keeper_start_daemon(world, NO_GROUP);
        vfiod_await_idle(world->vfiod, NO_GROUP);
        world_read(world);
        invariants_check(world, before);

        /* A second restart changes nothing. */
        g_autofree char *served = vfiod_describe(world->vfiod);
        world_forget_changes(world);
        vfiod_stop(world->vfiod);
        keeper_start_daemon(world, NO_GROUP);
        vfiod_await_idle(world->vfiod, NO_GROUP);
        g_autofree char *served_again = vfiod_describe(world->vfiod);
        text_compare(served, served_again, "a second restart changed something");
        g_autoptr(Truth) after = truth_read(world->kernel);
        invariants_check(world, after);
        return true;
}

static bool change_rules(World *world) {
        g_autoptr(Truth) before = truth_read(world->kernel);

        host_change_rules(world);
        if (world_chance(world, 2)) {
                history_note("restart");
                vfiod_stop(world->vfiod);
                keeper_start_daemon(world, NO_GROUP);
        } else
                keeper_reload(world);
        vfiod_await_idle(world->vfiod, NO_GROUP);
        world_read(world);
        invariants_check(world, before);
        return true;
}

static bool audit(World *world) {
        history_note("audit");
        invariants_audit(world);
        return true;
}

static const struct {
        unsigned weight;
        bool meanwhile; /* may also run while another call is stalled */
        bool (*run)(World *world);
} operations[] = {
                {400, true, call_undisturbed},
                {250, false, call_disturbed},
                {60, false, plan},
                {120, true, write_sysfs},
                {50, true, unplug},
                {160, true, plug},
                {25, true, swap},
                {40, true, open_node},
                {50, true, close_node},
                {12, false, held_reattach},
                {8, false, held_unplug},
                {12, false, change_modules},
                {20, false, change_vfs},
                {20, true, change_use},
                {80, false, change_rules},
                {8, false, restart},
                {10, false, audit},
};

static void run(World *world, bool meanwhile) {
        unsigned total = 0, chosen;

        for (unsigned i = 0; i < G_N_ELEMENTS(operations); i++)
                total += operations[i].weight;
        for (;;) {
                unsigned i = 0;

                for (chosen = world_random(world, total); chosen >= operations[i].weight; i++)
                        chosen -= operations[i].weight;
                if ((!meanwhile || operations[i].meanwhile) && operations[i].run(world))
                        return;
        }
}

static void run_meanwhile(World *world) {
        run(world, true);
}

void operation_run(World *world) {
        trouble_set_meanwhile(run_meanwhile);
        world_forget_changes(world);
        history_add("%s", "");
        run(world, false);
}
