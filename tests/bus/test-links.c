/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "fixture.h"

/* A device whose link attributes do not respond, as on a dead card: the daemon does not wait for it. */

#define DEAD "0000:04:00.0"
#define DEAD_PATH BUS_PATH "/devices/_30000_3a04_3a00_2e0"
#define VMD_PATH BUS_PATH "/devices/_310000_3a01_3a00_2e0"

static void expect_working(Fixture *fixture) {
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        fake_kernel_do(fixture->kernel, "netrename " NIC " lan0");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['lan0']");
        manager_expect(fixture, "Detach", "lan0", NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        manager_expect(fixture, "Reattach", NIC, NO_OPTIONS, "([('" NIC "', 'vfio-pci', 'e1000e', {})],)");
        fake_kernel_do(fixture->kernel, "netrename " NIC " ens3");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "NetworkInterfaces", "['ens3']");
        fixture_property(fixture, DEAD_PATH, DEVICE, "Driver", "'nvme'");
}

/* It does not respond from the start of the daemon. Later it responds. */
static void test_dead_at_start(void) {
        Fixture *fixture = fixture_start(NULL);

        fixture_stop_daemon(fixture);
        fake_kernel_do(fixture->kernel, "stall-read " DEAD " current_link_speed");
        fixture_start_daemon(fixture);
        expect_working(fixture);
        fixture_property(fixture, DEAD_PATH, DEVICE, "LinkSpeed", "0");
        fixture_wait_property(fixture, VMD_PATH, DEVICE, "LinkSpeed", "8000");
        expect_working(fixture);
        fake_kernel_do(fixture->kernel, "resume-read " DEAD " current_link_speed");
        fixture_wait_property(fixture, DEAD_PATH, DEVICE, "LinkSpeed", "8000");
        fixture_stop(fixture);
}

static void expect_link(const char *selector, const char *speed, const char *speed_max, const char *width,
                const char *width_max) {
        json_t *show = vfioctl_json(selector);

        expect_json(show, "device.link_speed_mts", speed);
        expect_json(show, "device.link_speed_max_mts", speed_max);
        expect_json(show, "device.link_width", width);
        expect_json(show, "device.link_width_max", width_max);
        json_decref(show);
}

/* Unknown values are null: for a device without a PCIe link, and for a device that does not respond. */
static void test_json(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_link("show " PORT1, "null", "null", "null", "null");
        expect_link("show " DEAD, "8000", "8000", "4", "4");
        fixture_stop_daemon(fixture);
        fake_kernel_do(fixture->kernel, "stall-read " DEAD " max_link_speed");
        fixture_start_daemon(fixture);
        expect_link("show " DEAD, "null", "null", "null", "null");
        fixture_stop(fixture);
}

/* It stops responding later, and the daemon ends anyway: fixture_stop() sends SIGTERM and waits for its end. */
static void test_dies(void) {
        static const char *const attributes[] = {"current_link_speed", "current_link_width"};

        for (unsigned i = 0; i < G_N_ELEMENTS(attributes); i++) {
                Fixture *fixture = fixture_start(NULL);

                fixture_property(fixture, DEAD_PATH, DEVICE, "LinkSpeed", "8000");
                fake_kernel_do(fixture->kernel, "stall-read " DEAD " %s", attributes[i]);
                fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
                fake_kernel_do(fixture->kernel, "wait-pending 1");
                expect_working(fixture);
                fixture_stop(fixture);
        }
}

/* The link of a card that is plugged in is read too. */
static void test_plugged(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel,
                        "plug 0000:00:08.0 vendor=8086 device=10d3 class=020000 group=20 link=16.0x8 curlink=2.5x1");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a00_3a08_2e0", DEVICE, "LinkSpeedMax", "16000");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a00_3a08_2e0", DEVICE, "LinkSpeed", "2500");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/links/dead-at-start", test_dead_at_start);
        g_test_add_func("/bus/links/dies", test_dies);
        g_test_add_func("/bus/links/json", test_json);
        g_test_add_func("/bus/links/plugged", test_plugged);
        return g_test_run();
}
