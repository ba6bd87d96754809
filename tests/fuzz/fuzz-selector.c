/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "model.h"
#include "policy/selector.h"

/* Each line of the input is a selector. */

#define SELECTORS_MAX 16

static Inventory *inventory;

static void make_host(void) {
        inventory = make_inventory();
        put_bridge(inventory, "0000:00:1c.0", "pcieport", 1);
        put_device(inventory, "0000:03:00.0", "e1000", 10);
        put_device(inventory, "0000:03:00.1", "e1000", 10);
        put_device(inventory, "0000:05:00.0", "nvme", 11);
        put_device(inventory, "10000:01:00.0", "ahci", 12);
        put_device(inventory, "0000:07:00.0", "igb", -1);
        put_name(inventory, "0000:03:00.0", HOST_NAME_NETWORK, "ens1");
        put_name(inventory, "0000:03:00.1", HOST_NAME_NETWORK, "sda1");
        put_name(inventory, "0000:05:00.0", HOST_NAME_BLOCK, "nvme0n1");
        put_name(inventory, "10000:01:00.0", HOST_NAME_BLOCK, "nvme0n1");
        put_name(inventory, "10000:01:00.0", HOST_NAME_BLOCK, "sda");
        put_name(inventory, "0000:07:00.0", HOST_NAME_NETWORK, "a\\x20 \xff");
        put_origin(inventory, "0000:05:00.0", "nvme", NULL);
}

static int resolve(const char *selector, Selection *ret) {
        _cleanup_problem_ Problem problem = {};
        Device *device = NULL;

        *ret = (Selection){};
        int r = selector_resolve(inventory, selector, ret, &problem);
        g_assert_cmpint(r, >=, 0);
        g_assert_cmpint(r, ==, (int)problem.outcome);
        g_assert_true((r == 0) == (ret->device || ret->group));
        if (r > 0)
                fuzz_assert_message(problem.message);
        else if (ret->device)
                g_assert_true(inventory_find_device(inventory, ret->device->address) == ret->device);
        int one = selector_resolve_device(inventory, selector, &device, &problem);
        g_assert_cmpint(one, >=, 0);
        if (ret->device)
                g_assert_true(one == 0 && device == ret->device);
        return r;
}

/* The copy may be shorter, but it resolves as the selector does. */
static void check_copy(const char *selector, int expected) {
        _cleanup_free_ char *copy = selector_copy(selector);
        Selection found;

        g_assert_cmpuint(strlen(copy), <=, SELECTOR_MAX);
        g_assert_true(g_str_has_prefix(selector, copy));
        g_assert_cmpint(resolve(copy, &found), ==, expected);
}

/* All together resolve as each alone does, up to the first that does not. */
static void check_all(const char *const *selectors, size_t n) {
        _cleanup_problem_ Problem problem = {};
        Selection all[SELECTORS_MAX] = {}, alone;
        int expected = 0;

        int r = selector_resolve_all(inventory, selectors, n, all, &problem);
        g_assert_cmpint(r, ==, (int)problem.outcome);
        for (size_t i = 0; i < n && expected == 0; i++) {
                expected = resolve(selectors[i], &alone);
                g_assert_true(alone.device == all[i].device && alone.group == all[i].group);
                check_copy(selectors[i], expected);
        }
        g_assert_cmpint(r, ==, expected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = fuzz_text(data, size);
        g_auto(GStrv) lines = g_strsplit(text, "\n", SELECTORS_MAX);

        if (!inventory)
                make_host();
        check_all((const char *const *)lines, g_strv_length(lines));
        return 0;
}
