/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/bind.h"
#include "engine/rollback.h"
#include "model.h"
#include "temp-tree.h"

#define NIC "0000:03:01.0"

/* How a device is bound for a plan of a rule: the early udev rule may have set driver_override before. */
static void test_early_override(void) {
        static const struct {
                PlanVerb verb;
                const char *driver, *override;
                bool appeared;
                Binding before;
                bool early, unknown;
        } cases[] = {
                        {PLAN_DETACH, "e1000", "(null)", false, {.driver = "e1000"}, false, false},
                        {PLAN_DETACH, "e1000", "none", true, {.driver = "e1000", .override = "none"}, false, false},
                        {PLAN_DETACH, NULL, "(null)", false, {}, false, false},
                        {PLAN_DETACH, NULL, "(null)", true, {.any_driver = true}, false, true},
                        {PLAN_DETACH, NULL, "vfio-pci", false, {.any_driver = true}, true, true},
                        {PLAN_DETACH, NULL, "vfio-pci", true, {.any_driver = true}, true, true},
                        {PLAN_DETACH, "vfio-pci", "vfio-pci", true, {.any_driver = true}, true, true},
                        {PLAN_DETACH, "e1000", "vfio-pci", false, {.driver = "e1000"}, true, false},
                        {PLAN_DETACH, "e1000", "vfio-pci", true, {.driver = "e1000"}, true, false},
                        {PLAN_REATTACH, NULL, "vfio-pci", false, {.any_driver = true}, true, true},
                        {PLAN_REATTACH, "e1000", "vfio-pci", false, {.driver = "e1000"}, true, false},
                        {PLAN_REATTACH, "e1000", "none", false, {.driver = "e1000", .override = "none"}, false, false},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autoptr(TempTree) tree = temp_tree_new();
                __attribute__((cleanup(work_done))) Work work = {};
                _cleanup_problem_ Problem problem = {};
                PlanMember member = {.address = address_of(NIC),
                                .ids = {0x8086, 0x100e, 0x1af4, 0x1100, 0x020000, 3},
                                .group = IOMMU_GROUP_NONE,
                                .parent = PLAN_NO_PARENT,
                                .appeared = cases[i].appeared};
                Plan plan = {.verb = cases[i].verb, .by_rule = true, .members = &member, .n_members = 1};
                Transaction transaction = {.kernel = tree->kernel, .devices_fd = -EBADF, .plan = &plan};

                temp_tree_device(tree, "pci0000:00/" NIC);
                temp_tree_driver(tree, NIC, cases[i].driver);
                temp_tree_attribute(tree, NIC, "driver_override", cases[i].override);
                g_assert_cmpint(work_init(&work, &transaction), ==, 0);
                int r = work_open(&work, &problem);
                if (r != 0)
                        g_error("case %zu: %s", i, problem.message);
                if (!streq(member.before.driver, cases[i].before.driver) ||
                                !streq(member.before.override, cases[i].before.override) ||
                                member.before.any_driver != cases[i].before.any_driver ||
                                member.early != cases[i].early || member.unknown_origin != cases[i].unknown)
                        g_error("case %zu: driver '%s', override '%s', any %d, early %d, unknown %d", i,
                                        member.before.driver, member.before.override, member.before.any_driver,
                                        member.early, member.unknown_origin);
                /* Nobody has changed it since. */
                g_assert_cmpint(work_verify_unmoved(&work, &problem), ==, 0);
        }
}

/* A rollback compares the setting of each PF of a group, and not only of the first. */
static void test_each_pf(void) {
        static const char *const addresses[] = {NIC, "0000:03:01.1"};
        g_autoptr(TempTree) tree = temp_tree_new();
        __attribute__((cleanup(work_done))) Work work = {};
        _cleanup_problem_ Problem problem = {};
        PlanMember members[G_N_ELEMENTS(addresses)] = {};
        PlanStep steps[] = {{STEP_SET_AUTOPROBE, 0, 0, 1}, {STEP_SET_AUTOPROBE, 1, 0, 1}};
        Plan plan = {.members = members, .n_members = G_N_ELEMENTS(members), .steps = steps, .n_steps = 2};
        Transaction transaction = {
                        .kernel = tree->kernel, .devices_fd = -EBADF, .transactions_fd = -EBADF, .plan = &plan};

        for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
                g_autofree char *path = g_strconcat("pci0000:00/", addresses[i], NULL);

                temp_tree_device(tree, path);
                temp_tree_driver(tree, addresses[i], "igb");
                temp_tree_attribute(tree, addresses[i], "driver_override", "(null)");
                temp_tree_attribute(tree, addresses[i], "sriov_drivers_autoprobe", i == 0 ? "1" : "0");
                members[i] = (PlanMember){.address = address_of(addresses[i]),
                                .ids = {0x8086, 0x100e, 0x1af4, 0x1100, 0x020000, 3},
                                .group = IOMMU_GROUP_NONE,
                                .parent = PLAN_NO_PARENT};
        }
        g_assert_cmpint(work_init(&work, &transaction), ==, 0);
        g_assert_cmpint(work_open(&work, &problem), ==, 0);
        g_assert_cmpint(problem_set(&problem, OUTCOME_FAILED, "The cause."), ==, OUTCOME_FAILED);
        g_assert_cmpint(rollback_run(&work, 0, &problem), ==, OUTCOME_DEGRADED);
        g_assert_cmpstr(problem.message, ==,
                        "The cause. vfiod could not undo all changes: sriov_drivers_autoprobe of 0000:03:01.1 is 0 "
                        "instead of 1.");
}

/* The driver of a card that is there cannot be read. That is not the same as no driver: without a driver as the target, nothing
 * after the unbind would notice it. */
static void test_unreadable_driver(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        __attribute__((cleanup(work_done))) Work work = {};
        _cleanup_problem_ Problem unread = {}, gone = {};
        PlanMember member = {.address = address_of(NIC), .group = IOMMU_GROUP_NONE, .parent = PLAN_NO_PARENT};
        Plan plan = {.verb = PLAN_DETACH, .members = &member, .n_members = 1};
        Transaction transaction = {.kernel = tree->kernel, .devices_fd = -EBADF, .plan = &plan};
        const Binding driverless = {};

        temp_tree_device(tree, "pci0000:00/" NIC);
        g_assert_cmpint(work_init(&work, &transaction), ==, 0);
        work.fds[0] = pci_device_open(tree->kernel, member.address);
        g_assert_cmpint(work.fds[0], >=, 0);
        g_assert_cmpint(bind_unbind(&work, 0, &driverless, &unread), ==, 0);
        /* A file instead of the link. */
        temp_tree_attribute(tree, NIC, "driver", "vfio-pci");
        g_assert_cmpint(bind_unbind(&work, 0, &driverless, &unread), ==, OUTCOME_FAILED);
        g_assert_cmpstr(unread.message, ==, "Cannot read the driver and the settings of " NIC ": Invalid argument");
        /* A card that is gone has the better message. */
        temp_tree_remove(tree, "sys/devices/pci0000:00/" NIC "/vendor");
        g_assert_cmpint(bind_unbind(&work, 0, &driverless, &gone), ==, OUTCOME_FAILED);
        g_assert_cmpstr(gone.message, ==, NIC " is gone from its slot.");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/work/early-override", test_early_override);
        g_test_add_func("/work/each-pf", test_each_pf);
        g_test_add_func("/work/unreadable-driver", test_unreadable_driver);
        return g_test_run();
}
