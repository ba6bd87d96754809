/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inventory-text.h"
#include "model.h"

#define NIC "0000:03:00.0"
#define NIC2 "0000:03:00.1"

static void assert_changes(Inventory *inventory, const char *expected) {
        g_autofree char *text = inventory_take_changes_text(inventory);

        g_assert_cmpstr(text, ==, expected);
}

static void forget_changes(Inventory *inventory) {
        g_free(inventory_take_changes_text(inventory));
}

static void test_add(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        size_t n;

        assert_changes(inventory, "");
        put_device(inventory, NIC2, "e1000", 25);
        put_device(inventory, NIC, "e1000", 25);
        put_device(inventory, "10000:00:00.0", NULL, -1);
        assert_changes(inventory,
                        "device added " NIC2 "\ngroup added 25\ndevice added " NIC "\ndevice added 10000:00:00.0\n");
        assert_changes(inventory, "");

        Device *const *devices = inventory_devices(inventory, &n);
        g_assert_cmpuint(n, ==, 3);
        g_assert_true(devices[0] == get_device(inventory, NIC));
        g_assert_cmpuint(devices[2]->address.domain, ==, 0x10000);
        const Group *group = inventory_find_group(inventory, 25);
        g_assert_cmpuint(group->n_members, ==, 2);
        g_assert_true(group->members[0] == devices[0]);
        g_assert_null(inventory_find_group(inventory, 24));
        g_assert_null(inventory_find_device(inventory, address_of("0000:00:00.0")));
}

/* One change record for each object and turn, however often it changes; equal facts give no record. */
static void test_update(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        PciFacts facts = make_facts(NIC, "e1000", 25);

        put_device(inventory, NIC, "e1000", 25);
        assert_changes(inventory, "device added " NIC "\ngroup added 25\n");
        put_device(inventory, NIC, "e1000", 25);
        assert_changes(inventory, "");
        put_device(inventory, NIC, NULL, 25);
        put_device(inventory, NIC, "vfio-pci", 25);
        put_name(inventory, NIC, HOST_NAME_NETWORK, "x");
        assert_changes(inventory,
                        "device changed " NIC " state driver names availability\ngroup changed 25 state viable\n");

        facts.numa_node = 1;
        (void)snprintf(facts.driver, sizeof(facts.driver), "vfio-pci");
        facts.group_node = true;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        assert_changes(inventory, "device changed " NIC " other\n");
        facts.ids.device = 1;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        assert_changes(inventory, "device changed " NIC " ids\n");

        put_device(inventory, NIC, "vfio-pci", 26);
        assert_changes(inventory, "group removed 25\ngroup added 26\ndevice changed " NIC " ids group other\n");
        g_assert_null(inventory_find_group(inventory, 25));
}

static void put_link(Inventory *inventory, uint64_t incarnation, bool awake, uint32_t speed) {
        PciLinkReading reading = {.address = address_of(NIC), .incarnation = incarnation, .awake = awake};

        if (awake)
                reading.link = (PciLink){.speed = speed, .speed_max = 16000, .width = 4, .width_max = 8};
        g_assert_cmpint(inventory_put_link(inventory, &reading), ==, 0);
}

/* A reading is valid only for the card that was read. For a card that sleeps, only the constant facts stay known. */
static void test_link(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        PciFacts facts = make_facts(NIC, "e1000", 25);

        put_link(inventory, 7, true, 8000);
        facts.incarnation = 7;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        assert_changes(inventory, "device added " NIC "\ngroup added 25\n");
        put_link(inventory, 6, true, 8000);
        put_link(inventory, 7, false, 0);
        assert_changes(inventory, "");
        put_link(inventory, 7, true, 8000);
        put_link(inventory, 7, true, 8000);
        assert_changes(inventory, "device changed " NIC " link\n");
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        assert_changes(inventory, "");
        put_link(inventory, 7, false, 0);
        assert_changes(inventory, "device changed " NIC " link\n");
        const PciLink *link = &get_device(inventory, NIC)->link;
        g_assert_true(pci_link_equal(link, &(PciLink){.speed_max = 16000, .width_max = 8}));

        put_origin(inventory, NIC, "e1000", NULL);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        g_assert_true(pci_link_equal(&get_device(inventory, NIC)->link, &(PciLink){}));
        put_link(inventory, 7, true, 8000);
        g_assert_true(pci_link_equal(&get_device(inventory, NIC)->link, &(PciLink){}));
}

