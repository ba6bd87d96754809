/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/matched-rules.h"
#include "bus/operation.h"
#include "bus/publish.h"
#include "kernel/pci-category.h"
#include "kernel/vfio-node.h"
#include "model/availability.h"

/* userdata of getters is the Device. service_of() returns the service. */

BUS_GETTER(property_get_text) {
        const Device *device = userdata;

        if (streq(property, "Address"))
                return bus_append_name(reply, PCI_ADDRESS_TEXT(device->address));
        if (streq(property, "State"))
                return bus_append_name(reply, device_state_to_string(device_state(device)));
        if (streq(property, "Availability"))
                return bus_append_name(reply, availability_to_string(device_availability(device)));
        if (streq(property, "MatchedRule"))
                return bus_append_name(reply, matched_rule_find(service_of(bus), device->address));
        if (streq(property, "Category"))
                return bus_append_name(reply, pci_category(device->ids.class)->name);
        if (streq(property, "Icon"))
                return bus_append_name(reply, pci_category(device->ids.class)->icon);
        if (streq(property, "Driver"))
                return bus_append_name(reply, device->driver);
        if (streq(property, "Node") && device->group && device->group_node)
                return bus_append_name(reply, VFIO_NODE_TEXT(device->group->number, device->group->no_iommu));
        if ((streq(property, "Node") || streq(property, "Cdev")) && device->has_cdev)
                return bus_append_name(reply, VFIO_CDEV_TEXT(device->cdev));
        if (streq(property, "PhysicalFunction") && device->virtual_function)
                return bus_append_name(reply, PCI_ADDRESS_TEXT(device_physical_function(device)));
        if (streq(property, "OriginalDriver") && device->origin)
                return bus_append_name(reply, device->origin->binding.driver);
        if (streq(property, "OriginalOverride") && device->origin)
                return bus_append_name(reply, device->origin->binding.override);
        return bus_append_name(reply, NULL);
}

BUS_GETTER(property_get_flag) {
        const Device *device = userdata;
        return sd_bus_message_append(
                        reply, "b", (int)(streq(property, "Endpoint") ? device->endpoint : device->boot_vga));
}

BUS_GETTER(property_get_group) {
        const Device *device = userdata;
        _cleanup_free_ char *group_path = NULL;

        int r = device->group ? service_group_path(device->group->number, &group_path) : 0;
        return r < 0 ? r : sd_bus_message_append(reply, "o", group_path ? group_path : "/");
}

/* The properties that the hardware database gives. */
static const char *const name_properties[] = {
                [PCI_NAME_VENDOR] = "VendorName",
                [PCI_NAME_DEVICE] = "DeviceName",
                [PCI_NAME_SUBSYSTEM] = "SubsystemName",
                [PCI_NAME_CLASS] = "ClassName",
};

BUS_GETTER(property_get_name) {
        const Device *device = userdata;
        PciNameKind kind = PCI_NAME_VENDOR;

        while (!streq(property, name_properties[kind]))
                kind++;
        return bus_append_text(reply, pci_names_lookup(service_of(bus)->names, kind, &device->ids));
}

BUS_GETTER(property_get_int) {
        const Device *device = userdata;
        return sd_bus_message_append(reply, "i",
                        streq(property, "NumaNode")     ? device->numa_node
                                        : device->group ? device->group->number
                                                        : IOMMU_GROUP_NONE);
}

static uint32_t number_of(const Device *device, const char *property) {
        if (streq(property, "Class"))
                return device->ids.class;
        if (streq(property, "LinkSpeed"))
                return device->link.speed;
        if (streq(property, "LinkSpeedMax"))
                return device->link.speed_max;
        if (streq(property, "LinkWidth"))
                return device->link.width;
        if (streq(property, "LinkWidthMax"))
                return device->link.width_max;
        return device->virtual_functions_max;
}

BUS_GETTER(property_get_unsigned) {
        uint32_t number = number_of(userdata, property);
        return sd_bus_message_append_basic(reply, 'u', &number);
}

BUS_GETTER(property_get_revision) {
        uint8_t revision = ((const Device *)userdata)->ids.revision;
        return sd_bus_message_append_basic(reply, 'y', &revision);
}

BUS_GETTER(property_get_reset_methods) {
        char *state;

        _cleanup_free_ char *methods = strdup(strempty(((const Device *)userdata)->reset_methods));
        if (!methods)
                return -ENOMEM;
        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (char *word = strtok_r(methods, " ", &state); word && r >= 0; word = strtok_r(NULL, " ", &state))
                r = bus_append_name(reply, word);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_virtual_functions) {
        const Device *device = userdata;
        size_t n;

        Device *const *devices = inventory_devices(service_of(bus)->inventory, &n);
        int r = sd_bus_message_open_container(reply, 'a', "s");
        for (size_t i = 0; device->virtual_functions_max > 0 && i < n && r >= 0; i++)
                if (device_is_vf_of(devices[i], device))
                        r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(devices[i]->address));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

