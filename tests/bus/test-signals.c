/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

/* The daemon's signals when the kernel or an administrator changes something. */

#define CHANGED(path, interface) path " PropertiesChanged ('" interface "', {"

/* No signal until now matches. Signals that were sent before a reply have arrived before it. */
static void expect_no_signal(Fixture *fixture, const char *pattern) {
        fixture_property(fixture, BUS_PATH, MANAGER, "Version", "'" VFIOD_VERSION "'");
        while (g_main_context_iteration(NULL, false))
                ;
        for (unsigned i = 0; i < fixture->signals->len; i++)
                if (g_pattern_match_simple(pattern, fixture->signals->pdata[i]))
                        g_error("unexpected: %s", (char *)fixture->signals->pdata[i]);
}

/* An unbind and a bind by hand. */
static void test_by_hand(void) {
        Fixture *fixture = fixture_start(NULL);

        fixture_write(fixture, PORT1, "sys/bus/pci/drivers/e1000/unbind");
        g_autofree char *unbound = fixture_expect_signal(fixture, CHANGED(PORT1_PATH, DEVICE) "*'Driver': <''>*");
        g_assert_nonnull(strstr(unbound, "'State': <'driverless'>"));
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "NetworkInterfaces", "[]");

        fixture_write(fixture, PORT1, "sys/bus/pci/drivers/e1000/bind");
        g_autofree char *bound = fixture_expect_signal(fixture, CHANGED(PORT1_PATH, DEVICE) "*'Driver': <'e1000'>*");
        g_assert_nonnull(strstr(bound, "'State': <'host'>"));
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "NetworkInterfaces", "['ens1']");
        expect_no_signal(fixture, CHANGED(PORT2_PATH, DEVICE) "*");
        fixture_stop(fixture);
}

/* Both ports of the card are bound to vfio-pci by hand: the group becomes viable and gets its node. */
static void test_group(void) {
        static const char *const ports[] = {PORT1, PORT2};
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        for (unsigned i = 0; i < G_N_ELEMENTS(ports); i++) {
                g_assert_cmpint(fake_kernel_write(fixture->kernel, "vfio-pci", OVERRIDE, ports[i]), ==, 0);
                fixture_write(fixture, ports[i], "sys/bus/pci/drivers/e1000/unbind");
                fixture_write(fixture, ports[i], "sys/bus/pci/drivers_probe");
                if (i == 0)
                        g_free(fixture_expect_signal(fixture, CHANGED(GROUP10, GROUP) "*'State': <'partial'>*"));
        }
        g_free(fixture_expect_signal(fixture, CHANGED(GROUP10, GROUP) "*'Viable': <true>*"));
        fixture_wait_property(fixture, GROUP10, GROUP, "State", "'foreign'");
        fixture_property(fixture, GROUP10, GROUP, "Blockers", "[]");
        fixture_property(fixture, GROUP10, GROUP, "Node", "'/dev/vfio/10'");
        fixture_stop(fixture);
}

static void test_hotplug(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "plug 0000:00:08.0 vendor=8086 device=10d3 class=020000 group=20 net=ens8");
        g_autofree char *device = fixture_expect_signal(
                        fixture, BUS_PATH " InterfacesAdded ('/org/vfiod1/devices/_30000_3a00_3a08_2e0'*");
        g_assert_nonnull(strstr(device, "'Address': <'0000:00:08.0'>"));
        g_free(fixture_expect_signal(fixture, "* InterfacesAdded ('/org/vfiod1/groups/20'*"));
        fixture_property(fixture, BUS_PATH, MANAGER, "DeviceCount", "22");
        fixture_property(fixture, BUS_PATH, MANAGER, "GroupCount", "17");
        fixture_property(fixture, BUS_PATH "/groups/20", GROUP, "Members", "['0000:00:08.0']");

        fake_kernel_do(fixture->kernel, "unplug 0000:00:08.0");
        g_free(fixture_expect_signal(fixture,
                        BUS_PATH " InterfacesRemoved ('/org/vfiod1/devices/_30000_3a00_3a08_2e0', "
                                 "['org.vfiod1.Device'])"));
        g_free(fixture_expect_signal(fixture, "* InterfacesRemoved ('/org/vfiod1/groups/20', ['org.vfiod1.Group'])"));
        fixture_property(fixture, BUS_PATH, MANAGER, "DeviceCount", "21");
        manager_refused(fixture, "GetDevice", "00:08.0", NULL, "NoSuchDevice", "*");

        /* into an existing group */
        fake_kernel_do(fixture->kernel,
                        "plug 0000:03:03.0 vendor=8086 device=100e class=020000 group=10 parent=" BRIDGE);
        g_autofree char *group = fixture_expect_signal(fixture, CHANGED(GROUP10, GROUP) "*'Members':*");
        g_assert_nonnull(strstr(group, "'0000:03:03.0'"));
        g_assert_nonnull(strstr(group, "'Devices'"));
        fixture_stop(fixture);
}

