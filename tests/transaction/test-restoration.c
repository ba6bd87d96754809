/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "host.h"

#include <glib/gstdio.h>

/* What a device gets back is exactly what it had, whatever that was. */

/* There and back again. */
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
        /* One that a driver would like to have was kept from it, and stays so. */
        g_assert_cmpint(fake_kernel_write(host->fake, PORT2, "sys/bus/pci/drivers/e1000/unbind"), ==, 0);
        check_round_trip(host, "ens1", PORT2);
        assert_driver(host, PORT2, NULL);
        assert_driver(host, PORT1, "e1000");
}

/* The host's driver was taken out of the kernel meanwhile: it is loaded again. */
static void test_module(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        host_must_move(host, PLAN_DETACH, DISK);
        const RecordMember *member = journal_find(host->state, address_of(DISK));
        g_assert_null(member);
        host_look(host);
        member = journal_find(host->state, address_of(DISK));
        g_assert_cmpstr(member->origin->binding.driver, ==, "nvme");
        g_assert_cmpstr(member->origin->module, ==, "nvme");
        g_assert_true(host_name_list_has(member->origin->names, HOST_NAME_BLOCK, "nvme0n1"));
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
                        /* and back */
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

/* Before the first write the record is there, and says all that is needed to undo it. */
static void check_record_first(Host *host, PlanVerb verb, RecordPhase phase) {
        _cleanup_problem_ Problem problem = {};
        _cleanup_(journal_freep) State *state = NULL;

        fake_kernel_do(host->fake, "stall 1");
        Run *run = run_start(host, host_plan(host, verb, "ens1"));
        fake_kernel_do(host->fake, "wait-pending 1");

        g_assert_cmpint(journal_new(host->state_folder, &journal), ==, 0);
        g_assert_cmpuint(journal->n_records, ==, 1);
        g_assert_true(journal->locked[0]);
        g_assert_cmpint(journal->records[0]->group, ==, PORTS_GROUP);
        g_assert_cmpuint(journal->records[0]->n_members, ==, 2);
        for (size_t i = 0; i < 2; i++) {
                const RecordMember *member = journal_find(journal, address_of(i == 0 ? PORT1 : PORT2));

                g_assert_cmpint(member->phase, ==, phase);
                g_assert_cmpstr(member->origin->binding.driver, ==, "e1000");
                g_assert_cmpstr(member->origin->module, ==, "e1000");
                g_assert_cmpstr(member->origin->binding.override, ==, i == 0 ? "none" : NULL);
                g_assert_cmpint(member->origin->ids.device, ==, 0x100e);
                g_assert_true(host_name_list_has(member->origin->names, HOST_NAME_NETWORK, i == 0 ? "ens1" : "ens2"));
        }

        fake_kernel_do(host->fake, "resume");
        g_assert_cmpint(run_finish(run, &problem), ==, 0);
}

static void test_record_first(void) {
        g_autoptr(Host) host = host_new();

        fake_kernel_do(host->fake, "set " PORT1 " driver_override none");
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        check_record_first(host, PLAN_DETACH, RECORD_DETACHING);
        check_record_first(host, PLAN_REATTACH, RECORD_REATTACHING);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* The record of the end cannot be written: then it did not happen. */
static void test_end_unwritable(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake), *record = NULL;
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(host->fake, "stall 1");
        Run *run = run_start(host, host_plan(host, PLAN_DETACH, "ens1"));
        fake_kernel_do(host->fake, "wait-pending 1");
        record = g_build_filename(host->state_folder, "1.record", NULL);
        g_assert_cmpint(g_unlink(record), ==, 0);
        g_assert_cmpint(g_rmdir(host->state_folder), ==, 0);
        fake_kernel_do(host->fake, "resume");
        g_assert_cmpint(run_finish(run, &problem), ==, OUTCOME_ROLLED_BACK);
        g_assert_nonnull(strstr(problem.message, "/run/vfiod"));
        assert_snapshot(host, before);
}

/* Two groups have a record each, and neither knows of the other. */
static void test_two_groups(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        host_must_move(host, PLAN_DETACH, "ens1");
        host_must_move(host, PLAN_DETACH, "ens3");
        g_assert_cmpuint(count_devices_away(host), ==, 2);
        host_must_move(host, PLAN_REATTACH, "ens1");
        g_assert_cmpuint(count_devices_away(host), ==, 1);
        host_forget(host);
        assert_state(host, OTHER_NIC, DEVICE_DETACHED);
        host_must_move(host, PLAN_REATTACH, "ens3");
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* A port that somebody took back by hand is detached again, and what it had in the beginning is not forgotten. */
static void test_again(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = NULL;

        fake_kernel_do(host->fake, "set " PORT1 " driver_override none");
        before = fake_kernel_snapshot(host->fake);
        host_must_move(host, PLAN_DETACH, "ens1");

        /* The override is ours still; the driver is the host's. */
        g_assert_cmpint(fake_kernel_write(host->fake, PORT1, "sys/bus/pci/drivers/vfio-pci/unbind"), ==, 0);
        fake_kernel_do(host->fake, "set " PORT1 " driver_override e1000");
        g_assert_cmpint(fake_kernel_write(host->fake, PORT1, "sys/bus/pci/drivers_probe"), ==, 0);
        fake_kernel_do(host->fake, "set " PORT1 " driver_override vfio-pci");
        host_look(host);
        assert_state(host, PORT1, DEVICE_HOST);

        host_must_move(host, PLAN_DETACH, "ens1");
        g_assert_cmpuint(count_devices_away(host), ==, 1);
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
        g_test_add_func("/restoration/record-first", test_record_first);
        g_test_add_func("/restoration/end-unwritable", test_end_unwritable);
        g_test_add_func("/restoration/two-groups", test_two_groups);
        g_test_add_func("/restoration/again", test_again);
        return g_test_run();
}
