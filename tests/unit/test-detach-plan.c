/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planning.h"

/* The members and steps of a detach, in their order. */

#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"
#define PF "0000:07:00.0"
#define PF2 "0000:07:00.1"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.1"
#define VMD "0000:00:0e.0"
#define DISK1 "10000:e1:00.0"
#define DISK2 "10000:e2:00.0"

/* Each kind of step is done for all members before the next kind begins. */
static void test_two_ports(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_bridge(inventory, "0000:02:00.0", NULL, 10);
        put_device(inventory, PORT1, "e1000", 10);
        put_device(inventory, PORT2, "e1000", 10);
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, PORT1, 0);
        assert_members(plan, PORT2 " " PORT1);
        assert_steps(plan,
                        "claim-disks " PORT2 ", load-driver " PORT2 ", record " PORT2 ", record " PORT1
                        ", override " PORT2 ", override " PORT1 ", unbind " PORT2 ", unbind " PORT1 ", probe " PORT2
                        ", probe " PORT1 ", wait-node " PORT2);
        assert_findings(plan, "");
        for (size_t i = 0; i < 2; i++) {
                const PlanMember *member = &plan->members[i];

                g_assert_cmpstr(member->before.driver, ==, "e1000");
                g_assert_cmpstr(member->target.driver, ==, "vfio-pci");
                g_assert_cmpstr(member->target.override, ==, "vfio-pci");
                g_assert_false(member->recorded);
                g_assert_null(member->origin);
                g_assert_cmpint(member->group, ==, 10);
        }
}

/* VFs are unbound before their PF, and .1 before .0. */
static void test_order(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, "0000:06:00.0", "nouveau", 1);
        put_device(inventory, "0000:06:00.1", "snd_hda_intel", 1);
        put_device(inventory, PF, "igb", 1);
        put_virtual_function(inventory, VF0, "0000:08:00.0", "igbvf", 1);
        put_virtual_function(inventory, VF1, "0000:08:00.0", "igbvf", 1);
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, "group:1", 0);
        assert_members(plan, VF1 " " VF0 " " PF " 0000:06:00.1 0000:06:00.0");
}

static void put_pf(Inventory *inventory, const char *address, int group) {
        PciFacts facts = make_facts(address, "igb", group);

        facts.virtual_functions_max = 7;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
}

/* The VFs are not probed: they disappear with the PF. */
static void test_vfs_in_group(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_pf(inventory, PF, 14);
        put_virtual_function(inventory, VF0, PF, "igbvf", 14);
        put_virtual_function(inventory, VF1, PF, NULL, 14);
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, PF, 0);
        assert_members(plan, VF1 "<2 " VF0 "<2 " PF);
        assert_steps(plan,
                        "claim-disks " PF ", load-driver " PF ", record " VF1 ", record " VF0 ", record " PF
                        ", set-autoprobe " PF "=0, override " PF ", vanish " VF1 ", vanish " VF0 ", set-vfs " PF
                        "=0, set-autoprobe " PF "=host, unbind " PF ", probe " PF ", wait-node " PF);
        /* The caller consented to the group, so there is no finding: the survey examines each VF. */
        assert_findings(plan, "");
}

static void test_vfs_in_other_groups(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_pf(inventory, PF, 14);
        put_pf(inventory, PF2, 15);
        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        put_virtual_function(inventory, VF1, PF, "vfio-pci", 21);
        put_virtual_function(inventory, "0000:07:10.2", PF2, "igbvf", 22);
        put_origin(inventory, VF1, "igbvf", NULL);
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, PF, 0);
        assert_members(plan, PF " " VF0 "<0 " VF1 "<0");
        assert_steps(plan,
                        "lock-node " VF1 ", claim-disks " PF ", load-driver " PF ", record " VF0 ", record " VF1
                        ", record " PF ", set-autoprobe " PF "=0, override " PF ", vanish " VF0 ", vanish " VF1
                        ", set-vfs " PF "=0, set-autoprobe " PF "=host, unbind " PF ", probe " PF ", wait-node " PF);
        assert_findings(plan,
                        "virtual-functions " PF ": its virtual function " VF0
                        " vanishes with it, and is on igbvf; virtual-functions " PF ": its virtual function " VF1
                        " vanishes with it, and is on vfio-pci");
        /* vfiod already has a state file for a VF that it detached before. */
        g_assert_true(plan->members[2].recorded);
        g_assert_cmpstr(plan->members[2].origin->binding.driver, ==, "igbvf");
        g_assert_cmpint(plan->members[2].group, ==, 21);

        /* The settings of a PF without VFs are not changed. */
        g_assert_cmpint(inventory_drop_device(inventory, address_of("0000:07:10.2")), ==, 0);
        _cleanup_(plan_freep) Plan *alone = make_detach_plan(inventory, PF2, 0);
        assert_steps(alone,
                        "claim-disks " PF2 ", load-driver " PF2 ", record " PF2 ", override " PF2 ", unbind " PF2
                        ", probe " PF2 ", wait-node " PF2);
}

