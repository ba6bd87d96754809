/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "allocation-faults.h"
#include "bus/call-details.h"
#include "planning.h"
#include "policy/vf-plan.h"
#include "rule/boot-list.h"

/* No memory while vfiod decides: selectors, plans, rules and the details of a call. */

#define PF "0000:07:00.0"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.1"
#define NIC "0000:05:00.0"
#define NIC2 "0000:05:00.1"
#define RESETTABLE "0000:0a:00.0"
#define DISK "0000:06:00.0"

static const IommuReport iommu_on = {.state = IOMMU_ON, .reason = "It is on."};

static Inventory *inventory;

static void make_host(void) {
        PciFacts facts = make_facts(PF, "igb", 14), resettable = make_facts(RESETTABLE, "vfio-pci", 22);

        inventory = make_inventory();
        facts.virtual_functions_max = 7;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        put_virtual_function(inventory, VF0, PF, "igbvf", 20);
        put_virtual_function(inventory, VF1, PF, "vfio-pci", 21);
        put_origin(inventory, VF1, "igbvf", NULL);
        put_device(inventory, NIC, "e1000e", 12);
        put_device(inventory, NIC2, "e1000e", 12);
        put_bridge(inventory, "0000:00:1c.0", "pcieport", 12);
        put_name(inventory, NIC, HOST_NAME_NETWORK, "ens1");
        put_name(inventory, NIC2, HOST_NAME_NETWORK, "ens2");
        put_name(inventory, NIC, HOST_NAME_CONTROLLER, "c1");
        put_device(inventory, DISK, "vfio-pci", 13);
        put_origin(inventory, DISK, "nvme", "x y");
        put_vanished(inventory, "0000:08:00.0", DISK, "ahci");
        (void)snprintf(resettable.reset_methods, sizeof(resettable.reset_methods), "flr bus");
        g_assert_cmpint(inventory_put_device(inventory, &resettable), ==, 0);
        put_origin(inventory, RESETTABLE, "e1000e", NULL);
}

/* Selectors. */

static int resolve(void *userdata) {
        _cleanup_problem_ Problem problem = {};
        Selection selection;

        int r = selector_resolve(inventory, userdata, &selection, &problem);
        g_assert_true(r < 0 || r == (int)problem.outcome);
        g_assert_true((r > 0) == (problem.message != NULL));
        return r;
}

static int resolve_one(void *userdata) {
        _cleanup_problem_ Problem problem = {};
        Device *device = NULL;

        return selector_resolve_device(inventory, userdata, &device, &problem);
}

static int resolve_all(void *userdata) {
        static const char *const selectors[] = {NIC, "ens1", "ens2", "group:13", "c1", "/dev/vfio/14"};
        _cleanup_problem_ Problem problem = {};
        Selection all[G_N_ELEMENTS(selectors)];

        (void)userdata;
        return selector_resolve_all(inventory, selectors, G_N_ELEMENTS(selectors), all, &problem);
}

static int copy_selector(void *userdata) {
        _cleanup_free_ char *copy = selector_copy(userdata);

        return copy ? 0 : -ENOMEM;
}

static void test_selector(void) {
        static const char *const refused[] = {
                        "0000:09:00.0", "ens9", "group:99", "x y", "", "0000:7:0.9", "../x", "/sys/x"};

        for (size_t i = 0; i < G_N_ELEMENTS(refused); i++)
                allocation_faults_check(resolve, (void *)refused[i], false);
        allocation_faults_check(resolve_one, (void *)"ens9", false);
        allocation_faults_check(resolve_one, (void *)"group:12", false);
        allocation_faults_check(resolve_all, NULL, false);
        allocation_faults_check(copy_selector, (void *)NIC, false);
}

/* Plans. */

static int copy_findings(const Plan *plan) {
        FindingList copy = {};

        int r = finding_list_copy(&plan->findings, &copy);
        finding_list_done(&copy);
        return r;
}

