/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "test-fake-kernel.h"

static void test_tree(void) {
        FakeKernel *k = fake_kernel_start("story");
        g_autofree char *group = fake_kernel_link(k, DEVICES "/" PORT1 "/iommu_group");

        assert_text(k, DEVICES "/" PORT1 "/vendor", "0x8086");
        assert_text(k, DEVICES "/" PORT1 "/class", "0x020000");
        assert_text(k, DEVICES "/" PORT1 "/driver_override", "(null)");
        assert_text(k, DEVICES "/" PORT1 "/modalias", "pci:v00008086d0000100Esv00001AF4sd00001100bc02sc00i00");
        assert_text(k, DEVICES "/" PORT1 "/net/ens1/address", "52:54:00:00:00:01");
        assert_text(k, "sys/class/net/ens1/device/vendor", "0x8086");
        assert_text(k, "sys/class/block/nvme0n1/device/device/device", "0x0010");
        assert_text(k, "sys/class/block/sda/size", "2097152");
        assert_text(k, DEVICES "/0000:04:00.0/max_link_speed", "8.0 GT/s PCIe");
        assert_text(k, DEVICES "/0000:04:00.0/max_link_width", "4");
        assert_text(k, DEVICES "/0000:04:00.0/reset_method", "flr bus");
        assert_text(k, DEVICES "/0000:00:01.0/boot_vga", "1");
        assert_text(k, DEVICES "/10000:01:00.0/current_link_speed", "8.0 GT/s PCIe");
        assert_text(k, "sys/kernel/iommu_groups/10/devices/" PORT2 "/device", "0x100e");
        g_assert_cmpstr(group, ==, "10");
        assert_driver(k, PORT1, "e1000");
        assert_driver(k, BRIDGE, NULL);
        assert_driver(k, "0000:00:07.0", NULL);
        assert_driver(k, "10000:01:00.0", "nvme");
        g_assert_true(fake_kernel_exists(k, "sys/class/iommu/dmar0"));
        g_assert_true(fake_kernel_exists(k, "sys/module/e1000/drivers/pci:e1000"));
        g_assert_true(fake_kernel_exists(k, DEVICES "/" BRIDGE "/pci_bus/0000:03"));
        g_assert_true(fake_kernel_exists(k, "dev/vfio/vfio"));
        g_assert_false(fake_kernel_exists(k, DEVICES "/" PORT1 "/max_link_speed"));
        g_assert_false(fake_kernel_exists(k, PCI "/drivers/vfio-pci"));

        /* as in sysfs, the mode applies to root too */
        g_assert_cmpint(fake_kernel_write(k, "x", DEVICES "/" PORT1 "/vendor"), ==, -EACCES);
        g_assert_null(fake_kernel_read(k, PCI "/drivers/e1000/unbind"));
        g_assert_cmpint(errno, ==, EACCES);
        fake_kernel_stop(k);
}

static void test_bind(void) {
        FakeKernel *k = fake_kernel_start("story");

        g_assert_cmpint(unbind(k, PORT1, "igb"), ==, -ENODEV);
        g_assert_cmpint(bind_to(k, PORT1, "e1000"), ==, -EBUSY);
        g_assert_cmpint(bind_to(k, PORT1, "igb"), ==, -ENODEV);
        g_assert_cmpint(unbind(k, PORT1 "\n", "e1000"), ==, 0);
        assert_driver(k, PORT1, NULL);
        g_assert_false(fake_kernel_exists(k, PCI "/drivers/e1000/" PORT1));
        g_assert_false(fake_kernel_exists(k, "sys/class/net/ens1"));
        g_assert_cmpint(unbind(k, PORT1, "e1000"), ==, -ENODEV);
        g_assert_cmpint(bind_to(k, PORT1, "e1000"), ==, 0);
        assert_driver(k, PORT1, "e1000");
        g_assert_true(fake_kernel_exists(k, "sys/class/net/ens1"));
        g_assert_cmpint(probe(k, "0000:ff:00.0"), ==, -ENODEV);
        g_assert_cmpint(probe(k, "0000:00:07.0"), ==, 0);
        assert_driver(k, "0000:00:07.0", NULL);
        fake_kernel_stop(k);
}

