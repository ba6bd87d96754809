/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planning.h"

#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"
#define BRIDGE "0000:02:00.0"

/* The two-port card behind its bridge, and another card. */
static Inventory *story(void) {
        Inventory *inventory = make_inventory();

        put_bridge(inventory, BRIDGE, NULL, 10);
        put_device(inventory, PORT1, "e1000", 10);
        put_device(inventory, PORT2, "e1000", 10);
        put_device(inventory, "0000:05:00.0", "e1000e", 12);
        put_name(inventory, PORT1, HOST_NAME_NETWORK, "ens1");
        put_name(inventory, PORT2, HOST_NAME_NETWORK, "ens2");
        put_name(inventory, "0000:05:00.0", HOST_NAME_NETWORK, "ens3");
        return inventory;
}

static void assert_detach(Inventory *inventory, const char *selector, Outcome expected, const char *says) {
        static const DetachOptions all = {.whole_group = true};
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;

        int r = try_detach(inventory, selector, &all, NULL, &plan, &problem);
        if (r != (int)expected || (says && !strstr(problem.message, says)))
                g_error("Detach of %s gives %d: %s", selector, r, strempty(problem.message));
        g_assert_true((r == 0) == (plan != NULL));
}

static void assert_reattach(Inventory *inventory, const char *selector, Outcome expected, const char *says) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;

        int r = try_reattach(inventory, selector, NULL, &plan, &problem);
        if (r != (int)expected || (says && !strstr(problem.message, says)))
                g_error("Reattach of %s gives %d: %s", selector, r, strempty(problem.message));
        g_assert_true((r == 0) == (plan != NULL));
}

static void test_consent(void) {
        static const char *const nobody[] = {NULL};
        static const char *const other_port[] = {PORT2, NULL};
        static const char *const other_name[] = {"ens2", NULL};
        static const char *const itself[] = {"ens1", NULL};
        static const char *const all[] = {"*", NULL};
        static const char *const group[] = {"group:10", NULL};
        static const struct {
                DetachOptions options;
                Outcome outcome;
        } cases[] = {
                        {{}, OUTCOME_GROUP_NEEDS_CONSENT},
                        {{.companions = nobody}, OUTCOME_GROUP_NEEDS_CONSENT},
                        {{.companions = itself}, OUTCOME_GROUP_NEEDS_CONSENT},
                        {{.companions = other_port}, OUTCOME_DONE},
                        {{.companions = other_name}, OUTCOME_DONE},
                        {{.companions = all}, OUTCOME_DONE},
                        {{.companions = group}, OUTCOME_DONE},
                        {{.whole_group = true}, OUTCOME_DONE},
        };
        _cleanup_(inventory_freep) Inventory *inventory = story();

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                _cleanup_problem_ Problem problem = {};
                _cleanup_(plan_freep) Plan *plan = NULL;

                g_assert_cmpint(try_detach(inventory, "ens1", &cases[i].options, NULL, &plan, &problem), ==,
                                cases[i].outcome);
                if (plan) {
                        g_assert_cmpuint(plan->n_members, ==, 2);
                        continue;
                }
                /* The message names all companions with their interfaces; the bridge is no companion. */
                g_assert_nonnull(strstr(problem.message, PORT2 " (e1000, ens2)"));
                g_assert_null(strstr(problem.message, BRIDGE));
        }
        /* A device alone in its group. */
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        g_assert_cmpint(try_detach(inventory, "ens3", NULL, NULL, &plan, &problem), ==, 0);
}

static void test_wrong_companion(void) {
        static const char *const wrong[][2] = {
                        {"ens3", NULL}, {"nobody", NULL}, {"a b", NULL}, {"group:99", NULL}, {"", NULL}};
        static const Outcome outcomes[] = {OUTCOME_INVALID_SELECTOR, OUTCOME_NO_SUCH_DEVICE, OUTCOME_INVALID_SELECTOR,
                        OUTCOME_NO_SUCH_GROUP, OUTCOME_INVALID_SELECTOR};
        _cleanup_(inventory_freep) Inventory *inventory = story();

        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                _cleanup_problem_ Problem problem = {};
                DetachOptions options = {.companions = wrong[i]};
                Plan *plan = NULL;

                g_assert_cmpint(try_detach(inventory, "ens1", &options, NULL, &plan, &problem), ==, outcomes[i]);
                g_assert_null(plan);
        }
}

