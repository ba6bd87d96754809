/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "policy/plan.h"

#define PORT1 "0000:03:01.0"
#define PORT2 "0000:03:02.0"
#define BRIDGE "0000:02:00.0"

static const IommuReport iommu_on = {.state = IOMMU_ON, .reason = "It is on."};

/* The two-port card behind its bridge, and another one. */
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

static int detach(Inventory *inventory, const char *selector, const DetachOptions *options, const IommuReport *iommu,
                Plan **ret, Problem *problem) {
        static const DetachOptions none = {};
        Selection selection;

        g_assert_cmpint(selector_resolve(inventory, selector, &selection, problem), ==, 0);
        int r = plan_detach(inventory, &selection, iommu ? iommu : &iommu_on, options ? options : &none, ret, problem);
        g_assert_true(r == 0 || (r == (int)problem->outcome && !isempty(problem->message)));
        return r;
}

static int reattach(Inventory *inventory, const char *selector, Plan **ret, Problem *problem) {
        Selection selection;

        g_assert_cmpint(selector_resolve(inventory, selector, &selection, problem), ==, 0);
        int r = plan_reattach(inventory, &selection, &(ReattachOptions){}, ret, problem);
        g_assert_true(r == 0 || (r == (int)problem->outcome && !isempty(problem->message)));
        return r;
}

static void assert_detach(Inventory *inventory, const char *selector, Outcome expected, const char *says) {
        static const DetachOptions all = {.whole_group = true};
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;

        int r = detach(inventory, selector, &all, NULL, &plan, &problem);
        if (r != (int)expected || (says && !strstr(problem.message, says)))
                g_error("Detach of %s gives %d: %s", selector, r, strempty(problem.message));
        g_assert_true((r == 0) == (plan != NULL));
}

static void assert_reattach(Inventory *inventory, const char *selector, Outcome expected, const char *says) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;

        int r = reattach(inventory, selector, &plan, &problem);
        if (r != (int)expected || (says && !strstr(problem.message, says)))
                g_error("Reattach of %s gives %d: %s", selector, r, strempty(problem.message));
        g_assert_true((r == 0) == (plan != NULL));
}

/* "override .2, override .1, ..." */
static char *steps_text(const Plan *plan) {
        GString *text = g_string_new(NULL);

        for (size_t i = 0; i < plan->n_steps; i++) {
                const PlanStep *step = &plan->steps[i];

                g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", step_kind_to_string(step->kind));
                if (step->kind == STEP_OVERRIDE || step->kind == STEP_UNBIND || step->kind == STEP_PROBE)
                        g_string_append_printf(text, " %s", PCI_ADDRESS_TEXT(plan->members[step->member].address));
        }
        return g_string_free(text, FALSE);
}

static void assert_steps(const Plan *plan, const char *expected) {
        g_autofree char *text = steps_text(plan);

        g_assert_cmpstr(text, ==, expected);
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

                g_assert_cmpint(detach(inventory, "ens1", &cases[i].options, NULL, &plan, &problem), ==,
                                cases[i].outcome);
                if (plan) {
                        g_assert_cmpuint(plan->n_members, ==, 2);
                        continue;
                }
                /* All who would go along are named, with what one knows them by; the bridge would not. */
                g_assert_nonnull(strstr(problem.message, PORT2 " (e1000, ens2)"));
                g_assert_null(strstr(problem.message, BRIDGE));
        }
        /* Alone in its group. */
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        g_assert_cmpint(detach(inventory, "ens3", NULL, NULL, &plan, &problem), ==, 0);
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

                g_assert_cmpint(detach(inventory, "ens1", &options, NULL, &plan, &problem), ==, outcomes[i]);
                g_assert_null(plan);
        }
}

