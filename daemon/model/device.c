/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/device.h"
#include "model/group.h"

static const char *const state_table[_DEVICE_STATE_MAX] = {
                [DEVICE_HOST] = "host",
                [DEVICE_DRIVERLESS] = "driverless",
                [DEVICE_DETACHED] = "detached",
                [DEVICE_LEASED] = "leased",
                [DEVICE_FOREIGN] = "foreign",
                [DEVICE_CHANGING] = "changing",
                [DEVICE_STUCK] = "stuck",
                [DEVICE_ABSENT] = "absent",
};

const char *device_state_to_string(DeviceState state) {
        return state_table[state];
}

void device_get_facts(const Device *device, PciFacts *ret) {
        *ret = (PciFacts){
                        .address = device->address,
                        .incarnation = device->incarnation,
                        .ids = device->ids,
                        .group = device->group ? device->group->number : IOMMU_GROUP_NONE,
                        .numa_node = device->numa_node,
                        .virtual_functions_max = device->virtual_functions_max,
                        .no_iommu = device->group && device->group->no_iommu,
                        .bridge = device->bridge,
                        .endpoint = device->endpoint,
                        .boot_vga = device->boot_vga,
                        .group_node = device->group_node,
                        .has_cdev = device->has_cdev,
                        .cdev = device->cdev,
                        .nodes = device->nodes,
                        .virtual_function = device->virtual_function,
                        .physical_function = device_physical_function(device),
                        .has_upstream = device->has_upstream,
                        .upstream = device_upstream(device),
                        .behind_controller = device->behind_controller,
                        .controller = device->controller,
        };
        (void)snprintf(ret->driver, sizeof(ret->driver), "%s", strempty(device->driver));
        (void)snprintf(ret->reset_methods, sizeof(ret->reset_methods), "%s", strempty(device->reset_methods));
}

DeviceState device_state(const Device *device) {
        if (device->activity == DEVICE_WAITED_FOR)
                return DEVICE_STUCK;
        if (device->activity == DEVICE_WORKED_ON)
                return DEVICE_CHANGING;
        if (!device->present)
                return DEVICE_ABSENT;
        if (!device->driver)
                return DEVICE_DRIVERLESS;
        if (pci_driver_is_vfio(device->driver))
                return !device_is_ours(device) ? DEVICE_FOREIGN : device->leased ? DEVICE_LEASED : DEVICE_DETACHED;
        return DEVICE_HOST;
}

bool device_blocks_group(const Device *device) {
        return device->present && device->driver && !pci_driver_leaves_dma(device->driver);
}

static int compare(HostNameKind kind, const char *name, const HostName *other) {
        return kind != other->kind ? (kind < other->kind ? -1 : 1) : strcmp(name, other->name);
}

/* Finds the name, or the place where it would be inserted. Returns whether it is in the list. */
static bool find_name(HostName **list, HostNameKind kind, const char *name, HostName ***ret) {
        int order = 1;

        while (*list && (order = compare(kind, name, *list)) > 0)
                list = &(*list)->next;
        *ret = list;
        return order == 0;
}

int host_name_list_add(HostName **list, HostNameKind kind, const char *name, uint8_t generation) {
        HostName **place;

        if (find_name(list, kind, name, &place)) {
                (*place)->generation = generation;
                return 0;
        }
        size_t size = strlen(name) + 1;
        HostName *added = malloc(offsetof(HostName, name) + size);
        if (!added)
                return -ENOMEM;
        added->next = *place;
        added->kind = (uint8_t)kind;
        added->generation = generation;
        added->is_new = false;
        memcpy(added->name, name, size);
        *place = added;
        return 1;
}

static void remove_name(HostName **place) {
        HostName *removed = *place;
        *place = removed->next;
        free(removed);
}

bool host_name_list_remove(HostName **list, HostNameKind kind, const char *name) {
        HostName **place;

        bool found = find_name(list, kind, name, &place);
        if (found)
                remove_name(place);
        return found;
}

bool host_name_list_drop_older(HostName **list, uint8_t generation) {
        bool dropped = false;

        while (*list)
                if ((*list)->generation == generation)
                        list = &(*list)->next;
                else {
                        remove_name(list);
                        dropped = true;
                }
        return dropped;
}

