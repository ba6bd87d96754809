/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "event-queue.h"
#include "inventory-text.h"
#include "mirror.h"
#include "model.h"
#include "model/follower.h"
#include "temp-tree.h"

/* A host on which cards are plugged in and pulled faster than the daemon handles events: events are lost, and
 * rescans are overtaken by changes and by more losses. When the host is quiet, the model must equal a new scan, and
 * so must the state that the signals describe. For a single seed: test-follower-random SEED. */

#define N_SEEDS 1000
#define N_CHANGES 30
#define N_SLOTS 6
#define N_NAMES 3

typedef struct World {
        GRand *random;
        TempTree *tree;
        EventQueue *queue;
        UeventSource *source;
        Inventory *inventory;
        Follower *follower;
        Mirror *mirror;
        bool plugged[N_SLOTS];
        const char *drivers[N_SLOTS];
        int carriers[N_NAMES]; /* slots; -1 for none */
        unsigned patience;     /* in this percentage of the host's steps the daemon gets a turn */
} World;

/* Counts over all seeds, to check that the test covers these cases. */
static struct { unsigned n_dropped, n_losses, n_rescans, n_overtaken; } seen;

static const char *const drivers[] = {"e1000", "vfio-pci", "nvme"};
static const char *const names[N_NAMES] = {"eth0", "eth1", "nvme0n1"};

static unsigned choose(World *world, unsigned n) {
        return (unsigned)g_rand_int_range(world->random, 0, (int)n);
}

static const char *class_of(unsigned name) {
        return name == 2 ? "block" : "net";
}

/* Slot 5 is a VF of slot 4. */
static char *address_text(unsigned slot) {
        return g_strdup_printf("0000:00:%02x.%u", slot == 5 ? 4 : slot, slot == 5 ? 1 : 0);
}

/* Handles one event, or one piece of a rescan; sometimes sends the changes. */
static void daemon_turn(World *world) {
        unsigned reports = event_queue_reports(world->queue);
        bool rescans = follower_is_rescanning(world->follower);
        unsigned done = follower_rescans_done(world->follower);

        g_assert_cmpint(follower_follow(world->follower, 0), >=, 0);
        seen.n_overtaken += rescans && event_queue_reports(world->queue) > reports;
        g_assert_cmpint(follower_rescan(world->follower, 0), ==, 0);
        seen.n_rescans += follower_rescans_done(world->follower) - done;
        if (choose(world, 3) == 0)
                mirror_follow(world->mirror, world->inventory);
}

/* The host has changed something; the daemon may get a turn before the next change. */
static void pass(World *world) {
        while (choose(world, 100) < world->patience)
                daemon_turn(world);
}

static void emit(World *world, const char *action, unsigned slot) {
        g_autofree char *address = address_text(slot), *path = g_strdup_printf("pci0000:00/%s", address);

        event_queue_emit(world->queue, action, path, "pci", NULL);
        pass(world);
}

static void emit_name(World *world, const char *action, unsigned slot, unsigned name, const char *old) {
        g_autofree char *address = address_text(slot);
        g_autofree char *path = g_strdup_printf("pci0000:00/%s/%s/%s", address, class_of(name), names[name]);
        g_autofree char *old_path = old ? g_strdup_printf("pci0000:00/%s/net/%s", address, old) : NULL;

        event_queue_emit(world->queue, action, path, class_of(name), old_path);
        pass(world);
}

static void remove_name(World *world, unsigned name) {
        g_autofree char *address = address_text((unsigned)world->carriers[name]);

        temp_tree_remove(world->tree, "sys/class/%s/%s", class_of(name), names[name]);
        temp_tree_remove(world->tree, "sys/bus/pci/devices/%s/%s/%s", address, class_of(name), names[name]);
        world->carriers[name] = -1;
}

static void add_name(World *world, unsigned slot, unsigned name) {
        g_autofree char *address = address_text(slot);

        temp_tree_name(world->tree, address, class_of(name), names[name]);
        world->carriers[name] = (int)slot;
}

static void unbind(World *world, unsigned slot) {
        g_autofree char *address = address_text(slot);

        for (unsigned name = 0; name < N_NAMES; name++)
                if (world->carriers[name] == (int)slot) {
                        remove_name(world, name);
                        pass(world);
                        emit_name(world, "remove", slot, name, NULL);
                }
        if (!world->drivers[slot])
                return;
        temp_tree_driver(world->tree, address, NULL);
        world->drivers[slot] = NULL;
        pass(world);
        emit(world, "unbind", slot);
}

static void bind_driver(World *world, unsigned slot) {
        g_autofree char *address = address_text(slot);
        unsigned name = choose(world, N_NAMES);

        if (world->drivers[slot])
                return;
        world->drivers[slot] = drivers[choose(world, G_N_ELEMENTS(drivers))];
        temp_tree_driver(world->tree, address, world->drivers[slot]);
        pass(world);
        if (world->carriers[name] < 0) {
                add_name(world, slot, name);
                pass(world);
                emit_name(world, "add", slot, name, NULL);
        }
        emit(world, "bind", slot);
}

static void plug(World *world, unsigned slot) {
        g_autofree char *address = address_text(slot), *path = g_strdup_printf("pci0000:00/%s", address);

        /* The whole folder exists before it is on the bus, as in the kernel; only the link to the PF appears later. */
        temp_tree_device(world->tree, path);
        if (choose(world, 2) == 0)
                temp_tree_attribute(world->tree, address, "device", "0x10d3");
        temp_tree_group(world->tree, address, (int)choose(world, 4) - 1);
        if (slot == 4)
                temp_tree_attribute(world->tree, address, "sriov_totalvfs", "7");
        if (slot == 5)
                temp_tree_link(world->tree, "../0000:00:04.0", "sys/bus/pci/devices/%s/physfn", address);
        world->plugged[slot] = true;
        pass(world);
        emit(world, "add", slot);
        if (choose(world, 2) == 0)
                bind_driver(world, slot);
}

