/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "policy/plan.h"

/* What the model alone finds, what options do to a plan, and the words for its steps. */

#define PF "0000:07:00.0"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.1"
#define NIC "0000:05:00.0"

static const IommuReport iommu_on = {.state = IOMMU_ON, .reason = "It is on."};

/* A card with virtual functions, each in a group of its own, and another one. */
static Inventory *card(void) {
        Inventory *inventory = make_inventory();
        PciFacts facts = make_facts(PF, "igb", 14);

        facts.virtual_functions_max = 7;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        put_virtual_function(inventory, VF0, PF, NULL, 20);
        put_virtual_function(inventory, VF1, PF, NULL, 21);
        put_device(inventory, NIC, "e1000e", 12);
        return inventory;
}

static Plan *detach(Inventory *inventory, const char *selector, unsigned overrides) {
        DetachOptions options = {.whole_group = true, .overrides = overrides};
        _cleanup_problem_ Problem problem = {};
        Selection selection;
        Plan *plan = NULL;

        g_assert_cmpint(selector_resolve(inventory, selector, &selection, &problem), ==, 0);
        if (plan_detach(inventory, &selection, &iommu_on, &options, &plan, &problem) != 0)
                g_error("No plan to detach %s: %s", selector, strempty(problem.message));
        return plan;
}

static int reattach(Inventory *inventory, const char *selector, const ReattachOptions *options, Plan **ret) {
        _cleanup_problem_ Problem problem = {};
        Selection selection;

        g_assert_cmpint(selector_resolve(inventory, selector, &selection, &problem), ==, 0);
        return plan_reattach(inventory, &selection, options, ret, &problem);
}

/* "virtual-functions 0000:07:00.0 says this; ..." */
static void assert_findings(Inventory *inventory, const char *selector, const char *expected) {
        _cleanup_(plan_freep) Plan *plan = detach(inventory, selector, 0);
        g_autoptr(GString) text = g_string_new(NULL);

        for (size_t i = 0; i < plan->findings.n_findings; i++) {
                const Finding *finding = &plan->findings.findings[i];

                g_string_append_printf(text, "%s%s %s: %s", i > 0 ? "; " : "", guard_to_string(finding->guard),
                                PCI_ADDRESS_TEXT(finding->address), finding->evidence);
        }
        g_assert_cmpstr(text->str, ==, expected);
}

/* A plan is made all the same: whether it may be carried out is decided when all is found. */
static void test_virtual_functions(void) {
        _cleanup_(inventory_freep) Inventory *inventory = card();

        assert_findings(inventory, PF, "");
        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        assert_findings(inventory, PF,
                        "virtual-functions " PF ": its virtual function " VF0 " would vanish, and is on igbvf");
        put_virtual_function(inventory, VF1, PF, "vfio-pci", 21);
        assert_findings(inventory, PF,
                        "virtual-functions " PF ": its virtual function " VF0
                        " would vanish, and is on igbvf; virtual-functions " PF ": its virtual function " VF1
                        " would vanish, and is on vfio-pci");
        /* Those of another card. */
        assert_findings(inventory, NIC, "");
        put_virtual_function(inventory, VF0, "0000:08:00.0", "igbvf", 20);
        put_virtual_function(inventory, VF1, "0000:08:00.0", "igbvf", 21);
        assert_findings(inventory, PF, "");
}

static void test_leaving_parent(void) {
        _cleanup_(inventory_freep) Inventory *inventory = card();
        PciFacts facts = make_facts(PF, "vfio-pci", 14);

        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        assert_findings(inventory, VF0, "");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(PF), DEVICE_WORKED_ON), ==, 0);
        assert_findings(inventory, VF0,
                        "virtual-functions " VF0 ": its physical function " PF
                        " is changing, and it would vanish with it");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(PF), DEVICE_WAITED_FOR), ==, 0);
        assert_findings(inventory, VF0,
                        "virtual-functions " VF0 ": its physical function " PF
                        " is stuck, and it would vanish with it");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(PF), DEVICE_QUIET), ==, 0);
        assert_findings(inventory, VF0, "");

        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        assert_findings(inventory, VF0,
                        "virtual-functions " VF0 ": its physical function " PF
                        " is foreign, and it would vanish with it");
        /* One whose physical function is not seen here. */
        put_virtual_function(inventory, VF0, "0000:08:00.0", "igbvf", 20);
        assert_findings(inventory, VF0, "");
}

