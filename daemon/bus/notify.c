/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/notify.h"

/* The facts on which the value of each property depends. Constant properties are not listed. */
typedef struct PropertyFacts {
        const char *property;
        unsigned facts;
} PropertyFacts;

static const PropertyFacts device_properties[] = {
                {"State", CHANGED_STATE | CHANGED_DRIVER | CHANGED_ORIGIN},
                {"Driver", CHANGED_DRIVER},
                {"Node", CHANGED_DRIVER | CHANGED_GROUP},
                {"GroupNumber", CHANGED_GROUP},
                {"Group", CHANGED_GROUP},
                {"VendorId", CHANGED_IDS},
                {"DeviceId", CHANGED_IDS},
                {"SubsystemVendorId", CHANGED_IDS},
                {"SubsystemDeviceId", CHANGED_IDS},
                {"Class", CHANGED_IDS},
                {"Revision", CHANGED_IDS},
                {"VendorName", CHANGED_IDS},
                {"DeviceName", CHANGED_IDS},
                {"SubsystemName", CHANGED_IDS},
                {"ClassName", CHANGED_IDS},
                {"LinkSpeed", CHANGED_LINK},
                {"LinkSpeedMax", CHANGED_LINK},
                {"LinkWidth", CHANGED_LINK},
                {"LinkWidthMax", CHANGED_LINK},
                {"Endpoint", CHANGED_OTHER},
                {"NumaNode", CHANGED_OTHER},
                {"ResetMethods", CHANGED_OTHER},
                {"BootVga", CHANGED_OTHER},
                {"PhysicalFunction", CHANGED_OTHER},
                {"VirtualFunctionsMax", CHANGED_OTHER},
                {"VirtualFunctions", CHANGED_FUNCTIONS},
                {"NetworkInterfaces", CHANGED_NAMES},
                {"BlockDevices", CHANGED_NAMES},
                {"OriginalDriver", CHANGED_ORIGIN},
                {"OriginalOverride", CHANGED_ORIGIN},
                {"OriginalNames", CHANGED_ORIGIN},
};

static const PropertyFacts group_properties[] = {
                {"State", CHANGED_STATE},
                {"Viable", CHANGED_VIABLE},
                {"Blockers", CHANGED_VIABLE},
                {"Node", CHANGED_VIABLE},
                {"Members", CHANGED_MEMBERS},
                {"Devices", CHANGED_MEMBERS},
};

static int emit_changed(Service *service, const char *path, const char *interface, const PropertyFacts *table, size_t n,
                unsigned facts) {
        char *names[ELEMENTSOF(device_properties) + 1];
        size_t n_names = 0;

        for (size_t i = 0; i < n; i++)
                if (table[i].facts & facts)
                        names[n_names++] = (char *)table[i].property;
        names[n_names] = NULL;
        return n_names == 0 ? 0 : sd_bus_emit_properties_changed_strv(service->bus, path, interface, names);
}

static int emit_device(Service *service, const Change *change) {
        _cleanup_free_ char *path = NULL;

        int r = service_device_path(change->address, &path);
        if (r < 0)
                return r;
        if (change->kind == CHANGE_DEVICE_REMOVED)
                return sd_bus_emit_interfaces_removed(service->bus, path, BUS_INTERFACE_DEVICE, NULL);
        if (!inventory_find_device(service->inventory, change->address))
                return 0;
        if (change->kind == CHANGE_DEVICE_ADDED)
                return sd_bus_emit_interfaces_added(service->bus, path, BUS_INTERFACE_DEVICE, NULL);
        return emit_changed(service, path, BUS_INTERFACE_DEVICE, device_properties, ELEMENTSOF(device_properties),
                        change->facts);
}

static int emit_group(Service *service, const Change *change) {
        _cleanup_free_ char *path = NULL;

        int r = service_group_path(change->group, &path);
        if (r < 0)
                return r;
        if (change->kind == CHANGE_GROUP_REMOVED)
                return sd_bus_emit_interfaces_removed(service->bus, path, BUS_INTERFACE_GROUP, NULL);
        if (!inventory_find_group(service->inventory, change->group))
                return 0;
        if (change->kind == CHANGE_GROUP_ADDED)
                return sd_bus_emit_interfaces_added(service->bus, path, BUS_INTERFACE_GROUP, NULL);
        return emit_changed(service, path, BUS_INTERFACE_GROUP, group_properties, ELEMENTSOF(group_properties),
                        change->facts);
}

int notify_changes(Service *service, const ChangeList *changes) {
        int first_error = 0;
        for (size_t i = 0; i < changes->n_changes; i++) {
                const Change *change = &changes->changes[i];
                int r = 0;

                switch (change->kind) {
                case CHANGE_DEVICE_ADDED:
                case CHANGE_DEVICE_CHANGED:
                case CHANGE_DEVICE_REMOVED:
                        r = emit_device(service, change);
                        break;
                case CHANGE_GROUP_ADDED:
                case CHANGE_GROUP_CHANGED:
                case CHANGE_GROUP_REMOVED:
                        r = emit_group(service, change);
                        break;
                case CHANGE_NONE:
                        break;
                }
                if (r < 0 && first_error == 0)
                        first_error = r;
        }
        return first_error;
}

int notify_manager(Service *service, bool model_changed) {
        const ManagerFacts told = service->told;
        char *names[5];
        size_t n = 0;

        if (!model_changed && follower_events_lost(service->follower) == told.events_lost)
                return 0;
        service_count(service, &service->told);
        if (service->told.n_devices != told.n_devices)
                names[n++] = (char *)"DeviceCount";
        if (service->told.n_groups != told.n_groups)
                names[n++] = (char *)"GroupCount";
        if (service->told.n_detached != told.n_detached)
                names[n++] = (char *)"DetachedCount";
        if (service->told.events_lost != told.events_lost)
                names[n++] = (char *)"EventsLost";
        names[n] = NULL;
        return n == 0 ? 0 : sd_bus_emit_properties_changed_strv(service->bus, BUS_PATH, BUS_INTERFACE_MANAGER, names);
}
