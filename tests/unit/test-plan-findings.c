/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planning.h"

/* Findings from the model alone, the effect of options on a plan, and the words for its steps. */

#define PF "0000:07:00.0"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.1"
#define NIC "0000:05:00.0"

/* A card with VFs, each in its own group, and another card. */
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

static void assert_found(Inventory *inventory, const char *selector, const char *expected) {
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, selector, 0);

        assert_findings(plan, expected);
}

static int reattach(Inventory *inventory, const char *selector, const ReattachOptions *options, Plan **ret) {
        _cleanup_problem_ Problem problem = {};

        return try_reattach(inventory, selector, options, ret, &problem);
}

/* The plan is made anyway. Whether it may be executed is decided later, with all findings. */
static void test_virtual_functions(void) {
        _cleanup_(inventory_freep) Inventory *inventory = card();

        assert_found(inventory, PF, "");
        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        assert_found(inventory, PF,
                        "virtual-functions " PF ": its virtual function " VF0 " vanishes with it, and is on igbvf");
        put_virtual_function(inventory, VF1, PF, "vfio-pci", 21);
        assert_found(inventory, PF,
                        "virtual-functions " PF ": its virtual function " VF0
                        " vanishes with it, and is on igbvf; virtual-functions " PF ": its virtual function " VF1
                        " vanishes with it, and is on vfio-pci");
        /* The VFs of another card. */
        assert_found(inventory, NIC, "");
        put_virtual_function(inventory, VF0, "0000:08:00.0", "igbvf", 20);
        put_virtual_function(inventory, VF1, "0000:08:00.0", "igbvf", 21);
        assert_found(inventory, PF, "");
}

/* A function behind the bridge (NULL: on a root bus), with these reset methods. */
static void put_resettable(
                Inventory *inventory, const char *address, const char *bridge, const char *methods, int group) {
        PciFacts facts = make_facts(address, "e1000e", group);

        facts.has_upstream = bridge != NULL;
        if (bridge)
                facts.upstream = address_of(bridge);
        (void)snprintf(facts.reset_methods, sizeof(facts.reset_methods), "%s", methods);
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
}

/* Checks the warnings of a plan: that there are so many, and what the first says. */
static void assert_warned(Inventory *inventory, const char *selector, size_t n, const char *says) {
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, selector, 0);

        g_assert_cmpuint(plan->n_warnings, ==, n);
        if (n > 0 && !strstr(plan->warnings[0], says))
                g_error("\"%s\" does not say \"%s\"", plan->warnings[0], says);
        assert_findings(plan, "");
}

/* What a reset takes along. */
static void test_reset_scope(void) {
        static const char *const own[] = {"flr", "pm", "af_flr bus", "device_specific", "acpi bus", "bus flr"};
        static const char *const of_bus[] = {"bus", "cxl_bus", "bus cxl_bus", ""};
        static const char bridge[] = "0000:00:1c.0", first[] = "0000:03:00.0", second[] = "0000:03:00.1";

        for (size_t i = 0; i < G_N_ELEMENTS(own); i++) {
                _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

                put_resettable(inventory, first, bridge, own[i], 16);
                put_resettable(inventory, second, bridge, "bus", 17);
                assert_warned(inventory, first, 0, NULL);
                put_resettable(inventory, first, NULL, own[i], 16);
                assert_warned(inventory, first, 0, NULL);
        }
        for (size_t i = 0; i < G_N_ELEMENTS(of_bus); i++) {
                _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

                put_resettable(inventory, first, bridge, of_bus[i], 16);
                assert_warned(inventory, first, 0, NULL);
                put_resettable(inventory, second, bridge, of_bus[i], 17);
                assert_warned(inventory, first, 1,
                                "0000:03:00.0 has no reset of its own. A reset of its bus also resets 0000:03:00.1 "
                                "(e1000e), in another IOMMU group.");
                assert_warned(inventory, second, 1, "0000:03:00.1 has no reset of its own");
                /* Together in a group, and a device of another bus. */
                put_resettable(inventory, second, bridge, of_bus[i], 16);
                put_resettable(inventory, "0000:04:00.0", "0000:00:1d.0", of_bus[i], 17);
                assert_warned(inventory, first, 0, NULL);
                /* Further below: behind a bridge on the same bus. Both functions have the same scope. */
                put_bridge(inventory, "0000:03:00.2", "pcieport", 18);
                PciFacts facts = make_facts("0000:03:00.2", "pcieport", 18);
                facts.has_upstream = facts.bridge = true;
                facts.upstream = address_of(bridge);
                facts.endpoint = false;
                g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
                put_resettable(inventory, "0000:05:00.0", "0000:03:00.2", "flr", 19);
                assert_warned(inventory, first, 1, "also resets 0000:05:00.0 (e1000e), in");
                put_resettable(inventory, first, NULL, of_bus[i], 20);
                assert_warned(inventory, first, 1,
                                "The kernel cannot reset 0000:03:00.0 (e1000e): there is no reset method");
        }
}

