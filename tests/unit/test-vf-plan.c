/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planning.h"
#include "policy/vf-plan.h"

/* The number of VFs that a device should have: refusals from the model alone, and the steps. */

#define PF "0000:07:00.0"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.1"
#define NIC "0000:05:00.0"

static const IommuReport iommu_on = {.state = IOMMU_ON, .reason = "It is on."},
                         iommu_off = {.state = IOMMU_OFF, .reason = "It is off."};

/* A card with this number of VFs on a driver (NULL for none), and another card. */
static Inventory *card(unsigned n_vfs, const char *driver) {
        static const char *const vfs[] = {VF0, VF1};
        Inventory *inventory = make_inventory();
        PciFacts facts = make_facts(PF, "igb", 14);

        facts.virtual_functions_max = 7;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        for (unsigned i = 0; i < n_vfs; i++)
                put_virtual_function(inventory, vfs[i], PF, driver, 20 + (int)i);
        put_device(inventory, NIC, "e1000e", 12);
        return inventory;
}

/* "OUTCOME MESSAGE", or the plan: "MEMBER... | STEP... | FINDING..."; frees the inventory. */
static char *decide(Inventory *inventory, const char *pf, unsigned count, const VfOptions *options) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        VfOptions with_iommu = options ? *options : (VfOptions){};

        with_iommu.iommu = with_iommu.iommu ?: &iommu_on;
        int r = vf_plan_new(inventory, get_device(inventory, pf), count, &with_iommu, &plan, &problem);
        g_assert_cmpint(r, >=, 0);
        inventory_free(inventory);
        if (r > 0)
                return g_strdup_printf("%s %s", outcome_to_string((Outcome)r), problem.message);
        g_autofree char *members = plan_members_to_text(plan), *steps = plan_steps_to_text(plan);
        g_autoptr(GString) text = g_string_new(NULL);
        g_string_printf(text, "%s | %s", members, steps);
        for (size_t i = 0; i < plan->findings.n_findings; i++)
                g_string_append_printf(text, " | %s: %s", PCI_ADDRESS_TEXT(plan->findings.findings[i].address),
                                plan->findings.findings[i].evidence);
        return g_string_free(g_steal_pointer(&text), FALSE);
}

static void expect(
                Inventory *inventory, const char *pf, unsigned count, const VfOptions *options, const char *pattern) {
        g_autofree char *text = decide(inventory, pf, count, options);

        if (!g_pattern_match_simple(pattern, text))
                g_error("'%s' is not like '%s'", text, pattern);
}

static const VfOptions to_detach = {.fate = VFS_DETACHED}, driverless = {.fate = VFS_DRIVERLESS};

static Inventory *detached(unsigned n_vfs) {
        Inventory *inventory = card(n_vfs, "vfio-pci");

        for (unsigned i = 0; i < n_vfs; i++)
                put_origin(inventory, i == 0 ? VF0 : VF1, NULL, NULL);
        return inventory;
}

static void test_steps(void) {
        expect(card(0, NULL), PF, 2, NULL,
                        PF " new<0 new<0 | set-autoprobe " PF "=host, set-vfs " PF "=2, set-autoprobe " PF
                           "=host, forget " PF);
        expect(card(0, NULL), PF, 2, &to_detach,
                        PF " new<0 new<0 | load-driver #1, set-autoprobe " PF "=0, set-vfs " PF
                           "=2, record #1, record #2, override #1, override #2, probe #1, probe #2, wait-node #1, "
                           "wait-node #2, set-autoprobe " PF "=host, forget " PF);
        /* The state file of the PF contains its old setting as long as the VFs stay without a driver. */
        expect(card(0, NULL), PF, 1, &driverless,
                        PF " new<0 | record " PF ", set-autoprobe " PF "=0, set-vfs " PF "=1");
        expect(card(2, "igbvf"), PF, 1, &to_detach,
                        PF " " VF0 "<0 " VF1 "<0 new<0 | claim-disks " VF0 ", load-driver #3, set-autoprobe " PF
                           "=0, vanish " VF0 ", vanish " VF1 ", set-vfs " PF "=0, set-vfs " PF
                           "=1, record #3, override #3, probe #3, wait-node #3, set-autoprobe " PF "=host, forget " PF);
        expect(card(2, "igbvf"), PF, 0, NULL,
                        PF " " VF0 "<0 " VF1 "<0 | claim-disks " VF0 ", set-autoprobe " PF "=0, vanish " VF0
                           ", vanish " VF1 ", set-vfs " PF "=0, set-autoprobe " PF "=host, forget " PF);
        /* To create no VF needs no driver. */
        expect(card(1, NULL), PF, 0, &to_detach,
                        PF " " VF0 "<0 | claim-disks " VF0 ", set-autoprobe " PF "=0, vanish " VF0 ", set-vfs " PF
                           "=0, set-autoprobe " PF "=host, forget " PF);
        expect(card(1, "igbvf"), PF, 2, NULL,
                        PF " " VF0 "<0 new<0 new<0 | claim-disks " VF0 ", set-autoprobe " PF "=0, vanish " VF0
                           ", set-vfs " PF "=0, set-autoprobe " PF "=host, set-vfs " PF "=2, set-autoprobe " PF
                           "=host, forget " PF);
        /* vfiod removes the state files of VFs that it detached, and needs no override: the lock shows whether a VF
         * is held. */
        expect(detached(1), PF, 0, NULL,
                        PF " " VF0 "<0 | lock-node " VF0 ", claim-disks " VF0 ", set-autoprobe " PF "=0, vanish " VF0
                           ", set-vfs " PF "=0, forget " VF0 ", set-autoprobe " PF "=host, forget " PF);
        /* The step for the first VF locks the nodes of all VFs. */
        expect(card(2, "vfio-pci"), PF, 1, NULL,
                        "* | lock-node " VF0 ", claim-disks " VF0 ", * | " VF0
                        ": it would vanish, and another tool has put it on vfio-pci | " VF1 ": *");
}

