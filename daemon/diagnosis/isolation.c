/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/isolation.h"
#include "base/text.h"
#include "diagnosis/device-words.h"

/* Bridges behind bridges: there are at most 256 buses. */
#define DEPTH_MAX 256

static const IsolationFact *find_fact(const IsolationFacts *facts, PciAddress address) {
        for (size_t i = 0; i < facts->n_facts; i++)
                if (pci_address_equal(facts->facts[i].address, address))
                        return &facts->facts[i];
        return NULL;
}

static void collect(IsolationFacts *facts, PciAddress address) {
        if (facts->n_facts < ISOLATION_FACTS_MAX && !find_fact(facts, address))
                facts->facts[facts->n_facts++] = (IsolationFact){.address = address};
}

/* Returns the bridge above a device; NULL on a root bus. */
static const Device *bridge_above(const Inventory *inventory, const Device *device) {
        return device->has_upstream ? inventory_find_device(inventory, device_upstream(device)) : NULL;
}

void isolation_collect(const Inventory *inventory, const Device *device, IsolationFacts *ret) {
        const Group *group = device->group;

        ret->n_facts = 0;
        collect(ret, device->address);
        for (unsigned i = 0; group && i < group->n_members; i++)
                collect(ret, group->members[i]->address);
        /* The list grows meanwhile, by the bridges. */
        for (size_t i = 0; i < ret->n_facts; i++) {
                const Device *member = inventory_find_device(inventory, ret->facts[i].address);
                const Device *bridge = member ? bridge_above(inventory, member) : NULL;

                if (bridge)
                        collect(ret, bridge->address);
        }
}

void isolation_add_spaces(IsolationFacts *facts, const IsolationSpaces *spaces) {
        for (size_t i = 0; i < facts->n_facts; i++)
                for (size_t j = 0; j < spaces->n_spaces; j++)
                        if (pci_address_equal(spaces->spaces[j].address, facts->facts[i].address)) {
                                facts->facts[i].has_space = true;
                                facts->facts[i].isolation = spaces->spaces[j].isolation;
                        }
}

static bool is_below(const Inventory *inventory, const Device *device, const Device *bridge) {
        for (unsigned depth = 0; device && depth < DEPTH_MAX; depth++) {
                device = bridge_above(inventory, device);
                if (device == bridge)
                        return device != NULL;
        }
        return false;
}

static bool is_same_slot(const Device *a, const Device *b) {
        return a->address.domain == b->address.domain && a->address.bus == b->address.bus &&
                        a->address.slot == b->address.slot;
}

/* The tree. */

static void add_row(const Device *device, const Device *selected, const IsolationFact *fact, unsigned depth,
                CheckList *list) {
        char acs[PCI_ACS_TEXT_MAX];
        const char *kind = fact->has_space ? pci_port_kind_to_string(fact->isolation.kind) : "";

        check_add(list, CHECK_DEVICE, "path", CHECK_INFO, "%s%s%s%s%s.", PCI_ADDRESS_TEXT(device->address),
                        *kind ? ", " : "", kind, device->driver ? ", on the driver " : "",
                        device->driver ? TEXT_NAME(device->driver) : "");
        check_detail(list, "device", "%s", PCI_ADDRESS_TEXT(device->address));
        check_detail(list, "depth", "%u", depth);
        check_detail(list, "member", "%s",
                        device == selected                                                  ? "selected"
                                        : device->group && device->group == selected->group ? "yes"
                                                                                            : "no");
        check_detail(list, "kind", "%s", *kind ? kind : device->bridge ? "bridge" : "");
        check_detail(list, "driver", "%s", strempty(device->driver));
        if (fact->has_space && fact->isolation.kind != PCI_PORT_UNKNOWN) {
                check_detail(list, "acs", "%s", pci_isolation_format(&fact->isolation, acs));
                check_detail(list, "isolates", "%s", pci_isolation_is_complete(&fact->isolation) ? "yes" : "no");
        }
}

