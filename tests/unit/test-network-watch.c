/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/util.h"
#include "rule/network-watch.h"

#include <glib/gstdio.h>

/* When the network counts as online. */

#define LONG_US UINT64_C(3600000000)

static void create(const char *file) {
        g_autoptr(GError) error = NULL;

        (void)g_file_set_contents(file, "", -1, &error);
        g_assert_no_error(error);
}

static void run_until_online(sd_event *event, const NetworkWatch *watch) {
        while (!network_watch_is_online(watch))
                g_assert_cmpint(sd_event_run(event, UINT64_MAX), >=, 0);
}

static void test_watch(void) {
        g_autofree char *folder = g_dir_make_tmp("vfiod-online-XXXXXX", NULL);
        g_autofree char *file = g_build_filename(folder, "online", NULL), *other = g_build_filename(folder, "x", NULL);
        _cleanup_(sd_event_unrefp) sd_event *event = NULL;
        NetworkWatch *watch, *second, *impatient;

        g_assert_cmpint(sd_event_new(&event), ==, 0);
        g_assert_cmpint(network_watch_new(event, "/nonexistent/online", LONG_US, &watch), ==, -ENOENT);
        g_assert_cmpint(network_watch_new(event, file, LONG_US, &watch), ==, 0);
        g_assert_cmpint(network_watch_new(event, file, 1000, &impatient), ==, 0);
        g_assert_false(network_watch_is_online(watch));
        create(other);
        run_until_online(event, impatient);
        g_assert_false(network_watch_is_online(watch));
        create(file);
        run_until_online(event, watch);
        g_assert_cmpint(network_watch_new(event, file, LONG_US, &second), ==, 0);
        g_assert_true(network_watch_is_online(second));
        g_assert_null(network_watch_free(watch));
        g_assert_null(network_watch_free(second));
        g_assert_null(network_watch_free(impatient));
        g_assert_cmpint(g_unlink(file), ==, 0);
        g_assert_cmpint(g_unlink(other), ==, 0);
        g_assert_cmpint(g_rmdir(folder), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/network-watch/watch", test_watch);
        return g_test_run();
}
