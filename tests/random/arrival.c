/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "arrival.h"
#include "expectation.h"
#include "history.h"
#include "keeper.h"

/* Uses the disk for a moment, as udev does when it reads a disk. */
static void busy_disk(World *world, const TruthDevice *device) {
        g_autofree char *disk = g_strdup(device->disks);

        history_note("%s is busy for a moment", disk);
        fake_kernel_do(world->kernel, "use %s", disk);
        vfiod_resume(world->vfiod);
        vfiod_await_idle(world->vfiod, NO_GROUP);
        /* A rule with an override detaches the disk even while it is in use. */
        if (fake_kernel_exists(world->kernel, "dev/%s", disk))
                fake_kernel_do(world->kernel, "unuse %s", disk);
        expectation_await_all(world);
}

static void fail_once(World *world) {
        const char *fault = world_chance(world, 2) ? "fail" : "fail-after";
        unsigned k = 1 + world_random(world, 5);

        history_note("%s %u", fault, k);
        fake_kernel_do(world->kernel, "%s %u EIO", fault, k);
        vfiod_resume(world->vfiod);
        expectation_await_all(world);
        fake_kernel_do(world->kernel, "clear");
}

/* While a disk of the group is in use, vfiod would try again for seconds. */
static void release_disks(World *world, int group) {
        world_read(world);
        for (unsigned i = 0; i < n_slots; i++) {
                const TruthDevice *device = slots[i].group == group ? world_device(world, slots[i].address) : NULL;

                if (!device || !device->disks || !g_hash_table_remove(world->used, device->disks))
                        continue;
                history_note("unuse %s", device->disks);
                fake_kernel_do(world->kernel, "unuse %s", device->disks);
        }
}

/* The card is plugged in and the daemon is paused. Lets the daemon run again, sometimes with a fault. */
static void resume_daemon(World *world, const char *address) {
        const TruthDevice *device = world_device(world, address);
        bool should_be_detached =
                        world->expectations->len > 0 && expectation_is_of(world->expectations->pdata[0], EXPECT_DETACH);

        if (!should_be_detached || world->busy_group != NO_GROUP || world->loses_events || !world_chance(world, 3))
                vfiod_resume(world->vfiod);
        else if (expectation_count(world->expectations->pdata[0]) > 1)
                /* A job that fails removes the early driver_override of the companions and does not know of it at
                 * the next try. */
                vfiod_resume(world->vfiod);
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
        resume_daemon(world, slot->address);
}

void arrival_create_vfs(World *world) {
        vfiod_pause(world->vfiod);
        g_assert_cmpint(fake_kernel_write(world->kernel, G_STRINGIFY(N_VFS),
                                        "sys/bus/pci/devices/" SLOT_PF "/sriov_numvfs"),
                        ==, 0);
        for (unsigned i = 0; i < n_slots; i++)
                if (!slots[i].card)
                        keeper_expect_arrival(world, slots[i].address);
        vfiod_resume(world->vfiod);
}
