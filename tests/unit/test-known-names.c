/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/known-names.h"
#include "kernel/pci-category.h"
#include "model/availability.h"

#include <glib.h>

/* The names that the filters of vfioctl accept. */

static void test_unknown(void) {
        g_assert_false(category_is_known(""));
        g_assert_false(category_is_known("net"));
        g_assert_false(category_is_known("network, wireless"));
        g_assert_false(availability_is_known("free"));
}

/* The filters accept all that vfiod tells. */
static void test_known(void) {
        for (uint32_t class = 0; class < 0x10000; class ++)
                g_assert_true(category_is_known(pci_category(class << 8)->name));
        for (Availability i = AVAILABILITY_UNKNOWN + 1; i < _AVAILABILITY_MAX; i++)
                g_assert_true(availability_is_known(availability_to_string(i)));
        /* Only Plan tells these two. */
        g_assert_true(availability_is_known("in-use"));
        g_assert_true(availability_is_known("unknown"));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/known-names/unknown", test_unknown);
        g_test_add_func("/known-names/known", test_known);
        return g_test_run();
}
