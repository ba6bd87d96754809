/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/link-reader.h"
#include "model.h"
#include "model/follower.h"
#include "temp-tree.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

/* Links, some of which do not answer: a FIFO without a writer blocks its reader. */

#define FIRST "0000:00:03.0"
#define SECOND "0000:00:04.0"
#define THIRD "0000:00:05.0"
#define TURN_MAX_US (60 * G_USEC_PER_SEC)

typedef struct Bed {
        TempTree *tree;
        Inventory *inventory;
        sd_event *event;
        LinkReader *reader;
} Bed;

static const char *const addresses[] = {FIRST, SECOND, THIRD};

static Bed bed_new(void) {
        Bed bed = {.tree = temp_tree_new(), .inventory = make_inventory()};
        sigset_t signals;

        g_assert_cmpint(sigemptyset(&signals), ==, 0);
        g_assert_cmpint(sigaddset(&signals, SIGCHLD), ==, 0);
        g_assert_cmpint(sigprocmask(SIG_BLOCK, &signals, NULL), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
                g_autofree char *path = g_strdup_printf("pci0000:00/%s", addresses[i]);

                temp_tree_device(bed.tree, path);
                temp_tree_attribute(bed.tree, addresses[i], "max_link_speed", "16.0 GT/s PCIe");
                temp_tree_attribute(bed.tree, addresses[i], "max_link_width", "8");
                temp_tree_attribute(bed.tree, addresses[i], "current_link_speed", "8.0 GT/s PCIe");
                temp_tree_attribute(bed.tree, addresses[i], "current_link_width", "4");
        }
        g_assert_cmpint(follower_read_all(bed.tree->kernel, bed.inventory), ==, 0);
        g_assert_cmpint(sd_event_new(&bed.event), ==, 0);
        g_assert_cmpint(link_reader_new(bed.event, bed.tree->kernel, bed.inventory, &bed.reader), ==, 0);
        return bed;
}

static void bed_clear(Bed *bed) {
        link_reader_free(bed->reader);
        sd_event_unref(bed->event);
        inventory_free(bed->inventory);
        temp_tree_free(bed->tree);
}

static char *fifo_path(Bed *bed, const char *address) {
        return temp_tree_path(bed->tree, "sys/devices/pci0000:00/%s/current_link_speed", address);
}

static void stall(Bed *bed, const char *address) {
        g_autofree char *path = fifo_path(bed, address);

        temp_tree_remove(bed->tree, "sys/devices/pci0000:00/%s/current_link_speed", address);
        g_assert_cmpint(mkfifo(path, 0600), ==, 0);
}

/* The device answers finally. */
static void answer(Bed *bed, const char *address, const char *text) {
        g_autofree char *path = fifo_path(bed, address);
        int fd = open(path, O_WRONLY | O_CLOEXEC);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(write(fd, text, strlen(text)), ==, (ssize_t)strlen(text));
        g_assert_cmpint(close(fd), ==, 0);
}

static unsigned speed(Bed *bed, const char *address) {
        return get_device(bed->inventory, address)->link.speed;
}

static void await_speed(Bed *bed, const char *address, unsigned expected) {
        while (speed(bed, address) != expected)
                g_assert_cmpint(sd_event_run(bed->event, TURN_MAX_US), >, 0);
}

static void set_speed(Bed *bed, const char *address, const char *text) {
        temp_tree_attribute(bed->tree, address, "current_link_speed", text);
}

static void read_now(Bed *bed, uint64_t timeout_us) {
        g_assert_cmpint(link_reader_begin(bed->reader), ==, 0);
        link_reader_await(bed->reader, timeout_us);
}

/* At the start all links are known at once, unless a device does not answer. */
static void test_start(void) {
        Bed bed = bed_new();

        read_now(&bed, TURN_MAX_US);
        for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
                const PciLink expected = {.speed = 8000, .speed_max = 16000, .width = 4, .width_max = 8};

                g_assert_true(pci_link_equal(&get_device(bed.inventory, addresses[i])->link, &expected));
        }
        bed_clear(&bed);

        bed = bed_new();
        stall(&bed, FIRST);
        read_now(&bed, 1000);
        g_assert_cmpuint(speed(&bed, SECOND), ==, 0);
        await_speed(&bed, SECOND, 8000);
        await_speed(&bed, THIRD, 8000);
        g_assert_cmpuint(speed(&bed, FIRST), ==, 0);
        bed_clear(&bed);
}

/* Only changed links are read again. */
static void test_follow(void) {
        Bed bed = bed_new();
        Change changes[] = {
                        {.kind = CHANGE_DEVICE_CHANGED, .facts = CHANGED_NAMES, .address = address_of(FIRST)},
                        {.kind = CHANGE_DEVICE_CHANGED, .facts = CHANGED_DRIVER, .address = address_of(SECOND)},
                        {.kind = CHANGE_DEVICE_CHANGED, .facts = CHANGED_LINK, .address = address_of(THIRD)},
                        {.kind = CHANGE_DEVICE_REMOVED, .address = address_of("0000:00:06.0")},
                        {.kind = CHANGE_GROUP_CHANGED, .facts = CHANGED_STATE, .group = 1},
        };

        read_now(&bed, TURN_MAX_US);
        for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++)
                set_speed(&bed, addresses[i], "2.5 GT/s PCIe");
        g_assert_cmpint(link_reader_follow(bed.reader, &(ChangeList){changes, G_N_ELEMENTS(changes)}), >=, 0);
        await_speed(&bed, SECOND, 2500);
        g_assert_cmpuint(speed(&bed, FIRST), ==, 8000);
        g_assert_cmpuint(speed(&bed, THIRD), ==, 8000);
        g_assert_cmpint(link_reader_read_all(bed.reader), >=, 0);
        await_speed(&bed, FIRST, 2500);
        await_speed(&bed, THIRD, 2500);
        bed_clear(&bed);
}

/* One child waits for the device, even if more reads are requested; the others are read; when the device answers,
 * its link is known. */
static void test_stall(void) {
        Bed bed = bed_new();

        stall(&bed, SECOND);
        g_assert_cmpint(link_reader_read_all(bed.reader), >=, 0);
        await_speed(&bed, FIRST, 8000);
        await_speed(&bed, THIRD, 8000);
        g_assert_cmpuint(link_reader_late(bed.reader), ==, 1);
        set_speed(&bed, THIRD, "2.5 GT/s PCIe");
        g_assert_cmpint(link_reader_read_all(bed.reader), >=, 0);
        await_speed(&bed, THIRD, 2500);
        g_assert_cmpuint(link_reader_late(bed.reader), ==, 1);
        g_assert_cmpuint(speed(&bed, SECOND), ==, 0);

        answer(&bed, SECOND, "5.0 GT/s PCIe\n");
        await_speed(&bed, SECOND, 5000);
        g_assert_cmpuint(link_reader_late(bed.reader), ==, 0);
        g_assert_cmpuint(speed(&bed, THIRD), ==, 2500);
        bed_clear(&bed);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/link-reader/start", test_start);
        g_test_add_func("/link-reader/follow", test_follow);
        g_test_add_func("/link-reader/stall", test_stall);
        return g_test_run();
}
