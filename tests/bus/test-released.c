/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rule-files.h"

/* Rules do not detach a device again that somebody reattached, until it is plugged in again. It does not matter who
 * reattached it and who detached it. */

#define DISK "0000:04:00.0"
#define DISK_PATH BUS_PATH "/devices/_30000_3a04_3a00_2e0"
#define RULE "[Match]\nAddress=%s\nVendor=%s\nDevice=%s\n[Detach]\n%s"

static void put_rule(Fixture *fixture, const char *address, const char *vendor, const char *device, const char *more) {
        g_autofree char *text = g_strdup_printf(RULE, address, vendor, device, more);

        rule_file_put(fixture, RULES_OWN, "ours", text);
}

/* Waits until the rules have been applied. */
static void reload(Fixture *fixture) {
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
}

static void wait_state(Fixture *fixture, const char *path, const char *state) {
        g_autofree char *expected = g_strdup_printf("'%s'", state);

        fixture_wait_property(fixture, path, DEVICE, "State", expected);
}

/* A short job releases a device to the host that was just plugged in, and may still be running. */
static void wait_no_job(Fixture *fixture) {
        while (fixture_has_job(fixture))
                g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved (*/jobs/*"));
}

static void assert_left_alone(Fixture *fixture, const char *path) {
        reload(fixture);
        wait_no_job(fixture);
        fixture_property(fixture, path, DEVICE, "State", "'host'");
}

static void reattach_by_hand(Fixture *fixture, const char *address, const char *path) {
        g_autofree char *override = g_strdup_printf(OVERRIDE, address);

        fixture_write(fixture, address, "sys/bus/pci/drivers/vfio-pci/unbind");
        fixture_write(fixture, "\n", override);
        fixture_write(fixture, address, "sys/bus/pci/drivers_probe");
        wait_state(fixture, path, "host");
}

/* A companion that had a case before is reattached: neither the next reload nor the hot-plug of the other device detaches it. */
static void test_companion(void) {
        Fixture *fixture = fixture_start(NULL);

        put_rule(fixture, PORT2, "8086", "100e", "Companions=all\n");
        reload(fixture);
        wait_state(fixture, PORT1_PATH, "detached");
        wait_state(fixture, PORT2_PATH, "detached");
        reattach_by_hand(fixture, PORT1, PORT1_PATH);
        assert_left_alone(fixture, PORT1_PATH);

        fake_kernel_do(fixture->kernel, "unplug " PORT2);
        wait_state(fixture, PORT2_PATH, "absent");
        fake_kernel_do(fixture->kernel,
                        "plug " PORT2 " vendor=8086 device=100e class=020000 group=10 parent=" BRIDGE " net=ens2");
        wait_state(fixture, PORT2_PATH, "host");
        assert_left_alone(fixture, PORT1_PATH);
        fixture_property(fixture, PORT2_PATH, DEVICE, "State", "'host'");
        rule_file_remove(fixture, RULES_OWN, "ours");
        fixture_stop(fixture);
}

/* The rule was refused, and a call detached the device. */
static void test_call(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        put_rule(fixture, DISK, "1b36", "0010", "");
        reload(fixture);
        wait_state(fixture, DISK_PATH, "host");
        fake_kernel_do(fixture->kernel, "unuse nvme0n1");
        manager_expect(fixture, "Detach", DISK, NO_OPTIONS, "([('" DISK "', 'nvme', 'vfio-pci', {})],)");
        manager_expect(fixture, "Reattach", DISK, NO_OPTIONS, "([('" DISK "', 'vfio-pci', 'nvme', {})],)");
        assert_left_alone(fixture, DISK_PATH);
        rule_file_remove(fixture, RULES_OWN, "ours");
        fixture_stop(fixture);
}

/* The rule with this name matches another device now: no device of the group is a companion any more. */
static void test_other_text(void) {
        Fixture *fixture = fixture_start(NULL);

        put_rule(fixture, PORT2, "8086", "100e", "Companions=all\n");
        reload(fixture);
        wait_state(fixture, PORT1_PATH, "detached");
        wait_state(fixture, PORT2_PATH, "detached");
        put_rule(fixture, NIC, "8086", "10d3", "Companions=all\n");
        reload(fixture);
        wait_state(fixture, NIC_PATH, "detached");
        fake_kernel_do(fixture->kernel, "unplug " PORT1);
        wait_state(fixture, PORT1_PATH, "absent");
        fake_kernel_do(fixture->kernel,
                        "plug " PORT1 " vendor=8086 device=10d3 class=020000 group=10 parent=" BRIDGE " net=ens9");
        wait_state(fixture, PORT1_PATH, "host");
        assert_left_alone(fixture, PORT1_PATH);
        rule_file_remove(fixture, RULES_OWN, "ours");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/released/companion", test_companion);
        g_test_add_func("/bus/released/call", test_call);
        g_test_add_func("/bus/released/other-text", test_other_text);
        return g_test_run();
}
