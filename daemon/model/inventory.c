/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/inventory.h"
#include "base/string-pool.h"
#include "model/availability.h"
#include "model/device-pool.h"
#include "model/sorted.h"

struct Inventory {
        Device **devices; /* sorted by address */
        Group **groups;   /* sorted by number */
        size_t n_devices, n_groups;
        DevicePool pool; /* has the devices */
        ChangeList pending;
        StringPool strings;     /* of the devices */
        NameIndex *names;       /* of the devices */
        uint8_t generation;     /* number of the current or last rescan */
        size_t n_origins;       /* number of devices that have one */
        uint64_t driver_due_us; /* see inventory_take_driver_due() */
};

int inventory_new(Inventory **ret) {
        _cleanup_(inventory_freep) Inventory *inventory = calloc(1, sizeof(Inventory));
        if (!inventory)
                return -ENOMEM;
        inventory->names = calloc(1, sizeof(NameIndex));
        if (!inventory->names)
                return -ENOMEM;
        inventory->driver_due_us = UINT64_MAX;
        *ret = TAKE_PTR(inventory);
        return 0;
}

Inventory *inventory_free(Inventory *inventory) {
        if (!inventory)
                return NULL;
        for (size_t i = 0; i < inventory->n_devices; i++)
                device_pool_free(&inventory->pool, inventory->devices[i]);
        free(inventory->devices);
        for (size_t i = 0; i < inventory->n_groups; i++)
                free(inventory->groups[i]);
        free(inventory->groups);
        change_list_done(&inventory->pending);
        string_pool_done(&inventory->strings);
        if (inventory->names)
                name_index_forget(inventory->names);
        free(inventory->names);
        free(inventory);
        return NULL;
}

static uint64_t key_of_device(const void *object) {
        return pci_address_key(((const Device *)object)->address);
}

static uint64_t key_of_group(const void *object) {
        return (uint64_t)((const Group *)object)->number;
}

Device *inventory_find_device(const Inventory *inventory, PciAddress address) {
        return sorted_find(inventory->devices, inventory->n_devices, key_of_device, pci_address_key(address));
}

Group *inventory_find_group(const Inventory *inventory, int number) {
        return sorted_find(inventory->groups, inventory->n_groups, key_of_group, (uint64_t)number);
}

int inventory_find_named(const Inventory *inventory, const char *name, const NamedDevice **ret, size_t *ret_n) {
        return name_index_find(inventory->names, inventory->devices, inventory->n_devices, name, ret, ret_n);
}

Device *const *inventory_devices(const Inventory *inventory, size_t *ret_n) {
        *ret_n = inventory->n_devices;
        return inventory->devices;
}

Group *const *inventory_groups(const Inventory *inventory, size_t *ret_n) {
        *ret_n = inventory->n_groups;
        return inventory->groups;
}

size_t inventory_count_origins(const Inventory *inventory) {
        return inventory->n_origins;
}

/* Pending changes. The field "change" of an object is the index of its entry, plus one. */

static int note(Inventory *inventory, unsigned *index, Change change) {
        ChangeList *pending = &inventory->pending;

        if (change.facts & (CHANGED_NAMES | CHANGED_ORIGIN))
                name_index_forget(inventory->names);
        if (*index > 0) {
                pending->changes[*index - 1].facts |= change.facts;
                return 0;
        }
        if (!ARRAY_GROW(pending->changes, pending->n_changes))
                return -ENOMEM;
        pending->changes[pending->n_changes++] = change;
        *index = (unsigned)pending->n_changes;
        return 0;
}

static int note_device(Inventory *inventory, Device *device, unsigned facts) {
        Change change = {.kind = CHANGE_DEVICE_CHANGED, .facts = facts, .address = device->address};
        return facts == 0 ? 0 : note(inventory, &device->change, change);
}

static int note_group(Inventory *inventory, Group *group, unsigned facts) {
        Change change = {.kind = CHANGE_GROUP_CHANGED, .facts = facts, .group = group->number};
        return note(inventory, &group->change, change);
}

