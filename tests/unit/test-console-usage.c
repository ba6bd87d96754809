/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uses.h"

#define USB "0000:00:14.0"
#define USB2 "0000:00:1a.0"
#define SERIAL "0000:07:00.0"
#define KEYS "402000007 ff9f207ac14057ff febeffdfffefffff fffffffffffffffe\n"

static Bed *make_bed(void) {
        Bed *bed = bed_new();

        temp_tree_device(bed->tree, "pci0000:00/" USB);
        temp_tree_device(bed->tree, "pci0000:00/" USB2);
        temp_tree_device(bed->tree, "pci0000:00/0000:00:1c.0/" SERIAL);
        return bed;
}

/* An input device below this folder of /sys/devices. */
static void put_input(Bed *bed, const char *parent, const char *name, const char *keys) {
        temp_tree_file(bed->tree, keys, "sys/devices/%s/input/%s/capabilities/key", parent, name);
        temp_tree_file(bed->tree, "Fake \033Keyboard\n", "sys/devices/%s/input/%s/name", parent, name);
        g_autofree char *target = g_strdup_printf("../../devices/%s/input/%s", parent, name);
        temp_tree_link(bed->tree, target, "sys/class/input/%s", name);
}

static void put_tty(Bed *bed, const char *parent, const char *name) {
        temp_tree_folder(bed->tree, "sys/devices/%s/tty/%s", parent, name);
        g_autofree char *target = g_strdup_printf("../../devices/%s/tty/%s", parent, name);
        temp_tree_link(bed->tree, target, "sys/class/tty/%s", name);
}

/* Surveys one device, in a snapshot of these. */
static int survey_among(Bed *bed, const char *address, const char *const *others) {
        PciAddress addresses[4] = {};
        size_t n = 0;

        g_assert_cmpint(pci_address_parse(address, &addresses[n++]), ==, 0);
        for (; others && others[n - 1]; n++)
                g_assert_cmpint(pci_address_parse(others[n - 1], &addresses[n]), ==, 0);
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
        g_assert_cmpint(usage_snapshot_new(bed->tree->kernel, addresses, n, on_use, bed->uses, &snapshot), ==, 0);
        snapshot->device = addresses[0];
        return usage_of_console(snapshot, addresses[0]);
}

#define assert_console(bed, address, ...) \
        G_STMT_START { \
                g_assert_cmpint(survey_among(bed, address, NULL), ==, 0); \
                assert_uses((bed)->uses, __VA_ARGS__); \
        } \
        G_STMT_END

#define LAST "console: the host has no other keyboard than input5 (Fake \\x1bKeyboard)"

/* A mouse, buttons and a remote control are no keyboards. */
static void test_no_keyboard(void) {
        static const char *const keys[] = {"0\n", "1f0000 0 0 0 0\n", "8000 10000000000000 0\n", "fffffffe 0\n",
                        "fffffffffffffffc\n", "7ffffffe\n"};
        g_autoptr(Bed) bed = make_bed();

        assert_console(bed, USB, NULL);
        temp_tree_folder(bed->tree, "sys/class/input");
        assert_console(bed, USB, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
                g_autofree char *name = g_strdup_printf("input%zu", 10 + i);

                put_input(bed, "pci0000:00/" USB "/usb1/1-2/1-2:1.0", name, keys[i]);
        }
        temp_tree_link(bed->tree, "../../devices/pci0000:00/" USB "/usb1/1-2/1-2:1.0/input/input10/event3",
                        "sys/class/input/event3");
        temp_tree_file(bed->tree, "x\n", "sys/class/input/inputs");
        assert_console(bed, USB, NULL);
}

