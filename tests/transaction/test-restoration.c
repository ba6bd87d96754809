/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"

#include <glib/gstdio.h>

/* A device gets back exactly its old settings, whatever they were. */

/* Detach and reattach. */
static void check_round_trip(Host *host, const char *selector, const char *address) {
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        host_must_move(host, PLAN_DETACH, selector);
        assert_driver(host, address, "vfio-pci");
        assert_override(host, address, "vfio-pci");
        host_forget(host);
        assert_state(host, address, DEVICE_DETACHED);
        host_must_move(host, PLAN_REATTACH, selector);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

static void test_overrides(void) {
        static const char *const overrides[] = {"(null)", "e1000", "none", "e1000e", "vfio-pci"};
        g_autoptr(Host) host = host_new();

        for (size_t i = 0; i < G_N_ELEMENTS(overrides); i++) {
                fake_kernel_do(host->fake, "set %s driver_override %s", PORT1, overrides[i]);
                check_round_trip(host, "ens2", PORT1);
                assert_driver(host, PORT1, "e1000");
                assert_override(host, PORT1, overrides[i]);
                assert_override(host, PORT2, "(null)");
        }
}

static void test_driverless(void) {
        static const char *const overrides[] = {"(null)", "none", "vfio-pci"};
        g_autoptr(Host) host = host_new();

        for (size_t i = 0; i < G_N_ELEMENTS(overrides); i++) {
                fake_kernel_do(host->fake, "set %s driver_override %s", DRIVERLESS, overrides[i]);
                check_round_trip(host, DRIVERLESS, DRIVERLESS);
                assert_driver(host, DRIVERLESS, NULL);
        }
        /* A device without a driver, although there is a driver for it, stays without a driver. */
        g_assert_cmpint(fake_kernel_write(host->fake, PORT2, "sys/bus/pci/drivers/e1000/unbind"), ==, 0);
        check_round_trip(host, "ens1", PORT2);
        assert_driver(host, PORT2, NULL);
        assert_driver(host, PORT1, "e1000");
}

/* The host driver was unloaded meanwhile: it is loaded again. */
static void test_module(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        host_must_move(host, PLAN_DETACH, DISK);
        const DeviceFile *file = state_find(host->state, address_of(DISK));
        g_assert_null(file);
        host_read(host);
        file = state_find(host->state, address_of(DISK));
        g_assert_cmpstr(file->origin->binding.driver, ==, "nvme");
        g_assert_cmpstr(file->origin->module, ==, "nvme");
        g_assert_true(host_name_list_has(file->origin->names, HOST_NAME_BLOCK, "nvme0n1"));
        fake_kernel_do(host->fake, "rmmod nvme");
        host_must_move(host, PLAN_REATTACH, "nvme0n1");
        assert_snapshot(host, before);
}

/* Which files are written, in which order: never new_id, never bind. */
static void test_writes(void) {
        static const char *const expected[] = {
                        "sys/bus/pci/devices/" PORT2 "/driver_override=vfio-pci",
                        "sys/bus/pci/devices/" PORT1 "/driver_override=vfio-pci",
                        "sys/bus/pci/drivers/e1000/unbind=" PORT2,
                        "sys/bus/pci/drivers/e1000/unbind=" PORT1,
                        "sys/bus/pci/drivers_probe=" PORT2,
                        "sys/bus/pci/drivers_probe=" PORT1,
                        /* the reattach */
                        "sys/bus/pci/devices/" PORT1 "/driver_override=e1000",
                        "sys/bus/pci/devices/" PORT2 "/driver_override=e1000",
                        "sys/bus/pci/drivers/vfio-pci/unbind=" PORT1,
                        "sys/bus/pci/drivers/vfio-pci/unbind=" PORT2,
                        "sys/bus/pci/drivers_probe=" PORT1,
                        "sys/bus/pci/devices/" PORT1 "/driver_override=",
                        "sys/bus/pci/drivers_probe=" PORT2,
                        "sys/bus/pci/devices/" PORT2 "/driver_override=",
                        "sys/bus/pci/devices/" PORT1 "/power/control=auto",
        };
        g_autoptr(Host) host = host_new();

        host_must_move(host, PLAN_DETACH, "ens1");
        host_must_move(host, PLAN_REATTACH, "ens1");
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);
        for (size_t i = 0; i < G_N_ELEMENTS(expected); i++)
                g_assert_cmpstr(writes[i], ==, expected[i]);
        g_assert_null(writes[G_N_ELEMENTS(expected)]);
}

/* Before the first write to the kernel, the state folder contains everything that is needed to recover the
 * transaction. */
