/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planning.h"

/* The members and steps of a reattach, in their order. */

#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"
#define PF "0000:07:00.0"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.1"
#define VMD "0000:00:0e.0"
#define DISK1 "10000:e1:00.0"
#define DISK2 "10000:e2:00.0"

static void put_detached(Inventory *inventory, const char *address, const char *driver, int group) {
        put_device(inventory, address, "vfio-pci", group);
        put_origin(inventory, address, driver, NULL);
}

static void test_two_ports(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_detached(inventory, PORT1, "e1000", 10);
        put_detached(inventory, PORT2, NULL, 10); /* it had no driver, so no driver is loaded */
        _cleanup_(plan_freep) Plan *plan = make_reattach_plan(inventory, PORT2, NULL);
        assert_members(plan, PORT1 " " PORT2);
        assert_steps(plan,
                        "lock-node " PORT1 ", load-driver " PORT1 ", override " PORT1 ", override " PORT2
                        ", unbind " PORT1 ", unbind " PORT2 ", probe " PORT1 ", probe " PORT2 ", forget " PORT1
                        ", forget " PORT2);
        g_assert_cmpstr(plan->members[0].target.driver, ==, "e1000");
        g_assert_cmpstr(plan->members[0].before.driver, ==, "vfio-pci");
        g_assert_true(plan->members[0].recorded);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(plan->selected), ==, PORT2);

        _cleanup_(plan_freep) Plan *forced =
                        make_reattach_plan(inventory, "group:10", &(ReattachOptions){.force = true});
        assert_steps(forced,
                        "load-driver " PORT1 ", override " PORT1 ", override " PORT2 ", unbind " PORT1 ", unbind " PORT2
                        ", probe " PORT1 ", probe " PORT2 ", forget " PORT1 ", forget " PORT2);
}

/* PFs before VFs, and .0 before .1. */
static void test_order(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        static const char *const others[] = {"0000:06:00.1", "0000:06:00.0", PF};

        for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
                put_detached(inventory, others[i], "x", 1);
        put_virtual_function(inventory, VF1, "0000:05:00.0", "vfio-pci", 1);
        put_virtual_function(inventory, VF0, "0000:05:00.0", "vfio-pci", 1);
        put_virtual_function(inventory, "0000:05:10.0", "0000:05:00.0", "vfio-pci", 1);
        put_origin(inventory, VF0, "x", NULL);
        put_origin(inventory, VF1, "x", NULL);
        put_origin(inventory, "0000:05:10.0", "x", NULL);
        _cleanup_(plan_freep) Plan *plan = make_reattach_plan(inventory, "group:1", NULL);
        assert_members(plan, "0000:06:00.0 0000:06:00.1 " PF " 0000:05:10.0 " VF0 " " VF1);
}

/* A reattach also restores the other settings that a detach changes, if they are known: the link settings before the
 * VF's driver reads them, and the power settings after vfio-pci is unbound. */
static void test_link_and_power(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        DeviceOrigin origin = {
                        .virtual_function = true,
                        .binding = {.driver = "igbvf", .power = {.control = "on"}, .link = {.known = true, .vlan = 5}},
        };

        put_virtual_function(inventory, VF0, PF, "vfio-pci", 20);
        origin.ids = get_device(inventory, VF0)->ids;
        g_assert_cmpint(inventory_set_origin(inventory, address_of(VF0), &origin), ==, 0);
        _cleanup_(plan_freep) Plan *plan = make_reattach_plan(inventory, VF0, NULL);
        assert_steps(plan,
                        "lock-node " VF0 ", load-driver " VF0 ", override " VF0 ", unbind " VF0 ", set-link " VF0
                        ", probe " VF0 ", set-power " VF0 ", forget " VF0);
        g_assert_cmpuint(plan->members[0].target.link.vlan, ==, 5);
}

/* A PF is reattached with the VFs that disappeared with it. */
static void test_vanished_vfs(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        DeviceOrigin origin = {.binding = {.driver = "igb"},
                        .virtual_functions = 2,
                        .autoprobe_known = true,
                        .autoprobe = true};

        put_device(inventory, PF, "vfio-pci", 14);
        origin.ids = get_device(inventory, PF)->ids;
        g_assert_cmpint(inventory_set_origin(inventory, address_of(PF), &origin), ==, 0);
        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        put_virtual_function(inventory, VF1, PF, NULL, 21);
        put_vanished(inventory, VF0, PF, "igbvf");
        put_vanished(inventory, VF1, PF, NULL);
        /* A VF of another card, and a disk that was pulled. */
        put_vanished(inventory, "0000:09:10.0", "0000:09:00.0", "igbvf");
        put_detached(inventory, "0000:0a:00.0", "nvme", 30);
        g_assert_cmpint(inventory_drop_device(inventory, address_of("0000:0a:00.0")), ==, 0);
        _cleanup_(plan_freep) Plan *plan = make_reattach_plan(inventory, PF, NULL);
        assert_members(plan, PF " " VF0 "<0 " VF1 "<0");
        assert_steps(plan,
                        "lock-node " PF ", load-driver " PF ", load-driver " VF0 ", override " PF ", unbind " PF
                        ", probe " PF ", set-autoprobe " PF "=0, set-vfs " PF "=2, appear " VF0 ", appear " VF1
                        ", set-autoprobe " PF "=host, forget " PF ", forget " VF0 ", forget " VF1);
        g_assert_true(plan->members[1].virtual_function);
        g_assert_cmpstr(plan->members[1].target.driver, ==, "igbvf");

        /* The address of one of them stands for all. */
        _cleanup_(plan_freep) Plan *named = make_reattach_plan(inventory, VF1, NULL);
        assert_members(named, PF " " VF0 "<0 " VF1 "<0");
        g_assert_cmpint(named->group, ==, 14);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(named->selected), ==, VF1);

        /* Another card was detached in the slot of the PF meanwhile: its reattach creates none of the VFs. */
        PciFacts facts = make_facts(PF, "vfio-pci", 14);
        facts.ids.device = 0x1234;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        put_origin(inventory, PF, "igb", NULL);
        _cleanup_(plan_freep) Plan *other = make_reattach_plan(inventory, PF, NULL);
        assert_members(other, PF);

        /* A VF that disappeared cannot return without its PF: vfiod forgets it. */
        _cleanup_(plan_freep) Plan *forget = make_reattach_plan(inventory, VF0, NULL);
        assert_members(forget, VF0);
        assert_steps(forget, "forget " VF0);
        g_assert_cmpint(forget->group, ==, IOMMU_GROUP_NONE);
}