static void test_refusals(void) {
        static const IommuReport off = {.state = IOMMU_OFF, .reason = "Somebody switched it off."};
        _cleanup_(inventory_freep) Inventory *inventory = story();
        _cleanup_problem_ Problem problem = {};
        Plan *plan = NULL;

        g_assert_cmpint(try_detach(inventory, "ens3", NULL, &off, &plan, &problem), ==, OUTCOME_NO_IOMMU);
        g_assert_nonnull(strstr(problem.message, "Somebody switched it off."));
        assert_detach(inventory, BRIDGE, OUTCOME_NOT_ENDPOINT, BRIDGE);
        put_bridge(inventory, "0000:00:01.0", "pcieport", 3);
        assert_detach(inventory, "group:3", OUTCOME_NOT_ENDPOINT, "Group 3");
        put_device(inventory, "0000:06:00.0", "e1000", -1);
        assert_detach(inventory, "0000:06:00.0", OUTCOME_NO_GROUP, "0000:06:00.0");
        assert_reattach(inventory, "0000:06:00.0", OUTCOME_NOT_DETACHED, NULL);

        put_bridge(inventory, BRIDGE, "shpchp", 10);
        assert_detach(inventory, "ens1", OUTCOME_NOT_VIABLE, "shpchp");
        put_bridge(inventory, BRIDGE, "pcieport", 10);
        assert_detach(inventory, "ens1", OUTCOME_DONE, NULL);
}

/* A group that vfio made in its no-IOMMU mode, on a host where other groups have an IOMMU. */
static void test_no_iommu(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        PciFacts facts = make_facts("0000:06:00.0", "vfio-pci", 26);

        facts.no_iommu = true;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        const Group *group = inventory_find_group(inventory, 26);
        g_assert_false(group_is_viable(group));
        g_assert_true(group_has_node(group));
        assert_detach(inventory, "0000:06:00.0", OUTCOME_NO_IOMMU, "no-IOMMU mode");
        assert_detach(inventory, "group:26", OUTCOME_NO_IOMMU, "no virtual machine can");
        /* The next group of this number may have an IOMMU. */
        put_device(inventory, "0000:06:00.0", NULL, -1);
        put_device(inventory, "0000:06:00.0", "e1000", 26);
        assert_detach(inventory, "0000:06:00.0", OUTCOME_DONE, NULL);
}

static void test_foreign(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();

        assert_reattach(inventory, "ens1", OUTCOME_NOT_DETACHED, "e1000");
        put_device(inventory, PORT1, "vfio-pci", 10);
        assert_detach(inventory, PORT1, OUTCOME_FOREIGN, PORT1);
        assert_reattach(inventory, PORT1, OUTCOME_FOREIGN, "does not touch it");
        /* The other port can be detached too, and the foreign port is no member of the plan. */
        assert_detach(inventory, PORT2, OUTCOME_DONE, NULL);
        put_device(inventory, PORT2, "vfio-pci", 10);
        assert_detach(inventory, "group:10", OUTCOME_FOREIGN, NULL);
        assert_reattach(inventory, "group:10", OUTCOME_FOREIGN, NULL);
        put_origin(inventory, PORT2, "e1000", NULL);
        assert_detach(inventory, "group:10", OUTCOME_ALREADY_DETACHED, "another program bound some");
        assert_reattach(inventory, PORT1, OUTCOME_FOREIGN, PORT1);
        assert_reattach(inventory, PORT2, OUTCOME_DONE, NULL);
        assert_reattach(inventory, "group:12", OUTCOME_NOT_DETACHED, "group 12");
}

