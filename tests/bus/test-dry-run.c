/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "lessee.h"

#include <signal.h>

/* A dry run of vfs or of lease ends as the command itself would end. Each row prepares the host; then the command runs first
 * with --dry-run, which writes nothing, and then without it. Only what the load of a module would meet is not known before. */

#define PF "0000:07:00.0"
#define VF "0000:07:10.0"
#define VF_PATH BUS_PATH "/devices/_30000_3a07_3a10_2e0"

typedef struct Case {
        void (*prepare)(Fixture *fixture); /* NULL for nothing */
        const char *arguments;             /* of vfioctl */
        int status;
        const char *error; /* name of the error, without "org.vfiod1.Error."; NULL: the command succeeds */
} Case;

/* What a case started, for its end. */
static Pending *pending;
static Process *holder;

static void make_vf(Fixture *fixture) {
        EXPECT(0, "", "vfs ens4 1 -q");
        fixture_wait_property(fixture, VF_PATH, DEVICE, "State", "'host'");
}

static void make_detached_vf(Fixture *fixture) {
        EXPECT(0, "", "vfs ens4 1 --detach -q");
        fixture_wait_property(fixture, VF_PATH, DEVICE, "State", "'detached'");
}

static void bind_by_hand(Fixture *fixture, const char *address, const char *driver) {
        g_autofree char *override = g_strdup_printf(OVERRIDE, address);
        g_autofree char *unbind = g_strdup_printf("sys/bus/pci/drivers/%s/unbind", driver);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fixture_write(fixture, "vfio-pci", override);
        fixture_write(fixture, address, unbind);
        fixture_write(fixture, address, "sys/bus/pci/drivers_probe");
}

static void make_foreign_vf(Fixture *fixture) {
        make_vf(fixture);
        bind_by_hand(fixture, VF, "igbvf");
        fixture_wait_property(fixture, VF_PATH, DEVICE, "State", "'foreign'");
}

static void make_foreign_pf(Fixture *fixture) {
        bind_by_hand(fixture, PF, "igb");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a07_3a00_2e0", DEVICE, "State", "'foreign'");
}

static void make_driverless_pf(Fixture *fixture) {
        fixture_write(fixture, PF, "sys/bus/pci/drivers/igb/unbind");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a07_3a00_2e0", DEVICE, "State", "'driverless'");
}

static void detach_pf(Fixture *fixture) {
        (void)fixture;
        EXPECT(0, "", "detach ens4 -q");
}

static void detach_nic(Fixture *fixture) {
        (void)fixture;
        EXPECT(0, "", "detach ens3 -q");
}

/* A process has the node open, and nobody asks the kernel to take the device away. */
static void hold(Fixture *fixture, const char *group) {
        g_autofree char *script = g_strdup_printf("exec 9<>%s/dev/vfio/%s && echo open && kill -STOP $$",
                        fake_kernel_get_root(fixture->kernel), group);

        holder = process_start((const char *const[]){"sh", "-c", script, NULL}, NULL);
        process_expect_line(holder, "open");
        fake_kernel_do(fixture->kernel, "claim %s", group);
}

static void hold_vf(Fixture *fixture) {
        make_detached_vf(fixture);
        g_autofree char *number = fixture_get(fixture, VF_PATH, DEVICE, "GroupNumber");
        hold(fixture, number);
}

static void lease_vf(Fixture *fixture) {
        make_vf(fixture);
        g_free(lessee_start(fixture, VF, "{'override': <['no-reset']>}", LEASE1));
}

static void lease_nic(Fixture *fixture) {
        g_free(lessee_start(fixture, NIC, NO_OPTIONS, LEASE1));
}

static void stall_vfs(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 1");
        pending = fixture_call_start(
                        fixture, BUS_PATH, MANAGER, "SetVirtualFunctions", "('ens4', uint32 2, " NO_OPTIONS ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
}

static void stall_nic(Fixture *fixture) {
        pending = fixture_detach_stalled(fixture, 2);
}

static void use_disk(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "use nvme0n1");
}

