/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "operation.h"
#include "hand.h"
#include "held.h"
#include "history.h"
#include "keeper.h"
#include "rest.h"
#include "text-compare.h"
#include "trouble.h"
#include "verdict.h"

/* Calls. */

static bool call_free_of_trouble(World *world) {
        g_autoptr(Call) call = call_new(world, world_chance(world, 2));

        trouble_free_call(world, call);
        verdict_on_call(world, call);
        rest_check(world, call->before);
        return true;
}

static bool call_in_trouble(World *world) {
        g_autoptr(Call) call = call_new(world, world_chance(world, 2));

        trouble_call(world, call);
        verdict_on_call(world, call);
        rest_check(world, call->before);
        return true;
}

/* Other hands. */

static void come_to_rest(World *world, const Truth *before) {
        vfiod_settle(world->vfiod, world->busy_group);
        world_look(world);
        rest_check(world, before);
}

#define N_LOST_MAX 6

static bool by_hand(World *world, bool (*hand)(World *)) {
        g_autoptr(Truth) before = truth_look(world->kernel);

        /* The kernel's queue of events runs over, and all must be read anew. */
        world->loses_events = world->busy_group == NO_GROUP && !rulebook_has_rules(world->rulebook) &&
                        world_chance(world, 10);
        if (world->loses_events)
                fake_kernel_do(world->kernel, "lose %u", 1 + world_random(world, N_LOST_MAX));
        bool done = hand(world), lossy = world->loses_events;

        world->loses_events = false;
        if (lossy)
                fake_kernel_do(world->kernel, "storm %u /devices/pci0000:1f/" SLOTLESS, N_LOST_MAX);
        if (!done)
                return false;
        if (lossy) {
                history_note("and events were lost");
                keeper_await_rescan(world);
        }
        come_to_rest(world, before);
        return true;
}

static bool write_by_hand(World *world) {
        return by_hand(world, hand_write);
}

static bool unplug(World *world) {
        return by_hand(world, hand_unplug);
}

static bool plug(World *world) {
        return by_hand(world, hand_plug);
}

static bool swap(World *world) {
        return by_hand(world, hand_swap);
}

static bool open_node(World *world) {
        return by_hand(world, hand_open_node);
}

static bool close_node(World *world) {
        return by_hand(world, hand_close_node);
}

static bool change_modules(World *world) {
        return by_hand(world, hand_change_modules);
}

static bool change_virtual_functions(World *world) {
        return by_hand(world, hand_change_virtual_functions);
}

static bool change_use(World *world) {
        return by_hand(world, hand_change_use);
}

/* What was planned, and what is done of it after things may have changed. */

static void change_something(World *world, const Call *call) {
        static bool (*const hands[])(World *) = {hand_open_node, hand_close_node, hand_change_use, hand_swap};
        g_autoptr(Truth) before = truth_look(world->kernel);

        if (call->planned->len > 0 && world_chance(world, 2))
                (void)hand_write_to(world, world_device(world, call->planned->pdata[0]));
        else
                (void)hands[world_random(world, G_N_ELEMENTS(hands))](world);
        come_to_rest(world, before);
        world_forget_changes(world);
}

static bool plan(World *world) {
        g_autoptr(Call) call = call_new(world, world_chance(world, 2));

        call_plan(world, call);
        world_forget_permissions(world);
        rest_check(world, call->before);
        if (!call->fingerprint)
                return true;
        if (world_chance(world, 2))
                change_something(world, call);
        call_look_again(world, call);
        trouble_free_call(world, call);
        verdict_on_call(world, call);
        rest_check(world, call->before);
        return true;
}

/* The daemon's life. */

static bool restart(World *world) {
        static bool (*const hands[])(World *) = {hand_write, hand_unplug, hand_plug, hand_swap};
        g_autoptr(Truth) before = truth_look(world->kernel);

        history_note("restart");
        vfiod_stop(world->vfiod);
        if (world_chance(world, 2)) {
                history_note("meanwhile: ");
                (void)hands[world_random(world, G_N_ELEMENTS(hands))](world);
        }
        keeper_start_daemon(world, NO_GROUP);
        vfiod_settle(world->vfiod, NO_GROUP);
        world_look(world);
        rest_check(world, before);

        /* And a second one changes nothing. */
        g_autofree char *served = vfiod_describe(world->vfiod);
        world_forget_changes(world);
        vfiod_stop(world->vfiod);
        keeper_start_daemon(world, NO_GROUP);
        vfiod_settle(world->vfiod, NO_GROUP);
        g_autofree char *served_again = vfiod_describe(world->vfiod);
        text_compare(served, served_again, "a second start changed something");
        g_autoptr(Truth) after = truth_look(world->kernel);
        rest_check(world, after);
        return true;
}

static bool change_rules(World *world) {
        g_autoptr(Truth) before = truth_look(world->kernel);

        hand_change_rules(world);
        if (world_chance(world, 2)) {
                history_note("restart");
                vfiod_stop(world->vfiod);
                keeper_start_daemon(world, NO_GROUP);
        } else
                keeper_reload(world);
        vfiod_settle(world->vfiod, NO_GROUP);
        world_look(world);
        rest_check(world, before);
        return true;
}

static bool audit(World *world) {
        history_note("audit");
        rest_audit(world);
        return true;
}

static const struct {
        unsigned weight;
        bool beside; /* also while another call is held up */
        bool (*run)(World *world);
} operations[] = {
                {400, true, call_free_of_trouble},
                {250, false, call_in_trouble},
                {60, false, plan},
                {120, true, write_by_hand},
                {50, true, unplug},
                {160, true, plug},
                {25, true, swap},
                {40, true, open_node},
                {50, true, close_node},
                {12, false, held_reattach},
                {8, false, held_unplug},
                {12, false, change_modules},
                {20, false, change_virtual_functions},
                {20, true, change_use},
                {80, false, change_rules},
                {8, false, restart},
                {10, false, audit},
};

static void run(World *world, bool beside) {
        unsigned total = 0, chosen;

        for (unsigned i = 0; i < G_N_ELEMENTS(operations); i++)
                total += operations[i].weight;
        for (;;) {
                unsigned i = 0;

                for (chosen = world_random(world, total); chosen >= operations[i].weight; i++)
                        chosen -= operations[i].weight;
                if ((!beside || operations[i].beside) && operations[i].run(world))
                        return;
        }
}

static void run_beside(World *world) {
        run(world, true);
}

void operation_run(World *world) {
        trouble_set_beside(run_beside);
        world_forget_changes(world);
        history_add("%s", "");
        run(world, false);
}