/* Every member is looked at. */
static void test_members(void) {
        _cleanup_(inventory_freep) Inventory *inventory = card();

        put_device(inventory, "0000:07:00.1", "igb", 14);
        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        assert_findings(inventory, "0000:07:00.1",
                        "virtual-functions " PF ": its virtual function " VF0 " would vanish, and is on igbvf");
}

static void test_detach_options(void) {
        _cleanup_(inventory_freep) Inventory *inventory = card();
        _cleanup_(plan_freep) Plan *named = NULL, *group = NULL;

        put_device(inventory, "0000:05:00.1", "e1000e", 12);
        named = detach(inventory, "0000:05:00.0", 0);
        g_assert_cmpuint(named->overrides, ==, 0);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(named->selected), ==, "0000:05:00.0");
        g_assert_false(named->force);
        g_assert_false(named->only_plan);
        g_assert_cmpuint(named->fingerprint, ==, 0);
        group = detach(inventory, "group:12", 1U << GUARD_STORAGE | 1U << GUARD_NETWORK);
        g_assert_cmpuint(group->overrides, ==, 1U << GUARD_STORAGE | 1U << GUARD_NETWORK);
        /* One of the group, for the command that a message gives. */
        g_assert_cmpuint(pci_address_key(group->selected) >> 3, ==, pci_address_key(address_of(NIC)) >> 3);
}

static bool has_step(const Plan *plan, StepKind kind) {
        for (size_t i = 0; i < plan->n_steps; i++)
                if (plan->steps[i].kind == kind)
                        return true;
        return false;
}

/* Whoever holds the group is waited for. */
static void test_force(void) {
        _cleanup_(inventory_freep) Inventory *inventory = card();
        _cleanup_(plan_freep) Plan *usual = NULL, *forced = NULL;

        put_device(inventory, NIC, "vfio-pci", 12);
        put_origin(inventory, NIC, "e1000e", NULL);
        g_assert_cmpint(reattach(inventory, NIC, &(ReattachOptions){}, &usual), ==, 0);
        g_assert_true(has_step(usual, STEP_LOCK_NODE));
        g_assert_false(usual->force);
        g_assert_cmpint(reattach(inventory, NIC, &(ReattachOptions){.force = true}, &forced), ==, 0);
        g_assert_false(has_step(forced, STEP_LOCK_NODE));
        g_assert_true(forced->force);
        g_assert_cmpuint(forced->n_steps + 1, ==, usual->n_steps);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(forced->selected), ==, NIC);
        /* No stuck one, and none that is not ours. */
        Plan *none = NULL;
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WAITED_FOR), ==, 0);
        g_assert_cmpint(reattach(inventory, NIC, &(ReattachOptions){.force = true}, &none), ==, OUTCOME_STUCK);
        put_device(inventory, VF0, "vfio-pci", 20);
        g_assert_cmpint(reattach(inventory, VF0, &(ReattachOptions){.force = true}, &none), ==, OUTCOME_FOREIGN);
        g_assert_null(none);
}

