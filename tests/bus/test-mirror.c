/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fixture.h"

#include "client/mirror.h"

#include <systemd/sd-bus.h>

/* A listener never has to ask again: after 200 random steps, the state from its signals equals the daemon's answers. */

#define STEPS 200
#define SLOTS 6

typedef struct Watch {
        Fixture *fixture;
        sd_bus *bus;
        Mirror *mirror;
        unsigned n_changes, step;
        bool asked; /* asked, but not answered yet */
} Watch;

static int count_change(const MirrorChange *change, void *userdata) {
        Watch *watch = userdata;

        g_assert_nonnull(change->path);
        watch->n_changes++;
        return 0;
}

static int on_signal(sd_bus_message *signal, void *userdata, sd_bus_error *error) {
        Watch *watch = userdata;

        (void)error;
        g_assert_cmpint(mirror_take_signal(watch->mirror, signal, count_change, watch), ==, 0);
        return 0;
}

/* A reply is in order with the signals: signals before it were sent before it, and later signals after it. */
static void ask(Watch *watch, sd_bus_message_handler_t on_reply) {
        watch->asked = true;
        g_assert_cmpint(sd_bus_call_method_async(watch->bus, NULL, BUS_NAME, BUS_PATH, OBJECT_MANAGER,
                                        "GetManagedObjects", on_reply, watch, NULL),
                        >=, 0);
        while (watch->asked) {
                int r = sd_bus_process(watch->bus, NULL);

                g_assert_cmpint(r, >=, 0);
                if (r == 0)
                        g_assert_cmpint(sd_bus_wait(watch->bus, DEADLINE_MS * UINT64_C(1000)), >, 0);
        }
}

static int on_first_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Watch *watch = userdata;

        (void)error;
        g_assert_cmpint(mirror_load(watch->mirror, reply, NULL, NULL), ==, 0);
        watch->asked = false;
        return 0;
}

static void show_differences(json_t *asked, json_t *told) {
        const char *path;
        json_t *entry;

        json_object_foreach(asked, path, entry) {
                json_t *other = json_object_get(told, path);
                g_autofree char *as_asked = json_dumps(entry, JSON_SORT_KEYS);
                g_autofree char *as_told = other ? json_dumps(other, JSON_SORT_KEYS) : g_strdup("nothing");

                if (!g_str_equal(as_asked, as_told))
                        g_printerr("%s\n is   %s\n told %s\n", path, as_asked, as_told);
        }
}

/* Compares the current answer with the state from the signals. */
static int on_reply(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        Watch *watch = userdata;
        Mirror *asked;

        (void)error;
        g_assert_cmpint(mirror_new(&asked), ==, 0);
        g_assert_cmpint(mirror_load(asked, reply, NULL, NULL), ==, 0);
        if (!json_equal(mirror_get_all(asked), mirror_get_all(watch->mirror))) {
                show_differences(mirror_get_all(asked), mirror_get_all(watch->mirror));
                g_error("step %u: the state from the signals is not the daemon's state: %zu and %zu objects",
                                watch->step, json_object_size(mirror_get_all(watch->mirror)),
                                json_object_size(mirror_get_all(asked)));
        }
        mirror_free(asked);
        watch->asked = false;
        return 0;
}

static void watch_start(Watch *watch, Fixture *fixture) {
        *watch = (Watch){.fixture = fixture};
        g_assert_cmpint(mirror_new(&watch->mirror), ==, 0);
        g_assert_cmpint(sd_bus_open_system(&watch->bus), >=, 0);
        g_assert_cmpint(sd_bus_add_match(watch->bus, NULL, "type='signal',sender='" BUS_NAME "'", on_signal, watch), >=,
                        0);
        ask(watch, on_first_reply);
}

static void watch_end(Watch *watch) {
        sd_bus_flush_close_unref(watch->bus);
        mirror_free(watch->mirror);
}

