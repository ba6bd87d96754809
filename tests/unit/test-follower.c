/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "event-queue.h"
#include "inventory-text.h"
#include "model.h"
#include "model/follower.h"
#include "temp-tree.h"

#include <glib/gstdio.h>

/* What a rescan in pieces must do if the host changes meanwhile. Each change happens at the worst moment. */

#define NIC "0000:00:03.0"
#define NIC_PATH "pci0000:00/" NIC
#define NVME "0000:00:04.0"
#define NVME_PATH "pci0000:00/" NVME

typedef struct Bed {
        TempTree *tree;
        EventQueue *queue;
        UeventSource *source;
        Inventory *inventory;
        Follower *follower;
} Bed;

/* With a NIC that the model knows. */
static Bed bed_start(unsigned capacity, bool udev) {
        Bed bed = {.tree = temp_tree_new(), .queue = event_queue_new(capacity), .inventory = make_inventory()};

        temp_tree_device(bed.tree, NIC_PATH);
        temp_tree_driver(bed.tree, NIC, "e1000");
        temp_tree_name(bed.tree, NIC, "net", "eth0");
        g_assert_cmpint(follower_read_all(bed.tree->kernel, bed.inventory), ==, 0);
        g_free(inventory_take_changes_text(bed.inventory));
        bed.source = udev ? event_queue_listen_udev(bed.queue) : event_queue_listen(bed.queue);
        g_assert_cmpint(follower_new(bed.tree->kernel, bed.inventory, bed.source, &bed.follower), ==, 0);
        return bed;
}

static void bed_stop(Bed *bed) {
        follower_free(bed->follower);
        uevent_source_free(bed->source);
        event_queue_free(bed->queue);
        inventory_free(bed->inventory);
        temp_tree_free(bed->tree);
}

static void expect_changes(Bed *bed, const char *expected) {
        g_autofree char *changes = inventory_take_changes_text(bed->inventory);

        g_assert_cmpstr(changes, ==, expected);
}

static void follow_all(Bed *bed) {
        int r;

        while ((r = follower_follow(bed->follower, 0)) > 0)
                ;
        g_assert_cmpint(r, ==, 0);
}

static void rescan_piece(Bed *bed) {
        g_assert_cmpint(follower_rescan(bed->follower, 0), ==, 0);
}

static void rescan_rest(Bed *bed) {
        while (follower_is_rescanning(bed->follower))
                rescan_piece(bed);
}

/* The folder keeps its inode number, and no other folder gets it, as in sysfs. */
static void pull_nic(Bed *bed) {
        g_autofree char *folder = temp_tree_path(bed->tree, "sys/devices/" NIC_PATH),
                        *aside = temp_tree_path(bed->tree, "pulled");

        temp_tree_remove(bed->tree, "sys/class/net/eth0");
        temp_tree_remove(bed->tree, "sys/bus/pci/devices/" NIC);
        g_assert_cmpint(g_rename(folder, aside), ==, 0);
}

static void emit(Bed *bed, const char *action, const char *path, const char *subsystem) {
        event_queue_emit(bed->queue, action, path, subsystem, NULL);
}

/* A turn stops when its time is over, whatever is left; the rescan waits until the queue is empty. */
static void test_turns(const void *udev) {
        Bed bed = bed_start(3, udev);

        for (unsigned i = 0; i < 5; i++)
                emit(&bed, "change", NIC_PATH, "pci");
        g_assert_cmpuint(event_queue_dropped(bed.queue), ==, 2);
        for (unsigned i = 0; i < 4; i++) {
                g_assert_cmpint(follower_follow(bed.follower, 0), ==, 1);
                g_assert_cmpuint(follower_events_lost(bed.follower), ==, 1);
                g_assert_false(follower_is_rescanning(bed.follower));
        }
        g_assert_cmpint(follower_follow(bed.follower, 0), ==, 0);
        g_assert_true(follower_is_rescanning(bed.follower));

        /* the list of devices, the device, the list of names, the name, and the check for removed devices */
        for (unsigned i = 0; i < 5; i++) {
                g_assert_true(follower_is_rescanning(bed.follower));
                rescan_piece(&bed);
        }
        rescan_rest(&bed);
        g_assert_cmpuint(follower_rescans_done(bed.follower), ==, 1);
        expect_changes(&bed, "");
        g_assert_cmpint(follower_follow(bed.follower, 0), ==, 0);
        g_assert_false(follower_is_rescanning(bed.follower));
        bed_stop(&bed);
}