/* Adds a function and what is below it. */
static void add_tree(const Inventory *inventory, const Device *device, const Device *selected,
                const IsolationFacts *facts, unsigned depth, CheckList *list) {
        const IsolationFact *own = find_fact(facts, device->address);

        if (!own || depth > DEPTH_MAX || list->error < 0)
                return;
        add_row(device, selected, own, depth, list);
        size_t n;
        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n && device->bridge; i++)
                if (bridge_above(inventory, devices[i]) == device)
                        add_tree(inventory, devices[i], selected, facts, depth + 1, list);
}

static void add_trees(
                const Inventory *inventory, const Device *selected, const IsolationFacts *facts, CheckList *list) {
        size_t n;

        Device *const *devices = inventory_devices(inventory, &n);
        for (size_t i = 0; i < n; i++)
                if (!bridge_above(inventory, devices[i]))
                        add_tree(inventory, devices[i], selected, facts, 0, list);
}

/* The reasons. */

/* The bridge converts to conventional PCI: its configuration space tells, or that it is PCI Express and the device below is not. */
static bool is_to_conventional(const IsolationFacts *facts, const Device *bridge, const Device *below) {
        const IsolationFact *fact = find_fact(facts, bridge->address), *other = find_fact(facts, below->address);

        if (fact && fact->has_space && fact->isolation.kind != PCI_PORT_UNKNOWN)
                return fact->isolation.kind == PCI_PORT_TO_CONVENTIONAL ||
                                fact->isolation.kind == PCI_PORT_CONVENTIONAL;
        return fact && other && fact->is_express && !other->is_express;
}

static bool check_conventional(
                const Inventory *inventory, const Device *device, const IsolationFacts *facts, CheckList *list) {
        const Device *below = device, *bridge;

        for (unsigned depth = 0; depth < DEPTH_MAX && (bridge = bridge_above(inventory, below));
                        depth++, below = bridge) {
                if (!is_to_conventional(facts, bridge, below))
                        continue;
                check_add(list, CHECK_DEVICE, "isolation-conventional", CHECK_INFO,
                                "%s is a bridge to conventional PCI. For the IOMMU, everything behind it is one "
                                "device, "
                                "because the bridge sends requests under its own address.",
                                PCI_ADDRESS_TEXT(bridge->address));
                check_cure(list,
                                "Nothing separates devices behind such a bridge. Use cards for PCI Express, or slots "
                                "that "
                                "are not behind the same bridge.");
                check_detail(list, "device", "%s", PCI_ADDRESS_TEXT(bridge->address));
                return true;
        }
        return false;
}

static bool check_controller(const Device *device, CheckList *list) {
        const Group *group = device->group;

        for (unsigned i = 0; i < group->n_members; i++) {
                const Device *member = group->members[i];

                if (!member->behind_controller)
                        continue;
                check_add(list, CHECK_DEVICE, "isolation-controller", CHECK_INFO,
                                "%s is behind the controller %s, which sends its requests. For the IOMMU, both are one "
                                "device.",
                                PCI_ADDRESS_TEXT(member->address), PCI_ADDRESS_TEXT(member->controller));
                check_cure(list,
                                "Turn the controller (for example VMD) off in the firmware set-up, if the disks need "
                                "no "
                                "RAID.");
                check_detail(list, "device", "%s", PCI_ADDRESS_TEXT(member->address));
                return true;
        }
        return false;
}

/* Functions of one card. */
static bool check_functions(const Device *device, CheckList *list) {
        const Group *group = device->group;
        DeviceWords words = {};

        for (unsigned i = 0; i < group->n_members; i++)
                if (group->members[i] != device && group->members[i]->endpoint &&
                                is_same_slot(group->members[i], device))
                        device_words_add(&words, group->members[i]);
        if (words.n == 0)
                return false;
        check_add(list, CHECK_DEVICE, "isolation-functions", CHECK_INFO,
                        "%s and %s are functions of one card without ACS: they may reach each other inside the card, "
                        "past "
                        "the IOMMU.",
                        PCI_ADDRESS_TEXT(device->address), device_words_end(&words));
        check_cure(list, "Nothing separates functions of such a card. Give all of them to the same virtual machine.");
        check_detail(list, "device", "%s", PCI_ADDRESS_TEXT(device->address));
        return true;
}