static void test_override(void) {
        FakeKernel *k = fake_kernel_start("story");

        g_assert_cmpint(set_override(k, PORT1, "vfio-pci\n"), ==, 0);
        assert_text(k, DEVICES "/" PORT1 "/driver_override", "vfio-pci");
        assert_driver(k, PORT1, "e1000");

        /* only the named driver may bind it, and this driver is not loaded */
        g_assert_cmpint(unbind(k, PORT1, "e1000"), ==, 0);
        g_assert_cmpint(probe(k, PORT1), ==, 0);
        g_assert_cmpint(bind_to(k, PORT1, "e1000"), ==, -ENODEV);
        assert_driver(k, PORT1, NULL);

        /* when the driver is loaded, it binds the device with the override and no other device */
        fake_kernel_do(k, "modprobe vfio_pci");
        assert_driver(k, PORT1, "vfio-pci");
        assert_driver(k, PORT2, "e1000");
        assert_driver(k, "0000:00:07.0", NULL);
        g_assert_true(fake_kernel_exists(k, "dev/vfio/10"));

        /* an empty line clears it */
        g_assert_cmpint(unbind(k, PORT1, "vfio-pci"), ==, 0);
        g_assert_false(fake_kernel_exists(k, "dev/vfio/10"));
        g_assert_cmpint(set_override(k, PORT1, "\n"), ==, 0);
        assert_text(k, DEVICES "/" PORT1 "/driver_override", "(null)");
        g_assert_cmpint(probe(k, PORT1), ==, 0);
        assert_driver(k, PORT1, "e1000");

        /* vfio-pci binds neither a bridge nor a device without a group */
        g_assert_cmpint(set_override(k, BRIDGE, "vfio-pci"), ==, 0);
        g_assert_cmpint(probe(k, BRIDGE), ==, 0);
        assert_driver(k, BRIDGE, NULL);
        g_assert_cmpint(bind_to(k, BRIDGE, "vfio-pci"), ==, -EINVAL);
        fake_kernel_do(k, "plug 0000:00:08.0 vendor=abcd device=0001 class=ff0000 group=none");
        g_assert_cmpint(set_override(k, "0000:00:08.0", "vfio-pci"), ==, 0);
        g_assert_cmpint(bind_to(k, "0000:00:08.0", "vfio-pci"), ==, -EINVAL);
        fake_kernel_stop(k);
}