/* With enough time, a turn does everything. */
static void test_budget(void) {
        Bed bed = bed_start(100, false);

        for (unsigned i = 0; i < 50; i++)
                emit(&bed, "change", NIC_PATH, "pci");
        g_assert_cmpint(follower_follow(bed.follower, UINT64_C(3600000000)), ==, 0);
        g_assert_cmpuint(follower_ask_rescan(bed.follower), ==, 1);
        g_assert_cmpint(follower_rescan(bed.follower, UINT64_C(3600000000)), ==, 0);
        g_assert_cmpuint(follower_rescans_done(bed.follower), ==, 1);
        bed_stop(&bed);
}

/* Events of other subsystems fill the queue too. A loss of them counts as a loss, because nobody knows what was
 * lost. */
static void test_lost_foreign_events(const void *udev) {
        Bed bed = bed_start(2, udev);

        for (unsigned i = 0; i < 3; i++)
                emit(&bed, "change", "platform/x", "platform");
        follow_all(&bed);
        g_assert_cmpuint(follower_events_lost(bed.follower), ==, 1);
        rescan_rest(&bed);
        g_assert_cmpuint(follower_rescans_done(bed.follower), ==, 1);
        bed_stop(&bed);
}

/* libudev skips a message that is not from the kernel, as if there was none. More messages may follow: the queue is
 * not empty yet. */
static void test_forged(void) {
        Bed bed = bed_start(2, true);

        emit(&bed, "change", "forged/x", "pci");
        emit(&bed, "change", NIC_PATH, "pci");
        emit(&bed, "change", NIC_PATH, "pci");
        g_assert_cmpint(follower_follow(bed.follower, 0), ==, 1);
        g_assert_cmpuint(follower_events_lost(bed.follower), ==, 1);
        g_assert_cmpint(follower_follow(bed.follower, 0), ==, 1);
        g_assert_cmpint(follower_follow(bed.follower, 0), ==, 1);
        g_assert_false(follower_is_rescanning(bed.follower));
        g_assert_cmpint(follower_follow(bed.follower, 0), ==, 0);
        g_assert_true(follower_is_rescanning(bed.follower));
        bed_stop(&bed);
}

/* A message that libudev cannot parse is skipped and counted. The following messages are handled, and nothing is
 * read again. */
static void test_malformed(void) {
        Bed bed = bed_start(100, true);

        event_queue_emit_malformed(bed.queue, "platform");
        event_queue_emit_malformed(bed.queue, "pci");
        temp_tree_driver(bed.tree, NIC, "igb");
        emit(&bed, "bind", NIC_PATH, "pci");
        event_queue_emit_malformed(bed.queue, "platform");
        follow_all(&bed);
        expect_changes(&bed, "device changed " NIC " driver\n");
        g_assert_cmpuint(follower_events_skipped(bed.follower), ==, 3);
        g_assert_cmpuint(follower_events_lost(bed.follower), ==, 0);
        g_assert_false(follower_is_rescanning(bed.follower));
        bed_stop(&bed);
}

/* Events of other subsystems need turns too: each counts against the time. */
static void test_foreign_events_in_turns(void) {
        Bed bed = bed_start(100, true);

        for (unsigned i = 0; i < 50; i++)
                emit(&bed, "change", "platform/x", "platform");
        for (unsigned i = 0; i < 50; i++)
                g_assert_cmpint(follower_follow(bed.follower, 0), ==, 1);
        g_assert_cmpint(follower_follow(bed.follower, 0), ==, 0);
        bed_stop(&bed);
}