/* Lists the bridges above a device, up to the top one, that do not isolate; and tells whether all of them are known. */
static bool list_open_bridges(const Inventory *inventory, const Device *device, const Device *top,
                const IsolationFacts *facts, DeviceWords *words) {
        bool all_known = true;

        for (unsigned depth = 0; depth < DEPTH_MAX && device != top && (device = bridge_above(inventory, device));
                        depth++) {
                const IsolationFact *fact = find_fact(facts, device->address);

                if (!fact || !fact->has_space || fact->isolation.kind == PCI_PORT_UNKNOWN)
                        all_known = false;
                else if (!pci_isolation_is_complete(&fact->isolation))
                        device_words_add(words, device);
        }
        return all_known;
}

/* Finds the lowest bridge above the device that has another endpoint of the group below it, not in the slot of the device. */
static const Device *find_common_bridge(const Inventory *inventory, const Device *device) {
        const Group *group = device->group;
        const Device *bridge = device;

        for (unsigned depth = 0; depth < DEPTH_MAX && (bridge = bridge_above(inventory, bridge)); depth++)
                for (unsigned i = 0; i < group->n_members; i++) {
                        const Device *member = group->members[i];

                        if (member->endpoint && !is_same_slot(member, device) && is_below(inventory, member, bridge))
                                return bridge;
                }
        return NULL;
}

static bool check_bridges(
                const Inventory *inventory, const Device *device, const IsolationFacts *facts, CheckList *list) {
        const Device *top = find_common_bridge(inventory, device);
        DeviceWords words = {};

        if (!top)
                return false;
        bool all_known = list_open_bridges(inventory, device, top, facts, &words);
        if (words.n > 0)
                check_add(list, CHECK_DEVICE, "isolation-bridge", CHECK_INFO,
                                "Devices below %s share a group, because these bridges do not have, or do not use, all "
                                "of "
                                "ACS: %s. Devices below them can reach each other past the IOMMU.",
                                PCI_ADDRESS_TEXT(top->address), device_words_end(&words));
        else
                check_add(list, CHECK_DEVICE, "isolation-bridge", CHECK_INFO,
                                "Devices below %s share a group, because a bridge between them does not isolate "
                                "them%s.",
                                PCI_ADDRESS_TEXT(top->address),
                                all_known ? "" : ". Only root can read the ACS settings of the bridges");
        check_cure(list,
                        "Put one of the cards into a slot at another root port; or turn on ACS in the firmware set-up, "
                        "if "
                        "the machine has it.");
        check_detail(list, "device", "%s", PCI_ADDRESS_TEXT(top->address));
        return true;
}

void isolation_check(const Inventory *inventory, const Device *device, const IsolationFacts *facts, CheckList *list) {
        const Group *group = device->group;

        add_trees(inventory, device, facts, list);
        if (!group)
                return;
        if (group_count_endpoints(group) <= 1) {
                check_add(list, CHECK_DEVICE, "isolation-alone", CHECK_OK,
                                "%s shares its group with no other device%s.", PCI_ADDRESS_TEXT(device->address),
                                group->n_members > 1 ? "; bridges in it do not matter" : "");
                check_detail(list, "device", "%s", PCI_ADDRESS_TEXT(device->address));
                return;
        }
        bool is_explained = check_conventional(inventory, device, facts, list);
        is_explained = check_controller(device, list) || is_explained;
        if (!is_explained) {
                is_explained = check_functions(device, list);
                is_explained = check_bridges(inventory, device, facts, list) || is_explained;
        }
        if (is_explained)
                return;
        check_add(list, CHECK_DEVICE, "isolation-unknown", CHECK_INFO,
                        "The devices of the group %d are parts of the root complex, which the kernel does not tell "
                        "apart.",
                        group->number);
        check_detail(list, "device", "%s", PCI_ADDRESS_TEXT(device->address));
}
