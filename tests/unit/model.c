/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"

PciAddress address_of(const char *text) {
        PciAddress address;

        g_assert_cmpint(pci_address_parse(text, &address), ==, 0);
        return address;
}

PciFacts make_facts(const char *address, const char *driver, int group) {
        PciFacts facts = {
                        .address = address_of(address),
                        .ids = {.vendor = 0x8086, .device = 0x100e, .class = 0x020000, .revision = 3},
                        .group = group < 0 ? IOMMU_GROUP_NONE : group,
                        .numa_node = -1,
                        .endpoint = true,
        };

        (void)snprintf(facts.driver, sizeof(facts.driver), "%s", strempty(driver));
        facts.group_node = group >= 0 && pci_driver_is_vfio(facts.driver);
        return facts;
}

static void put(Inventory *inventory, const PciFacts *facts) {
        g_assert_cmpint(inventory_put_device(inventory, facts), ==, 0);
}

void put_device(Inventory *inventory, const char *address, const char *driver, int group) {
        PciFacts facts = make_facts(address, driver, group);

        put(inventory, &facts);
}

void put_bridge(Inventory *inventory, const char *address, const char *driver, int group) {
        PciFacts facts = make_facts(address, driver, group);

        facts.ids.class = 0x060400;
        facts.bridge = true;
        facts.endpoint = false;
        put(inventory, &facts);
}

void put_virtual_function(
                Inventory *inventory, const char *address, const char *physical, const char *driver, int group) {
        PciFacts facts = make_facts(address, driver, group);

        facts.virtual_function = true;
        facts.physical_function = address_of(physical);
        put(inventory, &facts);
}

void put_behind_controller(
                Inventory *inventory, const char *address, const char *controller, const char *driver, int group) {
        PciFacts facts = make_facts(address, driver, group);

        facts.behind_controller = true;
        facts.controller = address_of(controller);
        put(inventory, &facts);
}

void put_vanished(Inventory *inventory, const char *address, const char *parent, const char *driver) {
        const Device *device = inventory_find_device(inventory, address_of(address));
        DeviceOrigin origin = {
                        .ids = make_facts(address, NULL, -1).ids,
                        .has_parent = true,
                        .parent = address_of(parent),
                        .virtual_function = device && device->virtual_function,
        };

        binding_set_driver(&origin.binding, driver);
        g_assert_cmpint(inventory_set_origin(inventory, address_of(address), &origin), ==, 0);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(address)), ==, 0);
}

void put_name(Inventory *inventory, const char *address, HostNameKind kind, const char *name) {
        g_assert_cmpint(inventory_put_name(inventory, kind, name, address_of(address)), ==, 0);
}

void put_origin(Inventory *inventory, const char *address, const char *driver, const char *override) {
        const Device *device = get_device(inventory, address);
        _cleanup_(device_origin_freep) DeviceOrigin *origin = calloc(1, sizeof(DeviceOrigin));

        origin->ids = device->ids;
        origin->virtual_function = device->virtual_function;
        binding_set_driver(&origin->binding, driver);
        binding_set_override(&origin->binding, override);
        for (const HostName *name = device->names; name; name = name->next)
                g_assert_cmpint(host_name_list_add(&origin->names, name->kind, name->name, 0), ==, 1);
        g_assert_cmpint(inventory_set_origin(inventory, address_of(address), origin), ==, 0);
}

Inventory *make_inventory(void) {
        Inventory *inventory;

        g_assert_cmpint(inventory_new(&inventory), ==, 0);
        return inventory;
}

Device *get_device(Inventory *inventory, const char *address) {
        Device *device = inventory_find_device(inventory, address_of(address));

        g_assert_nonnull(device);
        return device;
}