/* Losses during a rescan lead to one more rescan, not two. */
static void test_overtaken(void) {
        Bed bed = bed_start(1, false);

        for (unsigned i = 0; i < 3; i++) {
                emit(&bed, "change", NIC_PATH, "pci");
                emit(&bed, "change", NIC_PATH, "pci");
                follow_all(&bed);
                rescan_piece(&bed);
        }
        /* The first rescan sees the old state; the second must see this change. */
        rescan_piece(&bed);
        temp_tree_driver(bed.tree, NIC, "igb");
        emit(&bed, "unbind", "platform/x", "platform");
        emit(&bed, "bind", NIC_PATH, "pci");
        follow_all(&bed);
        g_assert_cmpuint(follower_events_lost(bed.follower), ==, 4);
        while (follower_rescans_done(bed.follower) == 0)
                rescan_piece(&bed);
        expect_changes(&bed, "");
        g_assert_true(follower_is_rescanning(bed.follower));
        rescan_rest(&bed);
        g_assert_cmpuint(follower_rescans_done(bed.follower), ==, 2);
        expect_changes(&bed, "device changed " NIC " driver\n");
        bed_stop(&bed);
}

/* Each request needs a rescan that begins after the request. */
static void test_rescan_numbers(void) {
        Bed bed = bed_start(1, false);

        g_assert_cmpuint(follower_rescans_done(bed.follower), ==, 0);
        g_assert_cmpuint(follower_ask_rescan(bed.follower), ==, 1);
        g_assert_cmpuint(follower_ask_rescan(bed.follower), ==, 1);
        rescan_piece(&bed);
        g_assert_cmpuint(follower_ask_rescan(bed.follower), ==, 2);
        g_assert_cmpuint(follower_ask_rescan(bed.follower), ==, 2);
        rescan_rest(&bed);
        g_assert_cmpuint(follower_rescans_done(bed.follower), ==, 2);
        bed_stop(&bed);
}

/* A device and its name appear after the list was read: their events add them, and the end of the rescan keeps them. */
static void test_added_after_list(void) {
        Bed bed = bed_start(10, false);

        (void)follower_ask_rescan(bed.follower);
        rescan_piece(&bed);
        temp_tree_device(bed.tree, NVME_PATH);
        emit(&bed, "add", NVME_PATH, "pci");
        follow_all(&bed);
        rescan_piece(&bed); /* the NIC */
        rescan_piece(&bed); /* the list of names */
        temp_tree_name(bed.tree, NVME, "block", "nvme0n1");
        emit(&bed, "add", NVME_PATH "/block/nvme0n1", "block");
        follow_all(&bed);
        rescan_rest(&bed);
        expect_changes(&bed, "device added " NVME "\n");
        g_assert_true(host_name_list_has(get_device(bed.inventory, NVME)->names, HOST_NAME_BLOCK, "nvme0n1"));
        bed_stop(&bed);
}

/* A device disappears after the list was read: its event removes it, and the rescan does not add it again. */
static void test_removed_after_list(void) {
        Bed bed = bed_start(10, false);

        (void)follower_ask_rescan(bed.follower);
        rescan_piece(&bed);
        pull_nic(&bed);
        emit(&bed, "remove", NIC_PATH "/net/eth0", "net");
        emit(&bed, "remove", NIC_PATH, "pci");
        follow_all(&bed);
        rescan_rest(&bed);
        expect_changes(&bed, "device removed " NIC "\n");
        bed_stop(&bed);
}

