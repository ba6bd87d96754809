/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "checks.h"
#include "diagnosis/isolation.h"
#include "model.h"

#include <string.h>

/* Why devices share a group, and what configuration spaces tell about it. */

#define PORT "0000:00:1c.0"
#define PORT2 "0000:00:1d.0"
#define BRIDGE "0000:02:00.0"
#define LEFT "0000:03:01.0"
#define RIGHT "0000:03:02.0"

#define TYPE_ENDPOINT 0x0
#define TYPE_ROOT 0x4
#define TYPE_UPSTREAM 0x5
#define TYPE_DOWNSTREAM 0x6
#define TYPE_TO_PCI 0x7

/* Configuration spaces. */

typedef struct Space {
        uint8_t bytes[4096];
} Space;

static void put16(Space *space, size_t offset, unsigned value) {
        space->bytes[offset] = value & 0xff;
        space->bytes[offset + 1] = (value >> 8) & 0xff;
}

/* A function of PCI Express: power management at 0x40, and the capability of PCI Express at 0x50. */
static Space *make_space(unsigned type) {
        Space *space = g_new0(Space, 1);

        put16(space, 0x06, 0x10);
        space->bytes[0x34] = 0x40;
        put16(space, 0x40, 0x5001);
        put16(space, 0x50, 0x0010);
        put16(space, 0x52, type << 4 | 2);
        return space;
}

/* ACS at 0x140, behind another extended capability. */
static void put_acs(Space *space, unsigned capability, unsigned control) {
        put16(space, 0x100, 0x0001);
        put16(space, 0x102, 0x140 << 4 | 2);
        put16(space, 0x140, 0x000d);
        put16(space, 0x142, 1);
        put16(space, 0x144, capability);
        put16(space, 0x146, control);
}

static PciIsolation read_space(const Space *space, size_t size) {
        /* Exactly so many bytes, so that a read behind them is found. */
        g_autofree uint8_t *bytes = g_memdup2(space->bytes, size);
        PciIsolation isolation;

        pci_capability_read(bytes, size, &isolation);
        return isolation;
}

static void expect_acs(const PciIsolation *isolation, const char *text, bool is_complete) {
        char buffer[PCI_ACS_TEXT_MAX];

        g_assert_cmpstr(pci_isolation_format(isolation, buffer), ==, text);
        g_assert_cmpint(pci_isolation_is_complete(isolation), ==, is_complete);
}

static void test_space(void) {
        static const struct {
                unsigned type;
                const char *kind;
        } kinds[] = {{0, "endpoint"}, {1, "endpoint"}, {4, "root port"}, {5, "upstream port"}, {6, "downstream port"},
                        {7, "bridge to conventional PCI"}, {8, "bridge from conventional PCI"},
                        {9, "root complex endpoint"}, {10, ""}};
        g_autofree Space *root = make_space(TYPE_ROOT), *endpoint = make_space(TYPE_ENDPOINT),
                         *conventional = g_new0(Space, 1);

        for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
                g_autofree Space *space = make_space(kinds[i].type);
                PciIsolation isolation = read_space(space, 4096);

                g_assert_cmpstr(pci_port_kind_to_string(isolation.kind), ==, kinds[i].kind);
        }
        PciIsolation isolation = read_space(root, 4096);
        expect_acs(&isolation, "no ACS", false);
        put_acs(root, 0x5f, 0x1d);
        isolation = read_space(root, 4096);
        expect_acs(&isolation, "SV RR CR UF", true);
        put_acs(root, 0x5f, 0x15);
        isolation = read_space(root, 4096);
        expect_acs(&isolation, "SV RR UF", false);
        /* A bridge that lacks a capability bit need not have it switched on. */
        put_acs(root, 0x15, 0x15);
        isolation = read_space(root, 4096);
        expect_acs(&isolation, "SV RR UF", true);
        put_acs(root, 0x5f, 0);
        isolation = read_space(root, 4096);
        expect_acs(&isolation, "none", false);
        /* An endpoint alone needs no ACS. */
        isolation = read_space(endpoint, 4096);
        expect_acs(&isolation, "no ACS", true);
        endpoint->bytes[0x0e] = 0x80;
        isolation = read_space(endpoint, 4096);
        g_assert_true(isolation.multifunction);
        expect_acs(&isolation, "no ACS", false);
        /* Only the header, as vfiod itself reads it; and less. */
        for (size_t size = 0; size <= 64; size++) {
                isolation = read_space(root, size);
                g_assert_cmpint(isolation.kind, ==, PCI_PORT_UNKNOWN);
                expect_acs(&isolation, "no ACS", false);
        }
        isolation = read_space(root, 256);
        g_assert_cmpint(isolation.kind, ==, PCI_PORT_ROOT);
        g_assert_false(isolation.has_acs);
        isolation = read_space(conventional, 256);
        g_assert_cmpint(isolation.kind, ==, PCI_PORT_CONVENTIONAL);
        /* Lists that are circles. */
        put16(root, 0x102, 0x100 << 4 | 2);
        isolation = read_space(root, 4096);
        g_assert_false(isolation.has_acs);
        put16(root, 0x40, 0x4001);
        isolation = read_space(root, 4096);
        g_assert_cmpint(isolation.kind, ==, PCI_PORT_CONVENTIONAL);
}