static void test_power(void) {
        FakeKernel *k = fake_kernel_start("story");
        g_autofree char *before = fake_kernel_snapshot(k), *after = NULL, *changed = NULL;
        g_auto(GStrv) writes = NULL;

        assert_text(k, DEVICES "/" PORT1 "/power/control", "on");
        assert_text(k, DEVICES "/" PORT1 "/d3cold_allowed", "1");
        g_assert_cmpint(fake_kernel_write(k, "off", DEVICES "/" PORT1 "/power/control"), ==, -EINVAL);
        g_assert_cmpint(fake_kernel_write(k, "2", DEVICES "/" PORT1 "/d3cold_allowed"), ==, -EINVAL);
        g_assert_cmpint(fake_kernel_write(k, "auto\n", DEVICES "/" PORT1 "/power/control"), ==, 0);
        assert_text(k, DEVICES "/" PORT1 "/power/control", "auto");
        changed = fake_kernel_snapshot(k);
        g_assert_cmpstr(before, !=, changed);

        /* vfio-pci changes power/control and does not restore it at the unbind; nobody but the administrator changes
         * d3cold_allowed */
        g_assert_cmpint(fake_kernel_write(k, "0", DEVICES "/" PORT1 "/d3cold_allowed"), ==, 0);
        fake_kernel_do(k, "modprobe vfio-pci");
        detach(k, PORT1, "e1000");
        assert_text(k, DEVICES "/" PORT1 "/power/control", "auto");
        g_assert_cmpint(unbind(k, PORT1, "vfio-pci"), ==, 0);
        assert_text(k, DEVICES "/" PORT1 "/power/control", "on");
        assert_text(k, DEVICES "/" PORT1 "/d3cold_allowed", "0");
        assert_text(k, DEVICES "/" PORT2 "/power/control", "on");

        g_assert_cmpint(set_override(k, PORT1, "\n"), ==, 0);
        g_assert_cmpint(probe(k, PORT1), ==, 0);
        after = fake_kernel_snapshot(k);
        g_assert_cmpstr(before, !=, after);
        g_assert_cmpint(fake_kernel_write(k, "1", DEVICES "/" PORT1 "/d3cold_allowed"), ==, 0);
        g_free(after);
        after = fake_kernel_snapshot(k);
        g_assert_cmpstr(before, ==, after);

        /* these writes are counted and can fail like every write */
        fake_kernel_do(k, "reset-writes");
        fake_kernel_do(k, "fail 2 EIO");
        g_assert_cmpint(fake_kernel_write(k, "auto", DEVICES "/" PORT1 "/power/control"), ==, 0);
        g_assert_cmpint(fake_kernel_write(k, "0", DEVICES "/" PORT1 "/d3cold_allowed"), ==, -EIO);
        assert_text(k, DEVICES "/" PORT1 "/d3cold_allowed", "1");
        writes = fake_kernel_writes(k);
        g_assert_cmpuint(g_strv_length(writes), ==, 2);
        g_assert_cmpstr(writes[0], ==, DEVICES "/" PORT1 "/power/control=auto");
        g_assert_cmpstr(writes[1], ==, DEVICES "/" PORT1 "/d3cold_allowed=0");
        fake_kernel_stop(k);
}

static void test_no_iommu(void) {
        FakeKernel *k = fake_kernel_start("no-iommu");

        g_assert_false(fake_kernel_exists(k, DEVICES "/0000:00:03.0/iommu_group"));
        g_assert_true(fake_kernel_exists(k, "sys/kernel/iommu_groups"));
        g_assert_false(fake_kernel_exists(k, "sys/class/iommu/dmar0"));
        g_assert_false(fake_kernel_exists(k, "sys/kernel/iommu_groups/0"));
        fake_kernel_do(k, "modprobe vfio-pci");
        g_assert_cmpint(set_override(k, "0000:00:03.0", "vfio-pci"), ==, 0);
        g_assert_cmpint(unbind(k, "0000:00:03.0", "e1000e"), ==, 0);
        g_assert_cmpint(bind_to(k, "0000:00:03.0", "vfio-pci"), ==, -EINVAL);

        fake_kernel_do(k, "iommu on");
        g_assert_true(fake_kernel_exists(k, DEVICES "/0000:00:03.0/iommu_group"));
        g_assert_cmpint(bind_to(k, "0000:00:03.0", "vfio-pci"), ==, 0);
        g_assert_cmpint(fake_kernel_send(k, NULL, "iommu off"), ==, -EREMOTEIO);
        fake_kernel_stop(k);
}

