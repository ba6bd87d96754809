/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planned.h"

/* The fingerprint of a plan: it depends on the relevant facts, and a plan for another state is not executed. */

/* A relevant change, and how to revert it. */
typedef struct Move {
        const char *name;
        void (*there)(Fixture *fixture);
        void (*back)(Fixture *fixture); /* NULL for a permanent change */
} Move;

static void unbind_by_hand(Fixture *fixture) {
        fixture_write(fixture, PORT2, "sys/bus/pci/drivers/e1000/unbind");
        fixture_wait_property(fixture, PORT2_PATH, DEVICE, "Driver", "''");
}

static void bind_by_hand(Fixture *fixture) {
        fixture_write(fixture, PORT2, "sys/bus/pci/drivers/e1000/bind");
        fixture_wait_property(fixture, PORT2_PATH, DEVICE, "NetworkInterfaces", "['ens2']");
}

static void set_override(Fixture *fixture) {
        fixture_write(fixture, "pci-stub", "sys/bus/pci/devices/" PORT2 "/driver_override");
}

static void clear_override(Fixture *fixture) {
        fixture_write(fixture, "\n", "sys/bus/pci/devices/" PORT2 "/driver_override");
}

/* The disk that shares the group here. */
#define DISK "0000:03:03.0"
#define DISK_PATH BUS_PATH "/devices/_30000_3a03_3a03_2e0"

static void use_disk(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "use nvme7n1");
}

static void unuse_disk(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "unuse nvme7n1");
}

/* The same device id from another vendor: driver and address are the same. */
static void swap_card(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "swap " PORT2 " subsystem=8086:1376");
        fixture_wait_property(fixture, PORT2_PATH, DEVICE, "SubsystemDeviceId", "4982");
}

static void swap_back(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "swap " PORT2 " subsystem=1af4:1100");
        fixture_wait_property(fixture, PORT2_PATH, DEVICE, "SubsystemDeviceId", "4352");
}

static void plug_member(Fixture *fixture) {
        fake_kernel_do(fixture->kernel,
                        "plug 0000:03:04.0 vendor=8086 device=100e class=020000 group=10 parent=" BRIDGE);
        g_free(fixture_expect_signal(fixture, GROUP10 " PropertiesChanged *'Members'*0000:03:04.0*"));
}

static void unplug_member(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "unplug 0000:03:04.0");
        g_free(fixture_expect_signal(fixture, "* InterfacesRemoved ('/org/vfiod1/devices/_30000_3a03_3a04_2e0'*"));
}

static void reserve_memory(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "reserved 10 0x000000007b800000 0x000000007fffffff direct");
}

static const Move moves[] = {
                {"driver", unbind_by_hand, bind_by_hand},
                {"override", set_override, clear_override},
                {"use", use_disk, unuse_disk},
                {"card", swap_card, swap_back},
                {"member", plug_member, unplug_member},
                {"firmware", reserve_memory, NULL},
};

static void start_with_disk(Fixture **ret) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel,
                        "plug " DISK " vendor=1b36 device=0010 class=010802 group=10 block=nvme7n1 parent=" BRIDGE);
        fixture_wait_property(fixture, DISK_PATH, DEVICE, "BlockDevices", "['nvme7n1']");
        *ret = fixture;
}

/* The call is refused as stale, and nothing is written. */
static void expect_stale(Fixture *fixture, const char *method, const char *options) {
        g_autofree char *before = fake_kernel_snapshot(fixture->kernel);
        unsigned n_files = count_state_files(fixture);

        fake_kernel_do(fixture->kernel, "reset-writes");
        manager_refused(fixture, method, PORT1, options, "PlanStale", "*since the plan for " PORT1 " was made*");
        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);
        g_autofree char *after = fake_kernel_snapshot(fixture->kernel);
        g_assert_cmpuint(g_strv_length(writes), ==, 0);
        g_assert_cmpuint(count_state_files(fixture), ==, n_files);
        g_assert_cmpstr(after, ==, before);
}

/* The fingerprint changes with relevant facts and changes back with them; a detach with the old fingerprint is
 * refused while they differ. */
