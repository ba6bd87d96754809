/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inventory-text.h"
#include "mirror.h"
#include "model/follower.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <umockdev.h>

/* Cards are plugged in, bound, unbound and pulled at random, with events through the real libudev. The model must
 * equal a new scan, and so must the state that the signals describe. */

#define N_STEPS 500
#define N_SLOTS 8

/* So many cards can be in one slot between two turns. */
#define N_HELD 8

typedef struct Bed {
        GRand *random;
        UMockdevTestbed *testbed;
        UeventSource *source;
        Kernel *kernel;
        Inventory *inventory;
        Follower *follower;
        Mirror *mirror;
        bool plugged[N_SLOTS], bound[N_SLOTS];
        int held[N_SLOTS][N_HELD]; /* the folders of the last cards; 0 for none */
        unsigned n_held[N_SLOTS];
} Bed;

static unsigned choose(Bed *bed, unsigned n) {
        return (unsigned)g_rand_int_range(bed->random, 0, (int)n);
}

static char *device_path(unsigned slot) {
        return g_strdup_printf("/sys/devices/0000:00:%02x.0", slot);
}

/* The testbed does not maintain the links in its folder: the test makes them. */
static void set_link(Bed *bed, unsigned slot, const char *name, const char *target) {
        g_autofree char *root = umockdev_testbed_get_root_dir(bed->testbed), *path = device_path(slot);
        g_autofree char *link = g_build_filename(root, path, name, NULL);

        (void)g_unlink(link);
        if (target)
                g_assert_cmpint(symlink(target, link), ==, 0);
}

static void plug(Bed *bed, unsigned slot) {
        g_autofree char *address = g_strdup_printf("0000:00:%02x.0", slot);
        g_autofree char *group = g_strdup_printf("../../kernel/iommu_groups/%u", choose(bed, 3));
        g_autofree char *path = umockdev_testbed_add_device(bed->testbed, "pci", address, NULL, "vendor", "0x8086",
                        "device", choose(bed, 2) ? "0x10d3" : "0x100e", "class", "0x020000", "revision", "0x00",
                        "subsystem_vendor", "0x8086", "subsystem_device", "0x0000", NULL, NULL);

        g_assert_nonnull(path);
        set_link(bed, slot, "iommu_group", group);
        /* the testbed sent "add" before the device had its group; the kernel does not do this */
        umockdev_testbed_uevent(bed->testbed, path, "change");
        bed->plugged[slot] = true;
}

/* As in sysfs, the next folders get other inodes: that of an open folder is not used again. */
static void hold_folder(Bed *bed, unsigned slot) {
        g_autofree char *root = umockdev_testbed_get_root_dir(bed->testbed), *path = device_path(slot);
        g_autofree char *folder = g_build_filename(root, path, NULL);
        int *fd = &bed->held[slot][bed->n_held[slot]++ % N_HELD];

        if (*fd > 0)
                close(*fd);
        *fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(*fd, >, 0);
}

static void unplug(Bed *bed, unsigned slot) {
        g_autofree char *path = device_path(slot);

        hold_folder(bed, slot);

        /* libudev needs the device for the event; the kernel removes it first. */
        umockdev_testbed_uevent(bed->testbed, path, "remove");
        umockdev_testbed_remove_device(bed->testbed, path);
        bed->plugged[slot] = bed->bound[slot] = false;
}

static void set_driver(Bed *bed, unsigned slot) {
        static const char *const drivers[] = {"e1000", "vfio-pci", "igb"};
        g_autofree char *path = device_path(slot);
        g_autofree char *target = g_strdup_printf("../../bus/pci/drivers/%s", drivers[choose(bed, 3)]);

        bed->bound[slot] = !bed->bound[slot];
        set_link(bed, slot, "driver", bed->bound[slot] ? target : NULL);
        umockdev_testbed_uevent(bed->testbed, path, bed->bound[slot] ? "bind" : "unbind");
}

static void step(Bed *bed) {
        unsigned slot = choose(bed, N_SLOTS);

        if (!bed->plugged[slot])
                plug(bed, slot);
        else if (choose(bed, 3) == 0)
                unplug(bed, slot);
        else
                set_driver(bed, slot);
}

static void follow(Bed *bed) {
        struct pollfd poll_fd = {.fd = bed->source->get_fd(bed->source), .events = POLLIN};
        int r;

        g_assert_cmpint(poll(&poll_fd, 1, -1), ==, 1);
        do
                r = follower_follow(bed->follower, 0);
        while (r > 0);
        g_assert_cmpint(r, ==, 0);
        mirror_follow(bed->mirror, bed->inventory);
}

static void check(Bed *bed) {
        _cleanup_(inventory_freep) Inventory *fresh = NULL;

        g_assert_cmpint(inventory_new(&fresh), ==, 0);
        g_assert_cmpint(follower_read_all(bed->kernel, fresh), ==, 0);
        g_autofree char *expected = inventory_to_text(fresh), *found = inventory_to_text(bed->inventory);
        g_assert_cmpstr(found, ==, expected);
        mirror_check(bed->mirror, bed->inventory);
}

static void test_random(void) {
        Bed bed = {.random = g_rand_new_with_seed(1), .testbed = umockdev_testbed_new(), .mirror = mirror_new()};
        g_autofree char *root = umockdev_testbed_get_root_dir(bed.testbed);
        g_autofree char *sys = g_build_filename(root, "sys", NULL);

        plug(&bed, 0); /* so that there is a PCI bus */
        g_assert_cmpint(uevent_source_new_udev(&bed.source), ==, 0);
        g_assert_cmpint(kernel_new(sys, "/dev", "/proc", NULL, NULL, &bed.kernel), ==, 0);
        g_assert_cmpint(inventory_new(&bed.inventory), ==, 0);
        g_assert_cmpint(follower_read_all(bed.kernel, bed.inventory), ==, 0);
        mirror_follow(bed.mirror, bed.inventory);
        g_assert_cmpint(follower_new(bed.kernel, bed.inventory, bed.source, &bed.follower), ==, 0);

        for (unsigned i = 0; i < N_STEPS;) {
                for (unsigned n = 1 + choose(&bed, 4); n > 0; n--, i++) /* not more than the socket can hold */
                        step(&bed);
                follow(&bed);
                check(&bed);
        }
        g_assert_cmpuint(follower_events_lost(bed.follower), ==, 0);
        g_assert_cmpuint(follower_rescans_done(bed.follower), ==, 0);

        for (unsigned slot = 0; slot < N_SLOTS; slot++)
                for (unsigned i = 0; i < N_HELD; i++)
                        if (bed.held[slot][i] > 0)
                                close(bed.held[slot][i]);
        follower_free(bed.follower);
        uevent_source_free(bed.source);
        inventory_free(bed.inventory);
        kernel_free(bed.kernel);
        mirror_free(bed.mirror);
        g_object_unref(bed.testbed);
        g_rand_free(bed.random);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        /* umockdev_in_mock_environment() of Debian 12 returns false even there */
        if (!strstr(g_getenv("LD_PRELOAD") ?: "", "umockdev"))
                g_error("run this test with umockdev-wrapper");
        g_test_add_func("/udev/random", test_random);
        return g_test_run();
}