static void check_state_first(Host *host, PlanVerb verb) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_(state_freep) State *state = NULL;

        fake_kernel_do(host->fake, "stall 1");
        Run *run = run_start(host, host_plan(host, verb, "ens1"));
        fake_kernel_do(host->fake, "wait-pending 1");

        g_assert_cmpint(state_new(host->state_folder, true, &state), ==, 0);
        g_assert_cmpuint(state->n_transactions, ==, 1);
        const Plan *plan = state->transactions[0].plan;
        g_assert_cmpint(plan->verb, ==, verb);
        g_assert_cmpint(plan->group, ==, PORTS_GROUP);
        g_assert_cmpuint(plan->n_members, ==, 2);
        g_assert_true(plan->recovery);
        g_assert_cmpuint(state->n_devices, ==, 2);
        for (size_t i = 0; i < 2; i++) {
                const DeviceFile *file = state_find(state, address_of(i == 0 ? PORT1 : PORT2));
                int index = plan_find_member(plan, file->address);

                g_assert_true(file->away);
                g_assert_cmpstr(file->origin->binding.driver, ==, "e1000");
                g_assert_cmpstr(file->origin->module, ==, "e1000");
                g_assert_cmpstr(file->origin->binding.override, ==, i == 0 ? "none" : "");
                g_assert_cmpint(file->origin->ids.device, ==, 0x100e);
                g_assert_true(host_name_list_has(file->origin->names, HOST_NAME_NETWORK, i == 0 ? "ens1" : "ens2"));
                g_assert_cmpint(index, >=, 0);
                g_assert_cmpstr(plan->members[index].before.driver, ==, verb == PLAN_DETACH ? "e1000" : "vfio-pci");
        }

        fake_kernel_do(host->fake, "resume");
        g_assert_cmpint(run_finish(run, &problem), ==, 0);
}

static void test_state_first(void) {
        g_autoptr(Host) host = host_new();

        fake_kernel_do(host->fake, "set " PORT1 " driver_override none");
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        check_state_first(host, PLAN_DETACH);
        check_state_first(host, PLAN_REATTACH);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* The end of the transaction cannot be written: then everything is rolled back. */
static void check_end_unwritable(Host *host, PlanVerb verb) {
        g_autofree char *before = fake_kernel_snapshot(host->fake), *transaction = NULL;
        unsigned n_records = count_detached_devices(host);
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(host->fake, "stall 1");
        Run *run = run_start(host, host_plan(host, verb, "ens1"));
        fake_kernel_do(host->fake, "wait-pending 1");
        /* A folder replaces the file, so it cannot be unlinked. */
        transaction = g_build_filename(host->state_folder, "transactions", "1", NULL);
        g_assert_cmpint(g_unlink(transaction), ==, 0);
        g_assert_cmpint(g_mkdir(transaction, 0700), ==, 0);
        fake_kernel_do(host->fake, "resume");
        g_assert_cmpint(run_finish(run, &problem), ==, OUTCOME_ROLLED_BACK);
        g_assert_nonnull(strstr(problem.message, "state folder cannot be written"));
        assert_snapshot(host, before);
        g_assert_cmpint(g_rmdir(transaction), ==, 0);
        g_assert_cmpuint(count_transactions(host), ==, 0);
        g_assert_cmpuint(count_detached_devices(host), ==, n_records);
}

static void test_end_unwritable(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *at_home = fake_kernel_snapshot(host->fake);

        check_end_unwritable(host, PLAN_DETACH);
        host_must_move(host, PLAN_DETACH, "ens1");
        /* The state files were removed already. */
        check_end_unwritable(host, PLAN_REATTACH);
        host_must_move(host, PLAN_REATTACH, "ens1");
        assert_snapshot(host, at_home);
        assert_nothing_recorded(host);
}

/* Two groups are detached, and one is reattached without the other. */
static void test_two_groups(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        host_must_move(host, PLAN_DETACH, "ens1");
        host_must_move(host, PLAN_DETACH, "ens3");
        g_assert_cmpuint(count_detached_devices(host), ==, 3);
        host_must_move(host, PLAN_REATTACH, "ens1");
        g_assert_cmpuint(count_detached_devices(host), ==, 1);
        host_forget(host);
        assert_state(host, OTHER_NIC, DEVICE_DETACHED);
        host_must_move(host, PLAN_REATTACH, "ens3");
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* A port that another program reattached by hand is detached again, and its original settings are not forgotten. */
static void test_again(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = NULL;

        fake_kernel_do(host->fake, "set " PORT1 " driver_override none");
        before = fake_kernel_snapshot(host->fake);
        host_must_move(host, PLAN_DETACH, "ens1");

        /* The override is still vfiod's; the driver is the host driver. */
        g_assert_cmpint(fake_kernel_write(host->fake, PORT1, "sys/bus/pci/drivers/vfio-pci/unbind"), ==, 0);
        fake_kernel_do(host->fake, "set " PORT1 " driver_override e1000");
        g_assert_cmpint(fake_kernel_write(host->fake, PORT1, "sys/bus/pci/drivers_probe"), ==, 0);
        fake_kernel_do(host->fake, "set " PORT1 " driver_override vfio-pci");
        host_read(host);
        assert_state(host, PORT1, DEVICE_HOST);

        host_must_move(host, PLAN_DETACH, "ens1");
        g_assert_cmpuint(count_detached_devices(host), ==, 2);
        host_must_move(host, PLAN_REATTACH, "ens1");
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/restoration/overrides", test_overrides);
        g_test_add_func("/restoration/driverless", test_driverless);
        g_test_add_func("/restoration/module", test_module);
        g_test_add_func("/restoration/writes", test_writes);
        g_test_add_func("/restoration/state-first", test_state_first);
        g_test_add_func("/restoration/end-unwritable", test_end_unwritable);
        g_test_add_func("/restoration/two-groups", test_two_groups);
        g_test_add_func("/restoration/again", test_again);
        return g_test_run();
}
