/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <signal.h>

/* monitor --json: all objects that there are, and then each change. */

#define NEW "0000:00:08.0"
#define PLUG_NEW "plug " NEW " vendor=8086 device=10d3 class=020000 group=20 net=ens8"

static Process *start(void) {
        g_auto(GStrv) argv = vfioctl_argv("monitor --json");

        return process_start((const char *const *)argv, &(ProcessOptions){.environment = vfioctl_environment});
}

static void finish(Process *monitor, int number) {
        g_assert_cmpint(kill(process_get_pid(monitor), number), ==, 0);
        for (char *line; (line = process_read_line(monitor));)
                g_free(line);
        g_assert_cmpint(process_finish(monitor), ==, 0);
}

/* One object for each line. */
static json_t *next_json(Process *monitor) {
        static const char *const keys[] = {"time", "object", "kind", "event", "properties"};
        g_autofree char *line = process_read_line(monitor);
        json_error_t error;

        g_assert_nonnull(line);
        json_t *document = json_loads(line, JSON_REJECT_DUPLICATES, &error);
        if (!document)
                g_error("%s: %s", line, error.text);
        for (unsigned i = 0; i < G_N_ELEMENTS(keys); i++)
                if (!json_object_get(document, keys[i]))
                        g_error("%s has no %s", line, keys[i]);
        const char *event = json_string_value(json_object_get(document, "event"));
        g_assert_cmpint(json_object_get(document, "before") != NULL, ==,
                        g_str_equal(event, "changed") && !strstr(line, "\"rules\""));
        g_assert_true(g_regex_match_simple("^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\d\\.\\d{3}Z$",
                        json_string_value(json_object_get(document, "time")), 0, 0));
        return document;
}

/* Reads until an object has this event with this property. */
static json_t *wait_json(Process *monitor, const char *path, const char *event, const char *property) {
        for (;;) {
                json_t *document = next_json(monitor);

                if (g_strcmp0(json_string_value(json_object_get(document, "object")), path) == 0 &&
                                g_strcmp0(json_string_value(json_object_get(document, "event")), event) == 0 &&
                                (!property || json_object_get(json_object_get(document, "properties"), property)))
                        return document;
                json_decref(document);
        }
}

static const char *text_at(const json_t *document, const char *key) {
        return json_string_value(json_object_get(document, key));
}

/* Reads one line into the set of devices, as a program does. A device cannot come twice or go twice. Returns the path if the line
 * is about a device. */
static char *follow_devices(Process *monitor, GHashTable *devices, bool *listed) {
        json_t *document = next_json(monitor);
        const char *event = text_at(document, "event"), *kind = text_at(document, "kind");
        g_autofree char *path = g_strdup(text_at(document, "object"));

        if (!g_str_equal(event, "connected"))
                g_assert_cmpint(g_str_equal(event, "present") || g_str_equal(event, "listed"), ==, !*listed);
        *listed = *listed || g_str_equal(event, "listed");
        bool comes = g_str_equal(event, "present") || g_str_equal(event, "added"), goes = g_str_equal(event, "removed");
        if (g_str_equal(kind, "device") && comes && !g_hash_table_add(devices, g_strdup(path)))
                g_error("%s comes twice", path);
        if (g_str_equal(kind, "device") && goes && !g_hash_table_remove(devices, path))
                g_error("%s goes, but did not come", path);
        bool is_device = g_str_equal(kind, "device");
        json_decref(document);
        return is_device ? g_steal_pointer(&path) : NULL;
}

#define LAST_PATH BUS_PATH "/devices/_30000_3a00_3a1d_2e0"

/* While the monitor starts, devices come and go: its lines together are what there is in the end. */
static void test_complete(void) {
        Fixture *fixture = fixture_start(NULL);
        Process *monitor = start();
        g_autoptr(GHashTable) devices = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        bool is_listed = false;

        for (unsigned i = 0x10; i <= 0x1c; i++)
                fake_kernel_do(fixture->kernel, "plug 0000:00:%02x.0 vendor=8086 device=10d3 class=020000 group=%u", i,
                                100 + i);
        for (unsigned i = 0x10; i <= 0x1c; i += 2)
                fake_kernel_do(fixture->kernel, "unplug 0000:00:%02x.0", i);
        fake_kernel_do(fixture->kernel, "plug 0000:00:1d.0 vendor=8086 device=10d3 class=020000 group=200");
        while (!is_listed || !g_hash_table_contains(devices, LAST_PATH))
                g_free(follow_devices(monitor, devices, &is_listed));
        json_t *list = vfioctl_json("devices"), *row;
        size_t i;
        json_array_foreach(json_object_get(list, "devices"), i, row) {
                const char *path = text_at(row, "path");

                if (!g_hash_table_remove(devices, path))
                        g_error("%s is missing", path);
        }
        g_assert_cmpuint(i, ==, 21 + 6 + 1);
        g_assert_cmpuint(g_hash_table_size(devices), ==, 0);
        json_decref(list);
        finish(monitor, SIGTERM);
        fixture_stop(fixture);
}

