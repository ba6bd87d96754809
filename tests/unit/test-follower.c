/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "event-queue.h"
#include "inventory-text.h"
#include "model.h"
#include "model/follower.h"
#include "temp-tree.h"

#include <glib/gstdio.h>

/* What a rescan in pieces owes to those who change the host meanwhile, each at the moment at which it would go wrong. */

#define NIC "0000:00:03.0"
#define NIC_PATH "pci0000:00/" NIC
#define NVME "0000:00:04.0"
#define NVME_PATH "pci0000:00/" NVME

typedef struct House {
        TempTree *tree;
        EventQueue *queue;
        UeventSource *source;
        Inventory *inventory;
        Follower *follower;
} House;

/* With a NIC, which is known. */
static House house_start(unsigned capacity, bool udev) {
        House house = {.tree = temp_tree_new(), .queue = event_queue_new(capacity), .inventory = make_inventory()};

        temp_tree_device(house.tree, NIC_PATH);
        temp_tree_driver(house.tree, NIC, "e1000");
        temp_tree_name(house.tree, NIC, "net", "eth0");
        g_assert_cmpint(follower_read_all(house.tree->kernel, house.inventory), ==, 0);
        g_free(inventory_take_changes_text(house.inventory));
        house.source = udev ? event_queue_listen_udev(house.queue) : event_queue_listen(house.queue);
        g_assert_cmpint(follower_new(house.tree->kernel, house.inventory, house.source, &house.follower), ==, 0);
        return house;
}

static void house_stop(House *house) {
        follower_free(house->follower);
        uevent_source_free(house->source);
        event_queue_free(house->queue);
        inventory_free(house->inventory);
        temp_tree_free(house->tree);
}

static void expect_changes(House *house, const char *expected) {
        g_autofree char *changes = inventory_take_changes_text(house->inventory);

        g_assert_cmpstr(changes, ==, expected);
}

static void follow_all(House *house) {
        int r;

        while ((r = follower_follow(house->follower, 0)) > 0)
                ;
        g_assert_cmpint(r, ==, 0);
}

static void rescan_piece(House *house) {
        g_assert_cmpint(follower_rescan(house->follower, 0), ==, 0);
}

static void rescan_rest(House *house) {
        while (follower_is_rescanning(house->follower))
                rescan_piece(house);
}

/* The folder keeps its number, and nobody else gets it: as in sysfs. */
static void pull_nic(House *house) {
        g_autofree char *folder = temp_tree_path(house->tree, "sys/devices/" NIC_PATH),
                        *aside = temp_tree_path(house->tree, "pulled");

        temp_tree_remove(house->tree, "sys/class/net/eth0");
        temp_tree_remove(house->tree, "sys/bus/pci/devices/" NIC);
        g_assert_cmpint(g_rename(folder, aside), ==, 0);
}

static void emit(House *house, const char *action, const char *path, const char *subsystem) {
        event_queue_emit(house->queue, action, path, subsystem, NULL);
}

/* One turn does no more than its time allows, whatever is left; the rescan waits until the queue is empty. */
static void test_turns(const void *udev) {
        House house = house_start(3, udev);

        for (unsigned i = 0; i < 5; i++)
                emit(&house, "change", NIC_PATH, "pci");
        g_assert_cmpuint(event_queue_dropped(house.queue), ==, 2);
        for (unsigned i = 0; i < 4; i++) {
                g_assert_cmpint(follower_follow(house.follower, 0), ==, 1);
                g_assert_cmpuint(follower_events_lost(house.follower), ==, 1);
                g_assert_false(follower_is_rescanning(house.follower));
        }
        g_assert_cmpint(follower_follow(house.follower, 0), ==, 0);
        g_assert_true(follower_is_rescanning(house.follower));

        /* the listing, the device, the names' listing, the name, and the end */
        for (unsigned i = 0; i < 5; i++) {
                g_assert_true(follower_is_rescanning(house.follower));
                rescan_piece(&house);
        }
        rescan_rest(&house);
        g_assert_cmpuint(follower_rescans_done(house.follower), ==, 1);
        expect_changes(&house, "");
        g_assert_cmpint(follower_follow(house.follower, 0), ==, 0);
        g_assert_false(follower_is_rescanning(house.follower));
        house_stop(&house);
}

