/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "model/driver-check.h"
#include "model/follower.h"
#include "temp-tree.h"

/* A driver link disappears without an event, as after a failed probe: the model must notice it. */

#define NIC "0000:00:03.0"
#define NIC_PATH "pci0000:00/" NIC
#define N_READINGS 4
#define DEADLINE_US (20 * G_USEC_PER_SEC)

typedef struct Bed {
        TempTree *tree;
        Inventory *inventory;
        sd_event *event;
        DriverCheck *check;
} Bed;

/* With a NIC without a driver. */
static Bed bed_new(void) {
        Bed bed = {.tree = temp_tree_new(), .inventory = make_inventory()};

        temp_tree_device(bed.tree, NIC_PATH);
        g_assert_cmpint(follower_read_all(bed.tree->kernel, bed.inventory), ==, 0);
        g_assert_cmpint(sd_event_new(&bed.event), ==, 0);
        g_assert_cmpint(driver_check_new(bed.event, bed.tree->kernel, bed.inventory, 0, &bed.check), ==, 0);
        return bed;
}

static void bed_clear(Bed *bed) {
        driver_check_free(bed->check);
        sd_event_unref(bed->event);
        inventory_free(bed->inventory);
        temp_tree_free(bed->tree);
}

static const char *driver(Bed *bed) {
        return get_device(bed->inventory, NIC)->driver;
}

static bool is_confirmed(Bed *bed) {
        return device_driver_is_confirmed(get_device(bed->inventory, NIC));
}

static void emit(Bed *bed, const char *action) {
        Uevent event = {.action = action, .devpath = "/devices/" NIC_PATH, .subsystem = "pci"};

        g_assert_cmpint(scan_event(bed->tree->kernel, bed->inventory, &event), ==, 0);
}

/* The next turn of the loop in which something happens. */
static void run_turn(Bed *bed) {
        g_assert_cmpint(driver_check_arm(bed->check), >=, 0);
        g_assert_cmpint(sd_event_run(bed->event, DEADLINE_US), >, 0);
}

/* Makes the next check due now. */
static void make_check_due(Bed *bed) {
        g_assert_false(is_confirmed(bed));
        inventory_set_driver_due(bed->inventory, get_device(bed->inventory, NIC), clock_us(CLOCK_MONOTONIC));
}

static void expect_silence(Bed *bed) {
        g_assert_cmpint(driver_check_arm(bed->check), >=, 0);
        g_assert_cmpint(sd_event_run(bed->event, 0), ==, 0);
        g_assert_true(is_confirmed(bed));
}

typedef void (*look_t)(Bed *bed);

static void read_by_event(Bed *bed) {
        emit(bed, "unbind");
}

static void read_by_scan(Bed *bed) {
        g_assert_cmpint(scan_device(bed->tree->kernel, bed->inventory, address_of(NIC)), ==, 0);
}

static void read_by_rescan(Bed *bed) {
        g_assert_cmpint(follower_read_all(bed->tree->kernel, bed->inventory), ==, 0);
}

/* The model read the link at the wrong moment, because of an event, a job, or a rescan. */
static void test_failed_probe(const void *userdata) {
        look_t look = *(const look_t *)userdata;
        Bed bed = bed_new();

        temp_tree_driver(bed.tree, NIC, "vfio-pci");
        look(&bed);
        g_assert_cmpstr(driver(&bed), ==, "vfio-pci");
        g_assert_false(is_confirmed(&bed));
        temp_tree_driver(bed.tree, NIC, NULL);
        run_turn(&bed);
        g_assert_null(driver(&bed));
        g_assert_true(is_confirmed(&bed));
        expect_silence(&bed);
        bed_clear(&bed);
}

/* The driver is confirmed, disappears, and appears again for a moment: the same name proves nothing. */
static void test_same_driver(void) {
        Bed bed = bed_new();

        temp_tree_driver(bed.tree, NIC, "vfio-pci");
        emit(&bed, "bind");
        g_assert_true(is_confirmed(&bed));
        emit(&bed, "unbind");
        g_assert_false(is_confirmed(&bed));
        temp_tree_driver(bed.tree, NIC, NULL);
        run_turn(&bed);
        g_assert_null(driver(&bed));
        bed_clear(&bed);
}

