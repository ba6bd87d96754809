/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "ruled.h"

#include <glib/gstdio.h>
#include <sys/utsname.h>

/* A vfio driver that vfiod chooses for a device, or that the caller or a rule names. */

#define VARIANT "demo-nic-vfio-pci"
#define MODULE "demo_nic_vfio_pci"

static void add_variant(Fixture *fixture) {
        fake_kernel_do(fixture->kernel, "driver " VARIANT " module=" MODULE " loaded=0");
}

static void test_named(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_refused(fixture, "Detach", "ens3", "{'driver': <'e1000e'>}", INVALID_ARGS,
                        "'e1000e' is no vfio driver: *");
        manager_refused(fixture, "Detach", "ens3", "{'driver': <'../vfio'>}", INVALID_ARGS, "*is no vfio driver*");
        manager_refused(fixture, "Detach", "ens3", "{'driver': <1>}", INVALID_ARGS, "Option 'driver' is a string*");
        manager_refused(fixture, "Detach", "ens3", "{'driver': <'" MODULE "'>}", "DriverUnavailable",
                        "Cannot load the module '" MODULE "'*");
        fixture_driver(fixture, NIC, "e1000e");
        add_variant(fixture);
        manager_expect(fixture, "Detach", "ens3", "{'driver': <'" MODULE "'>}",
                        "([('" NIC "', 'e1000e', '" VARIANT "', {})],)");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, "([('" NIC "', '" VARIANT "', 'e1000e', {})],)");
        fixture_stop(fixture);
}

static void test_vfioctl(void) {
        Fixture *fixture = fixture_start(NULL);

        add_variant(fixture);
        g_auto(ProgramResult) plan = vfioctl("plan ens3 --driver=" VARIANT);
        g_assert_nonnull(strstr(plan.output, "it gets " VARIANT));
        g_assert_nonnull(strstr(plan.output, "vfioctl detach ens3 --driver=" VARIANT " --plan="));
        EXPECT(0, "*", "detach ens3 --driver=" VARIANT);
        fixture_driver(fixture, NIC, VARIANT);
        EXPECT(2, "*does not take --driver*", "reattach ens3 --driver=" VARIANT);
        EXPECT(0, "*", "reattach ens3");
        fixture_driver(fixture, NIC, "e1000e");
        fixture_stop(fixture);
}

/* The driver is remembered for a card that comes back into its slot. */
static void test_replugged(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.reads_log = true});

        add_variant(fixture);
        EXPECT(0, "*", "detach ens3 --driver=" VARIANT);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fake_kernel_do(fixture->kernel, "swap " NIC);
        fixture_wait_log(fixture, "detach: " NIC " is on " VARIANT " now, was on e1000e *hot-plug)");
        fixture_driver(fixture, NIC, VARIANT);
        fixture_stop(fixture);
}

static void test_rule(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.reads_log = true});

        add_variant(fixture);
        ruled_put(fixture, "[Match]\nVendor=8086\nDevice=10d3\n[Detach]\nDriver=" MODULE "\n");
        fixture_restart_daemon(fixture);
        ruled_wait(fixture, NIC_PATH, "detached");
        fixture_wait_log(fixture, "detach: " NIC " is on " VARIANT " now, *");
        fixture_driver(fixture, NIC, VARIANT);
        /* Also when it is plugged in, whatever its early rule has bound. */
        fake_kernel_do(fixture->kernel, "swap " NIC);
        fixture_wait_log(fixture, "detach: " NIC " is on " VARIANT " now, was on e1000e *rule ours)");
        fixture_driver(fixture, NIC, VARIANT);
        ruled_stop(fixture);
}

#define ALIASES \
        "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n" \
        "alias vfio_pci:v00008086d000010D3sv*sd*bc*sc*i* " MODULE "\n"
#define OTHERS "kernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/drivers/vfio/pci/vfio-pci-core.ko.xz\n"
#define ON_DISK OTHERS "kernel/drivers/vfio/pci/" VARIANT ".ko.xz: kernel/drivers/vfio/pci/vfio-pci-core.ko.xz\n"

/* A temporary file below the folder that vfiod-sim reads lists of modules from. */
static char *modules_path(Fixture *fixture, const char *name) {
        struct utsname kernel;

        g_assert_cmpint(uname(&kernel), ==, 0);
        return g_strdup_printf("%s.modules/lib/modules/%s/%s", fixture->state_folder, kernel.release, name);
}

static void put_list(Fixture *fixture, const char *name, const char *text) {
        g_autofree char *path = modules_path(fixture, name), *folder = g_path_get_dirname(path);

        g_assert_cmpint(g_mkdir_with_parents(folder, 0755), ==, 0);
        g_assert_true(g_file_set_contents(path, text, -1, NULL));
}

static void remove_lists(Fixture *fixture) {
        g_autofree char *alias = modules_path(fixture, "modules.alias"), *dep = modules_path(fixture, "modules.dep");
        g_autofree char *folder = g_path_get_dirname(alias);

        (void)g_unlink(alias);
        (void)g_unlink(dep);
        for (size_t i = 0; i < 4; i++) { /* RELEASE, modules, lib, STATE-FOLDER.modules */
                (void)g_rmdir(folder);
                *strrchr(folder, '/') = '\0';
        }
}