static void test_remove(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "e1000", 25);
        put_device(inventory, NIC2, "e1000", 25);
        assert_changes(inventory, "device added " NIC "\ngroup added 25\ndevice added " NIC2 "\n");
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        assert_changes(inventory, "device removed " NIC "\ngroup changed 25 state members viable\n");
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        assert_changes(inventory, "");
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC2)), ==, 0);
        assert_changes(inventory, "device removed " NIC2 "\ngroup removed 25\n");
}

/* Within one turn: an object that was added and removed gives no record; an object that was removed and added gives
 * both; a change before a removal gives no record. */
static void test_turn(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "e1000", 25);
        put_name(inventory, NIC, HOST_NAME_NETWORK, "ens1");
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        assert_changes(inventory, "");

        put_device(inventory, NIC, "e1000", 25);
        assert_changes(inventory, "device added " NIC "\ngroup added 25\n");
        put_device(inventory, NIC, NULL, 25);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        put_device(inventory, NIC, "igb", 25);
        assert_changes(inventory, "device removed " NIC "\ngroup removed 25\ndevice added " NIC "\ngroup added 25\n");
        /* The change records of the previous turn are forgotten: later changes get new records. */
        put_device(inventory, NIC, NULL, 25);
        assert_changes(inventory, "device changed " NIC " state driver\ngroup changed 25 state viable\n");
}

static void test_names(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_name(inventory, NIC, HOST_NAME_NETWORK, "ens1");
        assert_changes(inventory, "");
        put_device(inventory, NIC, "e1000", -1);
        assert_changes(inventory, "device added " NIC "\n");
        put_name(inventory, NIC, HOST_NAME_NETWORK, "ens1");
        put_name(inventory, NIC, HOST_NAME_NETWORK, "ens1");
        assert_changes(inventory, "device changed " NIC " names\n");
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_BLOCK, "ens1", address_of(NIC)), ==, 0);
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_NETWORK, "ens2", address_of(NIC)), ==, 0);
        assert_changes(inventory, "");
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_NETWORK, "ens1", address_of(NIC)), ==, 0);
        assert_changes(inventory, "device changed " NIC " names\n");
}

/* A device that vfiod detached stays when it is pulled, without group and names, until it is forgotten or returns. */
static void test_absent(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "vfio-pci", 25);
        put_name(inventory, NIC, HOST_NAME_NETWORK, "ens1");
        g_assert_cmpint(device_state(get_device(inventory, NIC)), ==, DEVICE_FOREIGN);
        put_origin(inventory, NIC, "e1000", NULL);
        g_assert_cmpint(device_state(get_device(inventory, NIC)), ==, DEVICE_DETACHED);
        assert_changes(inventory, "device added " NIC "\ngroup added 25\n");

        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        const Device *device = get_device(inventory, NIC);
        g_assert_cmpint(device_state(device), ==, DEVICE_ABSENT);
        g_assert_null(device->group);
        g_assert_null(device->names);
        g_assert_nonnull(device->origin);
        assert_changes(inventory,
                        "group removed 25\ndevice changed " NIC " state driver group names other availability\n");
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        assert_changes(inventory, "");

        put_device(inventory, NIC, "vfio-pci", 26);
        g_assert_cmpint(device_state(get_device(inventory, NIC)), ==, DEVICE_DETACHED);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        assert_changes(inventory, "device changed " NIC " state driver group names other\n");
        g_assert_cmpint(inventory_set_origin(inventory, address_of(NIC), NULL), ==, 0);
        assert_changes(inventory, "device removed " NIC "\n");
        g_assert_null(inventory_find_device(inventory, address_of(NIC)));
        g_assert_cmpint(inventory_set_origin(inventory, address_of(NIC), NULL), ==, 0);
        assert_changes(inventory, "");
}

/* A record of an absent device makes it known. */
static void test_origin(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        DeviceOrigin origin = {.ids = {.vendor = 0x8086, .device = 0x100e}, .binding = {.driver = "e1000"}};

        g_assert_cmpint(inventory_set_origin(inventory, address_of(NIC), &origin), ==, 0);
        assert_changes(inventory, "device added " NIC "\n");
        g_assert_cmpint(device_state(get_device(inventory, NIC)), ==, DEVICE_ABSENT);
        g_assert_cmpuint(get_device(inventory, NIC)->ids.vendor, ==, 0x8086);
        g_assert_cmpint(inventory_set_origin(inventory, address_of(NIC), &origin), ==, 0);
        assert_changes(inventory, "");
        /* A rescan keeps it. */
        inventory_begin_rescan(inventory);
        g_assert_cmpint(inventory_end_rescan(inventory), ==, 0);
        g_assert_cmpint(device_state(get_device(inventory, NIC)), ==, DEVICE_ABSENT);

        put_device(inventory, NIC2, "vfio-pci", 25);
        assert_changes(inventory, "device added " NIC2 "\ngroup added 25\n");
        put_origin(inventory, NIC2, NULL, "none");
        assert_changes(inventory, "device changed " NIC2 " state origin availability\ngroup changed 25 state viable\n");
        g_assert_cmpint(inventory_set_origin(inventory, address_of(NIC2), NULL), ==, 0);
        assert_changes(inventory, "device changed " NIC2 " state origin availability\ngroup changed 25 state viable\n");
}

