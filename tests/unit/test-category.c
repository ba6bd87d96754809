/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/category.h"

#include <glib.h>

/* What a device is, and whether it can be given away. */

/* What vfioctl derives if vfiod does not tell it. */
static void test_category(void) {
        static const struct {
                uint32_t class;
                const char *category;
                bool offered;
        } cases[] = {
                        {0x020000, "network", true},
                        {0x028000, "wireless", true},
                        {0x010802, "storage", true},
                        {0x030000, "display", true},
                        {0x040300, "audio", true},
                        {0x0c0330, "usb", true},
                        {0x0c0500, "system", false},
                        {0x050210, "memory", true},
                        {0x050000, "system", false},
                        {0x060000, "bridge", false},
                        {0x060100, "bridge", false},
                        {0x060400, "bridge", false},
                        {0x080600, "system", false},
                        {0x120000, "accelerator", true},
                        {0x100000, "crypto", true},
                        {0x070002, "serial", true},
                        {0xff0000, "other", true},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Device device = {.class = cases[i].class, .group = 3, .state = (char *)"host"};
                DeviceList list = {.items = &device, .count = 1};

                g_assert_cmpint(device_list_complete(&list), ==, 0);
                g_assert_cmpstr(device.category, ==, cases[i].category);
                g_assert_cmpint(device_is_offered(&device), ==, cases[i].offered);
                g_assert_true(category_is_known(device.category));
                g_assert_true(availability_is_known(device.availability));
                g_free(device.category);
                g_free(device.availability);
        }
        g_assert_false(category_is_known(""));
        g_assert_false(category_is_known("net"));
        g_assert_false(category_is_known("network, wireless"));
}

static void expect_availability(Device *devices, size_t n, const char *expected) {
        DeviceList list = {.items = devices, .count = n};

        g_assert_cmpint(device_list_complete(&list), ==, 0);
        g_assert_cmpstr(devices[0].availability, ==, expected);
        for (size_t i = 0; i < n; i++) {
                g_clear_pointer(&devices[i].category, g_free);
                g_clear_pointer(&devices[i].availability, g_free);
        }
}

static void test_availability(void) {
        Device devices[] = {{.class = 0x020000, .group = 3, .state = (char *)"host"},
                        {.class = 0x060400, .group = 3, .state = (char *)"host"}};

        expect_availability(devices, 2, "available");
        devices[1].driver = (char *)"pcieport";
        expect_availability(devices, 2, "available");
        devices[1].driver = (char *)"shpchp";
        expect_availability(devices, 2, "not-viable");
        devices[1].group = 4;
        expect_availability(devices, 2, "available");
        devices[0].state = (char *)"driverless";
        expect_availability(devices, 2, "available");
        devices[0].group = -1;
        expect_availability(devices, 2, "no-group");
        devices[0].state = (char *)"leased";
        expect_availability(devices, 2, "leased");
        devices[0].class = 0x060400;
        expect_availability(devices, 2, "host-only");
        /* what vfiod tells counts */
        devices[0].availability = g_strdup("in-use");
        expect_availability(devices, 2, "in-use");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/category/category", test_category);
        g_test_add_func("/category/availability", test_availability);
        return g_test_run();
}