static void test_injections(void) {
        FakeKernel *k = fake_kernel_start("story");
        g_autofree char *before = fake_kernel_snapshot(k), *after = NULL;
        g_auto(GStrv) writes = NULL;
        Write *w;

        fake_kernel_do(k, "fail 2 EIO");
        g_assert_cmpint(set_override(k, PORT1, "a"), ==, 0);
        g_assert_cmpint(set_override(k, PORT1, "b"), ==, -EIO);
        assert_text(k, DEVICES "/" PORT1 "/driver_override", "a");
        g_assert_cmpint(set_override(k, PORT1, "c"), ==, 0);

        fake_kernel_do(k, "fail-after 1 ENOMEM");
        g_assert_cmpint(set_override(k, PORT1, "d"), ==, -ENOMEM);
        assert_text(k, DEVICES "/" PORT1 "/driver_override", "d");

        fake_kernel_do(k, "ignore 1");
        g_assert_cmpint(set_override(k, PORT1, "ignored"), ==, 0);
        assert_text(k, DEVICES "/" PORT1 "/driver_override", "d");

        fake_kernel_do(k, "stall 1");
        w = write_start(k, "e", DEVICES "/" PORT1 "/driver_override");
        fake_kernel_do(k, "wait-pending 1");
        assert_text(k, DEVICES "/" PORT1 "/driver_override", "d");
        fake_kernel_do(k, "resume");
        g_assert_cmpint(write_finish(w), ==, 0);
        assert_text(k, DEVICES "/" PORT1 "/driver_override", "e");

        fake_kernel_do(k, "stall-after 1");
        w = write_start(k, "\n", DEVICES "/" PORT1 "/driver_override");
        fake_kernel_do(k, "wait-pending 1");
        assert_text(k, DEVICES "/" PORT1 "/driver_override", "(null)");
        fake_kernel_do(k, "resume");
        g_assert_cmpint(write_finish(w), ==, 0);

        /* a device without a link has no link attributes */
        g_assert_cmpint(fake_kernel_send(k, NULL, "stall-read " PORT1 " max_link_speed"), ==, -EREMOTEIO);
        fake_kernel_do(k, "stall-read 0000:04:00.0 current_link_speed");
        w = write_start(k, NULL, DEVICES "/0000:04:00.0/current_link_speed");
        fake_kernel_do(k, "wait-pending 1");
        assert_text(k, DEVICES "/0000:04:00.0/max_link_speed", "8.0 GT/s PCIe");
        fake_kernel_do(k, "resume");
        fake_kernel_do(k, "wait-pending 1");
        fake_kernel_do(k, "resume-read 0000:04:00.0 current_link_speed");
        g_assert_cmpint(write_finish(w), ==, 0);

        fake_kernel_do(k, "noprobe " PORT1);
        g_assert_cmpint(unbind(k, PORT1, "e1000"), ==, 0);
        g_assert_cmpint(probe(k, PORT1), ==, 0);
        assert_driver(k, PORT1, NULL);
        g_assert_cmpint(probe(k, PORT1), ==, 0);
        assert_driver(k, PORT1, "e1000");

        after = fake_kernel_snapshot(k);
        g_assert_cmpstr(before, ==, after);

        writes = fake_kernel_writes(k);
        g_assert_cmpuint(g_strv_length(writes), ==, 10);
        g_assert_cmpstr(writes[0], ==, DEVICES "/" PORT1 "/driver_override=a");
        g_assert_cmpstr(writes[6], ==, DEVICES "/" PORT1 "/driver_override=");
        g_assert_cmpstr(writes[7], ==, PCI "/drivers/e1000/unbind=" PORT1);

        /* the card is removed or replaced before the write */
        fake_kernel_do(k, "swapat 1 " PORT1 " vendor=8086 device=10c9");
        g_assert_cmpint(probe(k, PORT1), ==, 0);
        assert_text(k, DEVICES "/" PORT1 "/device", "0x10c9");
        assert_driver(k, PORT1, "igb");
        fake_kernel_do(k, "vanish 1 " PORT2);
        g_assert_cmpint(set_override(k, PORT2, "x"), ==, -ENODEV);
        g_assert_false(fake_kernel_exists(k, DEVICES "/" PORT2));

        fake_kernel_do(k, "fail 1 EIO");
        fake_kernel_do(k, "clear");
        g_assert_cmpint(set_override(k, PORT1, "x"), ==, 0);
        fake_kernel_do(k, "reset-writes");
        g_strfreev(writes);
        writes = fake_kernel_writes(k);
        g_assert_cmpuint(g_strv_length(writes), ==, 0);
        fake_kernel_stop(k);
}