static int detach(const char *selector, const DetachOptions *options) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        Selection selection;

        int r = selector_resolve(inventory, selector, &selection, &problem);
        if (r == 0)
                r = plan_detach(inventory, &selection, &iommu_on, options, &plan, &problem);
        g_assert_true((r == 0) == (plan != NULL));
        return r == 0 ? copy_findings(plan) : r;
}

static int detach_group(void *userdata) {
        DetachOptions options = {
                        .whole_group = true, .overrides = 1U << GUARD_VIRTUAL_FUNCTIONS, .driver = "x_vfio_pci"};

        return detach(userdata, &options);
}

static int detach_device(void *userdata) {
        static const char *const companions[] = {NIC, "ens2", NULL};
        DetachOptions options = {.companions = companions, .driver = "vfio-pci"};

        return detach(userdata, &options);
}

static int detach_without_consent(void *userdata) {
        return detach(userdata, &(DetachOptions){});
}

static int reattach(void *userdata) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        Selection selection;

        int r = selector_resolve(inventory, userdata, &selection, &problem);
        return r == 0 ? plan_reattach(inventory, &selection, &(ReattachOptions){.adopt = true}, &plan, &problem) : r;
}

static int reset(void *userdata) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        Selection selection;

        int r = selector_resolve(inventory, userdata, &selection, &problem);
        return r == 0 ? plan_reset(inventory, selection.device, &plan, &problem) : r;
}

static int set_vfs(void *userdata) {
        VfOptions options = {.fate = VFS_DETACHED, .iommu = &iommu_on, .driver = "x_vfio_pci"};
        _cleanup_(plan_freep) Plan *plan = NULL;
        _cleanup_problem_ Problem problem = {};
        unsigned count = GPOINTER_TO_UINT(userdata);

        int r = vf_plan_new(inventory, get_device(inventory, PF), count, &options, &plan, &problem);
        return r == 0 ? vf_plan_decide(plan, &plan->findings, &problem) : r;
}

static int release(void *userdata) {
        _cleanup_(plan_freep) Plan *plan = NULL;

        return plan_release(get_device(inventory, userdata), true, &plan);
}

static void test_plans(void) {
        allocation_faults_check(detach_group, (void *)NIC, false);
        allocation_faults_check(detach_group, (void *)PF, false);
        allocation_faults_check(detach_group, (void *)"group:13", false); /* detached already */
        allocation_faults_check(detach_device, (void *)NIC, false);
        allocation_faults_check(detach_without_consent, (void *)NIC, false);
        allocation_faults_check(detach_without_consent, (void *)PF, false);
        allocation_faults_check(reattach, (void *)DISK, false);
        allocation_faults_check(reattach, (void *)VF1, false);
        allocation_faults_check(reattach, (void *)NIC, false); /* not detached */
        allocation_faults_check(reset, (void *)RESETTABLE, false);
        allocation_faults_check(reset, (void *)DISK, false); /* has no method */
        allocation_faults_check(reset, (void *)NIC, false);  /* not detached */
        allocation_faults_check(set_vfs, GUINT_TO_POINTER(3), false);
        allocation_faults_check(set_vfs, GUINT_TO_POINTER(9), false); /* too many */
        allocation_faults_check(release, (void *)NIC, false);
}

/* Guards. */

static int decide(void *userdata) {
        _cleanup_problem_ Problem problem = {};
        FindingList list = {};
        int r = 0;

        (void)userdata;
        /* More than are kept for a device. */
        for (unsigned i = 0; i < 40 && r >= 0; i++) {
                char evidence[32];

                (void)g_snprintf(evidence, sizeof(evidence), "disk %u", i);
                r = finding_list_add(&list, (Guard)(i % 2), address_of(i % 3 == 0 ? NIC : NIC2), evidence);
        }
        if (r >= 0)
                r = guard_decide(&list, 0, address_of(NIC), &problem);
        finding_list_done(&list);
        return r;
}

static void test_guards(void) {
        allocation_faults_check(decide, NULL, false);
}

/* Rules. */

#define RULE \
        "[Match]\nAddress=" NIC "\nVendor=8086\nDevice=10d3\nPath=pci0000:00/0000:00:1c.0\n" \
        "[Detach]\nDriver=x_vfio_pci\nCompanions=" NIC2 " " PF "\nCompanions=" DISK "\nOverride=storage network\n"

