/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inventory-text.h"
#include "model.h"

/* Random histories: an inventory that was updated step by step must equal an inventory that is built at once from
 * the final state; a follower of only its change records must know the same objects. */

#define N_SLOTS 12
#define N_GROUPS 4
#define N_SEEDS 1000
#define N_STEPS 60

/* The state of the host in the simplest form. */
typedef struct Slot {
        PciFacts facts;
        bool present, names[3], origin;
        DeviceOrigin recorded;
        DeviceActivity activity;
} Slot;

typedef struct World {
        GRand *random;
        Slot slots[N_SLOTS];
        Inventory *inventory;
        GHashTable *devices, *groups; /* sets of keys, as a follower of the change records knows them */
} World;

static const char *const names[] = {"eth0", "eth1", "sda"};
static const char *const drivers[] = {"", "e1000", "vfio-pci", "pcieport", "igb"};

/* The names of a device that vfiod detached. */
static HostName *former_names;

static HostNameKind name_kind(unsigned i) {
        return i == 2 ? HOST_NAME_BLOCK : HOST_NAME_NETWORK;
}

static PciFacts random_facts(World *world, unsigned slot) {
        PciFacts facts = {
                        .address = {.bus = (uint8_t)(slot / 4), .slot = (uint8_t)(slot % 4)},
                        .ids.vendor = 0x8086,
                        .ids.device = (uint16_t)(g_rand_int_range(world->random, 0, 4) == 0),
                        .group = g_rand_int_range(world->random, -1, N_GROUPS),
                        .numa_node = -1,
                        .endpoint = true,
        };

        (void)snprintf(facts.driver, sizeof(facts.driver), "%s",
                        drivers[g_rand_int_range(world->random, 0, G_N_ELEMENTS(drivers))]);
        facts.virtual_function = slot % 4 == 3;
        facts.physical_function = (PciAddress){.bus = facts.address.bus};
        return facts;
}

static void put_slot(Inventory *inventory, const Slot *slot) {
        if (!slot->present)
                return;
        g_assert_cmpint(inventory_put_device(inventory, &slot->facts), ==, 0);
        for (unsigned i = 0; i < G_N_ELEMENTS(names); i++)
                if (slot->names[i])
                        g_assert_cmpint(inventory_put_name(inventory, name_kind(i), names[i], slot->facts.address), ==,
                                        0);
}

static bool is_known(const Slot *slot) {
        return slot->present || slot->origin || slot->activity != DEVICE_QUIET;
}

static void rescan(World *world) {
        inventory_begin_rescan(world->inventory);
        for (unsigned i = 0; i < N_SLOTS; i++)
                put_slot(world->inventory, &world->slots[i]);
        g_assert_cmpint(inventory_end_rescan(world->inventory), ==, 0);
}

static void step(World *world) {
        unsigned i = (unsigned)g_rand_int_range(world->random, 0, N_SLOTS);
        unsigned name = (unsigned)g_rand_int_range(world->random, 0, G_N_ELEMENTS(names));
        Slot *slot = &world->slots[i];
        PciAddress address = slot->facts.address;

        switch (g_rand_int_range(world->random, 0, 12)) {
        case 0 ... 3:
                slot->facts = random_facts(world, i);
                slot->present = true;
                g_assert_cmpint(inventory_put_device(world->inventory, &slot->facts), ==, 0);
                break;
        case 4 ... 5:
                slot->present = false;
                memset(slot->names, 0, sizeof(slot->names));
                g_assert_cmpint(inventory_drop_device(world->inventory, address), ==, 0);
                break;
        case 6:
                slot->names[name] = slot->present;
                if (slot->present)
                        g_assert_cmpint(inventory_put_name(world->inventory, name_kind(name), names[name], address), ==,
                                        0);
                break;
        case 7:
                slot->names[name] = false;
                g_assert_cmpint(inventory_drop_name(world->inventory, name_kind(name), names[name], address), ==, 0);
                break;
        case 8:
                slot->origin = true;
                slot->recorded = (DeviceOrigin){
                                .ids = {.vendor = 0x8086, .device = (uint16_t)(name == 0)},
                                .names = name > 0 ? former_names : NULL,
                };
                binding_set_driver(&slot->recorded.binding, drivers[1 + name]);
                g_assert_cmpint(inventory_set_origin(world->inventory, address, &slot->recorded), ==, 0);
                break;
        case 9:
                slot->origin = false;
                g_assert_cmpint(inventory_set_origin(world->inventory, address, NULL), ==, 0);
                break;
        case 10:
                slot->activity = is_known(slot) ? (DeviceActivity)name : DEVICE_QUIET;
                g_assert_cmpint(inventory_set_activity(world->inventory, address, (DeviceActivity)name), ==, 0);
                break;
        case 11:
                rescan(world);
                break;
        }
}