static void test_fingerprint(const void *data) {
        const Move *move = data;
        Fixture *fixture;

        start_with_disk(&fixture);
        g_autofree char *before = fingerprint_of(fixture, DETACH_CARD), *again = fingerprint_of(fixture, DETACH_CARD);
        g_assert_cmpstr(before, ==, again);
        g_autofree char *options = g_strdup_printf("{'companions': <['*']>, 'plan': <'%s'>}", before);

        move->there(fixture);
        g_autofree char *moved = fingerprint_of(fixture, DETACH_CARD),
                        *once_more = fingerprint_of(fixture, DETACH_CARD);
        g_assert_cmpstr(moved, !=, before);
        g_assert_cmpstr(moved, ==, once_more);
        expect_stale(fixture, "Detach", options);

        if (move->back) {
                move->back(fixture);
                g_autofree char *back = fingerprint_of(fixture, DETACH_CARD);
                g_assert_cmpstr(back, ==, before);
                manager_expect(fixture, "Detach", PORT1, options,
                                "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', "
                                "{}), "
                                "('0000:03:03.0', 'nvme', 'vfio-pci', {})],)");
        }
        fixture_stop(fixture);
}

/* It depends on the state, not on the daemon process or on the selector. */
static void test_same_state(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *first = fingerprint_of(fixture, DETACH_CARD);

        fixture_restart_daemon(fixture);
        g_autofree char *second = fingerprint_of(fixture, DETACH_CARD),
                        *group = fingerprint_of(fixture, PLAN_OF("group:10", "detach", NO_OPTIONS)),
                        *other = fingerprint_of(fixture, DETACH_NIC);
        g_assert_cmpstr(second, ==, first);
        g_assert_cmpstr(group, ==, first);
        g_assert_cmpstr(other, !=, first);
        /* the fingerprint for another group is stale for this group */
        g_autofree char *options = g_strdup_printf("{'companions': <['*']>, 'plan': <'%s'>}", other);
        expect_stale(fixture, "Detach", options);
        fixture_stop(fixture);
}

static void test_reattach(void) {
        Fixture *fixture = fixture_start(NULL);
        const char *arguments = PLAN_OF("ens1", "reattach", NO_OPTIONS);

        manager_expect(fixture, "Detach", "ens1", ALL,
                        "([('0000:03:01.0', 'e1000', 'vfio-pci', {}), ('0000:03:02.0', 'e1000', 'vfio-pci', {})],)");
        g_autofree char *before = fingerprint_of(fixture, arguments);
        g_autofree char *options = g_strdup_printf("{'plan': <'%s'>}", before);
        fixture_write(fixture, "\n", "sys/bus/pci/devices/" PORT1 "/driver_override");
        expect_stale(fixture, "Reattach", options);
        fixture_write(fixture, "vfio-pci", "sys/bus/pci/devices/" PORT1 "/driver_override");
        fixture_write(fixture, PORT2, "sys/bus/pci/drivers/vfio-pci/unbind");
        fixture_wait_property(fixture, PORT2_PATH, DEVICE, "Driver", "''");
        expect_stale(fixture, "Reattach", options);
        fixture_write(fixture, PORT2, "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, PORT2_PATH, DEVICE, "Driver", "'vfio-pci'");
        fixture_expect(fixture, PORT2_PATH, DEVICE, "Reattach", "(@a{sv} {},)",
                        "([('0000:03:01.0', 'vfio-pci', 'e1000', {}), ('0000:03:02.0', 'vfio-pci', 'e1000', {})],)");
        fixture_stop(fixture);
}

static void test_malformed(void) {
        static const char *const values[] = {"''", "'0000000000000000'", "'123'", "'12345678901234567'",
                        "'ghijklmnopqrstuv'", "uint64 1", "['0123456789abcdef']"};
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "reset-writes");
        for (unsigned i = 0; i < G_N_ELEMENTS(values); i++) {
                g_autofree char *options = g_strdup_printf("{'plan': <%s>}", values[i]);

                manager_refused(fixture, "Detach", "ens3", options, INVALID_ARGS, "*plan*");
                manager_refused(fixture, "Reattach", "ens3", options, INVALID_ARGS, "*plan*");
        }
        manager_refused(fixture, "Detach", "ens3", "{'plan': <'0123456789abcdef'>}", "PlanStale", "*");
        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);
        g_assert_cmpuint(g_strv_length(writes), ==, 0);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        for (unsigned i = 0; i < G_N_ELEMENTS(moves); i++) {
                g_autofree char *path = g_strdup_printf("/bus/fingerprint/%s", moves[i].name);

                g_test_add_data_func(path, &moves[i], test_fingerprint);
        }
        g_test_add_func("/bus/fingerprint/same-state", test_same_state);
        g_test_add_func("/bus/fingerprint/reattach", test_reattach);
        g_test_add_func("/bus/fingerprint/malformed", test_malformed);
        return g_test_run();
}