/* The list of a large bus is cut. */
static void test_reset_scope_many(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        for (unsigned i = 0; i < 32; i++) {
                g_autofree char *address = g_strdup_printf("0000:03:%02x.0", i);

                put_resettable(inventory, address, "0000:00:1c.0", "bus", 16 + (int)i);
        }
        assert_warned(inventory, "0000:03:00.0", 1, "0000:03:08.0 (e1000e) and 23 more, in another IOMMU group");
}

static void test_leaving_parent(void) {
        _cleanup_(inventory_freep) Inventory *inventory = card();
        PciFacts facts = make_facts(PF, "vfio-pci", 14);

        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        assert_found(inventory, VF0, "");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(PF), DEVICE_WORKED_ON), ==, 0);
        assert_found(inventory, VF0,
                        "virtual-functions " VF0 ": its physical function " PF
                        " is changing, and this device vanishes with it");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(PF), DEVICE_WAITED_FOR), ==, 0);
        assert_found(inventory, VF0,
                        "virtual-functions " VF0 ": its physical function " PF
                        " is stuck, and this device vanishes with it");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(PF), DEVICE_QUIET), ==, 0);
        assert_found(inventory, VF0, "");

        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        assert_found(inventory, VF0,
                        "virtual-functions " VF0 ": its physical function " PF
                        " is foreign, and this device vanishes with it");
        /* A VF whose PF is unknown. */
        put_virtual_function(inventory, VF0, "0000:08:00.0", "igbvf", 20);
        assert_found(inventory, VF0, "");
}

/* Every member is examined. */
static void test_members(void) {
        _cleanup_(inventory_freep) Inventory *inventory = card();

        put_device(inventory, "0000:07:00.1", "igb", 14);
        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        assert_found(inventory, "0000:07:00.1",
                        "virtual-functions " PF ": its virtual function " VF0 " vanishes with it, and is on igbvf");
}

static void test_detach_options(void) {
        _cleanup_(inventory_freep) Inventory *inventory = card();
        _cleanup_(plan_freep) Plan *named = NULL, *group = NULL;

        put_device(inventory, "0000:05:00.1", "e1000e", 12);
        named = make_detach_plan(inventory, "0000:05:00.0", 0);
        g_assert_cmpuint(named->overrides, ==, 0);
        g_assert_cmpstr(PCI_ADDRESS_TEXT(named->selected), ==, "0000:05:00.0");
        g_assert_false(named->force);
        g_assert_false(named->only_plan);
        g_assert_cmpuint(named->fingerprint, ==, 0);
        group = make_detach_plan(inventory, "group:12", 1U << GUARD_STORAGE | 1U << GUARD_NETWORK);
        g_assert_cmpuint(group->overrides, ==, 1U << GUARD_STORAGE | 1U << GUARD_NETWORK);
        /* A device of the group, for the command in a message. */
        g_assert_cmpuint(pci_address_key(group->selected) >> 3, ==, pci_address_key(address_of(NIC)) >> 3);
}

static bool has_step(const Plan *plan, StepKind kind) {
        for (size_t i = 0; i < plan->n_steps; i++)
                if (plan->steps[i].kind == kind)
                        return true;
        return false;
}