/* Reads all objects that there are. */
static void read_present(Process *monitor, const char *path, const char *expected) {
        unsigned n_devices = 0, n_groups = 0;

        for (;;) {
                json_t *document = next_json(monitor);
                bool is_last = g_str_equal(text_at(document, "event"), "listed");

                expect_json(document, "event", is_last ? "\"listed\"" : "\"present\"");
                n_devices += g_str_equal(text_at(document, "kind"), "device");
                n_groups += g_str_equal(text_at(document, "kind"), "group");
                if (g_str_equal(text_at(document, "object"), path))
                        expect_json(document, "properties.network_interfaces", expected);
                json_decref(document);
                if (is_last)
                        break;
        }
        g_assert_cmpuint(n_devices, ==, 21);
        g_assert_cmpuint(n_groups, ==, 16);
}

static void test_json(void) {
        Fixture *fixture = fixture_start(NULL);
        Process *monitor = start();
        json_t *document = next_json(monitor);

        expect_json(document, "object", "\"/org/vfiod1\"");
        expect_json(document, "kind", "\"service\"");
        expect_json(document, "event", "\"connected\"");
        expect_json(document, "properties.version", "\"" VFIOD_VERSION "\"");
        json_decref(document);
        read_present(monitor, NIC_PATH, "[\"ens3\"]");

        fake_kernel_do(fixture->kernel, "netrename " NIC " lan3");
        document = wait_json(monitor, NIC_PATH, "changed", "network_interfaces");
        expect_json(document, "kind", "\"device\"");
        expect_json(document, "before.network_interfaces", "[\"ens3\"]");
        json_decref(document);
        fake_kernel_do(fixture->kernel, PLUG_NEW);
        document = wait_json(monitor, BUS_PATH "/devices/_30000_3a00_3a08_2e0", "added", NULL);
        expect_json(document, "properties.address", "\"0000:00:08.0\"");
        expect_json(document, "properties.group", "20");
        expect_json(document, "properties.boot_vga", "false");
        /* as in the other JSON; the interface appears a moment later */
        json_t *show = vfioctl_json("show 00:08.0"), *device = json_object_get(show, "device");
        const char *key;
        json_t *value;
        json_object_foreach(json_object_get(document, "properties"), key, value)
                if (!g_str_equal(key, "group_path") && !g_str_equal(key, "network_interfaces") &&
                                !json_equal(value, json_object_get(device, key)))
                        g_error("%s is not as in show", key);
        json_decref(show);
        g_assert_cmpuint(json_object_size(json_object_get(document, "properties")), ==, 37);
        json_decref(document);
        document = wait_json(monitor, BUS_PATH "/groups/20", "added", NULL);
        expect_json(document, "kind", "\"group\"");
        expect_json(document, "properties.member_addresses", "[\"0000:00:08.0\"]");
        json_decref(document);
        fake_kernel_do(fixture->kernel, "unplug " NEW);
        document = wait_json(monitor, BUS_PATH "/devices/_30000_3a00_3a08_2e0", "removed", NULL);
        expect_json(document, "properties", "{}");
        json_decref(document);

        EXPECT(0, "", "rule add " NIC " --quiet");
        json_decref(wait_json(monitor, BUS_PATH, "changed", NULL)); /* the counts */
        /* The plan of "rule add" has number 1. */
        document = wait_json(monitor, BUS_PATH "/jobs/2", "added", NULL);
        expect_json(document, "properties.kind", "\"detach\"");
        json_decref(document);
        json_decref(wait_json(monitor, BUS_PATH "/jobs/2", "removed", NULL));
        fixture_stop_daemon(fixture);
        document = wait_json(monitor, BUS_PATH, "gone", NULL);
        expect_json(document, "kind", "\"service\"");
        expect_json(document, "properties", "{}");
        json_decref(document);
        fixture_start_daemon(fixture);
        json_decref(wait_json(monitor, BUS_PATH, "connected", "version"));
        finish(monitor, SIGINT);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-monitor-json/changes", test_json);
        g_test_add_func("/bus/vfioctl-monitor-json/complete", test_complete);
        return g_test_run();
}
