/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vfs.h"

/* The MAC address and VLAN of a VF, which are with its PF and not in sysfs: a reattach restores them, notices if they
 * were not accepted, and a rollback undoes them. The program is linked so that the functions below replace those of
 * kernel/virtual-function.c. */

#define VF0_CONTROL "sys/bus/pci/devices/" VF(0) "/power/control="

static VirtualFunctionLink link_now; /* of VF(0) */
static bool link_ignored;            /* The card reports success, and keeps its settings. */
static unsigned n_link_writes;

static const VirtualFunctionLink of_host = {.known = true, .mac = {0x52, 0x54, 0, 0, 0, 1}, .vlan = 7};
static const VirtualFunctionLink of_guest = {.known = true, .mac = {0x52, 0x54, 0, 0, 0, 2}, .vlan = 8};

int __wrap_virtual_function_read_link(
                const Kernel *kernel, int device_fd, PciAddress address, VirtualFunctionLink *ret);
int __wrap_virtual_function_read_link(
                const Kernel *kernel, int device_fd, PciAddress address, VirtualFunctionLink *ret) {
        (void)kernel;
        (void)device_fd;
        *ret = pci_address_equal(address, address_of(VF(0))) ? link_now : (VirtualFunctionLink){};
        return 0;
}

int __wrap_virtual_function_write_link(
                const Kernel *kernel, int device_fd, PciAddress address, const VirtualFunctionLink *link);
int __wrap_virtual_function_write_link(
                const Kernel *kernel, int device_fd, PciAddress address, const VirtualFunctionLink *link) {
        (void)kernel;
        (void)device_fd;
        if (!link->known || virtual_function_link_equal(link, &link_now))
                return 0;
        g_assert_true(pci_address_equal(address, address_of(VF(0))));
        n_link_writes++;
        if (!link_ignored)
                link_now = *link;
        return 0;
}

static void assert_link(const VirtualFunctionLink *expected) {
        g_assert_true(virtual_function_link_equal(&link_now, expected));
}

/* A host with a VF that was detached with the host's settings, and has those of a guest now. */
static Host *away_host(void) {
        Host *host = vfs_host();

        link_ignored = false;
        link_now = of_host;
        g_assert_cmpint(fake_kernel_write(host->fake, "1", "sys/bus/pci/devices/" PF "/sriov_numvfs"), ==, 0);
        fake_kernel_do(host->fake, "set " VF(0) " power/control auto");
        host_must_move(host, PLAN_DETACH, VF(0));
        assert_link(&of_host);
        link_now = of_guest;
        n_link_writes = 0;
        return host;
}

static void assert_away(Host *host, const char *away) {
        assert_snapshot(host, away);
        assert_link(&of_guest);
        g_assert_cmpuint(count_detached_devices(host), ==, 1);
        g_assert_cmpuint(count_transactions(host), ==, 0);
}

static void assert_comes_home(Host *host) {
        host_must_move(host, PLAN_REATTACH, VF(0));
        assert_driver(host, VF(0), "igbvf");
        assert_link(&of_host);
        assert_nothing_recorded(host);
}

static void test_restored(void) {
        g_autoptr(Host) host = away_host();

        assert_comes_home(host);
        g_assert_cmpuint(n_link_writes, ==, 1);
}

static void test_not_accepted(void) {
        g_autoptr(Host) host = away_host();
        g_autofree char *away = fake_kernel_snapshot(host->fake);
        _cleanup_problem_ Problem problem = {};

        link_ignored = true;
        g_assert_cmpint(host_move(host, PLAN_REATTACH, VF(0), &problem), ==, OUTCOME_ROLLED_BACK);
        g_assert_true(g_str_has_prefix(problem.message,
                        VF(0) " does not have the MAC address and VLAN that vfiod set: the card did "
                              "not accept them. Everything is as it was before."));
        assert_away(host, away);
        link_ignored = false;
        assert_comes_home(host);
}

/* A later step fails. */
static void test_rolled_back(void) {
        g_autoptr(Host) host = away_host();
        g_autofree char *away = fake_kernel_snapshot(host->fake);
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(host->fake, "noprobe " VF(0));
        g_assert_cmpint(host_move(host, PLAN_REATTACH, VF(0), &problem), ==, OUTCOME_ROLLED_BACK);
        g_assert_cmpuint(n_link_writes, ==, 2);
        assert_away(host, away);
        assert_comes_home(host);
}

/* The VF has its host driver already, so the rollback does not bind it: nothing but the step itself undoes the
 * settings. */
static void test_settings_only(void) {
        g_autoptr(Host) host = away_host();
        _cleanup_problem_ Problem problem = {};

        g_assert_cmpint(fake_kernel_write(host->fake, VF(0), "sys/bus/pci/drivers/vfio-pci/unbind"), ==, 0);
        fake_kernel_do(host->fake, "set " VF(0) " driver_override igbvf");
        fake_kernel_do(host->fake, "set " VF(0) " power/control on");
        g_assert_cmpint(fake_kernel_write(host->fake, VF(0), "sys/bus/pci/drivers_probe"), ==, 0);
        assert_driver(host, VF(0), "igbvf");
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        fake_kernel_do(host->fake, "reset-writes");
        fake_kernel_do(host->fake, "ignore 2");
        int r = host_move(host, PLAN_REATTACH, VF(0), &problem);
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);
        g_assert_cmpstr(writes[1], ==, VF0_CONTROL "auto");
        g_assert_cmpint(r, ==, OUTCOME_ROLLED_BACK);
        assert_away(host, before);
        g_assert_cmpuint(n_link_writes, ==, 2);
        assert_comes_home(host);
}

/* A VF without a driver vanishes with its PF, and gets its settings when it appears again. */
static void test_vanished(void) {
        g_autoptr(Host) host = vfs_host();
        _cleanup_problem_ Problem problem = {};

        link_ignored = false;
        link_now = of_host;
        g_assert_cmpint(fake_kernel_write(host->fake, "0", "sys/bus/pci/devices/" PF "/sriov_drivers_autoprobe"), ==,
                        0);
        g_assert_cmpint(fake_kernel_write(host->fake, "1", "sys/bus/pci/devices/" PF "/sriov_numvfs"), ==, 0);
        g_autofree char *at_home = fake_kernel_snapshot(host->fake);
        host_must_move(host, PLAN_DETACH, PF);
        link_now = (VirtualFunctionLink){.known = true};
        g_autofree char *away = fake_kernel_snapshot(host->fake);

        link_ignored = true;
        g_assert_cmpint(host_move(host, PLAN_REATTACH, PF, &problem), ==, OUTCOME_ROLLED_BACK);
        g_assert_nonnull(strstr(problem.message, "does not have the MAC address and VLAN"));
        assert_snapshot(host, away);
        link_ignored = false;
        host_must_move(host, PLAN_REATTACH, PF);
        assert_link(&of_host);
        assert_nothing_recorded(host);
        fake_kernel_do(host->fake, "rmmod vfio-pci");
        assert_snapshot(host, at_home);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/link/restored", test_restored);
        g_test_add_func("/link/not-accepted", test_not_accepted);
        g_test_add_func("/link/rolled-back", test_rolled_back);
        g_test_add_func("/link/settings-only", test_settings_only);
        g_test_add_func("/link/vanished", test_vanished);
        return g_test_run();
}
