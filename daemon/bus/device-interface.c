/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/append.h"
#include "bus/getter.h"
#include "bus/operation.h"
#include "bus/publish.h"
#include "kernel/vfio-node.h"

/* userdata of getters and methods is the Device. service_of() returns the service. */

static int method_detach(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        PciAddress address = ((const Device *)userdata)->address;
        return operation_detach(service_of(sd_bus_message_get_bus(message)), message, PCI_ADDRESS_TEXT(address), error);
}

static int method_reattach(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        PciAddress address = ((const Device *)userdata)->address;
        return operation_reattach(
                        service_of(sd_bus_message_get_bus(message)), message, PCI_ADDRESS_TEXT(address), error);
}

static int method_set_virtual_functions(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        PciAddress address = ((const Device *)userdata)->address;
        return operation_set_vfs(
                        service_of(sd_bus_message_get_bus(message)), message, PCI_ADDRESS_TEXT(address), error);
}

BUS_GETTER(property_get_address) {
        return sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(((const Device *)userdata)->address));
}

BUS_GETTER(property_get_state) {
        return sd_bus_message_append(reply, "s", device_state_to_string(device_state(userdata)));
}

BUS_GETTER(property_get_driver) {
        return bus_append_name(reply, ((const Device *)userdata)->driver);
}

BUS_GETTER(property_get_flag) {
        const Device *device = userdata;
        return sd_bus_message_append(
                        reply, "b", (int)(streq(property, "Endpoint") ? device->endpoint : device->boot_vga));
}

BUS_GETTER(property_get_group_number) {
        const Device *device = userdata;
        return sd_bus_message_append(reply, "i", device->group ? device->group->number : IOMMU_GROUP_NONE);
}

BUS_GETTER(property_get_group) {
        const Device *device = userdata;
        _cleanup_free_ char *group_path = NULL;

        int r = device->group ? service_group_path(device->group->number, &group_path) : 0;
        return r < 0 ? r : sd_bus_message_append(reply, "o", group_path ? group_path : "/");
}

BUS_GETTER(property_get_node) {
        const Device *device = userdata;
        return sd_bus_message_append(reply, "s",
                        device->group && device_is_on_vfio(device) ? VFIO_NODE_TEXT(device->group->number) : "");
}

BUS_GETTER(property_get_id) {
        const PciIds *ids = &((const Device *)userdata)->ids;
        return sd_bus_message_append(reply, "q",
                        streq(property, "VendorId")                            ? ids->vendor
                                        : streq(property, "DeviceId")          ? ids->device
                                        : streq(property, "SubsystemVendorId") ? ids->subsystem_vendor
                                                                               : ids->subsystem_device);
}

BUS_GETTER(property_get_class) {
        return sd_bus_message_append(reply, "u", ((const Device *)userdata)->ids.class);
}

BUS_GETTER(property_get_revision) {
        return sd_bus_message_append(reply, "y", ((const Device *)userdata)->ids.revision);
}

BUS_GETTER(property_get_name) {
        const Device *device = userdata;
        char text[PCI_NAME_MAX];
        PciNameKind kind = streq(property, "VendorName")   ? PCI_NAME_VENDOR
                        : streq(property, "DeviceName")    ? PCI_NAME_DEVICE
                        : streq(property, "SubsystemName") ? PCI_NAME_SUBSYSTEM
                                                           : PCI_NAME_CLASS;

        return bus_append_text(reply, pci_names_lookup(service_of(bus)->names, kind, &device->ids, text));
}

BUS_GETTER(property_get_numa_node) {
        return sd_bus_message_append(reply, "i", (int)((const Device *)userdata)->numa_node);
}

BUS_GETTER(property_get_link) {
        const Device *device = userdata;
        return sd_bus_message_append(reply, "u",
                        streq(property, "LinkSpeed")                      ? device->link.speed
                                        : streq(property, "LinkSpeedMax") ? device->link.speed_max
                                        : streq(property, "LinkWidth")    ? (uint32_t)device->link.width
                                                                          : (uint32_t)device->link.width_max);
}

BUS_GETTER(property_get_reset_methods) {
        const Device *device = userdata;
        char *state;
        int r;

        _cleanup_free_ char *methods = strdup(strempty(device->reset_methods));
        if (!methods)
                return -ENOMEM;
        if ((r = sd_bus_message_open_container(reply, 'a', "s")) < 0)
                return r;
        for (char *word = strtok_r(methods, " ", &state); word; word = strtok_r(NULL, " ", &state))
                if ((r = bus_append_name(reply, word)) < 0)
                        return r;
        return sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_physical_function) {
        const Device *device = userdata;
        return sd_bus_message_append(
                        reply, "s", device->virtual_function ? PCI_ADDRESS_TEXT(device->physical_function) : "");
}

BUS_GETTER(property_get_virtual_functions) {
        const Device *device = userdata;
        size_t n;
        int r;

        if ((r = sd_bus_message_open_container(reply, 'a', "s")) < 0)
                return r;
        Device *const *devices = inventory_devices(service_of(bus)->inventory, &n);
        for (size_t i = 0; device->virtual_functions_max > 0 && i < n; i++)
                if (device_is_vf_of(devices[i], device) &&
                                (r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(devices[i]->address))) < 0)
                        return r;
        return sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_virtual_functions_max) {
        return sd_bus_message_append(reply, "u", (uint32_t)((const Device *)userdata)->virtual_functions_max);
}