static void test_refusals(void) {
        static const IommuReport off = {.state = IOMMU_OFF, .reason = "Somebody switched it off."};
        _cleanup_(inventory_freep) Inventory *inventory = story();
        _cleanup_problem_ Problem problem = {};
        Plan *plan = NULL;

        g_assert_cmpint(detach(inventory, "ens3", NULL, &off, &plan, &problem), ==, OUTCOME_NO_IOMMU);
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

static void test_foreign(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();

        assert_reattach(inventory, "ens1", OUTCOME_NOT_DETACHED, "e1000");
        put_device(inventory, PORT1, "vfio-pci", 10);
        assert_detach(inventory, PORT1, OUTCOME_FOREIGN, PORT1);
        assert_reattach(inventory, PORT1, OUTCOME_FOREIGN, "left alone");
        /* The other port may join it, and the foreign one is no member of the plan. */
        assert_detach(inventory, PORT2, OUTCOME_DONE, NULL);
        put_device(inventory, PORT2, "vfio-pci", 10);
        assert_detach(inventory, "group:10", OUTCOME_FOREIGN, NULL);
        assert_reattach(inventory, "group:10", OUTCOME_FOREIGN, NULL);
        put_origin(inventory, PORT2, "e1000", NULL);
        assert_detach(inventory, "group:10", OUTCOME_ALREADY_DETACHED, "not by vfiod");
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
        assert_reattach(inventory, "ens3", OUTCOME_NO_SUCH_DEVICE, "gone from its slot");

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

/* The override is on all before any is unbound, and all are unbound before any is probed. */
static void test_steps(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        static const DetachOptions all = {.whole_group = true};
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *away = NULL, *back = NULL;

        g_assert_cmpint(detach(inventory, "ens1", &all, NULL, &away, &problem), ==, 0);
        assert_steps(away,
                        "load-driver, override " PORT2 ", override " PORT1 ", unbind " PORT2 ", unbind " PORT1
                        ", probe " PORT2 ", probe " PORT1 ", wait-node");
        g_assert_cmpint(away->verb, ==, PLAN_DETACH);
        g_assert_cmpint(away->group, ==, 10);
        g_assert_null(away->members[0].origin);
        g_assert_true(host_name_list_has(away->members[0].names, HOST_NAME_NETWORK, "ens2"));

        put_device(inventory, PORT1, "vfio-pci", 10);
        put_device(inventory, PORT2, "vfio-pci", 10);
        put_origin(inventory, PORT1, "e1000", NULL);
        put_origin(inventory, PORT2, NULL, NULL); /* was driverless: no driver to load */
        g_assert_cmpint(reattach(inventory, "ens2", &back, &problem), ==, 0);
        assert_steps(back,
                        "lock-node, load-driver, override " PORT1 ", override " PORT2 ", unbind " PORT1
                        ", unbind " PORT2 ", probe " PORT1 ", probe " PORT2);
        g_assert_cmpstr(back->members[0].origin->binding.driver, ==, "e1000");

        /* The plan outlives the model. */
        inventory_freep(&inventory);
        g_assert_cmpuint(away->members[1].ids.vendor, ==, 0x8086);
}

/* Virtual functions leave before their physical function, .1 before .0; and come back the other way. */
static void test_order(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        static const DetachOptions all = {.whole_group = true};
        static const char *const leaving[] = {
                        "0000:07:10.1", "0000:07:10.0", "0000:07:00.0", "0000:06:00.1", "0000:06:00.0"};
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *away = NULL, *back = NULL;

        put_device(inventory, "0000:06:00.0", "nouveau", 1);
        put_device(inventory, "0000:06:00.1", "snd_hda_intel", 1);
        put_device(inventory, "0000:07:00.0", "igb", 1);
        put_virtual_function(inventory, "0000:07:10.0", "0000:07:00.0", "igbvf", 1);
        put_virtual_function(inventory, "0000:07:10.1", "0000:07:00.0", "igbvf", 1);
        g_assert_cmpint(detach(inventory, "group:1", &all, NULL, &away, &problem), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(leaving); i++) {
                g_assert_cmpstr(PCI_ADDRESS_TEXT(away->members[i].address), ==, leaving[i]);
                put_origin(inventory, leaving[i], "x", NULL);
        }
        g_assert_cmpint(reattach(inventory, "group:1", &back, &problem), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(leaving); i++)
                g_assert_cmpstr(PCI_ADDRESS_TEXT(back->members[G_N_ELEMENTS(leaving) - 1 - i].address), ==, leaving[i]);
}

static void test_restore(void) {
        PlanMember members[2] = {};
        _cleanup_(plan_freep) Plan *plan = NULL;

        for (unsigned i = 0; i < 2; i++) {
                members[i].address = address_of(i == 0 ? PORT2 : PORT1);
                members[i].origin = calloc(1, sizeof(DeviceOrigin));
                g_assert_cmpint(free_and_strdup(&members[i].origin->binding.driver, "e1000"), ==, 1);
        }
        g_assert_cmpint(plan_restore(10, members, 2, &plan), ==, 0);
        g_assert_null(members[0].origin);
        g_assert_cmpint(plan->verb, ==, PLAN_REATTACH);
        g_assert_cmpint(plan->group, ==, 10);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(plan->members[0].address), ==, PORT1);
        assert_steps(plan,
                        "lock-node, load-driver, load-driver, override " PORT1 ", override " PORT2 ", unbind " PORT1
                        ", unbind " PORT2 ", probe " PORT1 ", probe " PORT2);
        for (PlanVerb verb = 0; verb < _PLAN_VERB_MAX; verb++)
                g_assert_nonnull(plan_verb_to_string(verb));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/plan/consent", test_consent);
        g_test_add_func("/plan/wrong-companion", test_wrong_companion);
        g_test_add_func("/plan/refusals", test_refusals);
        g_test_add_func("/plan/foreign", test_foreign);
        g_test_add_func("/plan/detached", test_detached);
        g_test_add_func("/plan/busy", test_busy);
        g_test_add_func("/plan/steps", test_steps);
        g_test_add_func("/plan/order", test_order);
        g_test_add_func("/plan/restore", test_restore);
        return g_test_run();
}