/* The device is absent when the list is read, and returns before the end: it is read again before it is removed. */
static void test_missing_in_list(void) {
        Bed bed = bed_start(10, false);
        g_autofree char *link = temp_tree_path(bed.tree, "sys/bus/pci/devices/" NIC),
                        *target = g_file_read_link(link, NULL);

        g_assert_nonnull(target);
        (void)follower_ask_rescan(bed.follower);
        temp_tree_remove(bed.tree, "sys/bus/pci/devices/" NIC);
        rescan_piece(&bed);
        temp_tree_link(bed.tree, target, "sys/bus/pci/devices/" NIC);
        rescan_rest(&bed);
        expect_changes(&bed, "");
        bed_stop(&bed);
}

/* All events were lost: a removed device, a new device, and a replaced card. */
static void test_changes_without_events(void) {
        Bed bed = bed_start(10, false);

        pull_nic(&bed);
        temp_tree_device(bed.tree, NIC_PATH);
        temp_tree_device(bed.tree, NVME_PATH);
        (void)follower_ask_rescan(bed.follower);
        rescan_rest(&bed);
        expect_changes(&bed, "device removed " NIC "\ndevice added " NIC "\ndevice added " NVME "\n");
        g_assert_true(get_device(bed.inventory, NIC)->appeared);
        g_assert_null(get_device(bed.inventory, NIC)->names);
        temp_tree_unplug(bed.tree, NVME);
        temp_tree_attribute(bed.tree, NIC, "numa_node", "1");
        (void)follower_ask_rescan(bed.follower);
        rescan_rest(&bed);
        expect_changes(&bed, "device changed " NIC " other\ndevice removed " NVME "\n");
        bed_stop(&bed);
}

/* The driver of an IOMMU is bound after the devices appeared, and puts them into groups. */
static void test_late_iommu(void) {
        Bed bed = bed_start(10, true);

        /* A device that an IOMMU handles has a link of the same name. */
        temp_tree_folder(bed.tree, "sys/devices/platform/serial");
        temp_tree_link(bed.tree, "../../virtual/iommu/smmu", "sys/devices/platform/serial/iommu");
        temp_tree_group(bed.tree, NIC, 4);
        emit(&bed, "bind", "platform/serial", "platform");
        emit(&bed, "add", "platform/smmu", "platform");
        emit(&bed, "bind", "platform/other", "platform");
        follow_all(&bed);
        g_assert_false(follower_is_rescanning(bed.follower));
        expect_changes(&bed, "");

        temp_tree_folder(bed.tree, "sys/devices/platform/smmu/iommu/smmu");
        emit(&bed, "bind", "platform/smmu", "platform");
        follow_all(&bed);
        g_assert_true(follower_is_rescanning(bed.follower));
        rescan_rest(&bed);
        expect_changes(&bed, "group added 4\ndevice changed " NIC " group availability\n");
        g_assert_cmpint(get_device(bed.inventory, NIC)->group->number, ==, 4);
        bed_stop(&bed);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_data_func("/follower/turns", NULL, test_turns);
        g_test_add_data_func("/follower/turns-udev", "", test_turns);
        g_test_add_func("/follower/budget", test_budget);
        g_test_add_data_func("/follower/lost-foreign-events", NULL, test_lost_foreign_events);
        g_test_add_data_func("/follower/lost-foreign-events-udev", "", test_lost_foreign_events);
        g_test_add_func("/follower/forged", test_forged);
        g_test_add_func("/follower/malformed", test_malformed);
        g_test_add_func("/follower/foreign-events-in-turns", test_foreign_events_in_turns);
        g_test_add_func("/follower/overtaken", test_overtaken);
        g_test_add_func("/follower/rescan-numbers", test_rescan_numbers);
        g_test_add_func("/follower/added-after-list", test_added_after_list);
        g_test_add_func("/follower/removed-after-list", test_removed_after_list);
        g_test_add_func("/follower/missing-in-list", test_missing_in_list);
        g_test_add_func("/follower/changes-without-events", test_changes_without_events);
        g_test_add_func("/follower/late-iommu", test_late_iommu);
        return g_test_run();
}
