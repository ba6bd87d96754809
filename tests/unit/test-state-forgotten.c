/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state-bed.h"

/* Which state files vfiod removes because nothing is left to do for their devices. */

#define NIC "0000:03:01.0"
#define NIC2 "0000:03:02.0"
#define PF "0000:07:00.0"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.1"

/* Another tool bound it to a driver of the host. */
static void test_rebound(void) {
        g_autoptr(StateBed) bed = state_bed_new();

        write_device(bed, NIC, true, (DeviceOrigin){.binding = {.driver = "e1000"}});
        put_device(bed->inventory, NIC, "vfio-pci", 10);
        assert_kept(bed, NIC);
        put_device(bed->inventory, NIC, NULL, 10);
        assert_kept(bed, NIC);
        put_device(bed->inventory, NIC, "mlx5_vfio_pci", 10);
        assert_kept(bed, NIC);
        put_device(bed->inventory, NIC, "e1000", 10);
        g_assert_cmpint(inventory_set_activity(bed->inventory, address_of(NIC), DEVICE_WORKED_ON), ==, 0);
        assert_kept(bed, NIC);
        g_assert_cmpint(inventory_set_activity(bed->inventory, address_of(NIC), DEVICE_WAITED_FOR), ==, 0);
        assert_kept(bed, NIC);
        g_assert_cmpint(inventory_set_activity(bed->inventory, address_of(NIC), DEVICE_QUIET), ==, 0);
        write_transaction(bed, 1, NIC);
        assert_kept(bed, NIC);
        g_assert_cmpint(transaction_file_remove(bed->state->transactions_fd, 1), ==, 0);
        /* A device that was plugged in just now has its driver from the kernel, and a rule may detach it. */
        assert_kept(bed, NIC);
        inventory_clear_appeared(bed->inventory, address_of(NIC));
        assert_kept(bed, "");
        g_assert_null(get_device(bed->inventory, NIC)->origin);

        /* A failed detach left it: a reattach restores it, and whoever bound it did not. */
        write_device(bed, NIC, true, (DeviceOrigin){.binding = {.driver = "e1000"}, .degraded = true});
        assert_kept(bed, NIC);
        /* Another card in the slot says nothing about the one that is gone. */
        write_device(bed, NIC, true, (DeviceOrigin){.binding = {.driver = "e1000"}});
        PciFacts facts = make_facts(NIC, "igb", 10);
        facts.ids.device = 0x1234;
        g_assert_cmpint(inventory_put_device(bed->inventory, &facts), ==, 0);
        assert_kept(bed, NIC);
}

static void test_absent(void) {
        g_autoptr(StateBed) bed = state_bed_new();

        /* A device that was pulled is expected back. A VF is not: a new one at its address is another one. */
        write_device(bed, NIC, true, (DeviceOrigin){.binding = {.driver = "e1000"}});
        write_device(bed, VF0, true, (DeviceOrigin){.binding = {.driver = "igbvf"}, .virtual_function = true});
        assert_kept(bed, NIC);
        g_assert_null(inventory_find_device(bed->inventory, address_of(VF0)));

        /* Unless it vanished with a PF that is detached. */
        DeviceOrigin vf = {.virtual_function = true, .has_parent = true, .parent = address_of(PF)};
        write_device(bed, VF0, true, vf);
        write_device(bed, VF1, true, vf);
        write_device(bed, PF, true, (DeviceOrigin){.binding = {.driver = "igb"}, .virtual_functions = 2});
        put_device(bed->inventory, PF, "vfio-pci", 14);
        inventory_clear_appeared(bed->inventory, address_of(PF));
        assert_kept(bed, NIC " " PF " " VF0 " " VF1);
        /* Another tool gives the PF to the host: nobody brings its VFs back. */
        put_device(bed->inventory, PF, "igb", 14);
        assert_kept(bed, NIC);
        g_assert_null(inventory_find_device(bed->inventory, address_of(VF1)));

        /* A PF's file that is about its setting brings no VF back. */
        write_device(bed, PF, false, (DeviceOrigin){.autoprobe_known = true});
        write_device(bed, VF0, true, vf);
        assert_kept(bed, NIC " " PF);

        /* A device behind a controller is expected back while the controller is there or detached: a disk may be
         * plugged in again. */
        write_device(bed, PF, true, (DeviceOrigin){.binding = {.driver = "vmd"}});
        write_device(bed, "0000:08:00.0", true, (DeviceOrigin){.has_parent = true, .parent = address_of(PF)});
        put_device(bed->inventory, PF, "vfio-pci", 14);
        inventory_clear_appeared(bed->inventory, address_of(PF));
        assert_kept(bed, NIC " " PF " 0000:08:00.0");
        put_device(bed->inventory, PF, "vmd", 14);
        assert_kept(bed, NIC " 0000:08:00.0");
        g_assert_cmpint(inventory_drop_device(bed->inventory, address_of(PF)), ==, 0);
        assert_kept(bed, NIC);
        g_assert_null(inventory_find_device(bed->inventory, address_of("0000:08:00.0")));
}

/* A disk that is back behind its controller was not plugged in: it is the host's as soon as the controller is. */
static void test_behind_controller(void) {
        g_autoptr(StateBed) bed = state_bed_new();
        const DeviceOrigin disk = {.binding = {.driver = "nvme"}, .has_parent = true, .parent = address_of(PF)};

        write_device(bed, PF, true, (DeviceOrigin){.binding = {.driver = "vmd"}});
        write_device(bed, "0000:08:00.0", true, disk);
        put_device(bed->inventory, "0000:08:00.0", "nvme", 14);
        assert_kept(bed, PF " 0000:08:00.0");
        /* The controller may be detached anew, and takes the disk along then. */
        put_device(bed->inventory, PF, "vmd", 14);
        assert_kept(bed, PF " 0000:08:00.0");
        inventory_clear_appeared(bed->inventory, address_of(PF));
        assert_kept(bed, "");
}

/* vfiod keeps the PF's setting off until the PF is gone. */
static void test_autoprobe(void) {
        g_autoptr(StateBed) bed = state_bed_new();

        write_device(bed, PF, false, (DeviceOrigin){.autoprobe_known = true});
        put_device(bed->inventory, PF, "igb", 14);
        assert_kept(bed, PF);
        put_device(bed->inventory, PF, NULL, 14);
        assert_kept(bed, PF);
        PciFacts facts = make_facts(PF, "igb", 14);
        facts.ids.device = 0x1234;
        g_assert_cmpint(inventory_put_device(bed->inventory, &facts), ==, 0);
        assert_kept(bed, "");
        write_device(bed, PF, false, (DeviceOrigin){.autoprobe_known = true});
        put_device(bed->inventory, PF, "igb", 14);
        assert_kept(bed, PF);
        g_assert_cmpint(inventory_drop_device(bed->inventory, address_of(PF)), ==, 0);
        assert_kept(bed, "");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/state-forgotten/rebound", test_rebound);
        g_test_add_func("/state-forgotten/absent", test_absent);
        g_test_add_func("/state-forgotten/behind-controller", test_behind_controller);
        g_test_add_func("/state-forgotten/autoprobe", test_autoprobe);
        return g_test_run();
}
