/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "held.h"
#include "history.h"
#include "invariants.h"
#include "keeper.h"
#include "trouble.h"
#include "verdict.h"

static int choose_vm(World *world) {
        g_autoptr(GList) groups = g_hash_table_get_keys(world->vms);

        return groups ? GPOINTER_TO_INT(g_list_nth_data(groups, world_random(world, g_list_length(groups)))) : NO_GROUP;
}

static void end_vm(World *world, int group) {
        history_note("the VM ends");
        world_end_vm(world, group);
}

bool held_reattach(World *world) {
        int group = choose_vm(world);
        GArray *workers = NULL;

        if (group == NO_GROUP)
                return false;
        g_autoptr(Call) call = call_new_forced(world, group);
        if (*call->predicted) {
                world_forget_changes(world);
                return false;
        }
        call_start(world, call);
        if (trouble_await_stall(world, call)) {
                unsigned what = world_random(world, 8);

                if (what == 0)
                        workers = trouble_replace_daemon(world, call, world_chance(world, 2));
                else if (what < 4)
                        trouble_run_meanwhile(world, group);
        }
        end_vm(world, group);
        if (workers)
                trouble_reap(workers);
        call->recovery_failed = false;
        trouble_finish(world, call);
        verdict_on_call(world, call);
        invariants_check(world, call->before);
        return true;
}

static void check(World *world, const Truth *before) {
        vfiod_await_idle(world->vfiod, NO_GROUP);
        world_read(world);
        invariants_check(world, before);
}

static const TruthDevice *choose_member(World *world, int group) {
        const TruthGroup *truth = truth_find_group(world->truth, group);

        for (unsigned i = 0; truth && truth->is_claimed && i < n_slots; i++) {
                const TruthDevice *device = world_device(world, slots[i].address);

                if (device && device->group == group && slots[i].card && truth_is_on_vfio(device))
                        return device;
        }
        return NULL;
}

bool held_unplug(World *world) {
        int group = choose_vm(world);
        const TruthDevice *device = group == NO_GROUP ? NULL : choose_member(world, group);
        g_autoptr(Truth) before = truth_read(world->kernel);

        if (!device)
                return false;
        history_note("unplug %s, which a VM uses", device->address);
        world_mark_changed(world, device->address);
        fake_kernel_do(world->kernel, "unplug %s", device->address);
        check(world, before);
        if (world_chance(world, 4) && !keeper_concerns(world, group) && !keeper_has_degraded(world, group)) {
                history_note("restart");
                vfiod_stop(world->vfiod);
                keeper_start_daemon(world, NO_GROUP);
                check(world, before);
        } else
                trouble_run_meanwhile(world, group);
        end_vm(world, group);
        check(world, before);
        return true;
}