static void test_nothing_to_do(void) {
        expect(card(0, NULL), PF, 0, NULL, "AlreadyDetached " PF " has 0 virtual functions already*");
        expect(card(2, "igbvf"), PF, 2, NULL, "AlreadyDetached *");
        expect(detached(2), PF, 2, NULL, "AlreadyDetached *");
        expect(detached(2), PF, 2, &to_detach, "AlreadyDetached *");
        expect(card(2, NULL), PF, 2, &driverless, "AlreadyDetached *");
        /* These VFs are not in the requested state. */
        expect(card(2, "vfio-pci"), PF, 2, &to_detach, PF " *");
        expect(card(2, "igbvf"), PF, 2, &to_detach, PF " *");
        expect(card(2, NULL), PF, 2, &to_detach, PF " *");
        expect(detached(2), PF, 2, &driverless, PF " *");
        expect(detached(2), PF, 1, &to_detach, PF " *");
}

static Inventory *on_driver(const char *driver, bool ours) {
        Inventory *inventory = make_inventory();
        PciFacts facts = make_facts(PF, driver, 14);

        facts.virtual_functions_max = 7;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        if (ours)
                put_origin(inventory, PF, "igb", NULL);
        return inventory;
}

static Inventory *active(const char *address, DeviceActivity activity) {
        Inventory *inventory = card(2, "igbvf");

        g_assert_cmpint(inventory_set_activity(inventory, address_of(address), activity), ==, 0);
        return inventory;
}

static void test_refusals(void) {
        const VfOptions without_iommu = {.fate = VFS_DETACHED, .iommu = &iommu_off};

        expect(card(0, NULL), PF, 8, NULL, "LimitsExceeded " PF " can have 7 *, not 8.");
        expect(card(0, NULL), PF, UINT32_MAX, NULL, "LimitsExceeded *");
        expect(card(0, NULL), NIC, 1, NULL, "NoVirtualFunctions " NIC " *");
        expect(card(0, NULL), NIC, 0, NULL, "NoVirtualFunctions " NIC " *");
        expect(card(1, NULL), VF0, 1, NULL, "NoVirtualFunctions " VF0 " *" PF ".");
        expect(on_driver(NULL, false), PF, 1, NULL, "DriverUnavailable * no driver*");
        expect(on_driver("vfio-pci", true), PF, 1, NULL, "DriverUnavailable *vfioctl reattach " PF "*");
        expect(on_driver("vfio-pci", false), PF, 1, NULL, "Foreign *");
        expect(card(0, NULL), PF, 1, &without_iommu, "NoIommu *It is off.");
        expect(active(PF, DEVICE_WORKED_ON), PF, 1, NULL, "Busy *" PF "*");
        expect(active(PF, DEVICE_WAITED_FOR), PF, 1, NULL, "Stuck *" PF "*");
        expect(active(VF1, DEVICE_WORKED_ON), PF, 1, NULL, "Busy *" VF1 "*");
        expect(active(VF1, DEVICE_WAITED_FOR), PF, 0, NULL, "Stuck *" VF1 "*");
        expect(active(NIC, DEVICE_WORKED_ON), PF, 0, NULL, PF " *");
}

static void test_decision(void) {
        Inventory *inventory = card(2, "igbvf");
        VfOptions options = {.overrides = 1U << GUARD_STORAGE, .iommu = &iommu_on};
        _cleanup_problem_ Problem problem = {};
        _cleanup_(plan_freep) Plan *plan = NULL;
        FindingList list = {};

        g_assert_cmpint(vf_plan_new(inventory, get_device(inventory, PF), 0, &options, &plan, &problem), ==, 0);
        g_assert_cmpint(vf_plan_decide(plan, &list, &problem), ==, 0);
        g_assert_cmpint(finding_list_add(&list, GUARD_STORAGE, address_of(VF0), "a disk"), ==, 0);
        g_assert_cmpint(vf_plan_decide(plan, &list, &problem), ==, 0);
        g_assert_cmpint(finding_list_add(&list, GUARD_NETWORK, address_of(VF1), "a route"), ==, 0);
        g_assert_cmpint(vf_plan_decide(plan, &list, &problem), ==, OUTCOME_VIRTUAL_FUNCTIONS_IN_USE);
        g_assert_nonnull(strstr(problem.message,
                        VF1 ": a route. If you are sure: vfioctl vfs " PF " 0 --override=storage,network"));
        finding_list_done(&list);
        inventory_free(inventory);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vf-plan/steps", test_steps);
        g_test_add_func("/vf-plan/nothing-to-do", test_nothing_to_do);
        g_test_add_func("/vf-plan/refusals", test_refusals);
        g_test_add_func("/vf-plan/decision", test_decision);
        return g_test_run();
}
