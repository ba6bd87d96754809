/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planning.h"

/* Which devices can be reset. */

#define BRIDGE "0000:00:1c.0"
#define CARD "0000:03:00.0"
#define AUDIO "0000:03:00.1"
#define VF "0000:03:10.0"
#define LONELY "0000:00:05.0"

static void put_resettable(Inventory *inventory, const char *address, const char *bridge, const char *methods,
                const char *driver, int group) {
        PciFacts facts = make_facts(address, driver, group);

        facts.has_upstream = bridge != NULL;
        if (bridge)
                facts.upstream = address_of(bridge);
        (void)snprintf(facts.reset_methods, sizeof(facts.reset_methods), "%s", methods);
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
}

/* A card that vfiod has detached. */
static Inventory *make_host(const char *methods) {
        Inventory *inventory = make_inventory();

        put_resettable(inventory, CARD, BRIDGE, methods, "vfio-pci", 16);
        put_origin(inventory, CARD, "e1000e", NULL);
        return inventory;
}

/* says: a part of the message; NULL for success. */
static void expect(Inventory *inventory, const char *address, Outcome expected, const char *says) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};

        int r = plan_reset(inventory, get_device(inventory, address), &plan, &problem);
        if (r != (int)expected || r != (int)problem.outcome || (says && !strstr(problem.message, says)))
                g_error("%s: %d: %s", address, r, strempty(problem.message));
        g_assert_true((plan != NULL) == (r == 0));
}

static void test_plan(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_host("flr");
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};

        /* Its companion keeps what it has. */
        put_resettable(inventory, AUDIO, BRIDGE, "flr", "vfio-pci", 16);
        put_origin(inventory, AUDIO, "snd_hda_intel", NULL);
        g_assert_cmpint(plan_reset(inventory, get_device(inventory, CARD), &plan, &problem), ==, 0);
        assert_members(plan, CARD);
        assert_steps(plan, "lock-node " CARD ", reset " CARD);
        g_assert_cmpint(plan->group, ==, 16);
        g_assert_cmpstr(plan->members[0].target.driver, ==, "vfio-pci");
        g_assert_cmpstr(PCI_ADDRESS_TEXT(plan->selected), ==, CARD);
        g_assert_true(plan->members[0].recorded);
        assert_findings(plan, "");
}

static void test_not_detached(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_host("flr");

        expect(inventory, CARD, OUTCOME_DONE, NULL);
        put_resettable(inventory, LONELY, NULL, "flr", "e1000e", 17);
        expect(inventory, LONELY, OUTCOME_NOT_DETACHED, "it is on the host's driver e1000e");
        put_resettable(inventory, LONELY, NULL, "flr", NULL, 17);
        expect(inventory, LONELY, OUTCOME_NOT_DETACHED, "it has no driver");
        put_resettable(inventory, LONELY, NULL, "flr", "vfio-pci", 17);
        expect(inventory, LONELY, OUTCOME_FOREIGN, "Another program bound");
        /* Another program gave it to the host. */
        put_resettable(inventory, CARD, BRIDGE, "flr", "e1000e", 16);
        expect(inventory, CARD, OUTCOME_NOT_DETACHED, "it is on the host's driver e1000e");
        put_vanished(inventory, VF, CARD, "igbvf");
        expect(inventory, VF, OUTCOME_NO_SUCH_DEVICE, "is not there now");
}

static void test_other_card(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_host("flr");
        PciFacts facts = make_facts(CARD, "vfio-pci", 16);

        facts.ids.device = 0x1234;
        (void)snprintf(facts.reset_methods, sizeof(facts.reset_methods), "flr");
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        expect(inventory, CARD, OUTCOME_IDENTITY_CHANGED, "another card is there now (8086:1234)");
}

static void test_busy(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_host("flr");

        put_resettable(inventory, AUDIO, BRIDGE, "flr", "vfio-pci", 16);
        g_assert_cmpint(inventory_set_activity(inventory, address_of(AUDIO), DEVICE_WORKED_ON), ==, 0);
        expect(inventory, CARD, OUTCOME_BUSY, "");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(AUDIO), DEVICE_WAITED_FOR), ==, 0);
        expect(inventory, CARD, OUTCOME_STUCK, "");
}

static void test_virtual_functions(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_host("flr");

        put_virtual_function(inventory, VF, "0000:08:00.0", "igbvf", 20);
        expect(inventory, CARD, OUTCOME_DONE, NULL);
        put_virtual_function(inventory, VF, CARD, "vfio-pci", 20);
        expect(inventory, CARD, OUTCOME_VIRTUAL_FUNCTIONS_IN_USE,
                        "has 1 virtual function. A reset would also reset it");
        put_virtual_function(inventory, "0000:03:10.1", CARD, NULL, 21);
        expect(inventory, CARD, OUTCOME_VIRTUAL_FUNCTIONS_IN_USE, "has 2 virtual functions.");
}

/* Only a reset that takes nothing along is possible. */
static void test_methods(void) {
        static const char *const of_bus[] = {"bus", "cxl_bus", "bus cxl_bus"};

        for (size_t i = 0; i < G_N_ELEMENTS(of_bus); i++) {
                _cleanup_(inventory_freep) Inventory *inventory = make_host(of_bus[i]);

                put_resettable(inventory, "0000:04:00.0", "0000:00:1d.0", "bus", "e1000e", 18);
                expect(inventory, CARD, OUTCOME_DONE, NULL);
                /* A companion counts like a device of another group. */
                for (int group = 16; group <= 17; group++) {
                        put_resettable(inventory, AUDIO, BRIDGE, "flr", "snd_hda_intel", group);
                        expect(inventory, CARD, OUTCOME_NO_RESET, "would also reset " AUDIO " (snd_hda_intel), so");
                }
        }
        _cleanup_(inventory_freep) Inventory *without = make_host("");
        expect(without, CARD, OUTCOME_NO_RESET, "The kernel has no method to reset " CARD);
        put_resettable(without, LONELY, NULL, "", "vfio-pci", 17);
        put_origin(without, LONELY, "e1000e", NULL);
        expect(without, LONELY, OUTCOME_NO_RESET, "The kernel has no method to reset " LONELY);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/reset-plan/plan", test_plan);
        g_test_add_func("/reset-plan/not-detached", test_not_detached);
        g_test_add_func("/reset-plan/other-card", test_other_card);
        g_test_add_func("/reset-plan/busy", test_busy);
        g_test_add_func("/reset-plan/virtual-functions", test_virtual_functions);
        g_test_add_func("/reset-plan/methods", test_methods);
        return g_test_run();
}