/* Groups. */

static void put(Inventory *inventory, const char *address, const char *upstream, int group, bool is_bridge) {
        PciFacts facts = make_facts(address, is_bridge ? "pcieport" : "e1000", group);

        facts.bridge = is_bridge;
        facts.endpoint = !is_bridge;
        facts.has_upstream = upstream;
        if (upstream)
                facts.upstream = address_of(upstream);
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
}

static IsolationFacts *collect(Inventory *inventory, const char *address) {
        IsolationFacts *facts = g_new0(IsolationFacts, 1);

        isolation_collect(inventory, get_device(inventory, address), facts);
        for (size_t i = 0; i < facts->n_facts; i++)
                facts->facts[i].is_express = true;
        return facts;
}

static IsolationFact *fact_of(IsolationFacts *facts, const char *address) {
        for (size_t i = 0; i < facts->n_facts; i++)
                if (pci_address_equal(facts->facts[i].address, address_of(address)))
                        return &facts->facts[i];
        g_error("no fact of %s", address);
}

static void add_space_of(IsolationFacts *facts, const char *address, const Space *space, size_t size) {
        g_autofree IsolationSpaces *spaces = g_new0(IsolationSpaces, 1);

        spaces->spaces[0].address = address_of(address);
        spaces->spaces[0].isolation = read_space(space, size);
        spaces->n_spaces = 1;
        isolation_add_spaces(facts, spaces);
}

static void add_space(IsolationFacts *facts, const char *address, const Space *space) {
        add_space_of(facts, address, space, sizeof(space->bytes));
}

static const CheckList *check(Inventory *inventory, const char *address, const IsolationFacts *facts) {
        static CheckList list;

        check_list_done(&list);
        isolation_check(inventory, get_device(inventory, address), facts, &list);
        g_assert_cmpint(list.error, ==, 0);
        return &list;
}

/* The rows of the tree: "depth address member kind acs isolates", one in each line. */
static void expect_tree(const CheckList *list, const char *expected) {
        static const char *const keys[] = {"depth", "device", "member", "kind", "acs", "isolates"};
        g_autoptr(GString) text = g_string_new(NULL);

        for (size_t i = 0; i < list->n_checks; i++) {
                if (!g_str_equal(list->checks[i].code, "path"))
                        continue;
                for (size_t j = 0; j < G_N_ELEMENTS(keys); j++) {
                        const char *value = check_get_detail(&list->checks[i], keys[j]);

                        if (!isempty(value))
                                g_string_append_printf(text, "%s%s", j > 0 ? " " : "", value);
                }
                g_string_append_c(text, '\n');
        }
        g_assert_cmpstr(text->str, ==, expected);
}