static int append_names(sd_bus_message *reply, const HostName *names, HostNameKind kind) {
        int r;

        if ((r = sd_bus_message_open_container(reply, 'a', "s")) < 0)
                return r;
        for (; names; names = names->next)
                if ((kind == _HOST_NAME_KIND_MAX || names->kind == kind) &&
                                (r = bus_append_name(reply, names->name)) < 0)
                        return r;
        return sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_names) {
        return append_names(reply, ((const Device *)userdata)->names,
                        streq(property, "NetworkInterfaces") ? HOST_NAME_NETWORK : HOST_NAME_BLOCK);
}

BUS_GETTER(property_get_original_names) {
        const DeviceOrigin *origin = ((const Device *)userdata)->origin;
        return append_names(reply, origin ? origin->names : NULL, _HOST_NAME_KIND_MAX);
}

BUS_GETTER(property_get_original) {
        const DeviceOrigin *origin = ((const Device *)userdata)->origin;
        const char *text = !origin                          ? NULL
                        : streq(property, "OriginalDriver") ? origin->binding.driver
                                                            : origin->binding.override;

        return bus_append_name(reply, text);
}

#define CHANGING_PROPERTY(name, signature, getter) \
        SD_BUS_PROPERTY(name, signature, getter, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static const sd_bus_vtable device_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("Detach", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(sssa{sv})", changes),
                                method_detach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Reattach", SD_BUS_ARGS("a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), method_reattach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("SetVirtualFunctions", SD_BUS_ARGS("u", count, "a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), method_set_virtual_functions,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("Address", "s", property_get_address, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                CHANGING_PROPERTY("State", "s", property_get_state),
                CHANGING_PROPERTY("Driver", "s", property_get_driver),
                CHANGING_PROPERTY("Endpoint", "b", property_get_flag),
                CHANGING_PROPERTY("GroupNumber", "i", property_get_group_number),
                CHANGING_PROPERTY("Group", "o", property_get_group),
                CHANGING_PROPERTY("Node", "s", property_get_node),
                CHANGING_PROPERTY("VendorId", "q", property_get_id),
                CHANGING_PROPERTY("DeviceId", "q", property_get_id),
                CHANGING_PROPERTY("SubsystemVendorId", "q", property_get_id),
                CHANGING_PROPERTY("SubsystemDeviceId", "q", property_get_id),
                CHANGING_PROPERTY("Class", "u", property_get_class),
                CHANGING_PROPERTY("Revision", "y", property_get_revision),
                CHANGING_PROPERTY("VendorName", "s", property_get_name),
                CHANGING_PROPERTY("DeviceName", "s", property_get_name),
                CHANGING_PROPERTY("SubsystemName", "s", property_get_name),
                CHANGING_PROPERTY("ClassName", "s", property_get_name),
                CHANGING_PROPERTY("NumaNode", "i", property_get_numa_node),
                CHANGING_PROPERTY("LinkSpeed", "u", property_get_link),
                CHANGING_PROPERTY("LinkSpeedMax", "u", property_get_link),
                CHANGING_PROPERTY("LinkWidth", "u", property_get_link),
                CHANGING_PROPERTY("LinkWidthMax", "u", property_get_link),
                CHANGING_PROPERTY("ResetMethods", "as", property_get_reset_methods),
                CHANGING_PROPERTY("BootVga", "b", property_get_flag),
                CHANGING_PROPERTY("PhysicalFunction", "s", property_get_physical_function),
                CHANGING_PROPERTY("VirtualFunctions", "as", property_get_virtual_functions),
                CHANGING_PROPERTY("VirtualFunctionsMax", "u", property_get_virtual_functions_max),
                CHANGING_PROPERTY("NetworkInterfaces", "as", property_get_names),
                CHANGING_PROPERTY("BlockDevices", "as", property_get_names),
                CHANGING_PROPERTY("OriginalDriver", "s", property_get_original),
                CHANGING_PROPERTY("OriginalOverride", "s", property_get_original),
                CHANGING_PROPERTY("OriginalNames", "as", property_get_original_names),
                SD_BUS_VTABLE_END,
};

static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                sd_bus_error *error) {
        _cleanup_free_ char *text = NULL, *canonical = NULL;
        const Service *service = userdata;
        PciAddress address;

        (void)bus, (void)interface, (void)error;
        int r = sd_bus_path_decode(path, BUS_PATH_DEVICES, &text);
        if (r <= 0)
                return r;
        if (pci_address_parse(text, &address) < 0)
                return 0;
        if ((r = service_device_path(address, &canonical)) < 0)
                return r;
        Device *device = inventory_find_device(service->inventory, address);
        if (!device || !streq(path, canonical))
                return 0;
        *ret_found = device;
        return 1;
}

static int list_objects(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error) {
        const Service *service = userdata;
        size_t n;

        (void)bus, (void)prefix, (void)error;
        Device *const *devices = inventory_devices(service->inventory, &n);
        char **nodes = calloc(n + 1, sizeof(char *));
        if (!nodes)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (service_device_path(devices[i]->address, &nodes[i]) < 0) {
                        while (i > 0)
                                free(nodes[--i]);
                        free(nodes);
                        return -ENOMEM;
                }
        *ret_nodes = nodes;
        return 1;
}

int device_interface_publish(Service *service) {
        int r;

        if ((r = sd_bus_add_fallback_vtable(service->bus, NULL, BUS_PATH_DEVICES, BUS_INTERFACE_DEVICE, device_vtable,
                             find_object, service)) < 0)
                return r;
        return sd_bus_add_node_enumerator(service->bus, NULL, BUS_PATH_DEVICES, list_objects, service);
}