/* With time enough, a turn takes all. */
static void test_budget(void) {
        House house = house_start(100, false);

        for (unsigned i = 0; i < 50; i++)
                emit(&house, "change", NIC_PATH, "pci");
        g_assert_cmpint(follower_follow(house.follower, UINT64_C(3600000000)), ==, 0);
        g_assert_cmpuint(follower_ask_rescan(house.follower), ==, 1);
        g_assert_cmpint(follower_rescan(house.follower, UINT64_C(3600000000)), ==, 0);
        g_assert_cmpuint(follower_rescans_done(house.follower), ==, 1);
        house_stop(&house);
}

/* Events that nobody here cares for fill the queue too, and a loss of them is a loss: nobody knows what was lost. */
static void test_loss_of_others(const void *udev) {
        House house = house_start(2, udev);

        for (unsigned i = 0; i < 3; i++)
                emit(&house, "change", "platform/x", "platform");
        follow_all(&house);
        g_assert_cmpuint(follower_events_lost(house.follower), ==, 1);
        rescan_rest(&house);
        g_assert_cmpuint(follower_rescans_done(house.follower), ==, 1);
        house_stop(&house);
}

/* Behind one that is not the kernel's, and that libudev skips as if there was nothing, there is more: the queue is not empty yet. */
static void test_forged(void) {
        House house = house_start(2, true);

        emit(&house, "change", "forged/x", "pci");
        emit(&house, "change", NIC_PATH, "pci");
        emit(&house, "change", NIC_PATH, "pci");
        g_assert_cmpint(follower_follow(house.follower, 0), ==, 1);
        g_assert_cmpuint(follower_events_lost(house.follower), ==, 1);
        g_assert_cmpint(follower_follow(house.follower, 0), ==, 1);
        g_assert_cmpint(follower_follow(house.follower, 0), ==, 1);
        g_assert_false(follower_is_rescanning(house.follower));
        g_assert_cmpint(follower_follow(house.follower, 0), ==, 0);
        g_assert_true(follower_is_rescanning(house.follower));
        house_stop(&house);
}

/* A message that libudev cannot parse is skipped and counted. What follows it is followed, and nothing is read again. */
static void test_malformed(void) {
        House house = house_start(100, true);

        event_queue_emit_malformed(house.queue, "platform");
        event_queue_emit_malformed(house.queue, "pci");
        temp_tree_driver(house.tree, NIC, "igb");
        emit(&house, "bind", NIC_PATH, "pci");
        event_queue_emit_malformed(house.queue, "platform");
        follow_all(&house);
        expect_changes(&house, "device changed " NIC " driver\n");
        g_assert_cmpuint(follower_events_skipped(house.follower), ==, 3);
        g_assert_cmpuint(follower_events_lost(house.follower), ==, 0);
        g_assert_false(follower_is_rescanning(house.follower));
        house_stop(&house);
}

/* The events of other subsystems take turns, too: each counts against the time. */
static void test_others_in_turns(void) {
        House house = house_start(100, true);

        for (unsigned i = 0; i < 50; i++)
                emit(&house, "change", "platform/x", "platform");
        for (unsigned i = 0; i < 50; i++)
                g_assert_cmpint(follower_follow(house.follower, 0), ==, 1);
        g_assert_cmpint(follower_follow(house.follower, 0), ==, 0);
        house_stop(&house);
}

/* What is lost while a rescan runs leads to one more, not to two. */
static void test_overtaken(void) {
        House house = house_start(1, false);

        for (unsigned i = 0; i < 3; i++) {
                emit(&house, "change", NIC_PATH, "pci");
                emit(&house, "change", NIC_PATH, "pci");
                follow_all(&house);
                rescan_piece(&house);
        }
        /* The first looks at what there was; the second must see this. */
        rescan_piece(&house);
        temp_tree_driver(house.tree, NIC, "igb");
        emit(&house, "unbind", "platform/x", "platform");
        emit(&house, "bind", NIC_PATH, "pci");
        follow_all(&house);
        g_assert_cmpuint(follower_events_lost(house.follower), ==, 4);
        while (follower_rescans_done(house.follower) == 0)
                rescan_piece(&house);
        expect_changes(&house, "");
        g_assert_true(follower_is_rescanning(house.follower));
        rescan_rest(&house);
        g_assert_cmpuint(follower_rescans_done(house.follower), ==, 2);
        expect_changes(&house, "device changed " NIC " driver\n");
        house_stop(&house);
}

