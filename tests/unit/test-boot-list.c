/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "rule/boot-list.h"

#include <glib/gstdio.h>
#include <string.h>

/* The text of the boot file, and which devices a rule wants in it. */

#define RECORD "# device 0000:05:00.0 8086:10d3 8086:0000 020000 0000:00:04.0/00.0 vfio-pci nic\n"

static BootDevice make_device(const char *address, const char *rule) {
        BootDevice device = {
                        .address = address_of(address),
                        .ids = {.vendor = 0x8086,
                                        .device = 0x10d3,
                                        .subsystem_vendor = 0x8086,
                                        .subsystem_device = 0x0001,
                                        .class = 0x020000},
                        .path = "0000:00:1c.4/00.0/1f.7",
                        .branch = "pci0000:00/0000:00:1c.4/0000:04:00.0/0000:05:1f.7",
                        .driver = "mlx5_vfio_pci",
        };

        (void)g_strlcpy(device.rule, rule, sizeof(device.rule));
        return device;
}

/* What is written is read again. The list is sorted, and has each address once. */
static void test_text(void) {
        const BootDevice devices[] = {make_device("0000:3b:00.1", "b"), make_device("0000:05:00.0", "a"),
                        make_device("ffff:ff:1f.7", "long"), make_device("0000:3b:00.1", "b-again")};
        g_autofree char *long_name = g_strnfill(RULE_NAME_MAX - 1, 'r');
        _cleanup_boot_list_ BootList list = {}, again = {}, other = {};
        _cleanup_free_ char *text = NULL;

        for (size_t i = 0; i < G_N_ELEMENTS(devices); i++) {
                BootDevice device = devices[i];

                if (i == 2)
                        (void)g_strlcpy(device.rule, long_name, sizeof(device.rule));
                g_assert_cmpint(boot_list_put(&list, &device), ==, 0);
        }
        g_assert_cmpuint(list.n_devices, ==, 3);
        g_assert_cmpstr(list.devices[0].rule, ==, "a");
        g_assert_cmpstr(boot_list_find(&list, address_of("0000:3b:00.1"))->rule, ==, "b-again");
        g_assert_null(boot_list_find(&list, address_of("0000:3b:00.0")));
        g_assert_cmpint(boot_list_format(&list, &text), ==, 0);
        g_assert_cmpint(boot_list_parse(text, &again), ==, 0);
        g_assert_true(boot_list_equal(&list, &again));
        g_assert_nonnull(strstr(text, "DEVPATH==\"*/0000:00:1c.4/?\?\?\?:??:00.0/?\?\?\?:??:1f.7\""));
        g_assert_nonnull(strstr(text,
                        "KERNEL!=\"0000:05:00.0\", "
                        "TEST==\"/sys/devices/pci0000:00/0000:00:1c.4/0000:04:00.0/0000:05:1f.7\", "));
        g_assert_nonnull(strstr(text, ", ATTR{[pci/0000:05:00.0]driver_override}=\"mlx5_vfio_pci\"\n"));
        g_assert_nonnull(strstr(text, "ATTR{driver_override}=\"mlx5_vfio_pci\""));
        g_assert_nonnull(strstr(text, "\"kmod load mlx5_vfio_pci\""));

        again.devices[1].ids.class = 0x020001;
        g_assert_false(boot_list_equal(&list, &again));
        g_assert_cmpint(boot_list_parse("", &other), ==, 0);
        g_assert_false(boot_list_equal(&list, &other));
}