/* Takes the changes and follows them: nothing is added twice or removed twice, and only existing objects change. */
static void follow(World *world) {
        g_autoptr(GHashTable) seen = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        g_autofree char *text = inventory_take_changes_text(world->inventory);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

        for (char **line = lines; *line && **line; line++) {
                g_auto(GStrv) words = g_strsplit(*line, " ", 4);
                GHashTable *set = streq(words[0], "device") ? world->devices : world->groups;
                g_autofree char *object = g_strconcat(words[0], words[2], NULL);

                if (streq(words[1], "added"))
                        g_assert_true(g_hash_table_add(set, g_strdup(words[2])));
                else if (streq(words[1], "removed"))
                        g_assert_true(g_hash_table_remove(set, words[2]));
                else {
                        g_assert_true(g_hash_table_contains(set, words[2]));
                        g_assert_true(g_hash_table_add(seen, g_steal_pointer(&object)));
                }
        }
        size_t n_devices, n_groups;
        (void)inventory_devices(world->inventory, &n_devices);
        (void)inventory_groups(world->inventory, &n_groups);
        g_assert_cmpuint(g_hash_table_size(world->devices), ==, n_devices);
        g_assert_cmpuint(g_hash_table_size(world->groups), ==, n_groups);
}

/* A device that is pulled keeps its last known facts; a new inventory has only its record, or the mark of its job.
 * So for such a device, only state and record are compared. */
static char *comparable(const Inventory *inventory) {
        g_autofree char *text = inventory_to_text(inventory);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        GString *result = g_string_new(NULL);

        for (char **line = lines; *line && **line; line++) {
                const char *group = strstr(*line, " driver= group=-1"), *origin = strstr(*line, " origin:");

                if (group && (origin || strstr(*line, " changing ") || strstr(*line, " stuck ")))
                        g_string_append_printf(result, "%.*s%s\n", (int)(group - *line), *line, origin ?: "");
                else
                        g_string_append_printf(result, "%s\n", *line);
        }
        return g_string_free(result, FALSE);
}

static void check(World *world) {
        _cleanup_(inventory_freep) Inventory *fresh = make_inventory();

        for (unsigned i = 0; i < N_SLOTS; i++) {
                const Slot *slot = &world->slots[i];

                g_assert_cmpint(inventory_put_device(fresh, &slot->facts), ==, 0);
                g_assert_cmpint(inventory_set_activity(fresh, slot->facts.address, slot->activity), ==, 0);
                g_assert_cmpint(inventory_drop_device(fresh, slot->facts.address), ==, 0);
                put_slot(fresh, slot);
                if (slot->origin)
                        g_assert_cmpint(inventory_set_origin(fresh, slot->facts.address, &slot->recorded), ==, 0);
                g_assert_cmpint(inventory_set_activity(fresh, slot->facts.address, slot->activity), ==, 0);
        }
        g_autofree char *expected = comparable(fresh), *found = comparable(world->inventory);
        g_assert_cmpstr(found, ==, expected);
        rescan(world);
        g_autofree char *changes = inventory_take_changes_text(world->inventory);
        g_assert_cmpstr(changes, ==, "");
}

/* Expects the device as the next one that was found, if it has the name. */
static void expect_named(const NamedDevice **found, const Device *device, const HostName *list, const char *name) {
        for (; list; list = list->next)
                if (streq(list->name, name)) {
                        g_assert_true((*found)->device == device);
                        g_assert_true((*found)->name == list);
                        (*found)++;
                }
}

static bool has_name(const HostName *list, const char *name) {
        while (list && !streq(list->name, name))
                list = list->next;
        return list;
}

/* A search by name finds what a walk over all devices finds. */
static void check_names(const World *world) {
        size_t n_devices, n_found;
        const NamedDevice *found;

        Device *const *devices = inventory_devices(world->inventory, &n_devices);
        for (unsigned i = 0; i < G_N_ELEMENTS(names); i++) {
                g_assert_cmpint(inventory_find_named(world->inventory, names[i], &found, &n_found), ==, 0);
                const NamedDevice *next = found;
                for (size_t k = 0; k < n_devices; k++) {
                        expect_named(&next, devices[k], devices[k]->names, names[i]);
                        if (!devices[k]->origin || !has_name(devices[k]->origin->names, names[i]))
                                expect_named(&next, devices[k], devices[k]->former_names, names[i]);
                        g_assert_true(devices[k]->activity != DEVICE_QUIET || !devices[k]->former_names);
                        if (devices[k]->origin)
                                expect_named(&next, devices[k], devices[k]->origin->names, names[i]);
                }
                g_assert_cmpuint((size_t)(next - found), ==, n_found);
        }
}

static void test_seed(unsigned seed) {
        World world = {
                        .random = g_rand_new_with_seed(seed),
                        .inventory = make_inventory(),
                        .devices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
                        .groups = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        };

        for (unsigned i = 0; i < N_SLOTS; i++)
                world.slots[i].facts = random_facts(&world, i);
        for (unsigned i = 0; i < N_STEPS; i++) {
                step(&world);
                check_names(&world);
                if (g_rand_int_range(world.random, 0, 4) == 0)
                        follow(&world);
                if (i % 20 == 19) {
                        follow(&world);
                        check(&world);
                }
        }
        inventory_free(world.inventory);
        g_hash_table_unref(world.devices);
        g_hash_table_unref(world.groups);
        g_rand_free(world.random);
}

static void test_random(void) {
        g_assert_cmpint(host_name_list_add(&former_names, HOST_NAME_NETWORK, "eth0", 0), ==, 1);
        g_assert_cmpint(host_name_list_add(&former_names, HOST_NAME_BLOCK, "sda", 0), ==, 1);
        for (unsigned seed = 0; seed < N_SEEDS; seed++) {
                g_test_message("seed %u", seed);
                test_seed(seed);
        }
        former_names = host_name_list_free(former_names);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/inventory/random", test_random);
        return g_test_run();
}