static void plug_keyboard(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "driver xhci_hcd module=xhci_pci ids=1b36:000d");
        fake_kernel_do(fixture->kernel,
                        "plug 0000:00:14.0 vendor=1b36 device=000d class=0c0330 group=30 reset=flr keyboard=input5");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a00_3a14_2e0", DEVICE, "Driver", "'xhci_hcd'");
}

static void plug_without_group(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "plug 0000:00:08.0 vendor=8086 device=10d3 class=020000 group=none");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesAdded *_30000_3a00_3a08_2e0*"));
}

static void reserve(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "reserved 12 0x000000007b800000 0x000000007fffffff direct");
}

static void load_vfio(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
}

static void bind_bridge(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "driver shpchp ids=1b36:000e");
        fixture_write(fixture, BRIDGE, "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a02_3a00_2e0", DEVICE, "Driver", "'shpchp'");
}

#define LEASE_CARD "lease ens1 --group --override=no-reset"

static const Case cases[] = {
                {NULL, "vfs ens4 2", 0, NULL},
                {NULL, "vfs ens4 0", 0, NULL},
                {make_vf, "vfs ens4 2 --driverless", 0, NULL},
                {make_detached_vf, "vfs ens4 0", 0, NULL},
                {NULL, "vfs wlan9 1", 3, "NoSuchDevice"},
                {NULL, "vfs ens3 1", 5, "NoVirtualFunctions"},
                {make_vf, "vfs " VF " 1", 5, "NoVirtualFunctions"},
                {NULL, "vfs ens4 8", 5, "LimitsExceeded"},
                {detach_pf, "vfs " PF " 1", 1, "DriverUnavailable"},
                {make_driverless_pf, "vfs " PF " 1", 1, "DriverUnavailable"},
                {make_foreign_pf, "vfs " PF " 1", 5, "Foreign"},
                {make_foreign_vf, "vfs ens4 0", 5, "VirtualFunctionsInUse"},
                {make_foreign_vf, "vfs ens4 0 --override=virtual-functions", 0, NULL},
                {hold_vf, "vfs ens4 0", 5, "Held"},
                {lease_vf, "vfs ens4 0", 5, "Leased"},
                {stall_vfs, "vfs ens4 1", 5, "Busy"},

                {NULL, "lease " PF " -- true", 0, NULL},
                {detach_nic, "lease " NIC " -- true", 0, NULL},
                {NULL, LEASE_CARD " -- true", 0, NULL},
                {NULL, "lease wlan9 -- true", 3, "NoSuchDevice"},
                {NULL, "lease ens3 -- /no/such/program", 1, "Failed"},
                {NULL, "lease ens1 --group -- true", 5, "NoReset"},
                {NULL, "lease ens1 --override=no-reset -- true", 5, "GroupNeedsConsent"},
                {NULL, "lease 0000:00:02.0 -- true", 5, "NotEndpoint"},
                {plug_without_group, "lease 0000:00:08.0 -- true", 5, "NoGroup"},
                {use_disk, "lease nvme0n1 -- true", 5, "InUseStorage"},
                {use_disk, "lease nvme0n1 --override=storage -- true", 0, NULL},
                {NULL, "lease 0000:00:01.0 --override=no-reset -- true", 5, "InUseDisplay"},
                {plug_keyboard, "lease 0000:00:14.0 -- true", 5, "InUseConsole"},
                {reserve, "lease ens3 -- true", 5, "FirmwareMapping"},
                {bind_bridge, LEASE_CARD " -- true", 5, "NotViable"},
                {fixture_detach_nic_by_hand, "lease " NIC " -- true", 5, "Foreign"},
                {hold_vf, "lease " PF " -- true", 5, "VirtualFunctionsInUse"},
                {lease_nic, "lease " NIC " -- true", 5, "Leased"},
                {stall_nic, "lease " NIC " -- true", 5, "Busy"},
                {load_vfio, "lease ens3 --descriptors -- true", 1, "DriverUnavailable"},
                {detach_nic, "lease " NIC " --descriptors -- true", 1, "DriverUnavailable"},
                {NULL, "lease ens3 --pid=1", 1, "Failed"},
                {NULL, "lease ens3 --pid=4194305", 1, "Failed"},
};

