/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/modules.h"
#include "kernel/variant.h"
#include "vfs.h"

/* Devices with a variant driver of vfio: the driver's name has dashes, and that of its module underscores. */

#define MODULE "demo_card_vfio_pci"
#define DRIVER "demo-card-vfio-pci"
#define OTHER_VARIANT "other_vfio_pci"
#define VF_PATTERN "vfio_pci:v00008086d000010CAsv*sd*bc*sc*i*" /* the id of the VFs, and not of their PF */
#define PATTERN "vfio_pci:v00008086d000010D3sv*sd*bc*sc*i*"

static bool is_blacklisted;

/* As vfiod-modules does. */
static int list_variants(const Kernel *kernel, VariantList *ret, void *userdata) {
        (void)kernel, (void)userdata;
        g_assert_cmpint(variant_list_add(ret, "vfio_pci:v*d*sv*sd*bc*sc*i*", "vfio_pci", false), ==, 0);
        return variant_list_add(ret, PATTERN, MODULE, is_blacklisted);
}

static int do_not_answer(const Kernel *kernel, VariantList *ret, void *userdata) {
        (void)kernel, (void)ret, (void)userdata;
        return -ECONNREFUSED;
}

static Host *start(bool has_driver) {
        Host *host = host_new();

        is_blacklisted = false;
        host->kernel->list_variants = list_variants;
        if (has_driver)
                fake_kernel_do(host->fake, "driver " DRIVER " module=" MODULE " loaded=0");
        fake_kernel_do(host->fake, "driver " OTHER_VARIANT " module=" OTHER_VARIANT " loaded=0");
        return host;
}

/* Plans to detach the card, with the driver that a caller named, or NULL. */
static Plan *make_plan(Host *host, const char *driver) {
        Plan *plan = host_plan(host, PLAN_DETACH, OTHER_NIC);

        g_assert_cmpint(plan_name_driver(&plan->members[0], driver), ==, 0);
        /* A worker does not get the warnings of the daemon. */
        while (plan->n_warnings > 0)
                free(plan->warnings[--plan->n_warnings]);
        return plan;
}

/* Executes the plan and frees it. The report has the planned drivers or the changes, and the warnings. */
static int execute(Host *host, Plan *plan, Report *report, Problem *problem) {
        _cleanup_(plan_freep) Plan *owned = plan;
        Transaction transaction = {
                        .kernel = host->kernel,
                        .devices_fd = host->state->devices_fd,
                        .transactions_fd = host->state->transactions_fd,
                        .number = 1,
                        .plan = owned,
        };

        int r = transaction_run(&transaction, report, problem);
        host_read(host);
        return r;
}

/* Plans and detaches: the plan shows planned, and the card gets driver. Then it goes back. Returns the warnings, which
 * the caller frees. */
static char *check(Host *host, const char *named, const char *planned, const char *driver) {
        _cleanup_(report_done) Report shown = {}, report = {};
        g_autoptr(GString) warnings = g_string_new(NULL);
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        _cleanup_problem_ Problem problem = {};

        Plan *plan = make_plan(host, named);
        plan->only_plan = true;
        g_assert_cmpint(execute(host, plan, &shown, &problem), ==, 0);
        g_assert_cmpuint(shown.n_changes, ==, 1);
        g_assert_cmpstr(shown.changes[0].after, ==, planned);
        for (size_t i = 0; i < shown.n_warnings; i++)
                g_string_append_printf(warnings, "plan: %s\n", shown.warnings[i]);
        plan = make_plan(host, named);
        /* The true name of the driver, known now, is no change of the plan. */
        plan->fingerprint = shown.fingerprint;
        int r = execute(host, plan, &report, &problem);
        if (r != 0)
                g_error("%d: %s", r, strempty(problem.message));
        g_assert_cmpuint(report.n_changes, ==, 1);
        g_assert_cmpstr(report.changes[0].after, ==, driver);
        assert_driver(host, OTHER_NIC, driver);
        assert_override(host, OTHER_NIC, driver);
        assert_state(host, OTHER_NIC, DEVICE_DETACHED);
        for (size_t i = 0; i < report.n_warnings; i++)
                g_string_append_printf(warnings, "detach: %s\n", report.warnings[i]);
        host_must_move(host, PLAN_REATTACH, OTHER_NIC);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
        return g_string_free(g_steal_pointer(&warnings), FALSE);
}

