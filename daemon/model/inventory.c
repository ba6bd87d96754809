/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/inventory.h"
#include "model/pointer-array.h"
#include "model/string-pool.h"

struct Inventory {
        Device **devices; /* sorted by address */
        size_t n_devices, n_devices_allocated;
        Group **groups; /* sorted by number */
        size_t n_groups, n_groups_allocated;
        StringPool strings;
        ChangeList pending;
        unsigned generation; /* number of the current or last rescan */
        uint64_t next_check_us;
};

int inventory_new(Inventory **ret) {
        Inventory *inventory = calloc(1, sizeof(Inventory));
        if (!inventory)
                return -ENOMEM;
        *ret = inventory;
        return 0;
}

static void device_free(Device *device) {
        host_name_list_free(device->names);
        device_origin_free(device->origin);
        free(device);
}

static void group_free(Group *group) {
        free(group->members);
        free(group);
}

Inventory *inventory_free(Inventory *inventory) {
        if (!inventory)
                return NULL;
        for (size_t i = 0; i < inventory->n_devices; i++)
                device_free(inventory->devices[i]);
        free(inventory->devices);
        for (size_t i = 0; i < inventory->n_groups; i++)
                group_free(inventory->groups[i]);
        free(inventory->groups);
        string_pool_done(&inventory->strings);
        change_list_done(&inventory->pending);
        free(inventory);
        return NULL;
}

/* Sorted arrays of pointers: the position of an object, or the position where it would be inserted. */