static void test_activity(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "e1000", 25);
        assert_changes(inventory, "device added " NIC "\ngroup added 25\n");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WORKED_ON), ==, 0);
        assert_changes(inventory, "device changed " NIC " state availability\ngroup changed 25 state viable\n");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WORKED_ON), ==, 0);
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC2), DEVICE_WORKED_ON), ==, 0);
        assert_changes(inventory, "");
        /* It stays while the kernel changes the device. */
        put_device(inventory, NIC, NULL, 25);
        g_assert_cmpint(device_state(get_device(inventory, NIC)), ==, DEVICE_CHANGING);
}

/* A new device is marked until the mark is cleared; a known device that changes is not marked. */
static void test_appeared(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "vfio-pci", 25);
        g_assert_true(get_device(inventory, NIC)->appeared);
        inventory_clear_appeared(inventory, address_of(NIC));
        inventory_clear_appeared(inventory, address_of(NIC2));
        put_device(inventory, NIC, NULL, 26);
        put_device(inventory, NIC, "vfio-pci", 25);
        put_origin(inventory, NIC, "e1000", NULL);
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WORKED_ON), ==, 0);
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_QUIET), ==, 0);
        g_assert_false(get_device(inventory, NIC)->appeared);

        /* The device was detached, is pulled, and returns. */
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        g_assert_false(get_device(inventory, NIC)->appeared);
        put_device(inventory, NIC, "e1000", 25);
        g_assert_true(get_device(inventory, NIC)->appeared);
        /* The device is removed before the mark is cleared. */
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        g_assert_false(get_device(inventory, NIC)->appeared);

        /* Within one turn. */
        put_device(inventory, NIC2, "e1000", 25);
        inventory_clear_appeared(inventory, address_of(NIC2));
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC2)), ==, 0);
        put_device(inventory, NIC2, "e1000", 25);
        g_assert_true(get_device(inventory, NIC2)->appeared);

        /* A record without the device does not count. */
        DeviceOrigin origin = {.ids = {.vendor = 0x8086, .device = 0x100e}};
        g_assert_cmpint(inventory_set_origin(inventory, address_of("0000:04:00.0"), &origin), ==, 0);
        g_assert_false(get_device(inventory, "0000:04:00.0")->appeared);
}

/* A device with a running job stays known while it is not in its slot, so that the mark is kept if another card is
 * plugged in. */
static void test_activity_unplugged(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "e1000", 25);
        forget_changes(inventory);
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WORKED_ON), ==, 0);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        assert_changes(inventory,
                        "device changed " NIC " state driver group names other availability\ngroup removed 25\n");
        g_assert_cmpint(device_state(get_device(inventory, NIC)), ==, DEVICE_CHANGING);
        put_device(inventory, NIC, "igb", 26);
        g_assert_true(get_device(inventory, NIC)->appeared);
        g_assert_cmpint(device_state(get_device(inventory, NIC)), ==, DEVICE_CHANGING);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        forget_changes(inventory);

        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WAITED_FOR), ==, 0);
        assert_changes(inventory, "device changed " NIC " state availability\n");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_QUIET), ==, 0);
        assert_changes(inventory, "device removed " NIC "\n");
        g_assert_null(inventory_find_device(inventory, address_of(NIC)));

        /* It is forgotten while it is absent and a job is running: the end of the job removes it. */
        put_device(inventory, NIC, "vfio-pci", 25);
        put_origin(inventory, NIC, "e1000", NULL);
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WORKED_ON), ==, 0);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        g_assert_cmpint(inventory_set_origin(inventory, address_of(NIC), NULL), ==, 0);
        g_assert_nonnull(get_device(inventory, NIC));
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_QUIET), ==, 0);
        g_assert_null(inventory_find_device(inventory, address_of(NIC)));
}

