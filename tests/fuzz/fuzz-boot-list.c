/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "rule/boot-list.h"

#include <string.h>

/* vfiod reads the file again after it was written, and udev obeys it. Somebody else may have changed it. */

/* Each device is one rule for udev, which runs nothing but the loader of modules. */
static void check_rules(const char *text, size_t n_devices) {
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        size_t n = 0;

        for (char **line = lines; *line; line++) {
                if (**line == '#')
                        continue;
                g_assert_null(strstr(*line, "PROGRAM"));
                if (!g_str_has_prefix(*line, "KERNEL==\"")) {
                        g_assert_null(strstr(*line, "RUN"));
                        continue;
                }
                const char *run = strstr(*line, "RUN");
                g_assert_true(g_str_has_prefix(run, "RUN{builtin}+=\"kmod load "));
                g_assert_null(strstr(run + 1, "RUN"));
                n++;
        }
        g_assert_cmpuint(n, ==, n_devices);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *input = fuzz_text(data, size);
        _cleanup_boot_list_ BootList list = {}, again = {};
        _cleanup_free_ char *text = NULL;

        g_assert_cmpint(boot_list_parse(input, &list), ==, 0);
        g_assert_cmpuint(list.n_devices, <=, BOOT_DEVICES_MAX);
        for (size_t i = 1; i < list.n_devices; i++)
                g_assert_cmpint(pci_address_compare(list.devices[i - 1].address, list.devices[i].address), <, 0);
        g_assert_cmpint(boot_list_format(&list, &text), ==, 0);
        check_rules(text, list.n_devices);
        g_assert_cmpint(boot_list_parse(text, &again), ==, 0);
        g_assert_true(boot_list_equal(&list, &again));
        return 0;
}