/* Records that an object was removed. If its addition is still pending, both cancel out. */
static int note_removed(Inventory *inventory, unsigned *index, Change removed) {
        if (*index == 0)
                return note(inventory, index, removed);
        Change *pending = &inventory->pending.changes[*index - 1];
        bool added = pending->kind == CHANGE_DEVICE_ADDED || pending->kind == CHANGE_GROUP_ADDED;
        *pending = added ? (Change){.kind = CHANGE_NONE} : removed;
        return 0;
}

bool inventory_peek_change(const Inventory *inventory, size_t i, Change *ret) {
        if (i >= inventory->pending.n_changes)
                return false;
        *ret = inventory->pending.changes[i];
        return true;
}

static int update_availability(Inventory *inventory, Device *device, GroupFitness fitness) {
        Availability availability = device_availability_in(device, fitness);

        if (availability == device->availability)
                return 0;
        int r = note_device(inventory, device, CHANGED_AVAILABILITY);
        if (r >= 0)
                device->availability = availability & 0xf;
        return r;
}

/* Notes the devices whose availability changed. It depends on the whole group. The list grows meanwhile, with changes that
 * need no more. If there is no memory, clients learn it with the next change. */
static void note_availability(Inventory *inventory) {
        size_t n = inventory->pending.n_changes;
        int r = 0;

        for (size_t i = 0; i < n && r >= 0; i++) {
                Change change = inventory->pending.changes[i];
                bool of_device = change.kind < CHANGE_GROUP_ADDED;
                Device *device = of_device ? inventory_find_device(inventory, change.address) : NULL;
                const Group *group = of_device ? NULL : inventory_find_group(inventory, change.group);
                GroupFitness fitness = group_fitness(device ? device->group : group);

                if (device)
                        r = update_availability(inventory, device, fitness);
                for (size_t j = 0; group && j < group->n_members && r >= 0; j++)
                        r = update_availability(inventory, group->members[j], fitness);
        }
}

void inventory_take_changes(Inventory *inventory, ChangeList *ret) {
        note_availability(inventory);

        for (size_t i = 0; i < inventory->pending.n_changes; i++) {
                Change change = inventory->pending.changes[i];
                bool of_device = change.kind < CHANGE_GROUP_ADDED;
                Device *device = of_device ? inventory_find_device(inventory, change.address) : NULL;
                Group *group = of_device ? NULL : inventory_find_group(inventory, change.group);

                if (device)
                        device->change = 0;
                if (group)
                        group->change = 0;
        }
        *ret = TAKE_GENERIC(inventory->pending, ChangeList, (ChangeList){});
}

/* Records a change of a device. The state, viability and node of its group may have changed, too. */
static int note_member(Inventory *inventory, Device *device, unsigned facts) {
        int r = note_device(inventory, device, facts);
        if (r >= 0 && device->group && (facts & (CHANGED_STATE | CHANGED_DRIVER)) != 0)
                r = note_group(inventory, device->group, CHANGED_STATE | CHANGED_VIABLE);
        return r;
}

static int group_obtain(Inventory *inventory, int number, Group **ret) {
        *ret = inventory_find_group(inventory, number);
        if (*ret)
                return 0;

        Group *group = ARRAY_GROW(inventory->groups, inventory->n_groups) ? calloc(1, sizeof(Group)) : NULL;
        if (!group)
                return -ENOMEM;
        group->number = number;
        sorted_insert(inventory->groups, &inventory->n_groups, key_of_group, group);
        *ret = group;
        return note(inventory, &group->change, (Change){.kind = CHANGE_GROUP_ADDED, .group = number});
}