/* Appends the names of this kind; for _HOST_NAME_KIND_MAX, the interfaces and disks. */
static int append_names(sd_bus_message *reply, const HostName *names, HostNameKind kind) {
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (; names && r >= 0; names = names->next)
                if (names->kind == kind || (kind == _HOST_NAME_KIND_MAX && names->kind != HOST_NAME_CONTROLLER))
                        r = bus_append_name(reply, names->name);
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_names) {
        return append_names(reply, ((const Device *)userdata)->names,
                        streq(property, "NetworkInterfaces") ? HOST_NAME_NETWORK : HOST_NAME_BLOCK);
}

BUS_GETTER(property_get_original_names) {
        const DeviceOrigin *origin = ((const Device *)userdata)->origin;
        return append_names(reply, origin ? origin->names : NULL, _HOST_NAME_KIND_MAX);
}

#define CHANGING_PROPERTY(name, signature, getter) \
        SD_BUS_PROPERTY(name, signature, getter, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

/* A property that sd-bus reads from the field of the Device, which has the type that the signature means. */
#define FIELD_PROPERTY(name, signature, field) \
        SD_BUS_PROPERTY(name, signature, NULL, offsetof(Device, field), SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

const sd_bus_vtable device_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("Detach", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(sssa{sv})", changes),
                                operation_detach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Reattach", SD_BUS_ARGS("a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), operation_reattach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Reset", SD_BUS_ARGS("a{sv}", options), SD_BUS_NO_RESULT, operation_reset,
                                SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("SetVirtualFunctions", SD_BUS_ARGS("u", count, "a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), operation_set_vfs, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("Address", "s", property_get_text, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                CHANGING_PROPERTY("State", "s", property_get_text),
                CHANGING_PROPERTY("Availability", "s", property_get_text),
                CHANGING_PROPERTY("Driver", "s", property_get_text),
                CHANGING_PROPERTY("Endpoint", "b", property_get_flag),
                CHANGING_PROPERTY("GroupNumber", "i", property_get_int),
                CHANGING_PROPERTY("Group", "o", property_get_group),
                CHANGING_PROPERTY("Node", "s", property_get_text),
                CHANGING_PROPERTY("Cdev", "s", property_get_text),
                FIELD_PROPERTY("VendorId", "q", ids.vendor),
                FIELD_PROPERTY("DeviceId", "q", ids.device),
                FIELD_PROPERTY("SubsystemVendorId", "q", ids.subsystem_vendor),
                FIELD_PROPERTY("SubsystemDeviceId", "q", ids.subsystem_device),
                CHANGING_PROPERTY("Class", "u", property_get_unsigned),
                CHANGING_PROPERTY("MatchedRule", "s", property_get_text),
                CHANGING_PROPERTY("Category", "s", property_get_text),
                CHANGING_PROPERTY("Icon", "s", property_get_text),
                CHANGING_PROPERTY("Revision", "y", property_get_revision),
                CHANGING_PROPERTY("VendorName", "s", property_get_name),
                CHANGING_PROPERTY("DeviceName", "s", property_get_name),
                CHANGING_PROPERTY("SubsystemName", "s", property_get_name),
                CHANGING_PROPERTY("ClassName", "s", property_get_name),
                CHANGING_PROPERTY("NumaNode", "i", property_get_int),
                CHANGING_PROPERTY("LinkSpeed", "u", property_get_unsigned),
                CHANGING_PROPERTY("LinkSpeedMax", "u", property_get_unsigned),
                CHANGING_PROPERTY("LinkWidth", "u", property_get_unsigned),
                CHANGING_PROPERTY("LinkWidthMax", "u", property_get_unsigned),
                CHANGING_PROPERTY("ResetMethods", "as", property_get_reset_methods),
                CHANGING_PROPERTY("BootVga", "b", property_get_flag),
                CHANGING_PROPERTY("PhysicalFunction", "s", property_get_text),
                CHANGING_PROPERTY("VirtualFunctions", "as", property_get_virtual_functions),
                CHANGING_PROPERTY("VirtualFunctionsMax", "u", property_get_unsigned),
                CHANGING_PROPERTY("NetworkInterfaces", "as", property_get_names),
                CHANGING_PROPERTY("BlockDevices", "as", property_get_names),
                CHANGING_PROPERTY("OriginalDriver", "s", property_get_text),
                CHANGING_PROPERTY("OriginalOverride", "s", property_get_text),
                CHANGING_PROPERTY("OriginalNames", "as", property_get_original_names),
                SD_BUS_VTABLE_END,
};

/* Appends the names that the database has. */
static int append_pci_names(Service *service, sd_bus_message *reply, const Device *device) {
        char escaped[TEXT_ESCAPED_MAX(PCI_NAME_MAX)];
        int r = 0;

        for (PciNameKind kind = PCI_NAME_VENDOR; kind <= PCI_NAME_CLASS && r >= 0; kind++) {
                if (kind == PCI_NAME_SUBSYSTEM)
                        continue;
                const char *name = pci_names_lookup(service->names, kind, &device->ids);
                if (isempty(name))
                        continue;
                r = bus_append_text_entry(reply, name_properties[kind],
                                text_escape(name, TEXT_MESSAGE_ESCAPE, escaped, sizeof(escaped)));
        }
        return r;
}

/* Appends the device above this one, as the kernel has them in /sys/devices. */
static int append_parent(sd_bus_message *reply, const Device *device) {
        if (!device->has_upstream && !device->behind_controller)
                return 0;
        return bus_append_text_entry(reply, "Parent",
                        PCI_ADDRESS_TEXT(device->has_upstream ? device_upstream(device) : device->controller));
}

static int append_details(Service *service, sd_bus_message *reply, const Device *device) {
        const PciCategory *category = pci_category(device->ids.class);
        const char *rule = matched_rule_find(service, device->address);
        int r;

        if ((r = sd_bus_message_open_container(reply, 'a', "{sv}")) < 0 ||
                        (r = append_pci_names(service, reply, device)) < 0 ||
                        (r = bus_append_text_entry(reply, "Availability",
                                         availability_to_string(device_availability(device)))) < 0 ||
                        (r = bus_append_text_entry(reply, "Category", category->name)) < 0 ||
                        (r = bus_append_text_entry(reply, "Icon", category->icon)) < 0 ||
                        (r = bus_append_flag_entry(reply, "Endpoint", device->endpoint)) < 0 ||
                        (r = append_parent(reply, device)) < 0 ||
                        (device->virtual_functions_max > 0 &&
                                        (r = sd_bus_message_append(reply, "{sv}", "VirtualFunctionsMax", "u",
                                                         (uint32_t)device->virtual_functions_max)) < 0) ||
                        (rule && (r = bus_append_text_entry(reply, "MatchedRule", TEXT_NAME(rule))) < 0))
                return r;
        return sd_bus_message_close_container(reply);
}

/* The columns before the names. */
static int append_columns(sd_bus_message *reply, const Device *device, const char *path) {
        int32_t group = device->group ? device->group->number : IOMMU_GROUP_NONE;
        uint32_t class = device->ids.class;
        int r;

        if ((r = sd_bus_message_append_basic(reply, 's', PCI_ADDRESS_TEXT(device->address))) < 0 ||
                        (r = sd_bus_message_append_basic(reply, 'o', path)) < 0 ||
                        (r = sd_bus_message_append_basic(reply, 'i', &group)) < 0 ||
                        (r = sd_bus_message_append_basic(reply, 's', device_state_to_string(device_state(device)))) <
                                        0 ||
                        (r = sd_bus_message_append_basic(reply, 's', TEXT_NAME(device->driver))) < 0 ||
                        (r = sd_bus_message_append_basic(reply, 'u', &class)) < 0 ||
                        (r = sd_bus_message_append_basic(reply, 'q', &device->ids.vendor)) < 0)
                return r;
        return sd_bus_message_append_basic(reply, 'q', &device->ids.device);
}

static int append_device(Service *service, sd_bus_message *reply, const Device *device) {
        _cleanup_free_ char *path = NULL;
        int r;

        /* For a detached device, list the names that it had. */
        const HostName *names = device->names || !device->origin ? device->names : device->origin->names;
        if ((r = service_device_path(device->address, &path)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'r', "soissuqqasa{sv}")) < 0 ||
                        (r = append_columns(reply, device, path)) < 0 ||
                        (r = append_names(reply, names, _HOST_NAME_KIND_MAX)) < 0 ||
                        (r = append_details(service, reply, device)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

int device_interface_list(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        Service *service = userdata;
        size_t n;

        (void)error;
        Device *const *devices = inventory_devices(service->inventory, &n);
        int r = bus_open_list(message, "(soissuqqasa{sv})", &reply);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = append_device(service, reply, devices[i]);
        return r < 0 ? r : bus_send_list(reply);
}
