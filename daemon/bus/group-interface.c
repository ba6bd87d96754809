/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "bus/getter.h"
#include "bus/operation.h"
#include "bus/publish.h"
#include "kernel/vfio-node.h"

/* userdata of getters and methods is the Group. service_of() returns the service. */

static int method_detach(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Group *group = userdata;
        char selector[24];

        (void)snprintf(selector, sizeof(selector), "group:%d", group->number);
        return operation_detach(service_of(sd_bus_message_get_bus(message)), message, selector, error);
}

static int method_reattach(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Group *group = userdata;
        char selector[24];

        (void)snprintf(selector, sizeof(selector), "group:%d", group->number);
        return operation_reattach(service_of(sd_bus_message_get_bus(message)), message, selector, error);
}

BUS_GETTER(property_get_number) {
        return sd_bus_message_append(reply, "i", ((const Group *)userdata)->number);
}

BUS_GETTER(property_get_state) {
        return sd_bus_message_append(reply, "s", group_state_to_string(group_state(userdata)));
}

BUS_GETTER(property_get_viable) {
        return sd_bus_message_append(reply, "b", (int)group_is_viable(userdata));
}

BUS_GETTER(property_get_blockers) {
        const Group *group = userdata;
        char why[TEXT_ESCAPED_MAX(NAME_MAX) + 64];
        int r;

        if ((r = sd_bus_message_open_container(reply, 'a', "(sssa{sv})")) < 0)
                return r;
        for (size_t i = 0; i < group->n_members; i++) {
                const Device *device = group->members[i];

                if (!device_blocks_group(device))
                        continue;
                const char *driver = TEXT_NAME(device->driver);

                (void)snprintf(why, sizeof(why), "%s does DMA for the host", driver);
                r = sd_bus_message_append(reply, "(sssa{sv})", PCI_ADDRESS_TEXT(device->address), driver, why, 0);
                if (r < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_members) {
        const Group *group = userdata;
        int r;

        if ((r = sd_bus_message_open_container(reply, 'a', "s")) < 0)
                return r;
        for (size_t i = 0; i < group->n_members; i++)
                if ((r = sd_bus_message_append(reply, "s", PCI_ADDRESS_TEXT(group->members[i]->address))) < 0)
                        return r;
        return sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_devices) {
        const Group *group = userdata;
        int r;

        if ((r = sd_bus_message_open_container(reply, 'a', "o")) < 0)
                return r;
        for (size_t i = 0; i < group->n_members; i++) {
                _cleanup_free_ char *device_path = NULL;

                if ((r = service_device_path(group->members[i]->address, &device_path)) < 0 ||
                                (r = sd_bus_message_append(reply, "o", device_path)) < 0)
                        return r;
        }
        return sd_bus_message_close_container(reply);
}

BUS_GETTER(property_get_node) {
        const Group *group = userdata;

        return sd_bus_message_append(reply, "s", group_has_node(group) ? VFIO_NODE_TEXT(group->number) : "");
}

static const sd_bus_vtable group_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD_WITH_ARGS("Detach", SD_BUS_ARGS("a{sv}", options), SD_BUS_RESULT("a(sssa{sv})", changes),
                                method_detach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD_WITH_ARGS("Reattach", SD_BUS_ARGS("a{sv}", options),
                                SD_BUS_RESULT("a(sssa{sv})", changes), method_reattach, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_PROPERTY("Number", "i", property_get_number, 0, SD_BUS_VTABLE_PROPERTY_CONST),
                SD_BUS_PROPERTY("State", "s", property_get_state, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Viable", "b", property_get_viable, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Blockers", "a(sssa{sv})", property_get_blockers, 0,
                                SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Members", "as", property_get_members, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Devices", "ao", property_get_devices, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_PROPERTY("Node", "s", property_get_node, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
                SD_BUS_VTABLE_END,
};

/* Parses "/org/vfiod1/groups/25". Accepts a number only in its canonical form, so that each group has one path. */
static int find_object(sd_bus *bus, const char *path, const char *interface, void *userdata, void **ret_found,
                sd_bus_error *error) {
        const Service *service = userdata;
        _cleanup_free_ char *canonical = NULL;
        char *end;

        (void)bus, (void)interface, (void)error;
        const char *text = startswith(path, BUS_PATH_GROUPS "/");
        if (!text)
                return 0;
        errno = 0;
        long number = strtol(text, &end, 10);
        if (errno > 0 || end == text || *end != '\0' || number < 0 || number > INT32_MAX)
                return 0;
        int r = service_group_path((int)number, &canonical);
        if (r < 0)
                return r;
        Group *group = inventory_find_group(service->inventory, (int)number);
        if (!group || !streq(path, canonical))
                return 0;
        *ret_found = group;
        return 1;
}

static int list_objects(sd_bus *bus, const char *prefix, void *userdata, char ***ret_nodes, sd_bus_error *error) {
        const Service *service = userdata;
        size_t n;

        (void)bus, (void)prefix, (void)error;
        Group *const *groups = inventory_groups(service->inventory, &n);
        char **nodes = calloc(n + 1, sizeof(char *));
        if (!nodes)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++)
                if (service_group_path(groups[i]->number, &nodes[i]) < 0) {
                        while (i > 0)
                                free(nodes[--i]);
                        free(nodes);
                        return -ENOMEM;
                }
        *ret_nodes = nodes;
        return 1;
}

int group_interface_publish(Service *service) {
        int r;

        if ((r = sd_bus_add_fallback_vtable(service->bus, NULL, BUS_PATH_GROUPS, BUS_INTERFACE_GROUP, group_vtable,
                             find_object, service)) < 0)
                return r;
        return sd_bus_add_node_enumerator(service->bus, NULL, BUS_PATH_GROUPS, list_objects, service);
}