/* The job waits for the process that holds the group. */
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
        /* Not for a stuck device, and not for a foreign device. */
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
        /* For the adopted device, nobody knows its former driver; for the other device it is known. */
        g_assert_cmpstr(PCI_ADDRESS_TEXT(both->members[0].address), ==, NIC);
        g_assert_true(both->members[0].origin->binding.any_driver);
        g_assert_cmpstr(both->members[0].origin->binding.driver, ==, "");
        g_assert_cmpstr(both->members[0].origin->binding.override, ==, "");
        g_assert_true(both->members[0].target.any_driver);
        g_assert_true(pci_ids_equal(&both->members[0].origin->ids, &both->members[0].ids));
        g_assert_false(both->members[1].origin->binding.any_driver);
        g_assert_cmpstr(both->members[1].origin->binding.override, ==, "kept");

        /* A device that is not on a vfio driver cannot be adopted. */
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
        _cleanup_(plan_freep) Plan *detach = make_detach_plan(inventory, NIC, 0), *back = NULL, *bare = NULL,
                                   *pf = NULL;

        assert_reasons(detach,
                        "claim-disks: if it has disks, no program may start to use them; load-driver: the kernel "
                        "needs the driver vfio-pci; record: vfiod saves how the device was bound; override: only this "
                        "driver may bind: vfio-pci; unbind: it leaves its driver e1000e; probe: it gets vfio-pci; "
                        "wait-node: a virtual machine can use group 12");
        put_device(inventory, NIC, "vfio-pci", 12);
        put_origin(inventory, NIC, "e1000e", NULL);
        g_assert_cmpint(reattach(inventory, NIC, &(ReattachOptions){}, &back), ==, 0);
        assert_reasons(back,
                        "lock-node: no virtual machine may hold a device that leaves vfio-pci; load-driver: the kernel "
                        "needs the driver e1000e; override: only this driver may bind: e1000e; unbind: it leaves its "
                        "driver vfio-pci; probe: it gets e1000e; forget: vfiod deletes what it saved about the device");
        put_origin(inventory, NIC, NULL, NULL);
        g_assert_cmpint(reattach(inventory, NIC, &(ReattachOptions){}, &bare), ==, 0);
        assert_reasons(bare,
                        "lock-node: no virtual machine may hold a device that leaves vfio-pci; override: each driver "
                        "may bind as before; unbind: it leaves its driver vfio-pci; probe: it gets no driver; forget: "
                        "vfiod deletes what it saved about the device");
        pf = make_detach_plan(inventory, PF, 0);
        assert_reasons(pf,
                        "claim-disks: if it has disks, no program may start to use them; load-driver: the kernel "
                        "needs the driver vfio-pci; record: vfiod saves how the device was bound; record: vfiod saves "
                        "how the device was bound; record: vfiod saves how the device was bound; set-autoprobe: no "
                        "driver of the host may bind to new virtual functions; override: only this driver may bind: "
                        "vfio-pci; vanish: it disappears together with " PF "; vanish: it disappears together with " PF
                        "; set-vfs: it gets 0 virtual functions; set-autoprobe: new virtual functions get drivers as "
                        "the host is configured; unbind: it leaves its driver igb; probe: it gets vfio-pci; "
                        "wait-node: a virtual machine can use group 14");
}

static void test_words(void) {
        g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

        for (StepKind kind = 0; kind < _STEP_KIND_MAX; kind++) {
                g_assert_true(g_hash_table_add(seen, (char *)step_kind_to_string(kind)));
                g_assert_cmpint(step_kind_from_string(step_kind_to_string(kind)), ==, kind);
        }
        g_assert_cmpint(step_kind_from_string("Probe"), <, 0);
        g_assert_cmpint(step_kind_from_string(""), <, 0);
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
        g_test_add_func("/plan-findings/reset-scope", test_reset_scope);
        g_test_add_func("/plan-findings/reset-scope-many", test_reset_scope_many);
        return g_test_run();
}
