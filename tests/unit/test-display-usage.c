/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uses.h"

#define GPU "0000:06:00.0"
#define GPU_FOLDER "sys/bus/pci/devices/" GPU

static Bed *make_bed(void) {
        Bed *bed = bed_new();

        temp_tree_device(bed->tree, "pci0000:00/0000:00:05.0/" GPU);
        return bed;
}

static int survey_of(Bed *bed, const char *address) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot =
                        snapshot_take(bed->tree->kernel, address, NULL, bed->uses);
        const FunctionList *list;

        g_assert_cmpint(usage_snapshot_functions(snapshot, &list), ==, 0);
        return usage_of_display(snapshot, list->functions);
}

static int survey(Bed *bed) {
        return survey_of(bed, GPU);
}

#define assert_display(bed, ...) \
        G_STMT_START { \
                g_assert_cmpint(survey(bed), ==, 0); \
                assert_uses((bed)->uses, __VA_ARGS__); \
        } \
        G_STMT_END

static void put_connector(Bed *bed, const char *card, const char *connector, const char *enabled) {
        temp_tree_file(bed->tree, enabled, GPU_FOLDER "/drm/%s/%s-%s/enabled", card, card, connector);
        temp_tree_file(bed->tree, "connected\n", GPU_FOLDER "/drm/%s/%s-%s/status", card, card, connector);
}

static void test_free(void) {
        g_autoptr(Bed) bed = make_bed();

        assert_display(bed, NULL);
        temp_tree_attribute(bed->tree, GPU, "boot_vga", "0");
        assert_display(bed, NULL);
        /* A card that only computes, and a card whose screen is off. */
        temp_tree_folder(bed->tree, GPU_FOLDER "/drm/renderD128");
        temp_tree_folder(bed->tree, GPU_FOLDER "/drm/card0/power");
        put_connector(bed, "card0", "DP-1", "disabled\n");
        put_connector(bed, "renderD128", "DP-1", "enabled\n");
        temp_tree_file(bed->tree, "enabled\n", GPU_FOLDER "/drm/card0/card01-DP-1/enabled");
        temp_tree_file(bed->tree, "enabled\n", GPU_FOLDER "/drm/card0/card9-DP-1/enabled");
        temp_tree_file(bed->tree, "enabled\n", GPU_FOLDER "/drm/card0/device/enabled");
        temp_tree_folder(bed->tree, GPU_FOLDER "/drm/card0/card0-DP-2");
        assert_display(bed, NULL);
        /* One that is gone from its slot. */
        g_assert_cmpint(survey_of(bed, "0000:07:00.0"), ==, 0);
        assert_uses(bed->uses, NULL);
}

static void test_boot_vga(void) {
        g_autoptr(Bed) bed = make_bed();

        temp_tree_attribute(bed->tree, GPU, "boot_vga", "1");
        assert_display(bed, "display: " GPU " is the display that the host was started with", NULL);
}

static void test_framebuffer(void) {
        g_autoptr(Bed) bed = make_bed();

        temp_tree_folder(bed->tree, GPU_FOLDER "/graphics");
        assert_display(bed, NULL);
        temp_tree_folder(bed->tree, GPU_FOLDER "/graphics/fb0");
        assert_display(bed, "display: fb0 is a framebuffer: it may show the console", NULL);
}

static void test_connector(void) {
        g_autoptr(Bed) bed = make_bed();

        put_connector(bed, "card1", "DP-1", "disabled\n");
        put_connector(bed, "card1", "HDMI-A-1", "enabled\n");
        assert_display(bed, "display: card1-HDMI-A-1 shows a picture", NULL);
        put_connector(bed, "card1", "DP-1", "enabled\n");
        temp_tree_attribute(bed->tree, GPU, "boot_vga", "1");
        temp_tree_folder(bed->tree, GPU_FOLDER "/graphics/fb0");
        assert_display(bed, "display: " GPU " is the display that the host was started with",
                        "display: fb0 is a framebuffer: it may show the console",
                        "display: card1-HDMI-A-1 shows a picture", "display: card1-DP-1 shows a picture", NULL);
}

/* A display without a driver, and of a class that has no boot_vga: only the memory shows that the console is on it. The
 * addresses are as an unprivileged process reads them. */
