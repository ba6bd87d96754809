/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

/* vfioctl vfs. */

static void test_usage(void) {
        static const char *const wrong[] = {"vfs", "vfs ens4 x", "vfs ens4 -1", "vfs ens4 1 2", "vfs ens4 4294967296",
                        "vfs ens4 --detach", "vfs ens4 --driverless", "vfs ens4 --override=storage",
                        "vfs ens4 2 --group", "vfs ens4 1x", "detach ens4 --driverless", "show ens4 --detach"};

        (void)g_setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere", true);
        for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++)
                EXPECT(2, "vfioctl: *Try 'vfioctl --help'.\n", "%s", wrong[i]);
        EXPECT(2, "vfioctl: there is no option -1, and numbers cannot be negative\n*", "vfs ens4 -1");
        EXPECT(2, "vfioctl: '-1' is not a number of virtual functions\n*", "vfs ens4 -- -1");
        g_unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
}

static void expect_text(const char *arguments, const char *pattern) {
        g_auto(ProgramResult) result = vfioctl("%s", arguments);

        expect_result(&result, 0, "", "%s", arguments);
        if (!g_pattern_match_simple(pattern, result.output))
                g_error("%s: '%s' is not like '%s'", arguments, result.output, pattern);
}

static void test_vfs(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_text("vfs ens4", "0000:07:00.0: 0 of 7 virtual functions\n");
        expect_text("vfs ens4 --no-legend", "");
        expect_text("vfs ens4 0", "0000:07:00.0: 0 of 7 virtual functions\n");
        expect_text("vfs ens4 2 --detach",
                        "ADDRESS *GROUP *STATE *DRIVER *NODE *NAMES*\n"
                        "0000:07:10.0 *detached *vfio-pci */dev/vfio/*\n"
                        "0000:07:10.1 *detached *vfio-pci */dev/vfio/*\n");
        expect_text("vfs ens4 --no-legend", "0000:07:10.0 *\n0000:07:10.1 *\n");
        expect_text("show ens4", "*Virtual functions: *2 of 7*0000:07:10.0*0000:07:10.1*");
        expect_text("show 07:10.1", "*0000:07:00.0*");

        json_t *json = vfioctl_json("vfs ens4");
        expect_json(json, "physical_function", "\"0000:07:00.0\"");
        expect_json(json, "virtual_functions_max", "7");
        expect_json(json, "virtual_functions.1.address", "\"0000:07:10.1\"");
        expect_json(json, "virtual_functions.1.driver", "\"vfio-pci\"");
        expect_json(json, "virtual_functions.1.state", "\"detached\"");
        expect_json(json, "virtual_functions.2", NULL);
        json_decref(json);

        EXPECT(5, "vfioctl: *can have 7 virtual functions at most, not 9.\n", "vfs ens4 9");
        EXPECT(5, "vfioctl: 0000:05:00.0 has no virtual functions*", "vfs ens3 1");
        EXPECT(5, "vfioctl: 0000:05:00.0 cannot have virtual functions\n", "vfs ens3");
        EXPECT(3, "vfioctl: *wlan9*", "vfs wlan9 1");
        EXPECT(2, "vfioctl: *only one of the options*", "vfs ens4 1 --detach --driverless");
        expect_text("vfs ens4 1 --no-legend", "0000:07:10.0 *host *igbvf*\n");
        expect_text("vfs ens4 1 --driverless --no-legend", "0000:07:10.0 *driverless*\n");
        expect_text("vfs ens4 1 --driverless --quiet", "");
        expect_text("vfs ens4 0", "0000:07:00.0: 1 virtual function removed, now 0 of 7 virtual functions\n");
        expect_text("vfs ens4 2 --no-legend", "0000:07:10.0 *\n0000:07:10.1 *\n");
        expect_text("vfs ens4 0", "0000:07:00.0: 2 virtual functions removed, now 0 of 7 virtual functions\n");
        expect_text("vfs ens4 0 --quiet", "");
        fixture_stop(fixture);
}

/* A VF that another tool bound to vfio-pci counts as in use. */
static void test_foreign(void) {
        Fixture *fixture = fixture_start(NULL);

        expect_text("vfs ens4 1 --driverless --quiet", "");
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fixture_write(fixture, "vfio-pci", "sys/bus/pci/devices/0000:07:10.0/driver_override");
        fixture_write(fixture, "0000:07:10.0", "sys/bus/pci/drivers_probe");
        fixture_wait_property(fixture, BUS_PATH "/devices/_30000_3a07_3a10_2e0", DEVICE, "State", "'foreign'");
        EXPECT(5, "vfioctl: *in use*0000:07:10.0*vfioctl vfs 0000:07:00.0 2 --override=virtual-functions\n",
                        "vfs ens4 2");
        expect_text("vfs ens4 0 --override=virtual-functions",
                        "0000:07:00.0: 1 virtual function removed, now 0 of 7 virtual functions\n");
        fixture_stop(fixture);
}

static void test_cancelled(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "fail 3 EIO");
        EXPECT(1, "vfioctl: *Everything is as it was before.\n", "vfs ens4 2 --detach");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfioctl/vfs/usage", test_usage);
        g_test_add_func("/vfioctl/vfs/set", test_vfs);
        g_test_add_func("/vfioctl/vfs/foreign", test_foreign);
        g_test_add_func("/vfioctl/vfs/cancelled", test_cancelled);
        return g_test_run();
}