static void test_detached(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();

        put_device(inventory, "0000:05:00.0", "vfio-pci", 12);
        put_origin(inventory, "0000:05:00.0", "e1000e", NULL);
        assert_detach(inventory, "ens3", OUTCOME_ALREADY_DETACHED, NULL);
        assert_reattach(inventory, "ens3", OUTCOME_DONE, NULL);
        g_assert_cmpint(inventory_drop_device(inventory, address_of("0000:05:00.0")), ==, 0);
        assert_detach(inventory, "ens3", OUTCOME_ALREADY_DETACHED, "gone from its slot");
        assert_reattach(inventory, "ens3", OUTCOME_DONE, NULL);

        /* Another card in the slot. */
        PciFacts facts = make_facts("0000:05:00.0", "igb", 12);
        facts.ids.device = 0x1234;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        assert_reattach(inventory, "0000:05:00.0", OUTCOME_IDENTITY_CHANGED, "8086:1234");
        assert_detach(inventory, "0000:05:00.0", OUTCOME_DONE, NULL);
}

static void test_busy(void) {
        static const struct {
                DeviceActivity activity;
                Outcome outcome;
        } cases[] = {{DEVICE_WORKED_ON, OUTCOME_BUSY}, {DEVICE_WAITED_FOR, OUTCOME_STUCK},
                        {DEVICE_QUIET, OUTCOME_DONE}};
        _cleanup_(inventory_freep) Inventory *inventory = story();

        put_device(inventory, "0000:05:00.0", "vfio-pci", 12);
        put_origin(inventory, "0000:05:00.0", "e1000e", NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_assert_cmpint(inventory_set_activity(inventory, address_of(PORT2), cases[i].activity), ==, 0);
                assert_detach(inventory, PORT1, cases[i].outcome, NULL);
                g_assert_cmpint(inventory_set_activity(inventory, address_of("0000:05:00.0"), cases[i].activity), ==,
                                0);
                assert_reattach(inventory, "ens3", cases[i].outcome, NULL);
        }
}

/* The plan owns the strings that it uses. */
static void test_lifetime(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, "ens1", 0);

        inventory_freep(&inventory);
        g_assert_cmpint(plan->verb, ==, PLAN_DETACH);
        g_assert_cmpint(plan->group, ==, 10);
        g_assert_null(plan->members[0].origin);
        g_assert_cmpuint(plan->members[1].ids.vendor, ==, 0x8086);
}

static void test_release(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        _cleanup_(plan_freep) Plan *plan = NULL, *without_group = NULL;

        g_assert_cmpint(plan_release(get_device(inventory, PORT1), true, &plan), ==, 0);
        assert_members(plan, PORT1);
        assert_steps(plan, "lock-node " PORT1 ", override " PORT1 ", unbind " PORT1 ", probe " PORT1 ", forget " PORT1);
        g_assert_true(plan->by_rule);
        g_assert_true(plan->members[0].appeared);
        g_assert_true(plan->members[0].target.any_driver);
        put_device(inventory, "0000:06:00.0", NULL, -1);
        g_assert_cmpint(plan_release(get_device(inventory, "0000:06:00.0"), false, &without_group), ==, 0);
        assert_steps(without_group,
                        "override 0000:06:00.0, unbind 0000:06:00.0, probe 0000:06:00.0, forget 0000:06:00.0");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/plan/consent", test_consent);
        g_test_add_func("/plan/wrong-companion", test_wrong_companion);
        g_test_add_func("/plan/refusals", test_refusals);
        g_test_add_func("/plan/no-iommu", test_no_iommu);
        g_test_add_func("/plan/foreign", test_foreign);
        g_test_add_func("/plan/detached", test_detached);
        g_test_add_func("/plan/busy", test_busy);
        g_test_add_func("/plan/lifetime", test_lifetime);
        g_test_add_func("/plan/release", test_release);
        return g_test_run();
}