static size_t device_position(Device *const *devices, size_t n, PciAddress address) {
        uint64_t key = pci_address_key(address);
        size_t low = 0, high = n;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (pci_address_key(devices[middle]->address) < key)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static size_t group_position(const Inventory *inventory, int number) {
        size_t low = 0, high = inventory->n_groups;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (inventory->groups[middle]->number < number)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

Device *inventory_find_device(const Inventory *inventory, PciAddress address) {
        size_t i = device_position(inventory->devices, inventory->n_devices, address);
        return i < inventory->n_devices && pci_address_equal(inventory->devices[i]->address, address)
                        ? inventory->devices[i]
                        : NULL;
}

Group *inventory_find_group(const Inventory *inventory, int number) {
        size_t i = group_position(inventory, number);
        return i < inventory->n_groups && inventory->groups[i]->number == number ? inventory->groups[i] : NULL;
}

Device *const *inventory_devices(const Inventory *inventory, size_t *ret_n) {
        *ret_n = inventory->n_devices;
        return inventory->devices;
}

Group *const *inventory_groups(const Inventory *inventory, size_t *ret_n) {
        *ret_n = inventory->n_groups;
        return inventory->groups;
}

/* Pending changes. The field "change" of an object is the index of its entry, plus one. */

static int note(Inventory *inventory, const Change *change, unsigned *index) {
        ChangeList *pending = &inventory->pending;

        if (pending->n_changes == pending->n_allocated) {
                size_t wanted = pending->n_allocated ? pending->n_allocated * 2 : 16;
                Change *grown = reallocarray(pending->changes, wanted, sizeof(Change));
                if (!grown)
                        return -ENOMEM;
                pending->changes = grown;
                pending->n_allocated = wanted;
        }
        pending->changes[pending->n_changes++] = *change;
        if (index)
                *index = (unsigned)pending->n_changes;
        return 0;
}

static int note_device(Inventory *inventory, Device *device, unsigned facts) {
        if (facts == 0)
                return 0;
        if (device->change > 0) {
                inventory->pending.changes[device->change - 1].facts |= facts;
                return 0;
        }
        Change change = {.kind = CHANGE_DEVICE_CHANGED, .facts = facts, .address = device->address};
        return note(inventory, &change, &device->change);
}

static int note_group(Inventory *inventory, Group *group, unsigned facts) {
        if (group->change > 0) {
                inventory->pending.changes[group->change - 1].facts |= facts;
                return 0;
        }
        Change change = {.kind = CHANGE_GROUP_CHANGED, .facts = facts, .group = group->number};
        return note(inventory, &change, &group->change);
}

/* Records that an object was removed. If its addition is still pending, both cancel out. */
static int note_removed(Inventory *inventory, unsigned index, const Change *removed, ChangeKind added) {
        if (index > 0) {
                Change *pending = &inventory->pending.changes[index - 1];
                if (pending->kind == added) {
                        pending->kind = CHANGE_NONE;
                        return 0;
                }
                *pending = *removed;
                return 0;
        }
        return note(inventory, removed, NULL);
}

bool inventory_peek_change(const Inventory *inventory, size_t i, Change *ret) {
        if (i >= inventory->pending.n_changes)
                return false;
        *ret = inventory->pending.changes[i];
        return true;
}

void inventory_take_changes(Inventory *inventory, ChangeList *ret) {
        for (size_t i = 0; i < inventory->pending.n_changes; i++) {
                const Change *change = &inventory->pending.changes[i];
                Device *device;
                Group *group;

                switch (change->kind) {
                case CHANGE_DEVICE_ADDED:
                case CHANGE_DEVICE_CHANGED:
                        device = inventory_find_device(inventory, change->address);
                        if (device)
                                device->change = 0;
                        break;
                case CHANGE_GROUP_ADDED:
                case CHANGE_GROUP_CHANGED:
                        group = inventory_find_group(inventory, change->group);
                        if (group)
                                group->change = 0;
                        break;
                default:
                        break;
                }
        }
        *ret = inventory->pending;
        inventory->pending = (ChangeList){};
}

/* Records a change of a device. The state, viability and node of its group may have changed, too. */
static int note_member(Inventory *inventory, Device *device, unsigned facts) {
        int r = note_device(inventory, device, facts);
        if (r >= 0 && device->group && (facts & (CHANGED_STATE | CHANGED_DRIVER)) != 0)
                r = note_group(inventory, device->group, CHANGED_STATE | CHANGED_VIABLE);
        return r;
}

static int group_obtain(Inventory *inventory, int number, Group **ret) {
        size_t position = group_position(inventory, number);

        if (position < inventory->n_groups && inventory->groups[position]->number == number) {
                *ret = inventory->groups[position];
                return 0;
        }

        Group *group = calloc(1, sizeof(Group));
        if (!group)
                return -ENOMEM;
        group->number = number;
        int r = array_insert((void ***)&inventory->groups, &inventory->n_groups, &inventory->n_groups_allocated,
                        position, group);
        if (r < 0) {
                free(group);
                return r;
        }
        Change change = {.kind = CHANGE_GROUP_ADDED, .group = number};
        r = note(inventory, &change, &group->change);
        if (r < 0)
                return r;
        *ret = group;
        return 0;
}

static int group_join(Inventory *inventory, Device *device, int number) {
        Group *group;

        int r = group_obtain(inventory, number, &group);
        if (r < 0)
                return r;
        Device **grown = reallocarray(group->members, group->n_members + 1, sizeof(Device *));
        if (!grown)
                return -ENOMEM;
        group->members = grown;

        size_t position = device_position(group->members, group->n_members, device->address);
        memmove(grown + position + 1, grown + position, (group->n_members - position) * sizeof(Device *));
        grown[position] = device;
        group->n_members++;
        device->group = group;
        return note_group(inventory, group, CHANGED_MEMBERS | CHANGED_STATE | CHANGED_VIABLE);
}

static int group_leave(Inventory *inventory, Device *device) {
        Group *group = TAKE_PTR(device->group);
        if (!group)
                return 0;

        array_remove((void **)group->members, &group->n_members,
                        device_position(group->members, group->n_members, device->address));
        if (group->n_members > 0)
                return note_group(inventory, group, CHANGED_MEMBERS | CHANGED_STATE | CHANGED_VIABLE);

        Change removed = {.kind = CHANGE_GROUP_REMOVED, .group = group->number};
        int r = note_removed(inventory, group->change, &removed, CHANGE_GROUP_ADDED);
        array_remove((void **)inventory->groups, &inventory->n_groups, group_position(inventory, group->number));
        group_free(group);
        return r;
}

static int device_obtain(Inventory *inventory, PciAddress address, Device **ret) {
        size_t position = device_position(inventory->devices, inventory->n_devices, address);

        if (position < inventory->n_devices && pci_address_equal(inventory->devices[position]->address, address)) {
                *ret = inventory->devices[position];
                return 0;
        }

        Device *device = calloc(1, sizeof(Device));
        if (!device)
                return -ENOMEM;
        device->address = address;
        device->numa_node = -1;
        int r = array_insert((void ***)&inventory->devices, &inventory->n_devices, &inventory->n_devices_allocated,
                        position, device);
        if (r < 0) {
                free(device);
                return r;
        }
        Change change = {.kind = CHANGE_DEVICE_ADDED, .address = address};
        r = note(inventory, &change, &device->change);
        if (r < 0)
                return r;
        *ret = device;
        return 0;
}

/* A VF was added or removed: records that the VFs of its PF changed. */
static int note_physical_function(Inventory *inventory, const Device *device) {
        Device *physical =
                        device->virtual_function ? inventory_find_device(inventory, device->physical_function) : NULL;
        return physical ? note_device(inventory, physical, CHANGED_FUNCTIONS) : 0;
}

static int device_remove(Inventory *inventory, Device *device) {
        Change removed = {.kind = CHANGE_DEVICE_REMOVED, .address = device->address};
        int r = note_physical_function(inventory, device);
        if (r >= 0)
                r = note_removed(inventory, device->change, &removed, CHANGE_DEVICE_ADDED);
        /* The removal of a group is recorded after the removal of its last device. */
        if (r >= 0)
                r = group_leave(inventory, device);

        array_remove((void **)inventory->devices, &inventory->n_devices,
                        device_position(inventory->devices, inventory->n_devices, device->address));
        device_free(device);
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
        const char *driver, *reset_methods;
        Device *device;
        unsigned facts = 0;
        int r;

        if ((r = string_pool_get(&inventory->strings, read->driver, &driver)) < 0 ||
                        (r = string_pool_get(&inventory->strings, read->reset_methods, &reset_methods)) < 0 ||
                        (r = device_obtain(inventory, read->address, &device)) < 0)
                return r;

        DeviceState state_before = device_state(device);
        device->generation = inventory->generation;
        if (!pci_ids_equal(&device->ids, &read->ids)) {
                device->ids = read->ids;
                facts |= CHANGED_IDS;
        }
        UPDATE(driver, driver, CHANGED_DRIVER);
        UPDATE(reset_methods, reset_methods, CHANGED_OTHER);
        UPDATE(numa_node, (int16_t)read->numa_node, CHANGED_OTHER);
        UPDATE(virtual_functions_max, read->virtual_functions_max, CHANGED_OTHER);
        UPDATE(virtual_function, read->virtual_function, CHANGED_OTHER | CHANGED_FUNCTIONS);
        UPDATE(bridge, read->bridge, CHANGED_OTHER);
        UPDATE(endpoint, read->endpoint, CHANGED_OTHER);
        UPDATE(boot_vga, read->boot_vga, CHANGED_OTHER);
        if (!device->present) {
                device->appeared = true;
                device->returned = device_is_ours(device) && device->origin->has_parent;
        }
        UPDATE(present, true, CHANGED_STATE);
        device->incarnation = read->incarnation;
        device->physical_function = read->physical_function;
        device->behind_controller = read->behind_controller;
        device->controller = read->controller;
        if ((facts & (CHANGED_STATE | CHANGED_FUNCTIONS)) && (r = note_physical_function(inventory, device)) < 0)
                return r;

        if ((device->group ? device->group->number : IOMMU_GROUP_NONE) != read->group) {
                if ((r = group_leave(inventory, device)) < 0)
                        return r;
                if (read->group != IOMMU_GROUP_NONE && (r = group_join(inventory, device, read->group)) < 0)
                        return r;
                facts |= CHANGED_GROUP;
        }
        if (device_state(device) != state_before)
                facts |= CHANGED_STATE;
        return note_member(inventory, device, facts);
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
        device->driver_due_us = 0;
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
        int r = host_name_list_add(&device->names, kind, name, inventory->generation);
        return r <= 0 ? r : note_device(inventory, device, CHANGED_NAMES);
}

int inventory_drop_name(Inventory *inventory, HostNameKind kind, const char *name, PciAddress address) {
        Device *device = inventory_find_device(inventory, address);
        if (!device || !host_name_list_remove(&device->names, kind, name))
                return 0;
        return note_device(inventory, device, CHANGED_NAMES);
}

uint64_t *inventory_next_check(Inventory *inventory) {
        return &inventory->next_check_us;
}

void inventory_begin_rescan(Inventory *inventory) {
        inventory->generation++;
}

const Device *inventory_find_unseen(const Inventory *inventory, const PciAddress *after) {
        size_t i = after ? device_position(inventory->devices, inventory->n_devices, *after) : 0;

        for (; i < inventory->n_devices; i++) {
                const Device *device = inventory->devices[i];
                if (device->present && device->generation != inventory->generation &&
                                !(after && pci_address_equal(device->address, *after)))
                        return device;
        }
        return NULL;
}

int inventory_end_rescan(Inventory *inventory) {
        for (size_t i = inventory->n_devices; i > 0; i--) {
                Device *device = inventory->devices[i - 1];
                int r = 0;

                if (device->generation != inventory->generation)
                        r = inventory_drop_device(inventory, device->address);
                else if (host_name_list_drop_older(&device->names, inventory->generation))
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
                device->origin = device_origin_free(device->origin);
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
        device_origin_free(device->origin);
        device->origin = TAKE_PTR(copy);
        return note_member(inventory, device, facts);
}

int inventory_set_activity(Inventory *inventory, PciAddress address, DeviceActivity activity) {
        Device *device = inventory_find_device(inventory, address);
        if (!device || device->activity == activity)
                return 0;
        device->activity = activity;
        if (!device->present && !device_is_kept(device))
                return device_remove(inventory, device);
        return note_member(inventory, device, CHANGED_STATE);
}