static int parse_rule(void *userdata) {
        _cleanup_(rule_freep) Rule *rule = NULL;
        RuleFault fault = {};

        int r = rule_parse("nic", "/etc/vfiod/rules.d/nic.conf", userdata, &rule, &fault);
        return r == -EINVAL ? 22 : r;
}

static int parse_boot_list(void *userdata) {
        _cleanup_boot_list_ BootList list = {}, again = {};
        _cleanup_free_ char *text = NULL;
        int r;

        (void)userdata;
        for (uint8_t slot = 0; slot < 5; slot++) {
                BootDevice device = {.address = {.bus = 3, .slot = slot},
                                .ids = {.vendor = 0x8086, .device = 0x10d3, .class = 0x020000},
                                .path = "0000:00:1c.4/00.0",
                                .driver = "vfio-pci",
                                .rule = "nic"};

                if ((r = boot_list_put(&list, &device)) < 0)
                        return r;
        }
        if ((r = boot_list_format(&list, &text)) < 0 || (r = boot_list_parse(text, &again)) < 0)
                return r;
        g_assert_true(boot_list_equal(&list, &again));
        return 0;
}

static void test_rules(void) {
        allocation_faults_check(parse_rule, (void *)RULE, false);
        allocation_faults_check(parse_rule, (void *)RULE "X=y\n", false);
        allocation_faults_check(parse_boot_list, NULL, false);
}

/* Details for polkit. */

static int describe_call(void *userdata) {
        _cleanup_call_details_ CallDetails details = {};
        Service service = {.inventory = inventory};
        int r;

        if ((r = call_details_set(&details, CALL_DETAIL_METHOD, "%s", "Detach")) < 0 ||
                        (r = call_details_set(&details, CALL_DETAIL_METHOD, "%s", "Again")) < 0)
                return r;
        return call_details_set_plan(&details, &service, userdata);
}

static void test_details(void) {
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, NIC, 1U << GUARD_STORAGE | 1U << GUARD_NETWORK);

        allocation_faults_check(describe_call, plan, false);
}

/* The model. */

static int change_model(void *userdata) {
        _cleanup_(inventory_freep) Inventory *model = NULL;
        DeviceOrigin origin = {.binding = {.driver = "e1000e"}};
        PciFacts facts = make_facts(NIC, "e1000e", 12);
        ChangeList changes = {};
        int r;

        (void)userdata;
        if ((r = inventory_new(&model)) < 0 || (r = inventory_put_device(model, &facts)) < 0 ||
                        (r = inventory_put_name(model, HOST_NAME_NETWORK, "ens1", facts.address)) < 0 ||
                        (r = inventory_set_origin(model, facts.address, &origin)) < 0 ||
                        (r = inventory_set_activity(model, facts.address, DEVICE_WORKED_ON)) < 0)
                return r;
        facts = make_facts(NIC, "vfio-pci", 13);
        if ((r = inventory_put_device(model, &facts)) < 0 ||
                        (r = inventory_drop_name(model, HOST_NAME_NETWORK, "ens1", facts.address)) < 0 ||
                        (r = inventory_set_activity(model, facts.address, DEVICE_QUIET)) < 0 ||
                        (r = inventory_drop_device(model, facts.address)) < 0 ||
                        (r = inventory_set_origin(model, facts.address, NULL)) < 0)
                return r;
        inventory_take_changes(model, &changes);
        change_list_done(&changes);
        return 0;
}

static void test_model(void) {
        allocation_faults_check(change_model, NULL, false);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        make_host();
        g_test_add_func("/allocation/selector", test_selector);
        g_test_add_func("/allocation/plans", test_plans);
        g_test_add_func("/allocation/guards", test_guards);
        g_test_add_func("/allocation/rules", test_rules);
        g_test_add_func("/allocation/details", test_details);
        g_test_add_func("/allocation/model", test_model);
        int status = g_test_run();
        inventory_free(inventory);
        return status;
}
