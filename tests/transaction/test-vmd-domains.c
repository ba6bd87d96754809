/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

/* Two VMDs with a disk of the same type behind each. A controller that is reattached may get another PCI domain than
 * before, so that its disk has the address that the other disk had. No disk gets what was the other one's, and a record
 * without a disk stays until somebody forgets it, or until its controller is back and its address is taken. */

#define VMD_A "0000:00:0e.0"
#define VMD_B "0000:80:0e.0"
/* The disks by their domain: at first, the disk in the low domain is that of VMD_A. */
#define DISK_LOW "10000:e1:00.0"
#define DISK_HIGH "10001:e1:00.0"
#define DISK_HIGHEST "10002:e1:00.0"

static Host *two_vmds_host(void) {
        static const char *const disks[] = {DISK_LOW, DISK_HIGH};
        Host *host = host_new_with("../sim/topologies/two-vmds");

        for (unsigned i = 0; i < G_N_ELEMENTS(disks); i++) {
                fake_kernel_do(host->fake, "set %s driver_override nvme", disks[i]);
                fake_kernel_do(host->fake, "set %s power/control auto", disks[i]);
        }
        return host;
}

/* The disk is on its driver, and nobody has written to it. */
static void assert_untouched(Host *host, const char *disk) {
        g_autofree char *control = fake_kernel_read(host->fake, "sys/bus/pci/devices/%s/power/control", disk);
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);

        assert_driver(host, disk, "nvme");
        assert_override(host, disk, "(null)");
        g_assert_cmpstr(control, ==, "on");
        for (char **write = writes; *write; write++)
                g_assert_null(strstr(*write, disk));
}

static const DeviceOrigin *origin_at(Host *host, const char *address) {
        const DeviceFile *file = NULL;

        host_read(host);
        file = state_find(host->state, address_of(address));
        g_assert_nonnull(file);
        return file->origin;
}

static void assert_recorded(Host *host, const char *disk, const char *controller, const char *override) {
        const DeviceOrigin *origin = origin_at(host, disk);

        g_assert_true(origin->has_parent && pci_address_equal(origin->parent, address_of(controller)));
        g_assert_cmpstr(origin->binding.override, ==, override);
}

static void detach_both(Daemon *daemon) {
        request_move(daemon, &(Request){PLAN_DETACH, .selector = VMD_A}, OUTCOME_DONE);
        request_move(daemon, &(Request){PLAN_DETACH, .selector = VMD_B}, OUTCOME_DONE);
        assert_recorded(daemon->host, DISK_LOW, VMD_A, "nvme");
        assert_recorded(daemon->host, DISK_HIGH, VMD_B, "nvme");
        fake_kernel_do(daemon->host->fake, "reset-writes");
}

/* In the same order as they were bound, all is as before. */
static void test_same_order(void) {
        g_autoptr(Host) host = two_vmds_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        g_autofree char *at_home = fake_kernel_snapshot(host->fake);

        detach_both(daemon);
        request_move(daemon, &(Request){PLAN_REATTACH, .selector = VMD_A}, OUTCOME_DONE);
        request_move(daemon, &(Request){PLAN_REATTACH, .selector = VMD_B}, OUTCOME_DONE);
        assert_snapshot(host, at_home);
        assert_nothing_recorded(host);
        assert_model_is_current(daemon);
}

/* In the other order, the disks swap their addresses. */
static void test_swapped(void) {
        g_autoptr(Host) host = two_vmds_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);

        detach_both(daemon);
        request_move(daemon, &(Request){PLAN_REATTACH, .selector = VMD_B}, OUTCOME_DONE);
        assert_model_is_current(daemon);
        assert_untouched(host, DISK_LOW);
        g_assert_cmpint(daemon_state(daemon, DISK_LOW), ==, DEVICE_HOST);
        g_assert_false(device_is_ours(inventory_find_device(host->inventory, address_of(DISK_LOW))));
        g_assert_cmpint(daemon_state(daemon, DISK_HIGH), ==, DEVICE_ABSENT);
        assert_recorded(host, DISK_LOW, VMD_A, "nvme");
        assert_recorded(host, DISK_HIGH, VMD_B, "nvme");

        /* The next daemon sees the same. */
        daemon_stopp(&daemon);
        daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        assert_model_is_current(daemon);
        assert_recorded(host, DISK_LOW, VMD_A, "nvme");
        g_assert_cmpuint(count_detached_devices(host), ==, 3);

        request_move(daemon, &(Request){PLAN_REATTACH, .selector = VMD_A}, OUTCOME_DONE);
        assert_model_is_current(daemon);
        assert_untouched(host, DISK_LOW);
        assert_untouched(host, DISK_HIGH);
        /* Both controllers are back, and both addresses are those of other disks. */
        assert_nothing_recorded(host);
}