/* A machine without an IOMMU. */
static const Case cases_without_iommu[] = {
                {NULL, "lease ens3 -- true", 5, "NoIommu"},
};

/* Runs it, and checks how it ends. */
static void run(const Case *c, bool dry) {
        const char *dashes = strstr(c->arguments, " -- ");
        int length = dashes ? (int)(dashes - c->arguments) : (int)strlen(c->arguments);
        g_auto(ProgramResult) result =
                        vfioctl("--json %.*s%s%s", length, c->arguments, dry ? " --dry-run" : "", dashes ? dashes : "");
        g_autofree char *expected = c->error ? g_strdup_printf("*\"org.vfiod1.Error.%s\"*", c->error) : g_strdup("*");

        if (result.status != c->status || !g_pattern_match_simple(expected, result.output))
                g_error("'vfioctl %s'%s ends with %d instead of %d and prints '%s%s'", c->arguments,
                                dry ? " --dry-run" : "", result.status, c->status, result.output, result.errors);
        if (dry && !c->error)
                g_assert_nonnull(strstr(result.output, "\"would_go\": true"));
}

static void check(const Case *c, const char *topology) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.topology = topology, .step_deadline_ms = DEADLINE_MS});

        if (c->prepare)
                c->prepare(fixture);
        fake_kernel_do(fixture->kernel, "reset-writes");
        run(c, true);
        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);
        if (g_strv_length(writes) > 0)
                g_error("'vfioctl %s --dry-run' writes %s", c->arguments, writes[0]);
        run(c, false);

        if (pending) {
                fake_kernel_do(fixture->kernel, "resume");
                g_autoptr(GVariant) G_GNUC_UNUSED reply = pending_finish(pending, NULL);
                pending = NULL;
        }
        if (holder) {
                (void)kill(process_get_pid(holder), SIGKILL);
                g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
                holder = NULL;
        }
        fixture_stop(fixture);
}

static void test_vfs(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                if (g_str_has_prefix(cases[i].arguments, "vfs "))
                        check(&cases[i], NULL);
}

static void test_lease(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                if (g_str_has_prefix(cases[i].arguments, "lease "))
                        check(&cases[i], NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(cases_without_iommu); i++)
                check(&cases_without_iommu[i], "no-iommu");
}

/* Options that vfioctl does not have, and what the replies are. */
static void test_bus(void) {
        Fixture *fixture = fixture_start(NULL);
        const char *stale = "{'plan': <'0123456789abcdef'>, 'dry-run': <true>}";

        manager_refused(fixture, "Lease", "ens3", stale, "PlanStale", "*Make a new plan.");
        manager_expect(fixture, "Lease", "ens1",
                        "{'companions': <['*']>, 'override': <['no-reset']>, 'dry-run': <true>}",
                        "('/', '', {'group': <10>, 'detaches': <true>, 'addresses': <['" PORT1 "', '" PORT2 "']>})");
        fixture_expect(fixture, BUS_PATH, MANAGER, "SetVirtualFunctions", "('ens4', uint32 2, {'dry-run': <true>})",
                        "([],)");
        fixture_refused(fixture, BUS_PATH, MANAGER, "StartSetVirtualFunctions",
                        "('ens4', uint32 2, {'dry-run': <true>})", INVALID_ARGS, "*no option 'dry-run'*");
        detach_nic(fixture);
        manager_expect(fixture, "Lease", NIC, "{'dry-run': <true>}",
                        "('/', '', {'group': <12>, 'detaches': <false>, 'addresses': <['" NIC "']>})");
        manager_refused(fixture, "Lease", NIC, stale, "PlanStale", "*try again without the plan.");
        fixture_expect(fixture, BUS_PATH, MANAGER, "ListLeases", NULL, "([],)");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/dry-run/vfs", test_vfs);
        g_test_add_func("/bus/dry-run/lease", test_lease);
        g_test_add_func("/bus/dry-run/bus", test_bus);
        return g_test_run();
}
