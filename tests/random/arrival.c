/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arrival.h"
#include "history.h"
#include "keeper.h"
#include "taking.h"

/* As udev does when it looks into a disk. */
static void busy_disk(World *world, const TruthDevice *device) {
        g_autofree char *disk = g_strdup(device->disks);

        history_note("%s is busy for a moment", disk);
        fake_kernel_do(world->kernel, "use %s", disk);
        vfiod_go_on(world->vfiod);
        vfiod_settle(world->vfiod, NO_GROUP);
        /* A rule with an override takes the disk all the same. */
        if (fake_kernel_exists(world->kernel, "dev/%s", disk))
                fake_kernel_do(world->kernel, "unuse %s", disk);
        taking_await_all(world);
}

static void fail_once(World *world) {
        const char *fault = world_chance(world, 2) ? "fail" : "fail-after";
        unsigned k = 1 + world_random(world, 5);

        history_note("%s %u", fault, k);
        fake_kernel_do(world->kernel, "%s %u EIO", fault, k);
        vfiod_go_on(world->vfiod);
        taking_await_all(world);
        fake_kernel_do(world->kernel, "clear");
}

/* It would be tried for seconds while a disk of the group is in use. */
static void release_disks(World *world, int group) {
        world_look(world);
        for (unsigned i = 0; i < n_slots; i++) {
                const TruthDevice *device = slots[i].group == group ? world_device(world, slots[i].address) : NULL;

                if (!device || !device->disks || !g_hash_table_remove(world->used, device->disks))
                        continue;
                history_note("unuse %s", device->disks);
                fake_kernel_do(world->kernel, "unuse %s", device->disks);
        }
}

/* It has come, and the daemon is paused. */
static void go_on(World *world, const char *address) {
        const TruthDevice *device = world_device(world, address);
        bool is_to_be_taken = world->takings->len > 0 && taking_is_of(world->takings->pdata[0], TAKING_TAKES);

        if (!is_to_be_taken || world->busy_group != NO_GROUP || world->loses_events || !world_chance(world, 3))
                vfiod_go_on(world->vfiod);
        else if (taking_count(world->takings->pdata[0]) > 1)
                /* A job that fails takes an early override from those that go along, and does not know of it when it is tried again. */
                vfiod_go_on(world->vfiod);
        else if (device->disks)
                busy_disk(world, device);
        else
                fail_once(world);
}

void arrival_plug(World *world, const Slot *slot, const char *card) {
        if (!world->vfiod->process) {
                slot_plug(world->kernel, slot, card);
                return;
        }
        release_disks(world, slot->group);
        vfiod_pause(world->vfiod);
        slot_plug(world->kernel, slot, card);
        keeper_expect_arrival(world, slot->address);
        go_on(world, slot->address);
}

void arrival_make_functions(World *world) {
        vfiod_pause(world->vfiod);
        g_assert_cmpint(fake_kernel_write(world->kernel, G_STRINGIFY(N_VIRTUAL),
                                        "sys/bus/pci/devices/" SLOT_PHYSICAL "/sriov_numvfs"),
                        ==, 0);
        for (unsigned i = 0; i < n_slots; i++)
                if (!slots[i].card)
                        keeper_expect_arrival(world, slots[i].address);
        vfiod_go_on(world->vfiod);
}
