/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

/* SetVirtualFunctions on the bus: arguments, replies, signals and properties, jobs. */

#define PF "0000:07:00.0"
#define PF_PATH BUS_PATH "/devices/_30000_3a07_3a00_2e0"
#define VF0_PATH BUS_PATH "/devices/_30000_3a07_3a10_2e0"
#define VF1_PATH BUS_PATH "/devices/_30000_3a07_3a10_2e1"
#define BOTH_DETACHED "([('0000:07:10.0', '', 'vfio-pci', {}), ('0000:07:10.1', '', 'vfio-pci', {})],)"
#define TO_DETACH "{'detach': <true>}"

static void expect(Fixture *fixture, unsigned count, const char *options, const char *expected) {
        g_autofree char *arguments = g_strdup_printf("('ens4', uint32 %u, %s)", count, options);

        fixture_expect(fixture, BUS_PATH, MANAGER, "SetVirtualFunctions", arguments, expected);
}

static void refused(Fixture *fixture, const char *selector, unsigned count, const char *options, const char *error,
                const char *pattern) {
        g_autofree char *arguments = g_strdup_printf("('%s', uint32 %u, %s)", selector, count, options);

        fixture_refused(fixture, BUS_PATH, MANAGER, "SetVirtualFunctions", arguments, error, pattern);
}

static void test_set(void) {
        Fixture *fixture = fixture_start(NULL);

        fixture_property(fixture, PF_PATH, DEVICE, "VirtualFunctionsMax", "7");
        fixture_property(fixture, PF_PATH, DEVICE, "VirtualFunctions", "[]");
        expect(fixture, 2, TO_DETACH, BOTH_DETACHED);
        fixture_property(fixture, PF_PATH, DEVICE, "VirtualFunctions", "['0000:07:10.0', '0000:07:10.1']");
        fixture_property(fixture, VF1_PATH, DEVICE, "PhysicalFunction", "'" PF "'");
        fixture_property(fixture, VF1_PATH, DEVICE, "State", "'detached'");
        fixture_property(fixture, PF_PATH, DEVICE, "State", "'host'");
        /* With the device's own method. Nothing remains to be done: both drivers stay the same. */
        fixture_expect(fixture, PF_PATH, DEVICE, "SetVirtualFunctions", "(uint32 2, " TO_DETACH ")",
                        "([('0000:07:10.0', 'vfio-pci', 'vfio-pci', {}), ('0000:07:10.1', 'vfio-pci', 'vfio-pci', "
                        "{})],)");
        /* vfiod detached both VFs and nobody holds them: they may be removed without an override. */
        expect(fixture, 1, NO_OPTIONS, "([('0000:07:10.0', '', 'igbvf', {})],)");
        fixture_property(fixture, PF_PATH, DEVICE, "VirtualFunctions", "['0000:07:10.0']");
        expect(fixture, 1, "{'driverless': <true>}", "([('0000:07:10.0', '', '', {})],)");
        expect(fixture, 0, NO_OPTIONS, "([],)");
        expect(fixture, 0, "{'detach': <false>, 'driverless': <false>}", "([],)");
        fixture_expect(fixture, BUS_PATH, MANAGER, "SetVirtualFunctions", "('group:14', uint32 1, " NO_OPTIONS ")",
                        "([('0000:07:10.0', '', 'igbvf', {})],)");
        fixture_stop(fixture);
}