static void check_without_warning(Host *host, const char *named, const char *planned, const char *driver) {
        g_autofree char *warnings = check(host, named, planned, driver);

        g_assert_cmpstr(warnings, ==, "");
}

static void test_chosen(void) {
        Host *host = start(true);

        check_without_warning(host, NULL, MODULE, DRIVER);
        /* The module is loaded now. */
        check_without_warning(host, NULL, DRIVER, DRIVER);
        host_must_move(host, PLAN_DETACH, "group:10");
        assert_driver(host, PORT1, "vfio-pci");
        host_free(host);
}

static void test_named(void) {
        Host *host = start(true);

        check_without_warning(host, "vfio-pci", "vfio-pci", "vfio-pci");
        check_without_warning(host, "vfio_pci", "vfio-pci", "vfio-pci");
        check_without_warning(host, OTHER_VARIANT, OTHER_VARIANT, OTHER_VARIANT);
        check_without_warning(host, DRIVER, DRIVER, DRIVER);
        check_without_warning(host, MODULE, DRIVER, DRIVER);
        host_free(host);
}

/* Of a variant driver that cannot be loaded. */
static void test_fallback(void) {
        Host *host = start(false);

        g_autofree char *missing = check(host, NULL, MODULE, "vfio-pci");
        g_assert_true(g_pattern_match_simple("detach: There is a variant driver for " OTHER_NIC "*'" MODULE
                                             "'*But vfiod uses vfio-pci instead: Cannot load the module*\n",
                        missing));
        is_blacklisted = true;
        g_autofree char *blacklisted = check(host, NULL, "vfio-pci", "vfio-pci");
        g_assert_true(g_pattern_match_simple("plan: *it is blacklisted in /etc/modprobe.d.\ndetach: *", blacklisted));
        host->kernel->list_variants = do_not_answer;
        g_autofree char *silent = check(host, NULL, "vfio-pci", "vfio-pci");
        g_assert_true(g_pattern_match_simple("plan: *vfiod-modules does not answer*\ndetach: *", silent));
        host_free(host);
}

/* A named driver is used, or none. */
static void test_named_missing(void) {
        _cleanup_(report_done) Report report = {};
        Host *host = start(false);
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        _cleanup_problem_ Problem problem = {};

        g_assert_cmpint(execute(host, make_plan(host, MODULE), &report, &problem), ==, OUTCOME_DRIVER_UNAVAILABLE);
        g_assert_nonnull(strstr(problem.message, "Cannot load the module '" MODULE "'"));
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
        host_free(host);
}

/* The driver that was named is in the state file: a device that comes back into its slot gets it again. */
static void test_remembered(void) {
        _cleanup_(report_done) Report report = {};
        _cleanup_problem_ Problem problem = {};
        Host *host = start(true);

        g_assert_cmpint(execute(host, make_plan(host, OTHER_VARIANT), &report, &problem), ==, 0);
        host_forget(host);
        host_read(host);
        const Device *device = inventory_find_device(host->inventory, address_of(OTHER_NIC));
        g_assert_cmpstr(device->origin->vfio_driver, ==, OTHER_VARIANT);
        host_must_move(host, PLAN_REATTACH, OTHER_NIC);
        host_free(host);
}