/* A probe that takes seconds before it fails. */
static void test_slow_probe(void) {
        Bed bed = bed_new();

        temp_tree_driver(bed.tree, NIC, "vfio-pci");
        emit(&bed, "change");
        for (unsigned i = 1; i < N_READINGS; i++) {
                make_check_due(&bed);
                run_turn(&bed);
                g_assert_cmpstr(driver(&bed), ==, "vfio-pci");
        }
        temp_tree_driver(bed.tree, NIC, NULL);
        make_check_due(&bed);
        run_turn(&bed);
        g_assert_null(driver(&bed));
        bed_clear(&bed);
}

/* The checks end when all results are equal; another driver in between starts them again. */
static void test_end(void) {
        Bed bed = bed_new();

        temp_tree_driver(bed.tree, NIC, "e1000");
        emit(&bed, "add");
        make_check_due(&bed);
        run_turn(&bed);
        temp_tree_driver(bed.tree, NIC, "igb");
        make_check_due(&bed);
        run_turn(&bed);
        g_assert_cmpstr(driver(&bed), ==, "igb");
        for (unsigned i = 0; i < N_READINGS; i++) {
                make_check_due(&bed);
                run_turn(&bed);
        }
        g_assert_cmpstr(driver(&bed), ==, "igb");
        g_assert_true(is_confirmed(&bed));
        expect_silence(&bed);
        bed_clear(&bed);
}

/* Many links are checked in several turns, even if some devices are removed meanwhile. */
static void test_many(void) {
        enum {
                N = 2000
        };
        Bed bed = bed_new();

        for (unsigned i = 0; i < N; i++) {
                g_autofree char *address = g_strdup_printf("0001:%02x:%02x.%u", i >> 8, i >> 3 & 31, i & 7);

                put_device(bed.inventory, address, "vfio-pci", -1);
                inventory_set_driver_due(bed.inventory, get_device(bed.inventory, address), clock_us(CLOCK_MONOTONIC));
        }
        for (size_t n = N; n > 1;) {
                run_turn(&bed);
                (void)inventory_devices(bed.inventory, &n);
        }
        g_assert_nonnull(get_device(bed.inventory, NIC));
        bed_clear(&bed);
}

/* Shortly before and after the lower 32 bits of the milliseconds are 0 again. */
static void test_large_clock(void) {
        static const uint64_t clocks_ms[] = {0, 5000, UINT32_MAX - 3, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 31,
                        (UINT64_C(1000) << 32) - 5, UINT64_C(1000) << 32};

        for (size_t i = 0; i < G_N_ELEMENTS(clocks_ms); i++)
                for (int difference_ms = -5000; difference_ms <= 20000; difference_ms += 250) {
                        uint64_t due_us = (clocks_ms[i] + (uint64_t)difference_ms) * 1000;
                        Device device = {};

                        if ((int64_t)due_us < 0)
                                continue;
                        g_assert_true(device_driver_is_confirmed(&device));
                        device_set_driver_due(&device, due_us);
                        g_assert_false(device_driver_is_confirmed(&device));
                        g_assert_cmpuint(device_driver_due_us(&device, clocks_ms[i] * 1000 + 999), ==, due_us);
                }
}

int main(int argc, char **argv) {
        static const look_t readers[] = {read_by_event, read_by_scan, read_by_rescan};

        g_test_init(&argc, &argv, NULL);
        g_test_add_data_func("/driver-check/failed-probe/event", &readers[0], test_failed_probe);
        g_test_add_data_func("/driver-check/failed-probe/job", &readers[1], test_failed_probe);
        g_test_add_data_func("/driver-check/failed-probe/rescan", &readers[2], test_failed_probe);
        g_test_add_func("/driver-check/same-driver", test_same_driver);
        g_test_add_func("/driver-check/slow-probe", test_slow_probe);
        g_test_add_func("/driver-check/ends", test_end);
        g_test_add_func("/driver-check/many", test_many);
        g_test_add_func("/driver-check/large-clock", test_large_clock);
        return g_test_run();
}