/* During its job, the device is still found by a name that it loses. */
static int keep_name(Device *device, const HostName *name) {
        if (device->activity == DEVICE_QUIET || name->is_new)
                return 0;
        int r = host_name_list_add(&device->former_names, name->kind, name->name, 0);
        return r < 0 ? r : 0;
}

int device_add_name(Device *device, HostNameKind kind, const char *name, uint8_t generation) {
        HostName **place;

        int r = host_name_list_add(&device->names, kind, name, generation);
        bool is_former = host_name_list_remove(&device->former_names, kind, name);
        if (r > 0 && find_name(&device->names, kind, name, &place))
                (*place)->is_new = device->activity != DEVICE_QUIET && !is_former;
        return r;
}

int device_remove_name(Device *device, HostNameKind kind, const char *name) {
        HostName **place;

        if (!find_name(&device->names, kind, name, &place))
                return 0;
        int r = keep_name(device, *place);
        remove_name(place);
        return r;
}

int device_drop_names(Device *device, uint8_t generation) {
        int r = 0;

        for (const HostName *name = device->names; name && r >= 0; name = name->next)
                if (name->generation != generation)
                        r = keep_name(device, name);
        return r < 0 ? r : host_name_list_drop_older(&device->names, generation);
}

void device_end_names(Device *device) {
        device->former_names = host_name_list_free(device->former_names);
        for (HostName *name = device->names; name; name = name->next)
                name->is_new = false;
}

int device_drop_origin(Device *device) {
        int r = 0;

        for (const HostName *name = device->origin->names; name && device->activity != DEVICE_QUIET && r >= 0;
                        name = name->next)
                if (!host_name_list_has(device->names, name->kind, name->name))
                        r = host_name_list_add(&device->former_names, name->kind, name->name, 0);
        if (r < 0)
                return r;
        device->origin = device_origin_free(device->origin);
        return 0;
}

bool host_name_list_has(const HostName *list, HostNameKind kind, const char *name) {
        HostName **place;
        return find_name((HostName **)&list, kind, name, &place);
}

HostName *host_name_list_free(HostName *list) {
        while (list)
                remove_name(&list);
        return NULL;
}

DeviceOrigin *device_origin_free(DeviceOrigin *origin) {
        if (!origin)
                return NULL;
        free(origin->module);
        free(origin->vfio_driver);
        host_name_list_free(origin->names);
        free(origin);
        return NULL;
}

int device_origin_copy(const DeviceOrigin *origin, DeviceOrigin **ret) {
        _cleanup_(device_origin_freep) DeviceOrigin *copy = malloc(sizeof(DeviceOrigin));
        int r;

        if (!copy)
                return -ENOMEM;
        *copy = *origin;
        copy->module = copy->vfio_driver = NULL;
        copy->names = NULL;
        if ((r = free_and_strdup(&copy->module, origin->module)) < 0 ||
                        (r = free_and_strdup(&copy->vfio_driver, origin->vfio_driver)) < 0)
                return r;
        for (const HostName *name = origin->names; name; name = name->next)
                if ((r = host_name_list_add(&copy->names, name->kind, name->name, 0)) < 0)
                        return r;
        *ret = TAKE_PTR(copy);
        return 0;
}

bool device_origin_equal(const DeviceOrigin *a, const DeviceOrigin *b) {
        if (!a || !b)
                return a == b;
        if (!pci_ids_equal(&a->ids, &b->ids) || !streq(a->binding.driver, b->binding.driver) ||
                        !streq(a->binding.override, b->binding.override) ||
                        a->binding.any_driver != b->binding.any_driver ||
                        !power_settings_equal(&a->binding.power, &b->binding.power) ||
                        !virtual_function_link_equal(&a->binding.link, &b->binding.link) ||
                        !streq_ptr(a->module, b->module) || !streq_ptr(a->vfio_driver, b->vfio_driver) ||
                        a->virtual_function != b->virtual_function || a->degraded != b->degraded ||
                        a->has_parent != b->has_parent || (a->has_parent && !pci_address_equal(a->parent, b->parent)) ||
                        a->virtual_functions != b->virtual_functions || a->autoprobe_known != b->autoprobe_known ||
                        a->autoprobe != b->autoprobe || a->trial != b->trial)
                return false;

        const HostName *x = a->names, *y = b->names;
        for (; x && y; x = x->next, y = y->next)
                if (compare(x->kind, x->name, y) != 0)
                        return false;
        return !x && !y;
}