static void test_sriov(void) {
        FakeKernel *k = fake_kernel_start("story");
        g_autofree char *before = fake_kernel_snapshot(k), *after = NULL, *link = NULL;
        Write *w;

        assert_text(k, DEVICES "/" PF "/sriov_totalvfs", "7");
        g_assert_cmpint(fake_kernel_write(k, "8", DEVICES "/" PF "/sriov_numvfs"), ==, -ERANGE);
        g_assert_cmpint(fake_kernel_write(k, "x", DEVICES "/" PF "/sriov_numvfs"), ==, -EINVAL);
        g_assert_cmpint(fake_kernel_write(k, "2", DEVICES "/" PF "/sriov_numvfs"), ==, 0);
        assert_text(k, DEVICES "/" PF "/sriov_numvfs", "2");
        g_assert_cmpint(fake_kernel_write(k, "3", DEVICES "/" PF "/sriov_numvfs"), ==, -EBUSY);
        assert_driver(k, "0000:07:10.0", "igbvf");
        assert_text(k, DEVICES "/0000:07:10.1/device", "0x10ca");
        link = fake_kernel_link(k, DEVICES "/" PF "/virtfn1");
        g_assert_cmpstr(link, ==, "0000:07:10.1");
        g_assert_true(fake_kernel_exists(k, DEVICES "/0000:07:10.1/physfn/sriov_numvfs"));
        g_assert_true(fake_kernel_exists(k, DEVICES "/0000:07:10.1/iommu_group"));
        g_assert_cmpint(fake_kernel_write(k, "0", DEVICES "/" PF "/sriov_numvfs"), ==, 0);
        g_assert_false(fake_kernel_exists(k, DEVICES "/0000:07:10.0"));
        after = fake_kernel_snapshot(k);
        g_assert_cmpstr(before, ==, after);

        /* without autoprobe the VFs are driverless, and only a driver_override lets a driver bind */
        g_assert_cmpint(fake_kernel_write(k, "0", DEVICES "/" PF "/sriov_drivers_autoprobe"), ==, 0);
        g_assert_cmpint(fake_kernel_write(k, "1", DEVICES "/" PF "/sriov_numvfs"), ==, 0);
        assert_driver(k, "0000:07:10.0", NULL);
        g_assert_cmpint(probe(k, "0000:07:10.0"), ==, 0);
        assert_driver(k, "0000:07:10.0", NULL);
        fake_kernel_do(k, "modprobe vfio-pci");
        detach(k, "0000:07:10.0", NULL);

        /* the PF cannot remove a VF that is held */
        fake_kernel_do(k, "claim 8");
        w = write_start(k, "0", DEVICES "/" PF "/sriov_numvfs");
        fake_kernel_do(k, "wait-pending 1");
        g_assert_true(fake_kernel_exists(k, DEVICES "/0000:07:10.0"));
        fake_kernel_do(k, "release 8");
        g_assert_cmpint(write_finish(w), ==, 0);
        g_assert_false(fake_kernel_exists(k, DEVICES "/0000:07:10.0"));
        fake_kernel_stop(k);
}