/* The disk with the other's address is detached again, and what is recorded of it is its own. */
static void test_detached_again(void) {
        g_autoptr(Host) host = two_vmds_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);

        detach_both(daemon);
        request_move(daemon, &(Request){PLAN_REATTACH, .selector = VMD_B}, OUTCOME_DONE);
        request_move(daemon, &(Request){PLAN_DETACH, .selector = DISK_LOW}, OUTCOME_DONE);
        assert_recorded(host, DISK_LOW, VMD_B, "");
        assert_driver(host, VMD_B, "vfio-pci");
        request_move(daemon, &(Request){PLAN_REATTACH, .selector = VMD_B}, OUTCOME_DONE);
        assert_driver(host, VMD_B, "vmd");
        assert_override(host, DISK_LOW, "(null)");
        g_assert_null(state_find(host->state, address_of(DISK_LOW)));
}

static bool is_on_vmd(Daemon *daemon, const void *what) {
        g_autofree char *driver =
                        fake_kernel_link(daemon->host->fake, "sys/bus/pci/devices/%s/driver", (const char *)what);

        return g_strcmp0(driver, "vmd") == 0;
}

/* While a reattach waits for its disk, another disk appears at that address. */
static void test_appears_meanwhile(void) {
        g_autoptr(Host) host = two_vmds_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_reply_ Reply first = {}, second = {};

        detach_both(daemon);
        request_must_begin(daemon, &(Request){PLAN_REATTACH, .selector = VMD_B}, &first);
        daemon_run_until(daemon, is_on_vmd, VMD_B);
        request_must_begin(daemon, &(Request){PLAN_REATTACH, .selector = VMD_A}, &second);
        daemon_await(daemon, &second.answer);
        daemon_await(daemon, &first.answer);
        g_assert_cmpint(first.answer.outcome, ==, OUTCOME_DONE);
        g_assert_cmpint(second.answer.outcome, ==, OUTCOME_DONE);
        assert_untouched(host, DISK_LOW);
        assert_untouched(host, DISK_HIGH);
        daemon_await_quiet(daemon);
        assert_model_is_current(daemon);
        assert_nothing_recorded(host);
}

/* The other controller stays, so the disk comes back in a domain of its own: its record stays until it is forgotten. */
static void test_other_domain(void) {
        g_autoptr(Host) host = two_vmds_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_reply_ Reply home = {};

        request_move(daemon, &(Request){PLAN_DETACH, .selector = VMD_A}, OUTCOME_DONE);
        fake_kernel_do(host->fake, "reset-writes");
        request_run(daemon, &(Request){PLAN_REATTACH, .selector = VMD_A}, OUTCOME_DONE, &home);
        g_assert_cmpstr(home.answer.changes, ==, VMD_A " vfio-pci vmd");
        assert_model_is_current(daemon);
        assert_untouched(host, DISK_HIGHEST);
        g_assert_cmpint(daemon_state(daemon, DISK_LOW), ==, DEVICE_ABSENT);
        g_assert_cmpint(daemon_state(daemon, DISK_HIGHEST), ==, DEVICE_HOST);
        request_move(daemon, &(Request){PLAN_REATTACH, .selector = DISK_LOW}, OUTCOME_DONE);
        assert_nothing_recorded(host);
        assert_model_is_current(daemon);
}

/* A detach that fails cannot bring the disk back to its address, and says so. */
static void test_rolled_back(void) {
        g_autoptr(Host) host = two_vmds_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_reply_ Reply reply = {};

        fake_kernel_do(host->fake, "noprobe " VMD_A);
        fake_kernel_do(host->fake, "reset-writes");
        request_run(daemon, &(Request){PLAN_DETACH, .selector = VMD_A}, OUTCOME_DEGRADED, &reply);
        g_assert_nonnull(strstr(reply.answer.message, "could not undo all changes: " DISK_LOW " is missing"));
        assert_model_is_current(daemon);
        assert_driver(host, VMD_A, "vmd");
        assert_untouched(host, DISK_HIGHEST);
        assert_nothing_recorded(host);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vmd-domains/same-order", test_same_order);
        g_test_add_func("/vmd-domains/swapped", test_swapped);
        g_test_add_func("/vmd-domains/detached-again", test_detached_again);
        g_test_add_func("/vmd-domains/appears-meanwhile", test_appears_meanwhile);
        g_test_add_func("/vmd-domains/other-domain", test_other_domain);
        g_test_add_func("/vmd-domains/rolled-back", test_rolled_back);
        return g_test_run();
}