static int group_join(Inventory *inventory, Device *device, int number) {
        Group *group;

        int r = group_obtain(inventory, number, &group);
        if (r < 0)
                return r;
        size_t i = sorted_index(inventory->groups, inventory->n_groups, key_of_group, group), n = group->n_members;
        group = group_make_room(group);
        if (!group)
                return -ENOMEM;
        inventory->groups[i] = group;
        sorted_insert(group->members, &n, key_of_device, device);
        group->n_members = (unsigned)n;
        device->group = group;
        return note_group(inventory, group, CHANGED_MEMBERS | CHANGED_STATE | CHANGED_VIABLE);
}

static int group_leave(Inventory *inventory, Device *device) {
        Group *group = TAKE_PTR(device->group);
        if (!group)
                return 0;

        size_t n = group->n_members;
        sorted_take_out(group->members, &n, key_of_device, device);
        group->n_members = (unsigned)n;
        if (group->n_members > 0)
                return note_group(inventory, group, CHANGED_MEMBERS | CHANGED_STATE | CHANGED_VIABLE);

        int r = note_removed(inventory, &group->change, (Change){.kind = CHANGE_GROUP_REMOVED, .group = group->number});
        sorted_take_out(inventory->groups, &inventory->n_groups, key_of_group, group);
        free(group);
        return r;
}

static int device_obtain(Inventory *inventory, PciAddress address, Device **ret) {
        *ret = inventory_find_device(inventory, address);
        if (*ret)
                return 0;

        Device *device =
                        ARRAY_GROW(inventory->devices, inventory->n_devices) ? device_pool_new(&inventory->pool) : NULL;
        if (!device)
                return -ENOMEM;
        device->address = address;
        device->numa_node = -1;
        sorted_insert(inventory->devices, &inventory->n_devices, key_of_device, device);
        *ret = device;
        return note(inventory, &device->change, (Change){.kind = CHANGE_DEVICE_ADDED, .address = address});
}

/* A VF was added or removed: records that the VFs of its PF changed. */
static int note_physical_function(Inventory *inventory, const Device *device) {
        Device *physical = device->virtual_function ? inventory_find_device(inventory, device_physical_function(device))
                                                    : NULL;
        return physical ? note_device(inventory, physical, CHANGED_FUNCTIONS) : 0;
}

static int device_remove(Inventory *inventory, Device *device) {
        Change removed = {.kind = CHANGE_DEVICE_REMOVED, .address = device->address};
        int r = note_physical_function(inventory, device);
        if (r >= 0)
                r = note_removed(inventory, &device->change, removed);
        /* The removal of a group is recorded after the removal of its last device. */
        if (r >= 0)
                r = group_leave(inventory, device);

        name_index_forget(inventory->names);
        sorted_take_out(inventory->devices, &inventory->n_devices, key_of_device, device);
        device_pool_free(&inventory->pool, device);
        return r;
}

#define UPDATE(field, value, fact) \
        do { \
                if (device->field != (value)) { \
                        device->field = (value); \
                        facts |= (fact); \
                } \
        } while (false)

