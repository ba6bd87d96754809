/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inventory-text.h"

static void append_ids(GString *text, const PciIds *ids) {
        g_string_append_printf(text, " %04x:%04x %04x:%04x %06x %02x", ids->vendor, ids->device, ids->subsystem_vendor,
                        ids->subsystem_device, ids->class, ids->revision);
}

static void append_names(GString *text, const HostName *names) {
        for (; names; names = names->next)
                g_string_append_printf(text, " %s=%s", host_name_kind_to_string(names->kind), names->name);
}

static void append_device(GString *text, const Device *device) {
        g_string_append_printf(text, "%s %s driver=%s group=%d", PCI_ADDRESS_TEXT(device->address),
                        device_state_to_string(device_state(device)), strempty(device->driver),
                        device->group ? device->group->number : IOMMU_GROUP_NONE);
        append_ids(text, &device->ids);
        append_names(text, device->names);
        g_string_append_printf(text, " reset=%s physfn=%s link=%u/%ux%u/%u vfs=%u numa=%d",
                        strempty(device->reset_methods),
                        device->virtual_function ? PCI_ADDRESS_TEXT(device_physical_function(device)) : "",
                        device->link.speed, device->link.speed_max, device->link.width, device->link.width_max,
                        device->virtual_functions_max, device->numa_node);
        g_string_append_printf(text, " bridge=%d endpoint=%d vga=%d vf=%d", device->bridge, device->endpoint,
                        device->boot_vga, device->virtual_function);
        if (device->origin) {
                g_string_append_printf(text, " origin: driver=%s override=%s module=%s", device->origin->binding.driver,
                                device->origin->binding.override, strempty(device->origin->module));
                append_ids(text, &device->origin->ids);
                append_names(text, device->origin->names);
        }
        g_string_append_c(text, '\n');
}

static void append_group(GString *text, const Group *group) {
        g_string_append_printf(text, "group %d %s viable=%d node=%d:", group->number,
                        group_state_to_string(group_state(group)), group_is_viable(group), group_has_node(group));
        for (size_t i = 0; i < group->n_members; i++)
                g_string_append_printf(text, " %s", PCI_ADDRESS_TEXT(group->members[i]->address));
        g_string_append_c(text, '\n');
}

char *inventory_to_text(const Inventory *inventory) {
        GString *text = g_string_new(NULL);
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++)
                append_device(text, devices[i]);
        Group *const *groups = inventory_groups(inventory, &n);
        for (size_t i = 0; i < n; i++)
                append_group(text, groups[i]);
        return g_string_free(text, FALSE);
}

static const char *const fact_names[] = {
                "state",
                "driver",
                "ids",
                "group",
                "names",
                "origin",
                "link",
                "other",
                "functions",
                "members",
                "viable",
                "availability",
};

char *inventory_take_changes_text(Inventory *inventory) {
        static const char *const kinds[] = {
                        "none",
                        "device added",
                        "device changed",
                        "device removed",
                        "group added",
                        "group changed",
                        "group removed",
        };
        GString *text = g_string_new(NULL);
        ChangeList list;

        inventory_take_changes(inventory, &list);
        for (size_t i = 0; i < list.n_changes; i++) {
                const Change *change = &list.changes[i];

                if (change->kind == CHANGE_NONE)
                        continue;
                g_string_append(text, kinds[change->kind]);
                if (change->kind >= CHANGE_GROUP_ADDED)
                        g_string_append_printf(text, " %d", change->group);
                else
                        g_string_append_printf(text, " %s", PCI_ADDRESS_TEXT(change->address));
                bool with_facts = change->kind == CHANGE_DEVICE_CHANGED || change->kind == CHANGE_GROUP_CHANGED;
                for (size_t bit = 0; bit < G_N_ELEMENTS(fact_names) && with_facts; bit++)
                        if (change->facts & 1U << bit)
                                g_string_append_printf(text, " %s", fact_names[bit]);
                g_string_append_c(text, '\n');
        }
        change_list_done(&list);
        return g_string_free(text, FALSE);
}