/* A new or removed VF is a change of its PF. */
static void test_virtual_functions(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "igb", 1);
        assert_changes(inventory, "device added " NIC "\ngroup added 1\n");
        put_virtual_function(inventory, "0000:03:10.0", NIC, "igbvf", 2);
        put_virtual_function(inventory, "0000:03:10.2", NIC, "igbvf", 3);
        assert_changes(inventory,
                        "device added 0000:03:10.0\ndevice changed " NIC
                        " functions\ngroup added 2\ndevice added 0000:03:10.2\ngroup added 3\n");
        put_virtual_function(inventory, "0000:03:10.0", NIC, NULL, 2);
        assert_changes(inventory, "device changed 0000:03:10.0 state driver\ngroup changed 2 state viable\n");
        g_assert_cmpint(inventory_drop_device(inventory, address_of("0000:03:10.0")), ==, 0);
        assert_changes(inventory, "device changed " NIC " functions\ndevice removed 0000:03:10.0\ngroup removed 2\n");
        /* This also applies to a detached VF that is removed: the PF does not list it any more. */
        put_virtual_function(inventory, "0000:03:10.2", NIC, "vfio-pci", 3);
        put_origin(inventory, "0000:03:10.2", "igbvf", NULL);
        forget_changes(inventory);
        g_assert_cmpint(inventory_drop_device(inventory, address_of("0000:03:10.2")), ==, 0);
        g_autofree char *changes = inventory_take_changes_text(inventory);
        g_assert_nonnull(strstr(changes, "device changed " NIC " functions\n"));
}

static void test_rescan(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "e1000", 25);
        put_name(inventory, NIC, HOST_NAME_NETWORK, "ens1");
        put_name(inventory, NIC, HOST_NAME_NETWORK, "old");
        put_device(inventory, NIC2, "e1000", 25);
        forget_changes(inventory);

        inventory_begin_rescan(inventory);
        put_device(inventory, NIC, "e1000", 25);
        put_name(inventory, NIC, HOST_NAME_NETWORK, "ens1");
        put_device(inventory, "0000:04:00.0", NULL, 26);
        g_assert_cmpint(inventory_end_rescan(inventory), ==, 0);
        assert_changes(inventory,
                        "device added 0000:04:00.0\ngroup added 26\ndevice removed " NIC2
                        "\ngroup changed 25 state members viable\ndevice changed " NIC " names\n");
        inventory_begin_rescan(inventory);
        put_device(inventory, NIC, "e1000", 25);
        put_name(inventory, NIC, HOST_NAME_NETWORK, "ens1");
        put_device(inventory, "0000:04:00.0", NULL, 26);
        g_assert_cmpint(inventory_end_rescan(inventory), ==, 0);
        assert_changes(inventory, "");
}

/* The numbers of rescans repeat. */
static void test_many_rescans(void) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_vanished(inventory, "0000:07:00.0", NIC, "e1000");
        for (unsigned i = 0; i < 3 * GENERATIONS; i++) {
                put_device(inventory, NIC, "e1000", 25);
                put_name(inventory, NIC, HOST_NAME_NETWORK, "old");
                put_device(inventory, NIC2, "e1000", 25);
                inventory_begin_rescan(inventory);
                put_device(inventory, NIC, "e1000", 25);
                put_name(inventory, NIC, HOST_NAME_NETWORK, "ens1");
                g_assert_cmpint(inventory_end_rescan(inventory), ==, 0);

                const HostName *names = get_device(inventory, NIC)->names;
                g_assert_cmpstr(names->name, ==, "ens1");
                g_assert_null(names->next);
                g_assert_null(inventory_find_device(inventory, address_of(NIC2)));
                g_assert_cmpint(device_state(get_device(inventory, "0000:07:00.0")), ==, DEVICE_ABSENT);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/inventory/add", test_add);
        g_test_add_func("/inventory/update", test_update);
        g_test_add_func("/inventory/link", test_link);
        g_test_add_func("/inventory/remove", test_remove);
        g_test_add_func("/inventory/turn", test_turn);
        g_test_add_func("/inventory/names", test_names);
        g_test_add_func("/inventory/absent", test_absent);
        g_test_add_func("/inventory/origin", test_origin);
        g_test_add_func("/inventory/activity", test_activity);
        g_test_add_func("/inventory/activity-unplugged", test_activity_unplugged);
        g_test_add_func("/inventory/appeared", test_appeared);
        g_test_add_func("/inventory/virtual-functions", test_virtual_functions);
        g_test_add_func("/inventory/rescan", test_rescan);
        g_test_add_func("/inventory/many-rescans", test_many_rescans);
        return g_test_run();
}