int inventory_put_device(Inventory *inventory, const PciFacts *read) {
        Device *device;
        unsigned facts = 0;
        int r;

        if ((r = device_obtain(inventory, read->address, &device)) < 0)
                return r;
        DeviceState state_before = device_state(device);
        if ((r = string_pool_set(&inventory->strings, &device->driver, read->driver)) < 0)
                return r;
        facts |= r > 0 ? CHANGED_DRIVER : 0;
        if ((r = string_pool_set(&inventory->strings, &device->reset_methods, read->reset_methods)) < 0)
                return r;
        facts |= r > 0 ? CHANGED_OTHER : 0;
        device->generation = inventory->generation % GENERATIONS;
        if (!pci_ids_equal(&device->ids, &read->ids)) {
                device->ids = read->ids;
                /* The names that a job waits for were those of another card. */
                name_index_forget(inventory->names);
                device->former_names = host_name_list_free(device->former_names);
                facts |= CHANGED_IDS;
        }
        UPDATE(group_node, read->group_node, CHANGED_DRIVER);
        UPDATE(has_cdev, read->has_cdev, CHANGED_DRIVER);
        UPDATE(cdev, read->cdev, CHANGED_DRIVER);
        device->nodes = read->nodes; /* nothing that the bus shows */
        UPDATE(numa_node, (int16_t)read->numa_node, CHANGED_OTHER);
        UPDATE(virtual_functions_max, read->virtual_functions_max, CHANGED_OTHER);
        UPDATE(virtual_function, read->virtual_function, CHANGED_OTHER | CHANGED_FUNCTIONS);
        UPDATE(bridge, read->bridge, CHANGED_OTHER);
        UPDATE(endpoint, read->endpoint, CHANGED_OTHER);
        UPDATE(boot_vga, read->boot_vga, CHANGED_OTHER);
        if (!device->present) {
                device->appeared = true;
                /* Or a device of the same type behind another controller: nobody plugged that in, either. */
                device->returned = device_is_ours(device) && device->origin->has_parent;
        }
        UPDATE(present, true, CHANGED_STATE);
        device->incarnation = read->incarnation;
        device->physical_function = pci_address_requester(read->physical_function);
        device->has_upstream = read->has_upstream;
        device->upstream = pci_address_requester(read->upstream);
        device->behind_controller = read->behind_controller;
        device->controller = read->controller;
        if ((facts & (CHANGED_STATE | CHANGED_FUNCTIONS)) && (r = note_physical_function(inventory, device)) < 0)
                return r;

        if ((device->group ? device->group->number : IOMMU_GROUP_NONE) != read->group) {
                if ((r = group_leave(inventory, device)) < 0)
                        return r;
                if (read->group != IOMMU_GROUP_NONE && (r = group_join(inventory, device, read->group)) < 0)
                        return r;
                if (device->group)
                        device->group->no_iommu = read->no_iommu;
                facts |= CHANGED_GROUP;
        }
        if (device_state(device) != state_before)
                facts |= CHANGED_STATE;
        return note_member(inventory, device, facts);
}

void inventory_set_driver_due(Inventory *inventory, Device *device, uint64_t due_us) {
        device_set_driver_due(device, due_us);
        if (due_us < inventory->driver_due_us)
                inventory->driver_due_us = due_us;
}

uint64_t inventory_take_driver_due(Inventory *inventory) {
        return TAKE_GENERIC(inventory->driver_due_us, uint64_t, UINT64_MAX);
}

int inventory_put_link(Inventory *inventory, const PciLinkReading *read) {
        Device *device = inventory_find_device(inventory, read->address);
        PciLink link = read->link;

        if (!device || !device->present || device->incarnation != read->incarnation)
                return 0;
        if (!read->awake)
                link = (PciLink){.speed_max = device->link.speed_max, .width_max = device->link.width_max};
        if (pci_link_equal(&link, &device->link))
                return 0;
        device->link = link;
        return note_device(inventory, device, CHANGED_LINK);
}

void inventory_mark_appeared(Inventory *inventory, PciAddress address) {
        Device *device = inventory_find_device(inventory, address);
        if (device && device->present)
                device->appeared = true;
}

void inventory_clear_appeared(Inventory *inventory, PciAddress address) {
        Device *device = inventory_find_device(inventory, address);
        if (device)
                device->appeared = false;
}

int inventory_drop_device(Inventory *inventory, PciAddress address) {
        Device *device = inventory_find_device(inventory, address);
        if (!device || !device->present)
                return 0;
        if (!device_is_kept(device))
                return device_remove(inventory, device);
        int r = group_leave(inventory, device);
        if (r < 0 || (r = note_physical_function(inventory, device)) < 0)
                return r;

        device->present = false;
        device->appeared = false;
        device->driver = NULL;
        device->group_node = false;
        device->has_cdev = false;
        device->cdev = 0;
        device->nodes = 0;
        device->driver_is_due = false;
        device->names = host_name_list_free(device->names);
        unsigned facts = CHANGED_STATE | CHANGED_DRIVER | CHANGED_GROUP | CHANGED_NAMES | CHANGED_OTHER;
        if (!pci_link_equal(&device->link, &(PciLink){})) {
                device->link = (PciLink){};
                facts |= CHANGED_LINK;
        }
        /* The absent device is the detached one, not another card that was in the slot afterwards. */
        if (device->origin && !device_is_ours(device)) {
                device->ids = device->origin->ids;
                facts |= CHANGED_IDS;
        }
        return note_device(inventory, device, facts);
}