static void test_adopt(void) {
        _cleanup_(inventory_freep) Inventory *inventory = card();
        static const ReattachOptions adopt = {.adopt = true};
        _cleanup_(plan_freep) Plan *one = NULL, *both = NULL;
        Plan *none = NULL;

        put_device(inventory, NIC, "vfio-pci", 12);
        put_device(inventory, "0000:05:00.1", "vfio-pci", 12);
        put_origin(inventory, "0000:05:00.1", "e1000e", "kept");
        g_assert_cmpint(reattach(inventory, NIC, &(ReattachOptions){}, &none), ==, OUTCOME_FOREIGN);
        g_assert_cmpint(reattach(inventory, "0000:05:00.1", &(ReattachOptions){}, &one), ==, 0);
        g_assert_cmpuint(one->n_members, ==, 1);

        g_assert_cmpint(reattach(inventory, NIC, &adopt, &both), ==, 0);
        g_assert_cmpuint(both->n_members, ==, 2);
        /* What it had nobody knows; of the other one it is known. */
        g_assert_cmpstr(PCI_ADDRESS_TEXT(both->members[0].address), ==, NIC);
        g_assert_true(both->members[0].origin->binding.any_driver);
        g_assert_null(both->members[0].origin->binding.driver);
        g_assert_null(both->members[0].origin->binding.override);
        g_assert_true(pci_ids_equal(&both->members[0].origin->ids, &both->members[0].ids));
        g_assert_false(both->members[1].origin->binding.any_driver);
        g_assert_cmpstr(both->members[1].origin->binding.override, ==, "kept");

        /* What is not on a vfio driver cannot be adopted. */
        g_assert_cmpint(reattach(inventory, PF, &adopt, &none), ==, OUTCOME_NOT_DETACHED);
        g_assert_cmpint(reattach(inventory, "group:20", &adopt, &none), ==, OUTCOME_NOT_DETACHED);
        put_device(inventory, "0000:05:00.2", "e1000e", 12);
        g_assert_cmpint(reattach(inventory, "0000:05:00.2", &adopt, &none), ==, OUTCOME_NOT_DETACHED);
        g_assert_null(none);
}

static void assert_reasons(const Plan *plan, const char *expected) {
        g_autoptr(GString) text = g_string_new(NULL);
        char buffer[PLAN_REASON_MAX];

        for (size_t i = 0; i < plan->n_steps; i++) {
                g_assert_true(plan_step_reason(plan, &plan->steps[i], buffer) == buffer);
                g_string_append_printf(
                                text, "%s%s: %s", i > 0 ? "; " : "", step_kind_to_string(plan->steps[i].kind), buffer);
        }
        g_assert_cmpstr(text->str, ==, expected);
}

static void test_reasons(void) {
        _cleanup_(inventory_freep) Inventory *inventory = card();
        _cleanup_(plan_freep) Plan *away = detach(inventory, NIC, 0), *back = NULL, *bare = NULL;

        assert_reasons(away,
                        "load-driver: vfio-pci must be there; override: only vfio-pci may bind; unbind: it leaves "
                        "e1000e; probe: it binds to vfio-pci; wait-node: a guest takes group 12 through "
                        "/dev/vfio/12");
        put_device(inventory, NIC, "vfio-pci", 12);
        put_origin(inventory, NIC, "e1000e", NULL);
        g_assert_cmpint(reattach(inventory, NIC, &(ReattachOptions){}, &back), ==, 0);
        assert_reasons(back,
                        "lock-node: no virtual machine may have group 12; load-driver: e1000e must be there; override: "
                        "only e1000e may bind; unbind: it leaves vfio-pci; probe: it binds to e1000e");
        put_origin(inventory, NIC, NULL, NULL);
        g_assert_cmpint(reattach(inventory, NIC, &(ReattachOptions){}, &bare), ==, 0);
        assert_reasons(bare,
                        "lock-node: no virtual machine may have group 12; override: only what its override names may "
                        "bind; unbind: it leaves vfio-pci; probe: it stays without a driver");
}

static void test_words(void) {
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

        for (StepKind kind = 0; kind < _STEP_KIND_MAX; kind++)
                g_assert_true(g_hash_table_add(seen, (char *)step_kind_to_string(kind)));
        for (PlanVerb verb = 0; verb < _PLAN_VERB_MAX; verb++)
                g_assert_cmpint(plan_verb_from_string(plan_verb_to_string(verb)), ==, verb);
        g_assert_cmpint(plan_verb_from_string("Detach"), <, 0);
        g_assert_cmpint(plan_verb_from_string(""), <, 0);
        g_assert_null(plan_free(NULL));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/plan-findings/virtual-functions", test_virtual_functions);
        g_test_add_func("/plan-findings/leaving-parent", test_leaving_parent);
        g_test_add_func("/plan-findings/members", test_members);
        g_test_add_func("/plan-findings/detach-options", test_detach_options);
        g_test_add_func("/plan-findings/force", test_force);
        g_test_add_func("/plan-findings/adopt", test_adopt);
        g_test_add_func("/plan-findings/reasons", test_reasons);
        g_test_add_func("/plan-findings/words", test_words);
        return g_test_run();
}