/* Each asks for one that begins after his asking. */
static void test_numbers(void) {
        House house = house_start(1, false);

        g_assert_cmpuint(follower_rescans_done(house.follower), ==, 0);
        g_assert_cmpuint(follower_ask_rescan(house.follower), ==, 1);
        g_assert_cmpuint(follower_ask_rescan(house.follower), ==, 1);
        rescan_piece(&house);
        g_assert_cmpuint(follower_ask_rescan(house.follower), ==, 2);
        g_assert_cmpuint(follower_ask_rescan(house.follower), ==, 2);
        rescan_rest(&house);
        g_assert_cmpuint(follower_rescans_done(house.follower), ==, 2);
        house_stop(&house);
}

/* A device and its name come after the listing: an event puts them, and the end leaves them. */
static void test_comes_after_listing(void) {
        House house = house_start(10, false);

        (void)follower_ask_rescan(house.follower);
        rescan_piece(&house);
        temp_tree_device(house.tree, NVME_PATH);
        emit(&house, "add", NVME_PATH, "pci");
        follow_all(&house);
        rescan_piece(&house); /* the NIC */
        rescan_piece(&house); /* the listing of the names */
        temp_tree_name(house.tree, NVME, "block", "nvme0n1");
        emit(&house, "add", NVME_PATH "/block/nvme0n1", "block");
        follow_all(&house);
        rescan_rest(&house);
        expect_changes(&house, "device added " NVME "\n");
        g_assert_true(host_name_list_has(get_device(house.inventory, NVME)->names, HOST_NAME_BLOCK, "nvme0n1"));
        house_stop(&house);
}

/* A device goes after the listing: an event drops it, and the list does not bring it back. */
static void test_goes_after_listing(void) {
        House house = house_start(10, false);

        (void)follower_ask_rescan(house.follower);
        rescan_piece(&house);
        pull_nic(&house);
        emit(&house, "remove", NIC_PATH "/net/eth0", "net");
        emit(&house, "remove", NIC_PATH, "pci");
        follow_all(&house);
        rescan_rest(&house);
        expect_changes(&house, "device removed " NIC "\n");
        house_stop(&house);
}

/* The device is away when the devices are listed, and back before the end: it is looked at before it is dropped. */
static void test_missed_by_listing(void) {
        House house = house_start(10, false);
        g_autofree char *link = temp_tree_path(house.tree, "sys/bus/pci/devices/" NIC),
                        *target = g_file_read_link(link, NULL);

        g_assert_nonnull(target);
        (void)follower_ask_rescan(house.follower);
        temp_tree_remove(house.tree, "sys/bus/pci/devices/" NIC);
        rescan_piece(&house);
        temp_tree_link(house.tree, target, "sys/bus/pci/devices/" NIC);
        rescan_rest(&house);
        expect_changes(&house, "");
        house_stop(&house);
}

/* Nobody heard of anything: what went, what came, and what is another card than before. */
static void test_net_changes(void) {
        House house = house_start(10, false);

        pull_nic(&house);
        temp_tree_device(house.tree, NIC_PATH);
        temp_tree_device(house.tree, NVME_PATH);
        (void)follower_ask_rescan(house.follower);
        rescan_rest(&house);
        expect_changes(&house, "device removed " NIC "\ndevice added " NIC "\ndevice added " NVME "\n");
        g_assert_true(get_device(house.inventory, NIC)->appeared);
        g_assert_null(get_device(house.inventory, NIC)->names);
        temp_tree_unplug(house.tree, NVME);
        temp_tree_attribute(house.tree, NIC, "numa_node", "1");
        (void)follower_ask_rescan(house.follower);
        rescan_rest(&house);
        expect_changes(&house, "device changed " NIC " other\ndevice removed " NVME "\n");
        house_stop(&house);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_data_func("/follower/turns", NULL, test_turns);
        g_test_add_data_func("/follower/turns-udev", "", test_turns);
        g_test_add_func("/follower/budget", test_budget);
        g_test_add_data_func("/follower/loss-of-others", NULL, test_loss_of_others);
        g_test_add_data_func("/follower/loss-of-others-udev", "", test_loss_of_others);
        g_test_add_func("/follower/forged", test_forged);
        g_test_add_func("/follower/malformed", test_malformed);
        g_test_add_func("/follower/others-in-turns", test_others_in_turns);
        g_test_add_func("/follower/overtaken", test_overtaken);
        g_test_add_func("/follower/numbers", test_numbers);
        g_test_add_func("/follower/comes-after-listing", test_comes_after_listing);
        g_test_add_func("/follower/goes-after-listing", test_goes_after_listing);
        g_test_add_func("/follower/missed-by-listing", test_missed_by_listing);
        g_test_add_func("/follower/net-changes", test_net_changes);
        return g_test_run();
}