static void test_firmware_memory(void) {
        static const char *const inner[] = {"BOOTFB", "simpledrm", "simplefb", "efifb", "efidrm", "vesafb", "vesadrm",
                        "simple-framebuffer", "simple-framebuffer.0", "efi-framebuffer.0"};
        static const char twin[] = "00000000-00000000 : System RAM\n"
                                   "00000000-00000000 : PCI Bus 0000:00\n"
                                   "  00000000-00000000 : PCI Bus 0000:06\n"
                                   "    00000000-00000000 : " GPU "\n"
                                   "      00000000-00000000 : nouveau\n"
                                   "    00000000-00000000 : 0000:06:00.1\n"
                                   "      00000000-00000000 : BOOTFB\n"
                                   "        00000000-00000000 : simpledrm\n"
                                   "    00000000-00000000 : " GPU "\n"
                                   "    00000000-00000000 : BOOTFB\n"
                                   "  00000000-00000000 : efifb\n";
        g_autoptr(Bed) bed = make_bed();

        temp_tree_attribute(bed->tree, GPU, "class", "0x038000");
        temp_tree_file(bed->tree, twin, "proc/iomem");
        assert_display(bed, NULL);
        for (size_t i = 0; i < G_N_ELEMENTS(inner); i++) {
                g_autofree char *text = g_strdup_printf("%s    00000000-00000000 : %s\n"
                                                        "      00000000-00000000 : other\n"
                                                        "        00000000-00000000 : %s\n",
                                                twin, GPU, inner[i]),
                                *use = g_strdup_printf(
                                                "display: its memory has the framebuffer of the firmware (%s): it "
                                                "may show the console",
                                                inner[i]);

                temp_tree_file(bed->tree, text, "proc/iomem");
                assert_display(bed, use, NULL);
        }

        /* Behind so many bridges, the kernel indents the inner lines no further. */
        temp_tree_file(bed->tree, "          0-0 : " GPU "\n          0-0 : 0000:07:00.0\n          0-0 : BOOTFB\n",
                        "proc/iomem");
        assert_display(bed, NULL);
        temp_tree_file(bed->tree, "          0-0 : " GPU "\n          0-0 : BOOTFB\n", "proc/iomem");
        g_assert_cmpint(survey(bed), ==, 0);
        assert_use_says(bed->uses, "display", "(BOOTFB)");
        temp_tree_remove(bed->tree, "proc/iomem");
        temp_tree_folder(bed->tree, "proc/iomem");
        g_assert_cmpint(survey(bed), ==, 0);
        assert_use_says(bed->uses, "display", GPU " cannot be examined");
}

/* Newer kernels show the same below the device. */
static void test_firmware_device(void) {
        g_autoptr(Bed) bed = make_bed();

        temp_tree_folder(bed->tree, GPU_FOLDER "/simple-framebuffer.0/drm/card0");
        assert_display(bed, "display: simple-framebuffer.0 is the framebuffer of the firmware: it may show the console",
                        NULL);
}

/* If it cannot be determined, it counts as in use. */
static void test_unreadable(void) {
        g_autoptr(Bed) bed = make_bed();

        temp_tree_attribute(bed->tree, GPU, "boot_vga", "maybe");
        g_assert_cmpint(survey(bed), ==, 0);
        assert_use_says(bed->uses, "display", GPU " cannot be examined");
        temp_tree_attribute(bed->tree, GPU, "boot_vga", "0");
        temp_tree_link(bed->tree, "graphics", GPU_FOLDER "/graphics");
        g_assert_cmpint(survey(bed), ==, 0);
        assert_use_says(bed->uses, "display", GPU " cannot be examined");
        temp_tree_remove(bed->tree, GPU_FOLDER "/graphics");
        temp_tree_link(bed->tree, "drm", GPU_FOLDER "/drm");
        g_assert_cmpint(survey(bed), ==, 0);
        assert_use_says(bed->uses, "display", GPU " cannot be examined");
        temp_tree_remove(bed->tree, GPU_FOLDER "/drm");
        temp_tree_link(bed->tree, "enabled", GPU_FOLDER "/drm/card0/card0-DP-1/enabled");
        g_assert_cmpint(survey(bed), ==, 0);
        assert_use_says(bed->uses, "display", GPU " cannot be examined");
}

static void test_visitor_stops(void) {
        g_autoptr(Bed) bed = make_bed();

        temp_tree_attribute(bed->tree, GPU, "boot_vga", "1");
        temp_tree_folder(bed->tree, GPU_FOLDER "/graphics/fb0");
        put_connector(bed, "card0", "DP-1", "enabled\n");
        for (unsigned i = 1; i <= 3; i++) {
                g_ptr_array_set_size(bed->uses->lines, 0);
                bed->uses->end_after = i;
                g_assert_cmpint(survey(bed), ==, 42);
                g_assert_cmpuint(bed->uses->lines->len, ==, i);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/display-usage/free", test_free);
        g_test_add_func("/display-usage/boot-vga", test_boot_vga);
        g_test_add_func("/display-usage/framebuffer", test_framebuffer);
        g_test_add_func("/display-usage/connector", test_connector);
        g_test_add_func("/display-usage/firmware-memory", test_firmware_memory);
        g_test_add_func("/display-usage/firmware-device", test_firmware_device);
        g_test_add_func("/display-usage/unreadable", test_unreadable);
        g_test_add_func("/display-usage/visitor-stops", test_visitor_stops);
        return g_test_run();
}