/* The driver vmd exposes the disks by itself. */
static void test_vmd(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        PciFacts facts = make_facts(VMD, "vfio-pci", 5);

        facts.ids.class = 0x010400;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        put_origin(inventory, VMD, "vmd", NULL);
        put_vanished(inventory, DISK1, VMD, "nvme");
        put_vanished(inventory, DISK2, VMD, "nvme");
        _cleanup_(plan_freep) Plan *plan = make_reattach_plan(inventory, VMD, NULL);
        assert_members(plan, VMD " " DISK1 "<0 " DISK2 "<0");
        assert_steps(plan,
                        "lock-node " VMD ", load-driver " VMD ", load-driver " DISK1 ", load-driver " DISK2
                        ", override " VMD ", unbind " VMD ", probe " VMD ", appear " DISK1 ", appear " DISK2
                        ", forget " VMD ", forget " DISK1 ", forget " DISK2);
        g_assert_false(plan->members[1].virtual_function);

        /* Whoever names a disk means the controller; and if that is gone, or with the host, the record of the disk. */
        _cleanup_(plan_freep) Plan *named = make_reattach_plan(inventory, DISK2, NULL);
        assert_members(named, VMD " " DISK1 "<0 " DISK2 "<0");
        g_assert_cmpint(named->group, ==, 5);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(VMD)), ==, 0);
        _cleanup_(plan_freep) Plan *forget = make_reattach_plan(inventory, DISK2, NULL);
        assert_steps(forget, "forget " DISK2);
        g_assert_cmpint(inventory_set_origin(inventory, address_of(VMD), NULL), ==, 0);
        put_device(inventory, VMD, "vmd", 5);
        _cleanup_(plan_freep) Plan *stays = make_reattach_plan(inventory, DISK2, NULL);
        assert_steps(stays, "forget " DISK2);
}

/* A device that was pulled is forgotten, also with force, but not while a job changes it. */
static void test_absent(void) {
        static const struct {
                DeviceActivity activity;
                Outcome outcome;
        } cases[] = {{DEVICE_WORKED_ON, OUTCOME_BUSY}, {DEVICE_WAITED_FOR, OUTCOME_STUCK},
                        {DEVICE_QUIET, OUTCOME_DONE}};
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_detached(inventory, PORT1, "e1000", 10);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(PORT1)), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_problem_ Problem problem = {};
                _cleanup_(plan_freep) Plan *plan = NULL;

                g_assert_cmpint(inventory_set_activity(inventory, address_of(PORT1), cases[i].activity), ==, 0);
                g_assert_cmpint(try_reattach(inventory, PORT1, &(ReattachOptions){.force = true}, &plan, &problem), ==,
                                cases[i].outcome);
                if (plan)
                        assert_steps(plan, "forget " PORT1);
        }
        g_assert_cmpint(device_state(get_device(inventory, PORT1)), ==, DEVICE_ABSENT);
}

/* A failed detach left it degraded: a reattach restores it, whatever its driver is. */
static void test_degraded(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, PORT1, NULL, 10);
        put_origin(inventory, PORT1, "e1000", NULL);
        _cleanup_(plan_freep) Plan *plan = make_reattach_plan(inventory, PORT1, NULL);
        assert_members(plan, PORT1);
        g_assert_cmpstr(plan->members[0].before.driver, ==, "");
        g_assert_cmpstr(plan->members[0].target.driver, ==, "e1000");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/reattach-plan/two-ports", test_two_ports);
        g_test_add_func("/reattach-plan/order", test_order);
        g_test_add_func("/reattach-plan/link-and-power", test_link_and_power);
        g_test_add_func("/reattach-plan/vanished-vfs", test_vanished_vfs);
        g_test_add_func("/reattach-plan/vmd", test_vmd);
        g_test_add_func("/reattach-plan/absent", test_absent);
        g_test_add_func("/reattach-plan/degraded", test_degraded);
        return g_test_run();
}