static void test_netrename(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "netrename " NIC " lan0");
        g_free(fixture_expect_signal(fixture, CHANGED(NIC_PATH, DEVICE) "'NetworkInterfaces': <['lan0']>*"));
        manager_expect(fixture, "GetDevice", "lan0", NULL, "('" NIC_PATH "',)");
        manager_refused(fixture, "GetDevice", "ens3", NULL, "NoSuchDevice", "*");
        fixture_stop(fixture);
}

/* vfiod's own jobs are signalled like other changes: changing, then detached, then host. */
static void test_job(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        g_free(fixture_expect_signal(fixture, CHANGED(NIC_PATH, DEVICE) "*'State': <'changing'>*"));
        g_autofree char *away = fixture_expect_signal(fixture, CHANGED(NIC_PATH, DEVICE) "*'State': <'detached'>*");
        g_assert_nonnull(strstr(away, "'OriginalDriver': <'e1000e'>"));
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'vfio-pci', 'e1000e', {})],)");
        g_free(fixture_expect_signal(fixture, CHANGED(GROUP12, GROUP) "*'State': <'changing'>*"));
        g_free(fixture_expect_signal(fixture, CHANGED(GROUP12, GROUP) "*'State': <'host'>*"));
        fixture_stop(fixture);
}

/* A detached device that is pulled stays known as absent; in its slot again, it is detached, or its state is host. */
static void test_absent(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('0000:05:00.0', 'e1000e', 'vfio-pci', {})],)");
        fake_kernel_do(fixture->kernel, "unplug " NIC);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'absent'");
        manager_expect(fixture, "GetDevice", "ens3", NULL, "('" NIC_PATH "',)");
        manager_refused(fixture, "GetGroup", "ens3", NULL, "NoSuchDevice", "*gone from its slot*");
        fixture_property(fixture, BUS_PATH, MANAGER, "DetachedCount", "1");
        manager_refused(fixture, "Detach", "ens3", NO_OPTIONS, "AlreadyDetached", "*gone from its slot*");
        fixture_stop(fixture);
}

/* A change of nothing sends no signal. */
static void test_no_change(void) {
        Fixture *fixture = fixture_start(NULL);

        fixture_write(fixture, "change", "sys/bus/pci/devices/" NIC "/uevent");
        fake_kernel_do(fixture->kernel, "netrename " PORT1 " lan1");
        g_free(fixture_expect_signal(fixture, CHANGED(PORT1_PATH, DEVICE) "*'lan1'*"));
        expect_no_signal(fixture, NIC_PATH "*");
        expect_no_signal(fixture, GROUP12 "*");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/signals/by-hand", test_by_hand);
        g_test_add_func("/bus/signals/group", test_group);
        g_test_add_func("/bus/signals/hotplug", test_hotplug);
        g_test_add_func("/bus/signals/netrename", test_netrename);
        g_test_add_func("/bus/signals/job", test_job);
        g_test_add_func("/bus/signals/absent", test_absent);
        g_test_add_func("/bus/signals/no-change", test_no_change);
        return g_test_run();
}