/* Two cards behind a bridge to conventional PCI, as in the guest "story". */
static void test_conventional(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        g_autofree Space *bridge = make_space(TYPE_TO_PCI), *port = make_space(TYPE_ROOT);

        put(inventory, PORT, NULL, 1, true);
        put(inventory, BRIDGE, PORT, 2, true);
        put(inventory, LEFT, BRIDGE, 2, false);
        put(inventory, RIGHT, BRIDGE, 2, false);
        put(inventory, "0000:05:00.0", PORT2, 3, false);
        g_autofree IsolationFacts *facts = collect(inventory, LEFT);
        g_assert_cmpuint(facts->n_facts, ==, 4);
        /* Without the configuration space: the bridge is PCI Express, and the card is not. */
        const CheckList *list = check(inventory, LEFT, facts);
        expect_check(list, "isolation-bridge", "info", "Only root can read the ACS settings", "Put one of the cards*");
        fact_of(facts, LEFT)->is_express = false;
        fact_of(facts, RIGHT)->is_express = false;
        list = check(inventory, LEFT, facts);
        expect_check(list, "isolation-conventional", "info", BRIDGE " is a bridge to conventional PCI",
                        "Nothing separates*");
        expect_no_check(list, "isolation-bridge");
        expect_tree(list,
                        "0 " PORT " no bridge\n"
                        "1 " BRIDGE " yes bridge\n"
                        "2 " LEFT " selected\n"
                        "2 " RIGHT " yes\n");
        /* A caller that can read only the headers adds nothing. */
        add_space_of(facts, BRIDGE, bridge, 64);
        list = check(inventory, LEFT, facts);
        expect_check(list, "isolation-conventional", "info", BRIDGE, "*");
        expect_tree(list,
                        "0 " PORT " no bridge\n"
                        "1 " BRIDGE " yes bridge\n"
                        "2 " LEFT " selected\n"
                        "2 " RIGHT " yes\n");
        /* With all of it. */
        fact_of(facts, LEFT)->is_express = true;
        put_acs(port, 0x5f, 0x1d);
        add_space(facts, BRIDGE, bridge);
        add_space(facts, PORT, port);
        list = check(inventory, RIGHT, facts);
        expect_check(list, "isolation-conventional", "info", BRIDGE, "*");
        expect_tree(list,
                        "0 " PORT " no root port SV RR CR UF yes\n"
                        "1 " BRIDGE " yes bridge to conventional PCI no ACS no\n"
                        "2 " LEFT " yes\n"
                        "2 " RIGHT " selected\n");
}

/* A switch whose downstream ports do not isolate. */
static void test_bridges(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        g_autofree Space *down = make_space(TYPE_DOWNSTREAM), *good = make_space(TYPE_DOWNSTREAM),
                         *up = make_space(TYPE_UPSTREAM);

        put(inventory, PORT, NULL, 1, true);
        put(inventory, "0000:02:00.0", PORT, 2, true);
        put(inventory, "0000:03:00.0", "0000:02:00.0", 3, true);
        put(inventory, "0000:03:01.0", "0000:02:00.0", 3, true);
        put(inventory, "0000:04:00.0", "0000:03:00.0", 3, false);
        put(inventory, "0000:05:00.0", "0000:03:01.0", 3, false);
        g_autofree IsolationFacts *facts = collect(inventory, "0000:04:00.0");
        expect_check(check(inventory, "0000:04:00.0", facts), "isolation-bridge", "info",
                        "Devices below 0000:02:00.0 share a group", "*root port*");
        put_acs(good, 0x1d, 0x1d);
        add_space(facts, "0000:02:00.0", up);
        add_space(facts, "0000:03:00.0", down);
        add_space(facts, "0000:03:01.0", good);
        const CheckList *list = check(inventory, "0000:04:00.0", facts);
        expect_check(list, "isolation-bridge", "info", "all of ACS: 0000:03:00.0 (pcieport).", "*");
        /* From the other side, the path is without a fault. */
        expect_check(check(inventory, "0000:05:00.0", facts), "isolation-bridge", "info", "does not isolate them.",
                        "*");
        expect_no_check(list, "isolation-functions");
}