/* A device that is plugged in and pulled, in one of a few slots and groups. */
static void plug(Watch *watch) {
        int slot = g_test_rand_int_range(8, 8 + SLOTS);
        g_autofree char *address = g_strdup_printf("0000:00:%02x.0", slot);
        g_autofree char *path = g_strdup_printf("sys/bus/pci/devices/%s", address);

        g_autofree char *link = fake_kernel_link(watch->fixture->kernel, "%s", path);
        if (link)
                fake_kernel_do(watch->fixture->kernel, "unplug %s", address);
        else
                fake_kernel_do(watch->fixture->kernel, "plug %s vendor=8086 device=%s class=020000 group=%d net=eth%d",
                                address, g_test_rand_int_range(0, 2) ? "10d3" : "100e", g_test_rand_int_range(20, 23),
                                slot);
}

/* Renames the interface of a card that is not moved. */
static void rename_interface(Watch *watch) {
        static unsigned n; /* a new name each time: the kernel refuses the present one */

        fake_kernel_do(watch->fixture->kernel, "netrename 0000:07:00.0 lan%u", n++);
}

/* Bind and unbind as an administrator does; some of these writes fail. */
static void bind_by_hand(Watch *watch) {
        static const char *const places[] = {"drivers/e1000/unbind", "drivers/vfio-pci/unbind", "drivers/e1000/bind",
                        "drivers/vfio-pci/bind", "drivers_probe"};
        const char *address = g_test_rand_int_range(0, 2) ? PORT1 : PORT2;

        (void)fake_kernel_write(watch->fixture->kernel, address, "sys/bus/pci/%s",
                        places[g_test_rand_int_range(0, G_N_ELEMENTS(places))]);
}

static void override_by_hand(Watch *watch) {
        (void)fake_kernel_write(
                        watch->fixture->kernel, g_test_rand_int_range(0, 2) ? "vfio-pci" : "\n", OVERRIDE, PORT2);
}

static void move(Watch *watch) {
        static const char *const selectors[] = {PORT1, NIC, "0000:06:00.0", "0000:04:00.0", "0000:00:08.0", "group:20"};
        g_autofree char *arguments = g_strdup_printf(
                        "('%s', " NO_OPTIONS ")", selectors[g_test_rand_int_range(0, G_N_ELEMENTS(selectors))]);
        g_autoptr(GVariant) G_GNUC_UNUSED reply = NULL;
        g_autoptr(GError) error = NULL; /* many of these calls are refused */

        if (g_test_rand_int_range(0, 2))
                reply = fixture_call(watch->fixture, BUS_PATH, MANAGER, "Reattach", arguments, &error);
        else if (g_test_rand_int_range(0, 2))
                reply = fixture_call(watch->fixture, BUS_PATH, MANAGER, "Detach", arguments, &error);
        else {
                g_autofree char *whole = g_strdup_printf("('%s', " ALL ")", selectors[g_test_rand_int_range(0, 3)]);

                reply = fixture_call(watch->fixture, BUS_PATH, MANAGER, "Detach", whole, &error);
        }
}

/* A call that the test does not wait for: its effects appear in the following steps. */
static void move_meanwhile(Watch *watch) {
        const char *method = g_test_rand_int_range(0, 2) ? "Detach" : "Reattach";

        g_dbus_connection_call(watch->fixture->connection, BUS_NAME, GROUP12, GROUP, method,
                        g_variant_new_parsed("(" NO_OPTIONS ",)"), NULL, G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL,
                        NULL, NULL);
}

static void test_random(void) {
        static void (*const steps[])(Watch * watch) = {plug, plug, rename_interface, bind_by_hand, bind_by_hand,
                        override_by_hand, move, move_meanwhile};
        unsigned n_of_each[G_N_ELEMENTS(steps)] = {};
        Fixture *fixture = fixture_start(NULL);
        Watch watch;

        watch_start(&watch, fixture);
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        for (unsigned i = 0; i < STEPS; i++) {
                int step = g_test_rand_int_range(0, G_N_ELEMENTS(steps));

                steps[step](&watch);
                n_of_each[step]++;
                watch.step = i;
                ask(&watch, on_reply);
        }
        for (unsigned i = 0; i < G_N_ELEMENTS(steps); i++)
                g_assert_cmpuint(n_of_each[i], >, 0);
        g_test_message("%u changes in %d steps", watch.n_changes, STEPS);
        g_assert_cmpuint(watch.n_changes, >, STEPS);
        watch_end(&watch);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/mirror/random", test_random);
        return g_test_run();
}
