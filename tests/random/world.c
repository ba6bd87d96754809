/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "world.h"
#include "expectation.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* The fake kernel, the daemon, its workers, the bus and the test take turns. On one processor this is several times
 * as fast. */
static void stay_on_one_processor(void) {
        cpu_set_t processors;

        CPU_ZERO(&processors);
        CPU_SET((size_t)sched_getcpu(), &processors);
        (void)sched_setaffinity(0, sizeof(processors), &processors);
}

static void close_node(void *p) {
        (void)close(GPOINTER_TO_INT(p) - 1);
}

World *world_new(guint32 seed) {
        World *world = g_new0(World, 1);

        stay_on_one_processor();
        /* A process that outlives the daemon becomes a child of this process, so the test can wait for it. */
        g_assert_cmpint(prctl(PR_SET_CHILD_SUBREAPER, 1), ==, 0);

        world->random = g_rand_new_with_seed(seed);
        world->kernel = fake_kernel_start(NULL);
        slots_fill(world->kernel);
        fake_kernel_do(world->kernel, "reset-writes");
        world->ledger = ledger_new();
        world->vms = g_hash_table_new_full(NULL, NULL, NULL, close_node);
        world->missing = g_hash_table_new(g_str_hash, g_str_equal);
        world->used = g_hash_table_new(g_str_hash, g_str_equal);
        world->changed = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        world->permitted = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        world->expectations = g_ptr_array_new_with_free_func(expectation_free);
        world->uncertain = g_hash_table_new(NULL, NULL);
        world->cases = case_table_new();
        world->busy_group = NO_GROUP;
        world->vfiod = vfiod_new(world->kernel);
        world->rulebook = rulebook_new(world->vfiod->state_folder);
        vfiod_await_idle(world->vfiod, NO_GROUP);
        world_read(world);
        return world;
}

World *world_free(World *world) {
        rulebook_free(world->rulebook);
        vfiod_free(world->vfiod);
        g_hash_table_unref(world->vms);
        fake_kernel_stop(world->kernel);
        g_hash_table_unref(world->missing);
        g_hash_table_unref(world->used);
        g_hash_table_unref(world->changed);
        g_hash_table_unref(world->permitted);
        g_ptr_array_unref(world->expectations);
        g_hash_table_unref(world->uncertain);
        g_hash_table_unref(world->cases);
        truth_free(world->truth);
        ledger_free(world->ledger);
        g_rand_free(world->random);
        g_free(world);
        return NULL;
}

unsigned world_random(World *world, unsigned n) {
        return (unsigned)g_rand_int_range(world->random, 0, (gint32)n);
}

bool world_chance(World *world, unsigned n) {
        return world_random(world, n) == 0;
}

/* A disk that was removed, even for a moment, is unused when it returns. */
static gboolean is_unused(void *disk, void *value, void *userdata) {
        const World *world = userdata;

        (void)value;
        int fd = fake_kernel_open(world->kernel, O_RDONLY, "dev/%s", (const char *)disk);
        if (fd >= 0)
                (void)close(fd);
        return fd != -EBUSY;
}

void world_read(World *world) {
        truth_free(world->truth);
        world->truth = truth_read(world->kernel);
        (void)g_hash_table_foreach_remove(world->used, is_unused, world);
}

void world_forget_permissions(World *world) {
        g_hash_table_remove_all(world->permitted);
}

void world_forget_changes(World *world) {
        g_hash_table_remove_all(world->changed);
        g_hash_table_remove_all(world->uncertain);
        world_forget_permissions(world);
}

void world_mark_changed(World *world, const char *address) {
        g_hash_table_add(world->changed, g_strdup(address));
}

void world_mark_all_changed(World *world) {
        for (unsigned i = 0; i < n_slots; i++)
                world_mark_changed(world, slots[i].address);
}

void world_permit(World *world, const char *address, const char *ids) {
        const char *others = g_hash_table_lookup(world->permitted, address);

        g_hash_table_replace(world->permitted, g_strdup(address), g_strdup_printf("%s %s", others ?: "", ids));
}

bool world_permits(const World *world, const char *address, const char *ids) {
        const char *permitted = g_hash_table_lookup(world->permitted, address);

        return permitted && strstr(permitted, ids);
}

void world_make_uncertain(World *world, int group) {
        g_hash_table_add(world->uncertain, GINT_TO_POINTER(group));
        for (unsigned i = 0; i < n_slots; i++) {
                const Slot *slot = &slots[i];
                char ids[IDS_MAX];

                if (slot->group != group)
                        continue;
                world_mark_changed(world, slot->address);
                world_permit(world, slot->address, slot->card ? card_ids(slot->card, ids) : VF_IDS);
                if (slot->other_card)
                        world_permit(world, slot->address, card_ids(slot->other_card, ids));
        }
}

bool world_is_uncertain(const World *world, int group) {
        return g_hash_table_contains(world->uncertain, GINT_TO_POINTER(group));
}

void world_end_vm(World *world, int group) {
        g_hash_table_remove(world->vms, GINT_TO_POINTER(group));
        /* The fake kernel handles the close before it handles a command. */
        fake_kernel_do(world->kernel, "pending");
}

bool world_has_vm(World *world, int group) {
        return g_hash_table_contains(world->vms, GINT_TO_POINTER(group));
}

const TruthDevice *world_device(const World *world, const char *address) {
        return truth_find(world->truth, address);
}

Claim *world_claim(const World *world, const TruthDevice *device) {
        Claim *claim = ledger_find(world->ledger, device->address);

        return claim && g_str_equal(claim->ids, device->ids) ? claim : NULL;
}

void world_names(const TruthDevice *device, char *buffer, size_t size) {
        (void)g_snprintf(buffer, size, "%s%s%s", device->interfaces ?: "",
                        device->interfaces && device->disks ? "," : "", device->disks ?: "");
}
