/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/operation.h"
#include "bus/publish.h"
#include "bus/revert-interface.h"
#include "kernel/vfio-node.h"

/* userdata of getters is the Group. */

BUS_GETTER(property_get_state) {
        return sd_bus_message_append(reply, "s", group_state_to_string(group_state(userdata)));
}

BUS_GETTER(property_get_viable) {
        return sd_bus_message_append(reply, "b", (int)group_is_viable(userdata));
}

BUS_GETTER(property_get_blockers) {
        const Group *group = userdata;
        char why[TEXT_ESCAPED_MAX(NAME_MAX) + 64] = "no IOMMU handles it";

        int r = sd_bus_message_open_container(reply, 'a', "(sssa{sv})");
        for (size_t i = 0; i < group->n_members && r >= 0; i++) {
                const Device *device = group->members[i];

                if (!device_blocks_group(device) && !group->no_iommu)
                        continue;
                const char *driver = TEXT_NAME(device->driver);
                if (!group->no_iommu)
                        (void)snprintf(why, sizeof(why), "%s does DMA for the host", driver);
                r = sd_bus_message_append(reply, "(sssa{sv})", PCI_ADDRESS_TEXT(device->address), driver, why, 0);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

static int append_members(sd_bus_message *reply, const Group *group) {
        int r = sd_bus_message_open_container(reply, 'a', "s");

        for (size_t i = 0; i < group->n_members && r >= 0; i++)
                r = sd_bus_message_append_basic(reply, 's', PCI_ADDRESS_TEXT(group->members[i]->address));
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_members) {
        return append_members(reply, userdata);
}

BUS_GETTER(property_get_devices) {
        const Group *group = userdata;

        int r = sd_bus_message_open_container(reply, 'a', "o");
        for (size_t i = 0; i < group->n_members && r >= 0; i++) {
                _cleanup_free_ char *device_path = NULL;

                if ((r = service_device_path(group->members[i]->address, &device_path)) >= 0)
                        r = sd_bus_message_append(reply, "o", device_path);
        }
        return r < 0 ? r : sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_node) {
        const Group *group = userdata;

        return sd_bus_message_append(
                        reply, "s", group_has_node(group) ? VFIO_NODE_TEXT(group->number, group->no_iommu) : "");
}

BUS_GETTER(property_get_revert_at) {
        return sd_bus_message_append(reply, "t", revert_interface_deadline(service_of(bus), userdata));
}

BUS_GETTER(property_get_revert_waits_for) {
        return bus_append_text(reply, revert_interface_obstacle(service_of(bus), bus, userdata));
}

const sd_bus_vtable group_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("Detach", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(sssa{sv})", changes),
                                operation_detach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Reattach", SD_BUS_ARGS("a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), operation_reattach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("Number", "i", NULL, offsetof(Group, number), SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("State", "s", property_get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Viable", "b", property_get_viable, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Blockers", "a(sssa{sv})", property_get_blockers, 0,
                                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Members", "as", property_get_members, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Devices", "ao", property_get_devices, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Node", "s", property_get_node, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("RevertAt", "t", property_get_revert_at, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("RevertWaitsFor", "s", property_get_revert_waits_for, 0,
                                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_VTABLE_END,
};

static int append_group(const Service *service, sd_bus_message *reply, const Group *group) {
        _cleanup_free_ char *path = NULL;
        int r;

        if ((r = service_group_path(group->number, &path)) < 0 ||
                        (r = sd_bus_message_open_container(reply, 'r', "iosbassa{sv}")) < 0 ||
                        (r = sd_bus_message_append(reply, "iosb", group->number, path,
                                         group_state_to_string(group_state(group)), (int)group_is_viable(group))) < 0 ||
                        (r = append_members(reply, group)) < 0 ||
                        (r = sd_bus_message_append(reply, "s",
                                         group_has_node(group) ? VFIO_NODE_TEXT(group->number, group->no_iommu) : "")) <
                                        0 ||
                        (r = revert_interface_append_details(reply, service, group)) < 0)
                return r;
        return sd_bus_message_close_container(reply);
}

int group_interface_list(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        const Service *service = userdata;
        size_t n;

        (void)error;
        Group *const *groups = inventory_groups(service->inventory, &n);
        int r = bus_open_list(message, "(iosbassa{sv})", &reply);
        for (size_t i = 0; i < n && r >= 0; i++)
                r = append_group(service, reply, groups[i]);
        return r < 0 ? r : bus_send_list(reply);
}