static void test_hotplug(void) {
        FakeKernel *k = fake_kernel_start("story");
        int fd = fake_kernel_open_events(k);
        Write *w;

#define P1 "/devices/pci0000:00/0000:00:02.0/" BRIDGE "/" PORT1
        fake_kernel_do(k, "unplug " PORT1);
        assert_event(fd, "remove " P1 "/net/ens1 net");
        assert_event(fd, "unbind " P1 " pci");
        assert_event(fd, "remove " P1 " pci");
        fake_kernel_do(k, "plug " PORT1 " vendor=8086 device=100e class=020000 group=10 parent=" BRIDGE " net=ens9");
        assert_event(fd, "add " P1 " pci");
        assert_event(fd, "add " P1 "/net/ens9 net");
        assert_event(fd, "bind " P1 " pci");
        fake_kernel_do(k, "netrename " PORT1 " lan0");
        assert_event(fd, "move " P1 "/net/lan0 net " P1 "/net/ens9");
        fake_kernel_do(k, "modprobe vfio-pci");
        assert_event(fd, "add /module/vfio_pci module");
        assert_event(fd, "add /bus/pci/drivers/vfio-pci drivers");
        g_assert_cmpint(set_override(k, PORT1, "vfio-pci"), ==, 0);
        g_assert_cmpint(unbind(k, PORT1, "e1000"), ==, 0);
        assert_event(fd, "remove " P1 "/net/lan0 net");
        assert_event(fd, "unbind " P1 " pci");
        g_assert_cmpint(probe(k, PORT1), ==, 0);
        assert_event(fd, "add /devices/virtual/vfio/10 vfio");
        assert_event(fd, "add " P1 "/vfio-dev/vfio0 vfio-dev");
        assert_event(fd, "bind " P1 " pci");

        /* a removal waits for the holder too: the folder stays, and the driver link is removed */
        g_assert_cmpint(unbind(k, PORT2, "e1000"), ==, 0);
        fake_kernel_do(k, "claim 10");
        w = write_start(k, "1", DEVICES "/" PORT1 "/remove");
        fake_kernel_do(k, "wait-pending 1");
        assert_driver(k, PORT1, NULL);
        g_assert_true(fake_kernel_exists(k, DEVICES "/" PORT1 "/vendor"));
        fake_kernel_do(k, "release 10");
        g_assert_cmpint(write_finish(w), ==, 0);
        g_assert_false(fake_kernel_exists(k, DEVICES "/" PORT1));

        /* the removal of a bridge removes all devices below it */
        fake_kernel_do(k, "unplug 0000:00:02.0");
        g_assert_false(fake_kernel_exists(k, DEVICES "/" PORT2));
        g_assert_false(fake_kernel_exists(k, "sys/kernel/iommu_groups/10"));
        close(fd);
        fake_kernel_stop(k);
}

static void test_commands(void) {
        static const char *const wrong[] = {
                        "nonsense",
                        "device",
                        "device 0000:00:09.0 colour=red",
                        "device 0000:00:09.0 vendor=xyz",
                        "device 00:09.0 vendor=8086",
                        "device " PORT1,
                        "device 0000:09:00.0 parent=0000:08:00.0",
                        "driver e1000",
                        "driver x colour=red",
                        "modprobe nonsense",
                        "unplug 0000:00:09.0",
                        "claim 10",
                        "claim 99",
                        "fail 0 EIO",
                        "fail 1 EWHAT",
                        "swapat 1 " PORT1 " colour=red",
                        "set " PORT1 " colour red",
                        "iommu maybe",
                        "pending 1",
        };
        FakeKernel *k = fake_kernel_start("story");
        g_autofree char *before = fake_kernel_snapshot(k), *after = NULL;

        for (unsigned i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_autofree char *reply = NULL;

                g_assert_cmpint(fake_kernel_send(k, &reply, "%s", wrong[i]), ==, -EREMOTEIO);
                g_assert_cmpstr(reply, !=, "");
        }
        fake_kernel_do(k, "blacklist vfio-pci");
        g_assert_cmpint(fake_kernel_send(k, NULL, "modprobe vfio_pci"), ==, -EREMOTEIO);
        after = fake_kernel_snapshot(k);
        g_assert_cmpstr(before, ==, after);

        fake_kernel_do(k, "set " PORT1 " numa_node 3");
        assert_text(k, DEVICES "/" PORT1 "/numa_node", "3");
        fake_kernel_do(k, "reserved 10 0x00000000bf000000 0x00000000bfffffff direct");
        assert_text(k, "sys/kernel/iommu_groups/10/reserved_regions",
                        "0x00000000fee00000 0x00000000feefffff msi\n"
                        "0x00000000bf000000 0x00000000bfffffff direct");
        fake_kernel_stop(k);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/fake-kernel/tree", test_tree);
        g_test_add_func("/fake-kernel/bind", test_bind);
        g_test_add_func("/fake-kernel/override", test_override);
        g_test_add_func("/fake-kernel/power", test_power);
        g_test_add_func("/fake-kernel/no-iommu", test_no_iommu);
        g_test_add_func("/fake-kernel/injections", test_injections);
        g_test_add_func("/fake-kernel/sriov", test_sriov);
        g_test_add_func("/fake-kernel/hotplug", test_hotplug);
        g_test_add_func("/fake-kernel/commands", test_commands);
        return g_test_run();
}