static void unplug(World *world, unsigned slot) {
        g_autofree char *address = address_text(slot);

        unbind(world, slot);
        temp_tree_unplug(world->tree, address);
        world->plugged[slot] = false;
        pass(world);
        emit(world, "remove", slot);
}

static void change(World *world, unsigned slot) {
        g_autofree char *address = address_text(slot);

        temp_tree_group(world->tree, address, (int)choose(world, 4) - 1);
        pass(world);
        emit(world, "change", slot);
}

/* Renames eth0 to eth1 or back. */
static void rename_interface(World *world, unsigned slot) {
        unsigned name = choose(world, 2), other = 1 - name;

        if (world->carriers[name] != (int)slot || world->carriers[other] >= 0)
                return;
        remove_name(world, name);
        add_name(world, slot, other);
        pass(world);
        emit_name(world, "move", slot, other, names[name]);
}

static void change_host(World *world) {
        unsigned slot = choose(world, N_SLOTS);

        if (!world->plugged[slot]) {
                plug(world, slot);
                return;
        }
        switch (choose(world, 8)) {
        case 0:
                unplug(world, slot);
                break;
        case 1: /* another card, at once */
                unplug(world, slot);
                plug(world, slot);
                break;
        case 2:
                unbind(world, slot);
                break;
        case 3 ... 4:
                bind_driver(world, slot);
                break;
        case 5:
                rename_interface(world, slot);
                break;
        case 6: /* these do not matter, but they fill the queue */
                for (unsigned i = choose(world, 6); i > 0; i--)
                        event_queue_emit(world->queue, "change", choose(world, 4) > 0 ? "platform/x" : "forged/x",
                                        "platform", NULL);
                break;
        default:
                change(world, slot);
                break;
        }
}

static void await_quiet(World *world) {
        while (event_queue_is_readable(world->queue) || follower_follow(world->follower, 0) > 0 ||
                        follower_is_rescanning(world->follower))
                daemon_turn(world);
        mirror_follow(world->mirror, world->inventory);
}

static void check(World *world) {
        _cleanup_(inventory_freep) Inventory *fresh = make_inventory();

        await_quiet(world);
        g_assert_cmpint(follower_read_all(world->tree->kernel, fresh), ==, 0);
        g_autofree char *expected = inventory_to_text(fresh), *found = inventory_to_text(world->inventory);
        g_assert_cmpstr(found, ==, expected);
        mirror_check(world->mirror, world->inventory);
        g_assert_cmpuint(follower_events_lost(world->follower), ==, event_queue_reports(world->queue));
}

static void clear_host(TempTree *tree, World *world) {
        for (unsigned slot = N_SLOTS; slot-- > 0;)
                if (world->plugged[slot]) {
                        g_autofree char *address = address_text(slot);

                        temp_tree_unplug(tree, address);
                }
}

static void test_seed(TempTree *tree, unsigned seed) {
        World world = {
                        .random = g_rand_new_with_seed(seed),
                        .tree = tree,
                        .inventory = make_inventory(),
                        .mirror = mirror_new(),
                        .carriers = {-1, -1, -1},
        };

        world.queue = event_queue_new(1 + choose(&world, 8));
        world.patience = 20 + choose(&world, 60);
        /* every second seed uses the real libudev */
        world.source = seed % 2 ? event_queue_listen_udev(world.queue) : event_queue_listen(world.queue);
        g_assert_cmpint(follower_new(tree->kernel, world.inventory, world.source, &world.follower), ==, 0);
        for (unsigned i = 0; i < N_CHANGES; i++) {
                change_host(&world);
                if (i % 15 == 14)
                        check(&world);
        }
        seen.n_dropped += event_queue_dropped(world.queue);
        seen.n_losses += event_queue_reports(world.queue);

        clear_host(tree, &world);
        follower_free(world.follower);
        uevent_source_free(world.source);
        event_queue_free(world.queue);
        inventory_free(world.inventory);
        mirror_free(world.mirror);
        g_rand_free(world.random);
}

static void test_random(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        for (unsigned seed = 0; seed < N_SEEDS; seed++) {
                g_test_message("seed %u", seed);
                test_seed(tree, seed);
        }
        g_test_message("%u events were dropped in %u losses; %u rescans, %u overtaken by a loss", seen.n_dropped,
                        seen.n_losses, seen.n_rescans, seen.n_overtaken);
        g_assert_cmpuint(seen.n_losses, >, N_SEEDS);
        g_assert_cmpuint(seen.n_dropped, >, 2 * seen.n_losses);
        g_assert_cmpuint(seen.n_rescans, >, N_SEEDS);
        g_assert_cmpuint(seen.n_overtaken, >, N_SEEDS / 10);
}

static void test_one(const void *seed) {
        g_autoptr(TempTree) tree = temp_tree_new();

        test_seed(tree, GPOINTER_TO_UINT(seed));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        if (argc > 1) {
                unsigned seed = (unsigned)g_ascii_strtoull(argv[1], NULL, 10);

                g_test_add_data_func("/follower/seed", GUINT_TO_POINTER(seed), test_one);
        } else
                g_test_add_func("/follower/random", test_random);
        return g_test_run();
}