/* A VF is detached and its PF is not changed. */
static void test_single_vf(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_pf(inventory, PF, 14);
        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        put_virtual_function(inventory, VF1, PF, "igbvf", 21);
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, VF0, 0);
        assert_members(plan, VF0);
        g_assert_true(plan->members[0].virtual_function);
        assert_findings(plan, "");
}

static void test_busy_vf(void) {
        static const struct {
                DeviceActivity activity;
                Outcome outcome;
        } cases[] = {{DEVICE_WORKED_ON, OUTCOME_BUSY}, {DEVICE_WAITED_FOR, OUTCOME_STUCK},
                        {DEVICE_QUIET, OUTCOME_DONE}};
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_pf(inventory, PF, 14);
        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_problem_ Problem problem = {};
                _cleanup_(plan_freep) Plan *plan = NULL;

                g_assert_cmpint(inventory_set_activity(inventory, address_of(VF0), cases[i].activity), ==, 0);
                g_assert_cmpint(try_detach(inventory, PF, NULL, NULL, &plan, &problem), ==, cases[i].outcome);
        }
}

static Inventory *vmd(int disk1_group, int disk2_group) {
        Inventory *inventory = make_inventory();
        PciFacts facts = make_facts(VMD, "vmd", 5);

        facts.ids.class = 0x010400;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        put_behind_controller(inventory, DISK1, VMD, "nvme", disk1_group);
        put_behind_controller(inventory, DISK2, VMD, NULL, disk2_group);
        return inventory;
}

/* The driver vmd exposes the disks: they disappear when the VMD is unbound. No number of VFs is set. */
static void test_vmd(void) {
        _cleanup_(inventory_freep) Inventory *inventory = vmd(5, 5), *divided = vmd(6, 7);
        static const char steps[] = "claim-disks " VMD ", load-driver " VMD ", record " DISK2 ", record " DISK1
                                    ", record " VMD ", override " VMD ", vanish " DISK2 ", vanish " DISK1
                                    ", unbind " VMD ", probe " VMD ", wait-node " VMD;
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, VMD, 0);

        assert_members(plan, DISK2 "<2 " DISK1 "<2 " VMD);
        assert_steps(plan, steps);
        assert_findings(plan, "");

        _cleanup_(plan_freep) Plan *other = make_detach_plan(divided, VMD, 0);
        assert_members(other, VMD " " DISK1 "<0 " DISK2 "<0");
        assert_findings(other,
                        "virtual-functions " VMD ": the device " DISK1 " behind it vanishes with it, and is on nvme");

        /* A caller that names a disk must consent to the VMD in its group. */
        _cleanup_problem_ Problem problem = {};
        Plan *none = NULL;
        g_assert_cmpint(try_detach(inventory, DISK1, NULL, NULL, &none, &problem), ==, OUTCOME_GROUP_NEEDS_CONSENT);
        g_assert_nonnull(strstr(problem.message, VMD " (vmd)"));
        /* The controller of a disk has no place in the list. */
        put_name(inventory, DISK1, HOST_NAME_CONTROLLER, "nvme5");
        put_name(inventory, DISK1, HOST_NAME_BLOCK, "nvme5n1");
        put_name(inventory, DISK2, HOST_NAME_CONTROLLER, "nvme6");
        g_assert_cmpint(try_detach(inventory, VMD, NULL, NULL, &none, &problem), ==, OUTCOME_GROUP_NEEDS_CONSENT);
        g_assert_nonnull(strstr(problem.message, DISK1 " (nvme, nvme5n1), " DISK2 ". "));
        /* In its own group the disk is detached alone, and the VMD is not changed. */
        _cleanup_(plan_freep) Plan *disk = make_detach_plan(divided, DISK1, 0);
        assert_members(disk, DISK1);
}

/* Root ports behind a VMD stay bound to their driver. */
static void test_bridge_behind_vmd(void) {
        _cleanup_(inventory_freep) Inventory *inventory = vmd(5, 5);
        PciFacts facts = make_facts("10000:e0:06.0", "pcieport", 5);

        facts.ids.class = 0x060400;
        facts.bridge = true;
        facts.endpoint = false;
        facts.behind_controller = true;
        facts.controller = address_of(VMD);
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, VMD, 0);
        assert_members(plan, DISK2 "<2 " DISK1 "<2 " VMD);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/detach-plan/two-ports", test_two_ports);
        g_test_add_func("/detach-plan/order", test_order);
        g_test_add_func("/detach-plan/vfs-in-group", test_vfs_in_group);
        g_test_add_func("/detach-plan/vfs-in-other-groups", test_vfs_in_other_groups);
        g_test_add_func("/detach-plan/single-vf", test_single_vf);
        g_test_add_func("/detach-plan/busy-vf", test_busy_vf);
        g_test_add_func("/detach-plan/vmd", test_vmd);
        g_test_add_func("/detach-plan/bridge-behind-vmd", test_bridge_behind_vmd);
        return g_test_run();
}
