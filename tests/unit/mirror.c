/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mirror.h"

#define N_FACTS 11

struct Mirror {
        GHashTable *objects; /* name -> array with a text for each fact */
};

typedef char *(*describe_t)(const Inventory *inventory, const void *object, unsigned fact);

static void facts_free(void *facts) {
        for (unsigned i = 0; i < N_FACTS; i++)
                g_free(((char **)facts)[i]);
        g_free(facts);
}

Mirror *mirror_new(void) {
        Mirror *mirror = g_new0(Mirror, 1);

        mirror->objects = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, facts_free);
        return mirror;
}

Mirror *mirror_free(Mirror *mirror) {
        if (mirror)
                g_hash_table_unref(mirror->objects);
        g_free(mirror);
        return NULL;
}

static char *describe_vfs(const Inventory *inventory, const Device *device) {
        GString *text = g_string_new(NULL);
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++)
                if (devices[i]->virtual_function &&
                                pci_address_equal(device_physical_function(devices[i]), device->address))
                        g_string_append_printf(text, " %s", PCI_ADDRESS_TEXT(devices[i]->address));
        return g_string_free(text, FALSE);
}

static char *describe_names(const Device *device) {
        GString *text = g_string_new(NULL);

        for (const HostName *name = device->names; name; name = name->next)
                g_string_append_printf(text, " %s=%s", host_name_kind_to_string(name->kind), name->name);
        return g_string_free(text, FALSE);
}

/* The text of a fact that can differ in these tests, by its bit. */
static char *describe_device(const Inventory *inventory, const void *object, unsigned fact) {
        const Device *device = object;

        switch (1 << fact) {
        case CHANGED_STATE:
                return g_strdup(device_state_to_string(device_state(device)));
        case CHANGED_DRIVER:
                return g_strdup(device->driver);
        case CHANGED_IDS:
                return g_strdup_printf("%04x:%04x %06x", device->ids.vendor, device->ids.device, device->ids.class);
        case CHANGED_GROUP:
                return g_strdup_printf("%d", device->group ? device->group->number : IOMMU_GROUP_NONE);
        case CHANGED_NAMES:
                return describe_names(device);
        case CHANGED_OTHER:
                return g_strdup_printf("%d %d %s", device->numa_node, device->virtual_functions_max,
                                device->virtual_function ? PCI_ADDRESS_TEXT(device_physical_function(device)) : "");
        case CHANGED_FUNCTIONS:
                return describe_vfs(inventory, device);
        default:
                return NULL;
        }
}

static char *describe_group(const Inventory *inventory, const void *object, unsigned fact) {
        const Group *group = object;

        (void)inventory;
        switch (1 << fact) {
        case CHANGED_STATE:
                return g_strdup(group_state_to_string(group_state(group)));
        case CHANGED_MEMBERS: {
                GString *text = g_string_new(NULL);

                for (size_t i = 0; i < group->n_members; i++)
                        g_string_append_printf(text, " %s", PCI_ADDRESS_TEXT(group->members[i]->address));
                return g_string_free(text, FALSE);
        }
        case CHANGED_VIABLE: {
                GString *text = g_string_new(NULL);

                g_string_append_printf(text, "%d %d", group_is_viable(group), group_has_node(group));
                for (size_t i = 0; i < group->n_members; i++)
                        if (device_blocks_group(group->members[i]))
                                g_string_append_printf(text, " %s %s", PCI_ADDRESS_TEXT(group->members[i]->address),
                                                group->members[i]->driver);
                return g_string_free(text, FALSE);
        }
        default:
                return NULL;
        }
}

static void learn(char **facts, const Inventory *inventory, const void *object, describe_t describe, unsigned mask) {
        for (unsigned i = 0; i < N_FACTS; i++)
                if (mask & 1U << i) {
                        g_free(facts[i]);
                        facts[i] = describe(inventory, object, i);
                }
}

static void follow_object(Mirror *mirror, const Inventory *inventory, const Change *change, const char *name,
                const void *object, describe_t describe) {
        char **facts = g_hash_table_lookup(mirror->objects, name);

        switch (change->kind) {
        case CHANGE_DEVICE_ADDED:
        case CHANGE_GROUP_ADDED:
                g_assert_null(facts);
                g_assert_nonnull(object);
                facts = g_new0(char *, N_FACTS);
                learn(facts, inventory, object, describe, ~0U);
                g_assert_true(g_hash_table_insert(mirror->objects, g_strdup(name), facts));
                break;
        case CHANGE_DEVICE_CHANGED:
        case CHANGE_GROUP_CHANGED:
                g_assert_nonnull(facts);
                g_assert_nonnull(object);
                /* as in notify.c: the state also depends on the driver */
                learn(facts, inventory, object, describe,
                                change->facts | (change->facts & CHANGED_DRIVER ? CHANGED_STATE : 0));
                break;
        case CHANGE_DEVICE_REMOVED:
        case CHANGE_GROUP_REMOVED:
                g_assert_true(g_hash_table_remove(mirror->objects, name));
                break;
        case CHANGE_NONE:
                break;
        }
}

void mirror_follow(Mirror *mirror, Inventory *inventory) {
        ChangeList list;

        inventory_take_changes(inventory, &list);
        for (size_t i = 0; i < list.n_changes; i++) {
                const Change *change = &list.changes[i];

                if (change->kind >= CHANGE_GROUP_ADDED) {
                        g_autofree char *name = g_strdup_printf("group %d", change->group);

                        follow_object(mirror, inventory, change, name, inventory_find_group(inventory, change->group),
                                        describe_group);
                        continue;
                }
                const Device *device = inventory_find_device(inventory, change->address);
                if (change->kind == CHANGE_DEVICE_ADDED) {
                        g_assert_nonnull(device);
                        g_assert_true(device->appeared);
                        inventory_clear_appeared(inventory, change->address);
                }
                follow_object(mirror, inventory, change, PCI_ADDRESS_TEXT(change->address), device, describe_device);
        }
        change_list_done(&list);
}

static void check_object(const Mirror *mirror, const Inventory *inventory, const char *name, const void *object,
                describe_t describe) {
        char **facts = g_hash_table_lookup(mirror->objects, name);

        g_assert_nonnull(facts);
        for (unsigned i = 0; i < N_FACTS; i++) {
                g_autofree char *expected = describe(inventory, object, i);

                if (g_strcmp0(facts[i], expected) != 0)
                        g_error("%s: fact %u is \"%s\", but the last change record said \"%s\"", name, i, expected,
                                        facts[i]);
        }
}

void mirror_check(Mirror *mirror, const Inventory *inventory) {
        size_t n_devices, n_groups;

        Device *const *devices = inventory_devices(inventory, &n_devices);
        for (size_t i = 0; i < n_devices; i++) {
                g_assert_false(devices[i]->appeared);
                check_object(mirror, inventory, PCI_ADDRESS_TEXT(devices[i]->address), devices[i], describe_device);
        }
        Group *const *groups = inventory_groups(inventory, &n_groups);
        for (size_t i = 0; i < n_groups; i++) {
                g_autofree char *name = g_strdup_printf("group %d", groups[i]->number);

                check_object(mirror, inventory, name, groups[i], describe_group);
        }
        g_assert_cmpuint(g_hash_table_size(mirror->objects), ==, n_devices + n_groups);
}