/* The worker dies between the bind to the variant driver and the end. The recovery restores the host driver. */
static void test_recovered(void) {
        Host *host = start(true);
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        Daemon *daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {};

        /* driver_override, unbind, and the probe, which has its effect and does not return. */
        fake_kernel_do(host->fake, "stall-after 3");
        daemon_must_begin(daemon, PLAN_DETACH, OTHER_NIC, &answer);
        fake_kernel_do(host->fake, "wait-pending 1");
        assert_driver(host, OTHER_NIC, DRIVER);
        kill_worker(host, false);
        daemon_await(daemon, &answer);
        daemon_await_quiet(daemon);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_ROLLED_BACK);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
        daemon_stop(daemon);
        host_free(host);
}

#define COMPANION "0000:03:00.0"
#define COMPANION2 "0000:03:03.0"
#define COMPANION_OF_PORTS " vendor=8086 device=10d3 class=020000 group=10 parent=0000:02:00.0"

/* The members of a group have different ids: only some of them have a variant driver. */
static void test_group(void) {
        for (size_t i = 0; i < 2; i++) {
                _cleanup_(report_done) Report report = {};
                _cleanup_problem_ Problem problem = {};
                bool has_driver = i == 0;
                Host *host = start(has_driver);

                fake_kernel_do(host->fake, "plug " COMPANION COMPANION_OF_PORTS " net=ens8");
                fake_kernel_do(host->fake, "plug " COMPANION2 COMPANION_OF_PORTS " net=ens9");
                host_read(host);
                g_assert_cmpint(execute(host, host_plan(host, PLAN_DETACH, "group:10"), &report, &problem), ==, 0);
                assert_driver(host, COMPANION, has_driver ? DRIVER : "vfio-pci");
                assert_driver(host, COMPANION2, has_driver ? DRIVER : "vfio-pci");
                assert_driver(host, PORT1, "vfio-pci");
                assert_driver(host, PORT2, "vfio-pci");
                /* One warning, also if it is about several members. */
                unsigned n_fallbacks = 0;
                for (size_t k = 0; k < report.n_warnings; k++)
                        n_fallbacks += strstr(report.warnings[k], MODULE) != NULL;
                g_assert_cmpuint(n_fallbacks, ==, has_driver ? 0 : 1);
                host_must_move(host, PLAN_REATTACH, "group:10");
                host_free(host);
        }
}

static int list_vf_variant(const Kernel *kernel, VariantList *ret, void *userdata) {
        (void)kernel, (void)userdata;
        return variant_list_add(ret, VF_PATTERN, MODULE, is_blacklisted);
}

/* For virtual functions that do not exist yet. */
static void test_new_vfs(void) {
        Host *host = vfs_host();
        const VfRequest two = {PF, 2, VFS_DETACHED}, none = {PF, 0};

        host->kernel->list_variants = list_vf_variant;
        fake_kernel_do(host->fake, "driver " DRIVER " module=" MODULE " loaded=0");
        is_blacklisted = true;
        Daemon *daemon = daemon_start(host, &patient);
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        vfs_must_set(daemon, &two, OUTCOME_DONE);
        assert_vfs(host, PF, 2, "vfio-pci");
        vfs_must_set(daemon, &none, OUTCOME_DONE);
        is_blacklisted = false;
        g_autofree char *changes = vfs_set(daemon, &two, OUTCOME_DONE);
        g_assert_cmpstr(changes, ==, VF(0) "  " DRIVER ", " VF(1) "  " DRIVER);
        assert_vfs(host, PF, 2, DRIVER);
        assert_override(host, VF(1), DRIVER);
        vfs_must_set(daemon, &none, OUTCOME_DONE);
        assert_snapshot(host, before);
        daemon_stop(daemon);
        host_free(host);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/variant/chosen", test_chosen);
        g_test_add_func("/variant/named", test_named);
        g_test_add_func("/variant/fallback", test_fallback);
        g_test_add_func("/variant/named-missing", test_named_missing);
        g_test_add_func("/variant/remembered", test_remembered);
        g_test_add_func("/variant/recovered", test_recovered);
        g_test_add_func("/variant/group", test_group);
        g_test_add_func("/variant/new-vfs", test_new_vfs);
        return g_test_run();
}