/* An environment whose kernel has a variant driver for the card, with this list of modules on disk. */
static Fixture *start_with_variant(const char *on_disk) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.reads_log = true});

        add_variant(fixture);
        put_list(fixture, "modules.alias", ALIASES);
        put_list(fixture, "modules.dep", on_disk);
        return fixture;
}

static void test_chosen(void) {
        Fixture *fixture = start_with_variant(ON_DISK);

        g_auto(ProgramResult) plan = vfioctl("plan ens3");
        g_assert_nonnull(strstr(plan.output, "it gets " MODULE "\n"));
        g_assert_null(strstr(plan.output, "Warning"));
        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('" NIC "', 'e1000e', '" VARIANT "', {})],)");
        fixture_driver(fixture, NIC, VARIANT);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "Driver", "'" VARIANT "'");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, "([('" NIC "', '" VARIANT "', 'e1000e', {})],)");
        /* The module is loaded now. */
        g_auto(ProgramResult) again = vfioctl("plan ens3");
        g_assert_nonnull(strstr(again.output, "it gets " VARIANT "\n"));
        EXPECT(0, "*", "detach ens3 --driver=vfio-pci");
        fixture_driver(fixture, NIC, "vfio-pci");
        EXPECT(0, "*", "reattach ens3");
        /* Another card does not get it. */
        EXPECT(0, "*", "detach ens1 --group");
        fixture_driver(fixture, PORT1, "vfio-pci");
        EXPECT(0, "*", "reattach ens1");
        remove_lists(fixture);
        fixture_stop(fixture);
}

/* A variant driver that is not installed: vfio-pci binds, and vfiod says why. */
static void test_not_on_disk(void) {
        Fixture *fixture = start_with_variant(OTHERS);

        g_auto(ProgramResult) plan = vfioctl("plan ens3");
        g_assert_nonnull(strstr(plan.output, "it gets vfio-pci\n"));
        g_assert_nonnull(strstr(plan.output,
                        "Warning: There is a variant driver for " NIC ", the module '" MODULE
                        "', which can do more than vfio-pci. But vfiod uses vfio-pci instead: the running kernel does "
                        "not have it on disk."));
        EXPECT(0, "*", "detach ens3");
        fixture_wait_log(fixture, NIC ": There is a variant driver for " NIC ", *");
        fixture_driver(fixture, NIC, "vfio-pci");
        EXPECT(0, "*", "reattach ens3");
        EXPECT(1, "*The running kernel has no driver and no module 'none_vfio_pci'*",
                        "detach ens3 --driver=none_vfio_pci");
        fixture_driver(fixture, NIC, "e1000e");
        remove_lists(fixture);
        fixture_stop(fixture);
}

/* A rule without "Driver=". The early rule for udev names vfio-pci. */
static void test_chosen_by_rule(void) {
        Fixture *fixture = start_with_variant(ON_DISK);

        ruled_put(fixture, "[Match]\nVendor=8086\nDevice=10d3\n[Detach]\n");
        fixture_restart_daemon(fixture);
        fixture_wait_log(fixture, "detach: " NIC " is on " VARIANT " now, was on e1000e *rule ours)");
        fixture_driver(fixture, NIC, VARIANT);
        fake_kernel_do(fixture->kernel, "swap " NIC);
        fixture_wait_log(fixture, "detach: " NIC " is on " VARIANT " now, was on e1000e *rule ours)");
        fixture_driver(fixture, NIC, VARIANT);
        remove_lists(fixture);
        ruled_stop(fixture);
}

/* "rule add" writes the driver into the rule, and "vfs" binds it to the new virtual functions. */
static void test_other_commands(void) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.reads_log = true});

        add_variant(fixture);
        EXPECT(2, "*'e1000e' is no vfio driver: *", "rule add ens3 --name=ours --driver=e1000e");
        EXPECT(0, "*", "rule add ens3 --name=ours --driver=" MODULE);
        fixture_wait_log(fixture, "detach: " NIC " is on " VARIANT " now, was on e1000e *rule ours)");
        EXPECT(0, "*", "vfs ens4 2 --detach --driver=" VARIANT);
        fixture_driver(fixture, "0000:07:10.0", VARIANT);
        fixture_driver(fixture, "0000:07:10.1", VARIANT);
        EXPECT(0, "*", "vfs ens4 0");
        EXPECT(0, "*", "rule remove ours");
        EXPECT(0, "*", "reattach ens3");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/variant/named", test_named);
        g_test_add_func("/variant/vfioctl", test_vfioctl);
        g_test_add_func("/variant/replugged", test_replugged);
        g_test_add_func("/variant/rule", test_rule);
        g_test_add_func("/variant/chosen", test_chosen);
        g_test_add_func("/variant/not-on-disk", test_not_on_disk);
        g_test_add_func("/variant/chosen-by-rule", test_chosen_by_rule);
        g_test_add_func("/variant/other-commands", test_other_commands);
        return g_test_run();
}
