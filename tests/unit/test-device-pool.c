/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/device-pool.h"

#include <glib.h>

#define N 1000

/* Devices of a pool, in a random order. */
typedef struct Bed {
        DevicePool pool;
        Device *devices[N];
} Bed;

static Bed *bed_new(void) {
        Bed *bed = g_new0(Bed, 1);

        for (unsigned i = 0; i < N; i++) {
                bed->devices[i] = device_pool_new(&bed->pool);
                g_assert_nonnull(bed->devices[i]);
                bed->devices[i]->change = i;
        }
        for (int i = N - 1; i > 0; i--) {
                int other = g_test_rand_int_range(0, i + 1);
                Device *device = bed->devices[i];

                bed->devices[i] = bed->devices[other];
                bed->devices[other] = device;
        }
        return bed;
}

/* Each device has the number that it got: no two of them have the same memory. */
static void expect_distinct(const Bed *bed) {
        bool found[N] = {};

        for (unsigned i = 0; i < N; i++) {
                g_assert_cmpuint(bed->devices[i]->change, <, N);
                g_assert_false(found[bed->devices[i]->change]);
                found[bed->devices[i]->change] = true;
        }
}

static void free_devices(Bed *bed, unsigned n) {
        for (unsigned i = 0; i < n; i++)
                device_pool_free(&bed->pool, bed->devices[i]);
}

/* A leak would be found by a build with sanitizers. */
static void test_empty(void) {
        Bed *bed = bed_new();

        expect_distinct(bed);
        free_devices(bed, N);
        g_assert_null(bed->pool.blocks);
        g_free(bed);
}

/* The places of freed devices are used again, and their fields are 0 then. */
static void test_again(void) {
        Bed *bed = bed_new();
        g_autoptr(GHashTable) freed = g_hash_table_new(NULL, NULL);

        /* Each block keeps a device, because so few are freed. */
        for (unsigned i = 0; i < 20; i++) {
                g_assert_cmpint(host_name_list_add(&bed->devices[i]->names, HOST_NAME_NETWORK, "eth0", 0), ==, 1);
                bed->devices[i]->present = true;
                g_hash_table_add(freed, bed->devices[i]);
        }
        free_devices(bed, 20);
        size_t n_free = 0;
        for (unsigned i = 0; i < 20; i++) {
                Device *device = device_pool_new(&bed->pool);

                g_assert_null(device->names);
                g_assert_false(device->present);
                g_assert_cmpuint(device->change, ==, 0);
                n_free += g_hash_table_contains(freed, device);
                device->change = i;
                bed->devices[i] = device;
        }
        /* At most 8 of them were in the last block, which was not full. */
        g_assert_cmpuint(n_free, >=, 12);
        free_devices(bed, N);
        g_assert_null(bed->pool.blocks);
        g_free(bed);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/device-pool/empty", test_empty);
        g_test_add_func("/device-pool/again", test_again);
        return g_test_run();
}