static void test_functions(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put(inventory, PORT, NULL, 1, true);
        put(inventory, "0000:02:00.0", PORT, 2, false);
        put(inventory, "0000:02:00.1", PORT, 2, false);
        g_autofree IsolationFacts *facts = collect(inventory, "0000:02:00.1");
        const CheckList *list = check(inventory, "0000:02:00.1", facts);
        expect_check(list, "isolation-functions", "info",
                        "0000:02:00.1 and 0000:02:00.0 (e1000) are functions of one card without ACS",
                        "*same virtual machine*");
        expect_no_check(list, "isolation-bridge");
        expect_no_check(list, "isolation-unknown");
}

static void test_others(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        /* Alone, with a bridge in the group. */
        put(inventory, PORT, NULL, 1, true);
        put(inventory, "0000:02:00.0", PORT, 1, false);
        g_autofree IsolationFacts *alone = collect(inventory, "0000:02:00.0");
        expect_check(check(inventory, "0000:02:00.0", alone), "isolation-alone", "ok", "bridges in it do not matter",
                        "");
        /* Parts of the root complex, in different slots. */
        put(inventory, "0000:00:02.0", NULL, 7, false);
        put(inventory, "0000:00:03.0", NULL, 7, false);
        g_autofree IsolationFacts *parts = collect(inventory, "0000:00:02.0");
        expect_check(check(inventory, "0000:00:02.0", parts), "isolation-unknown", "info", "group 7", "");
        /* No group. */
        put(inventory, "0000:00:04.0", NULL, -1, false);
        g_autofree IsolationFacts *none = collect(inventory, "0000:00:04.0");
        const CheckList *list = check(inventory, "0000:00:04.0", none);
        expect_tree(list, "0 0000:00:04.0 selected\n");
        g_assert_cmpuint(list->n_checks, ==, 1);
        /* A disk behind a VMD. */
        put(inventory, "0000:00:0e.0", NULL, 9, false);
        put_behind_controller(inventory, "10000:01:00.0", "0000:00:0e.0", "nvme", 9);
        g_autofree IsolationFacts *vmd = collect(inventory, "0000:00:0e.0");
        list = check(inventory, "0000:00:0e.0", vmd);
        expect_check(list, "isolation-controller", "info", "10000:01:00.0 is behind the controller 0000:00:0e.0",
                        "*VMD*");
        expect_no_check(list, "isolation-unknown");
}

/* Each list has an end, also if bridges seem to be below each other. */
static void test_circle(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put(inventory, PORT, PORT2, 1, true);
        put(inventory, PORT2, PORT, 1, true);
        put(inventory, "0000:02:00.0", PORT, 1, false);
        put(inventory, "0000:02:01.0", PORT2, 1, false);
        g_autofree IsolationFacts *facts = collect(inventory, "0000:02:00.0");
        expect_check(check(inventory, "0000:02:00.0", facts), "isolation-bridge", "info", "share a group", "*");

        /* More functions than are collected. */
        for (unsigned i = 0; i < 200; i++) {
                g_autofree char *address = g_strdup_printf("0000:%02x:00.0", 0x10 + i);
                put(inventory, address, PORT, 2, false);
        }
        g_autofree IsolationFacts *many = collect(inventory, "0000:10:00.0");
        g_assert_cmpuint(many->n_facts, ==, ISOLATION_FACTS_MAX);
        (void)check(inventory, "0000:10:00.0", many);
        check_list_done((CheckList *)check(inventory, "0000:10:00.0", many));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/isolation/space", test_space);
        g_test_add_func("/isolation/conventional", test_conventional);
        g_test_add_func("/isolation/bridges", test_bridges);
        g_test_add_func("/isolation/functions", test_functions);
        g_test_add_func("/isolation/others", test_others);
        g_test_add_func("/isolation/circle", test_circle);
        return g_test_run();
}