/* A VF that another tool bound to vfio-pci counts as in use. */
static void test_foreign(void) {
        Fixture *fixture = fixture_start(NULL);

        expect(fixture, 1, NO_OPTIONS, "([('0000:07:10.0', '', 'igbvf', {})],)");
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fixture_write(fixture, "vfio-pci", "sys/bus/pci/devices/0000:07:10.0/driver_override");
        fixture_write(fixture, "0000:07:10.0", "sys/bus/pci/drivers/igbvf/unbind");
        fixture_write(fixture, "0000:07:10.0", "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, VF0_PATH, DEVICE, "State", "'foreign'");
        refused(fixture, "ens4", 2, NO_OPTIONS, "VirtualFunctionsInUse",
                        "*0000:07:10.0: it would vanish, and another tool has put it on vfio-pci*"
                        "vfioctl vfs " PF " 2 --override=virtual-functions");
        fixture_property(fixture, PF_PATH, DEVICE, "VirtualFunctions", "['0000:07:10.0']");
        expect(fixture, 0, "{'override': <['virtual-functions']>}", "([],)");
        fixture_property(fixture, PF_PATH, DEVICE, "VirtualFunctions", "[]");
        fixture_stop(fixture);
}

static void test_refusals(void) {
        Fixture *fixture = fixture_start(NULL);

        refused(fixture, "ens4", 8, NO_OPTIONS, "LimitsExceeded", PF " can have 7*");
        refused(fixture, "ens3", 1, NO_OPTIONS, "NoVirtualFunctions", NIC " has no virtual functions*");
        refused(fixture, "wlan9", 1, NO_OPTIONS, "NoSuchDevice", "*wlan9*");
        refused(fixture, "group:10", 1, NO_OPTIONS, INVALID_ARGS, "*2 endpoints*");
        refused(fixture, "ens4", 1, "{'detach': <true>, 'driverless': <true>}", INVALID_ARGS,
                        "*only one of the options*");
        refused(fixture, "ens4", 1, "{'detach': <'yes'>}", INVALID_ARGS, "*(b)*");
        refused(fixture, "ens4", 1, "{'override': <['everything']>}", INVALID_ARGS, "*'everything'*");
        refused(fixture, "ens4", 1, "{'companions': <['*']>}", INVALID_ARGS,
                        "SetVirtualFunctions has no option 'companions'*");
        /* Plan does not support this verb. */
        fixture_refused(fixture, BUS_PATH, MANAGER, "Plan", "('ens4', 'set-virtual-functions', " NO_OPTIONS ")",
                        INVALID_ARGS, "*detach, reattach and reset*");
        fixture_stop(fixture);
}

/* Signals report the changes, whatever caused them. */
static void test_signals(void) {
        Fixture *fixture = fixture_start(NULL);

        Pending *pending = fixture_call_start(
                        fixture, BUS_PATH, MANAGER, "SetVirtualFunctions", "('ens4', uint32 2, " TO_DETACH ")");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded *" JOB1 "*"));
        g_free(fixture_expect_signal(fixture, PF_PATH " PropertiesChanged *'State': <'changing'>*"));
        pending_expect(pending, BOTH_DETACHED);
        g_free(fixture_expect_signal(fixture, PF_PATH " PropertiesChanged *'State': <'host'>*"));

        fixture_write(fixture, "0", "sys/bus/pci/devices/" PF "/sriov_numvfs");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved *" VF0_PATH "*"));
        fixture_write(fixture, "1", "sys/bus/pci/devices/" PF "/sriov_numvfs");
        g_free(fixture_expect_signal(fixture, PF_PATH " PropertiesChanged *'VirtualFunctions': <['0000:07:10.0']>*"));
        fixture_wait_property(fixture, VF0_PATH, DEVICE, "State", "'host'");
        fixture_property(fixture, VF0_PATH, DEVICE, "OriginalDriver", "''");
        fixture_stop(fixture);
}

static void test_job(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio_pci");
        fake_kernel_do(fixture->kernel, "stall-after 4");
        Pending *pending = fixture_call_start(
                        fixture, BUS_PATH, MANAGER, "SetVirtualFunctions", "('ens4', uint32 3, " TO_DETACH ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fixture_wait_property(fixture, JOB1, JOB, "Action", "'override'");
        fixture_property(fixture, JOB1, JOB, "Kind", "'set-virtual-functions'");
        fixture_property(fixture, JOB1, JOB, "DeviceAddresses", "['" PF "']");
        fixture_property(fixture, JOB1, JOB, "GroupNumber", "14");
        fixture_property(fixture, JOB1, JOB, "Steps", "17");
        fixture_property(fixture, JOB1, JOB, "Step", "8");
        fixture_property(fixture, JOB1, JOB, "Address", "'" PF "'");
        refused(fixture, "ens4", 0, NO_OPTIONS, "Busy", "*" PF "*");
        manager_refused(fixture, "Detach", "0000:07:10.2", "{'override': <['virtual-functions']>}", "Busy", "*" PF "*");
        fixture_cancel(fixture, JOB1);
        fake_kernel_do(fixture->kernel, "resume");
        pending_refused(pending, "Cancelled", "*as it was before*");
        fixture_property(fixture, PF_PATH, DEVICE, "VirtualFunctions", "[]");

        /* The worker dies: the daemon rolls back. */
        fake_kernel_do(fixture->kernel, "stall 3");
        pending = fixture_call_start(
                        fixture, BUS_PATH, MANAGER, "SetVirtualFunctions", "('ens4', uint32 3, " TO_DETACH ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fixture_kill_worker(fixture);
        pending_refused(pending, "RolledBack", "*died*as it was before*");
        expect(fixture, 2, TO_DETACH, BOTH_DETACHED);
        fixture_stop(fixture);
}

/* The write does not return from the kernel: the caller gets an error, and the job continues. */
static void test_stuck(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 5000});

        fake_kernel_do(fixture->kernel, "stall 2");
        refused(fixture, "ens4", 2, TO_DETACH, "Stuck", "*'set-vfs' of " PF "*");
        fixture_property(fixture, PF_PATH, DEVICE, "State", "'stuck'");
        refused(fixture, "ens4", 0, NO_OPTIONS, "Stuck", "An earlier job on " PF " is stuck in the kernel*");
        fixture_crash_daemon(fixture);
        fixture_wait_property(fixture, PF_PATH, DEVICE, "State", "'stuck'");
        fake_kernel_do(fixture->kernel, "resume");
        fixture_wait_property(fixture, PF_PATH, DEVICE, "State", "'host'");
        fixture_wait_property(fixture, VF1_PATH, DEVICE, "State", "'detached'");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfs/set", test_set);
        g_test_add_func("/bus/vfs/foreign", test_foreign);
        g_test_add_func("/bus/vfs/refusals", test_refusals);
        g_test_add_func("/bus/vfs/signals", test_signals);
        g_test_add_func("/bus/vfs/job", test_job);
        g_test_add_func("/bus/vfs/stuck", test_stuck);
        return g_test_run();
}
