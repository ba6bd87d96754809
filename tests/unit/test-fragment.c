/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fragment/formats.h"
#include "fragment/fragment.h"
#include "model.h"

/* Fragments that the fake kernel cannot show: special characters of XML, and large groups. */

static void expect_xml(const char *text, const char *expected) {
        _cleanup_free_ char *written = NULL;
        size_t size;

        FILE *stream = open_memstream(&written, &size);
        fragment_write_xml(stream, text);
        g_assert_cmpint(fclose(stream), ==, 0);
        g_assert_cmpstr(written, ==, expected);
}

static void test_xml(void) {
        expect_xml(NULL, "");
        expect_xml("82574L", "82574L");
        expect_xml("AT&T <x> 'y' \"z\"", "AT&amp;T &lt;x&gt; &apos;y&apos; &quot;z&quot;");
}

/* Makes a group of n devices on this driver. The caller frees the inventory. */
static Inventory *make_group(unsigned n, const char *driver) {
        Inventory *inventory = make_inventory();

        for (unsigned i = 0; i < n; i++) {
                g_autofree char *address = g_strdup_printf("0000:01:%02x.%u", i / 8, i % 8);

                put_device(inventory, address, driver, 7);
        }
        return inventory;
}

static int make(Inventory *inventory, const char *selector, const char *format, Fragment *fragment, Problem *problem) {
        Selection selection;

        g_assert_cmpint(selector_resolve(inventory, selector, &selection, problem), ==, 0);
        return fragment_make(fragment_format_find(format),
                        &(FragmentQuestion){.inventory = inventory, .selection = &selection}, fragment, problem);
}

static void test_limit(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_group(FRAGMENT_NODEDEVS_MAX + 1, "e1000");
        _cleanup_problem_ Problem problem = {};
        _cleanup_fragment_ Fragment fragment = {}, all = {};

        g_assert_cmpint(make(inventory, "group:7", "nodedev", &fragment, &problem), ==, OUTCOME_LIMITS_EXCEEDED);
        g_assert_cmpstr(problem.message, ==,
                        "Group 7 has 129 devices, and at most 128 are described at once: name a device.");
        /* other formats have no limit */
        g_assert_cmpint(make(inventory, "group:7", "libvirt", &all, &problem), ==, 0);
        g_assert_cmpuint(all.n_devices, ==, FRAGMENT_NODEDEVS_MAX + 1);
}

static void test_formats(void) {
        g_auto(GStrv) names = g_strsplit(FRAGMENT_FORMAT_NAMES, ", ", -1);

        g_assert_cmpuint(g_strv_length(names), ==, 6);
        for (unsigned i = 0; names[i]; i++)
                g_assert_cmpstr(fragment_format_find(names[i])->name, ==, names[i]);
        g_assert_null(fragment_format_find(""));
        g_assert_null(fragment_format_find("xml"));
}

/* A device on a vfio driver whose node does not exist yet cannot be used. */
static void test_no_node(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        PciFacts facts = make_facts("0000:01:00.0", "vfio-pci", 7);
        _cleanup_problem_ Problem problem = {};
        _cleanup_fragment_ Fragment fragment = {};

        facts.group_node = false;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        g_assert_cmpint(make(inventory, "0000:01:00.0", "qemu", &fragment, &problem), ==, OUTCOME_NOT_DETACHED);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/fragment/xml", test_xml);
        g_test_add_func("/fragment/limit", test_limit);
        g_test_add_func("/fragment/formats", test_formats);
        g_test_add_func("/fragment/no-node", test_no_node);
        return g_test_run();
}
