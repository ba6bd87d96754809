/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "allocation-faults.h"
#include "checks.h"
#include "diagnosis/device-checks.h"
#include "diagnosis/host-checks.h"
#include "diagnosis/isolation.h"
#include "model.h"
#include "process/check-message.h"
#include "temp-tree.h"

/* No memory during a diagnosis: it fails, and never has fewer checks. */

#define NIC "0000:03:01.0"
#define NIC2 "0000:03:02.0"

typedef struct Bed {
        TempTree *tree;
        Inventory *inventory;
        size_t n_checks; /* of a complete diagnosis; 0 if not known */
} Bed;

static int diagnose(void *userdata) {
        _cleanup_check_list_ CheckList list = {}, copy = {};
        _cleanup_host_facts_ HostFacts facts = {};
        static IsolationFacts isolation;
        static char packet[16384];
        Bed *bed = userdata;
        DeviceFacts device = {.answers = 0, .has_override = true};

        int r = host_facts_read(bed->tree->kernel, 1000, 1, &facts);
        if (r < 0)
                return r;
        firmware_checks_run(&facts, &list);
        vfio_checks_run(&facts, bed->inventory, &list);
        program_checks_run(&facts, bed->inventory, &list);
        machine_checks_run(&facts, &list);
        device_checks_run(&facts, bed->inventory, get_device(bed->inventory, NIC), &list);
        device_facts_check(&facts, get_device(bed->inventory, NIC), &device, &list);
        isolation_collect(bed->inventory, get_device(bed->inventory, NIC), &isolation);
        isolation_check(bed->inventory, get_device(bed->inventory, NIC), &isolation, &list);
        for (size_t i = 0; i < list.n_checks && list.error >= 0; i++) {
                ssize_t size = check_message_write(&list.checks[i], packet, sizeof(packet));

                g_assert_cmpint(size, >, 0);
                if ((r = check_message_read(packet, (size_t)size, &copy)) < 0)
                        return r;
        }
        if (list.error < 0)
                return list.error;
        if (bed->n_checks == 0)
                bed->n_checks = list.n_checks;
        g_assert_cmpuint(list.n_checks, ==, bed->n_checks);
        g_assert_cmpuint(copy.n_checks, ==, bed->n_checks);
        return 0;
}

static void put(Inventory *inventory, const char *address) {
        PciFacts facts = make_facts(address, "vfio-pci", 3);

        facts.has_upstream = true;
        facts.upstream = address_of("0000:02:00.0");
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
}

static void test_diagnosis(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        Bed bed = {tree, make_inventory(), 0};

        put_bridge(bed.inventory, "0000:02:00.0", "pcieport", 2);
        put(bed.inventory, NIC);
        put(bed.inventory, NIC2);
        temp_tree_file(tree, "x", "sys/firmware/acpi/tables/DMAR");
        temp_tree_file(tree, "intel_iommu=off pcie_acs_override=downstream\n", "proc/cmdline");
        temp_tree_file(tree, "ID=debian\n", "etc/os-release");
        temp_tree_file(tree, "GRUB_CMDLINE_LINUX_DEFAULT=\"intel_iommu=off\"\n", "etc/default/grub");
        temp_tree_file(tree, "GRUB_TIMEOUT=1\n", "etc/default/grub.d/a.cfg");
        temp_tree_file(tree, "GRUB_TIMEOUT=1\n", "etc/default/grub.d/b.cfg");
        temp_tree_file(tree, "options vfio-pci ids=8086:100e\nblacklist x\n", "etc/modprobe.d/vfio.conf");
        temp_tree_file(tree, "vfio-pci\n", "etc/driverctl.d/pci-" NIC);
        temp_tree_file(tree, "", "run/libvirt/libvirt-sock");
        allocation_faults_check(diagnose, &bed, true);
        g_assert_cmpuint(bed.n_checks, >, 15);
        inventory_free(bed.inventory);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/allocation/diagnosis", test_diagnosis);
        return g_test_run();
}