static void test_last_keyboard(void) {
        g_autoptr(Bed) bed = make_bed();

        put_input(bed, "pci0000:00/" USB "/usb1/1-1/1-1:1.0/0003:046D:C31C.0001", "input5", KEYS);
        assert_console(bed, USB, LAST, NULL);
        assert_console(bed, USB2, NULL);
        assert_console(bed, SERIAL, NULL);
        /* A 32-bit kernel has shorter words. */
        put_input(bed, "pci0000:00/" USB "/usb1/1-1/1-1:1.0/0003:046D:C31C.0001", "input5", "ffff ffffffff fffffffe\n");
        assert_console(bed, USB, LAST, NULL);

        /* A second one below the same controller would leave with it, and keyboards of programs are none. */
        put_input(bed, "pci0000:00/" USB "/usb1/1-2/1-2:1.0", "input6", KEYS);
        put_input(bed, "virtual", "input7", KEYS);
        put_input(bed, "virtual/misc/uhid/0005:046D:B342.0002", "input8", KEYS);
        put_input(bed, "pci0000:00/" USB2 "/usb2/2-1/2-1:1.0", "input9", "1f0000 0 0 0 0\n"); /* a mouse */
        g_assert_cmpint(survey_among(bed, USB, NULL), ==, 0);
        assert_use_says(bed->uses, "console", "the host has no other keyboard than input");
        temp_tree_remove(bed->tree, "sys/class/input/input6");
        assert_console(bed, USB, LAST, NULL);

        /* The PS/2 keyboard of a laptop. */
        put_input(bed, "platform/i8042/serio0", "input4", KEYS);
        assert_console(bed, USB, NULL);
}

/* A keyboard on another controller remains, unless that controller leaves with this one. */
static void test_two_controllers(void) {
        static const char *const both[] = {USB2, NULL};
        g_autoptr(Bed) bed = make_bed();

        put_input(bed, "pci0000:00/" USB "/usb1/1-1/1-1:1.0", "input5", KEYS);
        put_input(bed, "pci0000:00/" USB2 "/usb2/2-1/2-1:1.0", "input6", KEYS);
        assert_console(bed, USB, NULL);
        assert_console(bed, USB2, NULL);
        g_assert_cmpint(survey_among(bed, USB, both), ==, 0);
        assert_uses(bed->uses, LAST, NULL);
}

static void test_serial_console(void) {
        g_autoptr(Bed) bed = make_bed();

        put_tty(bed, "pci0000:00/0000:00:1c.0/" SERIAL, "ttyS4");
        put_tty(bed, "pci0000:00/0000:00:1c.0/" SERIAL "/" SERIAL ":0/" SERIAL ":0.1", "ttyS5"); /* Linux 6.5 */
        put_tty(bed, "pci0000:00/" USB "/usb1/1-1/1-1:1.0/ttyUSB0", "ttyUSB0");
        put_tty(bed, "platform/serial8250", "ttyS0");
        put_tty(bed, "virtual", "tty0");
        assert_console(bed, SERIAL, NULL);
        temp_tree_file(bed->tree, "tty0 ttyS0 gone0\n", "sys/class/tty/console/active");
        assert_console(bed, SERIAL, NULL);
        temp_tree_file(bed->tree, "tty0 ttyS4 ttyUSB0\n", "sys/class/tty/console/active");
        assert_console(bed, SERIAL, "console: ttyS4 is a console of the kernel", NULL);
        assert_console(bed, USB, "console: ttyUSB0 is a console of the kernel", NULL);
        temp_tree_file(bed->tree, "ttyS4 ttyS5\n", "sys/class/tty/console/active");
        assert_console(bed, SERIAL, "console: ttyS4 is a console of the kernel",
                        "console: ttyS5 is a console of the kernel", NULL);
        assert_console(bed, USB, NULL);
        bed->uses->end_after = 1;
        g_assert_cmpint(survey_among(bed, SERIAL, NULL), ==, 42);
}

/* What cannot be determined counts as in use. */
static void test_unreadable(void) {
        g_autoptr(Bed) bed = make_bed();

        temp_tree_folder(bed->tree, "sys/class/tty/console/active");
        assert_console(bed, SERIAL, "console: " SERIAL " cannot be examined: Is a directory", NULL);
        temp_tree_remove(bed->tree, "sys/class/tty/console/active");
        put_input(bed, "pci0000:00/" USB "/usb1/1-1/1-1:1.0", "input5", "x\n");
        assert_console(bed, USB, "console: " USB " cannot be examined: Invalid argument", NULL);
        put_input(bed, "pci0000:00/" USB "/usb1/1-1/1-1:1.0", "input5", "\n");
        assert_console(bed, USB, "console: " USB " cannot be examined: Invalid argument", NULL);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/console-usage/no-keyboard", test_no_keyboard);
        g_test_add_func("/console-usage/last-keyboard", test_last_keyboard);
        g_test_add_func("/console-usage/two-controllers", test_two_controllers);
        g_test_add_func("/console-usage/serial-console", test_serial_console);
        g_test_add_func("/console-usage/unreadable", test_unreadable);
        return g_test_run();
}