/* A line that vfiod does not write is not a device. */
static void test_others(void) {
        static const char *const texts[] = {
                        "",
                        "# device\n",
                        "device 0000:05:00.0 8086:10d3 8086:0000 020000 0000:00:04.0/00.0 vfio-pci nic\n",
                        "# device 05:00.0 8086:10d3 8086:0000 020000 0000:00:04.0/00.0 vfio-pci nic\n",
                        "# device 0000:05:00.0 8086:10d3 8086:0000 020000 0000:00:04.0/00.0 vfio-pci\n",
                        "# device 0000:05:00.0 8086:10d3 8086:0000 020000 0000:00:04.0/00.0 vfio-pci nic more\n",
                        "# device 0000:05:00.0 8086:10d3 8086:0000 020000 0000:00:04.0/00.0 vfio-pci nic "
                        "pci0000:00/\"\n",
                        "# device 0000:05:00.0 8086:10d3 8086:0000 020000 0000:00:04.0/00.0 vfio-pci nic pci0000:00/00 "
                        "x\n",
                        "# device 0000:05:00.0 8086:10d3 8086:0000 020000 0000:00:04.0/00.0 vfio-pci n\"ic\n",
                        "# device 0000:05:00.0 8086:10d3 8086:0000 020000 0000:00:04.0/* vfio-pci nic\n",
                        "# device 0000:05:00.0 8086:10d3 8086:0000 020000 0000:00:04.0/00.0 vfio\",RUN nic\n",
                        "# device 0000:05:00.0 8086:10d3 8086:0000 020000 0000:00:04.0/00.0 e1000e nic\n",
                        "# device 0000:05:00.0 8086:10d3g8086:0000 020000 0000:00:04.0/00.0 vfio-pci nic\n",
        };
        _cleanup_boot_list_ BootList known = {};

        g_assert_cmpint(boot_list_parse("x\n\n" RECORD "y", &known), ==, 0);
        g_assert_cmpuint(known.n_devices, ==, 1);
        g_assert_cmpstr(known.devices[0].rule, ==, "nic");
        g_assert_cmpstr(known.devices[0].driver, ==, "vfio-pci");
        for (size_t i = 0; i < G_N_ELEMENTS(texts); i++) {
                _cleanup_boot_list_ BootList list = {};

                g_assert_cmpint(boot_list_parse(texts[i], &list), ==, 0);
                if (list.n_devices != 0)
                        g_error("\"%s\" is a device", texts[i]);
        }
}

static bool is_wanted(const char *folder, const char *text, const char *address) {
        const char *const folders[] = {folder, NULL};
        g_autofree char *path = g_build_filename(folder, "nic.conf", NULL);
        _cleanup_(rule_book_freep) RuleBook *book = NULL;
        BootDevice device = make_device(address, "nic");
        g_autoptr(GError) error = NULL;

        (void)g_file_set_contents(path, text, -1, &error);
        g_assert_no_error(error);
        g_assert_cmpint(rule_book_new(folders, &book), ==, 0);
        g_assert_cmpint(rule_book_load(book, true), ==, 0);
        return boot_device_is_wanted(&device, book);
}

static void test_wanted(void) {
        g_autofree char *folder = g_dir_make_tmp("vfiod-rules-XXXXXX", NULL);
        const char *place = "0000:3b:00.0";

        g_assert_true(is_wanted(folder, "[Match]\nVendor=8086\n", place));
        g_assert_true(is_wanted(folder, "[Match]\nClass=0200\n", place));
        g_assert_true(is_wanted(folder, "[Match]\nVendor=8086\nDevice=10d3\nPath=0000:00:1c.4/00.0/1f.7\n", place));
        g_assert_true(is_wanted(folder, "[Match]\nClass=03\n[Detach]\nCompanions=0000:3b:00.0\n", place));
        g_assert_true(is_wanted(folder, "[Match]\nVendor=8086\n[Detach]\nOverride=display\n", place));

        g_assert_false(is_wanted(folder, "[Match]\nClass=03\n[Detach]\nCompanions=0000:3b:00.1\n", place));
        g_assert_false(is_wanted(folder, "[Match]\nVendor=8086\nDevice=10d3\nPath=0000:00:1c.4/00.0/1f.6\n", place));
        g_assert_false(is_wanted(folder, "[Match]\nVendor=8086\nDevice=10d3\nSubsystem=8086:0002\n", place));
        g_assert_false(is_wanted(folder, "[Match]\nVendor=8086\n[Detach]\nOverride=storage\n", place));
        g_assert_false(is_wanted(folder, "[Match]\nVendor=8086\n[Detach]\nVirtualFunctions=2\n", place));
        g_assert_false(is_wanted(folder, "", place));
        g_assert_false(is_wanted(folder, "nonsense", place));
        g_autofree char *path = g_build_filename(folder, "nic.conf", NULL);
        g_assert_cmpint(g_unlink(path), ==, 0);
        g_assert_cmpint(g_rmdir(folder), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/boot-list/text", test_text);
        g_test_add_func("/boot-list/others", test_others);
        g_test_add_func("/boot-list/wanted", test_wanted);
        return g_test_run();
}