int inventory_put_name(Inventory *inventory, HostNameKind kind, const char *name, PciAddress address) {
        Device *device = inventory_find_device(inventory, address);
        if (!device)
                return 0;
        name_index_forget(inventory->names);
        int r = device_add_name(device, kind, name, inventory->generation);
        return r <= 0 ? r : note_device(inventory, device, CHANGED_NAMES);
}

int inventory_drop_name(Inventory *inventory, HostNameKind kind, const char *name, PciAddress address) {
        Device *device = inventory_find_device(inventory, address);
        if (!device || !host_name_list_has(device->names, kind, name))
                return 0;
        name_index_forget(inventory->names);
        int r = device_remove_name(device, kind, name);
        return r < 0 ? r : note_device(inventory, device, CHANGED_NAMES);
}

void inventory_begin_rescan(Inventory *inventory) {
        inventory->generation = (inventory->generation + 1) % GENERATIONS;
}

int inventory_end_rescan(Inventory *inventory) {
        for (size_t i = inventory->n_devices; i > 0; i--) {
                Device *device = inventory->devices[i - 1];
                int r = 0;

                if (device->generation != inventory->generation)
                        r = inventory_drop_device(inventory, device->address);
                else if ((r = device_drop_names(device, inventory->generation)) > 0)
                        r = note_device(inventory, device, CHANGED_NAMES);
                if (r < 0)
                        return r;
        }
        return 0;
}

int inventory_set_origin(Inventory *inventory, PciAddress address, const DeviceOrigin *origin) {
        _cleanup_(device_origin_freep) DeviceOrigin *copy = NULL;
        Device *device = inventory_find_device(inventory, address);
        int r;

        if (device_origin_equal(device ? device->origin : NULL, origin))
                return 0;
        if (!origin) {
                assert(device); /* it has an origin, because the two are not equal */
                if ((r = device_drop_origin(device)) < 0)
                        return r;
                inventory->n_origins--;
                if (!device->present && !device_is_kept(device))
                        return device_remove(inventory, device);
                return note_member(inventory, device, CHANGED_ORIGIN | CHANGED_STATE);
        }
        if ((r = device_origin_copy(origin, &copy)) < 0 || (r = device_obtain(inventory, address, &device)) < 0)
                return r;
        unsigned facts = CHANGED_ORIGIN | CHANGED_STATE;
        if (!device->present && !pci_ids_equal(&device->ids, &origin->ids)) {
                device->ids = origin->ids;
                facts |= CHANGED_IDS;
        }
        inventory->n_origins += !device->origin;
        device_origin_free(device->origin);
        device->origin = TAKE_PTR(copy);
        return note_member(inventory, device, facts);
}

int inventory_set_leased(Inventory *inventory, PciAddress address, bool leased) {
        Device *device = inventory_find_device(inventory, address);
        if (!device || device->leased == leased)
                return 0;
        device->leased = leased;
        return note_member(inventory, device, CHANGED_STATE);
}

int inventory_set_activity(Inventory *inventory, PciAddress address, DeviceActivity activity) {
        Device *device = inventory_find_device(inventory, address);
        if (!device || device->activity == activity)
                return 0;
        device->activity = activity;
        if (activity == DEVICE_QUIET) {
                name_index_forget(inventory->names);
                device_end_names(device);
        }
        if (!device->present && !device_is_kept(device))
                return device_remove(inventory, device);
        return note_member(inventory, device, CHANGED_STATE);
}
