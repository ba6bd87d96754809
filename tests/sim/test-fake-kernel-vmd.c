/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <unistd.h>

#include "test-fake-kernel.h"

/* A VMD controller of the fake: what is behind it exists while its driver is bound. */

#define VMD "0000:00:0e.0"
#define ROOT_PORT "10000:e0:06.0"
#define DISK "10000:e1:00.0"
#define VMD_PATH "/devices/pci0000:00/" VMD
#define ROOT_PORT_PATH VMD_PATH "/pci10000:e0/" ROOT_PORT
#define DISK_PATH ROOT_PORT_PATH "/" DISK

static void assert_target(FakeKernel *k, const char *path, const char *expected) {
        g_autofree char *full = g_build_filename(fake_kernel_get_root(k), path, NULL), *target = realpath(full, NULL),
                        *wanted = g_build_filename(fake_kernel_get_root(k), expected, NULL);

        g_assert_cmpstr(target, ==, wanted);
}

static void assert_exposed(FakeKernel *k) {
        assert_target(k, DEVICES "/" ROOT_PORT, "sys" ROOT_PORT_PATH);
        assert_target(k, DEVICES "/" DISK, "sys" DISK_PATH);
        assert_target(k, DEVICES "/" VMD "/domain", "sys" VMD_PATH "/pci10000:e0/pci_bus/10000:e0");
        assert_driver(k, ROOT_PORT, "pcieport");
        assert_driver(k, DISK, "nvme");
        assert_text(k, "sys/class/block/nvme0n1/ro", "0");
        g_assert_true(fake_kernel_exists(k, "dev/nvme0n1"));
        for (const char *const *device = (const char *const[]){VMD, ROOT_PORT, DISK, NULL}; *device; device++) {
                g_autofree char *group = fake_kernel_link(k, DEVICES "/%s/iommu_group", *device);

                g_assert_cmpstr(group, ==, "5");
                g_assert_true(fake_kernel_exists(k, "sys/kernel/iommu_groups/5/devices/%s", *device));
        }
}

static void assert_hidden(FakeKernel *k) {
        g_assert_false(fake_kernel_exists(k, DEVICES "/" ROOT_PORT));
        g_assert_false(fake_kernel_exists(k, DEVICES "/" DISK));
        g_assert_false(fake_kernel_exists(k, "sys/kernel/iommu_groups/5/devices/" DISK));
        g_assert_false(fake_kernel_exists(k, "sys/kernel/iommu_groups/5/devices/" ROOT_PORT));
        g_assert_false(fake_kernel_exists(k, DEVICES "/" VMD "/pci10000:e0"));
        g_assert_false(fake_kernel_exists(k, DEVICES "/" VMD "/domain"));
        g_assert_false(fake_kernel_exists(k, "dev/nvme0n1"));
        g_assert_true(fake_kernel_exists(k, "sys/kernel/iommu_groups/5/devices/" VMD));
}

/* As in the kernel: the driver's probe adds the functions behind, and its remove takes them out; the events of the
 * controller itself come last. */
static void test_events(void) {
        FakeKernel *k = fake_kernel_start("vmd");
        g_autofree char *before = fake_kernel_snapshot(k);
        int events = fake_kernel_open_events(k);

        assert_exposed(k);
        g_assert_cmpint(unbind(k, VMD, "vmd"), ==, 0);
        assert_hidden(k);
        assert_event(events, "remove " DISK_PATH "/nvme/nvme0/nvme0n1 block");
        assert_event(events, "remove " DISK_PATH "/nvme/nvme0 nvme");
        assert_event(events, "unbind " DISK_PATH " pci");
        assert_event(events, "remove " DISK_PATH " pci");
        assert_event(events, "unbind " ROOT_PORT_PATH " pci");
        assert_event(events, "remove " ROOT_PORT_PATH " pci");
        assert_event(events, "unbind " VMD_PATH " pci");

        g_assert_cmpint(probe(k, VMD), ==, 0);
        assert_exposed(k);
        assert_event(events, "add " ROOT_PORT_PATH " pci");
        assert_event(events, "bind " ROOT_PORT_PATH " pci");
        assert_event(events, "add " DISK_PATH " pci");
        assert_event(events, "add " DISK_PATH "/nvme/nvme0 nvme");
        assert_event(events, "add " DISK_PATH "/nvme/nvme0/nvme0n1 block");
        assert_event(events, "bind " DISK_PATH " pci");
        assert_event(events, "bind " VMD_PATH " pci");
        close(events);

        g_autofree char *after = fake_kernel_snapshot(k);
        g_assert_cmpstr(before, ==, after);
        fake_kernel_stop(k);
}

/* On another driver than vmd the controller exposes nothing. What was set on a function behind it is lost with that
 * function. */
static void test_other_driver(void) {
        FakeKernel *k = fake_kernel_start("vmd");

        fake_kernel_do(k, "modprobe vfio-pci");
        g_assert_cmpint(set_override(k, DISK, "nvme"), ==, 0);
        g_assert_cmpint(fake_kernel_write(k, "auto", DEVICES "/" DISK "/power/control"), ==, 0);
        detach(k, VMD, "vmd");
        assert_hidden(k);
        fake_kernel_do(k, "claim 5");
        fake_kernel_do(k, "release 5");
        g_assert_cmpint(unbind(k, VMD, "vfio-pci"), ==, 0);
        g_assert_cmpint(set_override(k, VMD, "\n"), ==, 0);
        g_assert_cmpint(probe(k, VMD), ==, 0);
        assert_exposed(k);
        assert_text(k, DEVICES "/" DISK "/driver_override", "(null)");
        assert_text(k, DEVICES "/" DISK "/power/control", "on");

        /* An unload of the module is an unbind, too; without autoprobe the functions come back without a driver. */
        fake_kernel_do(k, "rmmod vmd");
        assert_hidden(k);
        g_assert_cmpint(fake_kernel_write(k, "0", PCI "/drivers_autoprobe"), ==, 0);
        fake_kernel_do(k, "modprobe vmd");
        assert_hidden(k);
        g_assert_cmpint(probe(k, VMD), ==, 0);
        assert_driver(k, DISK, NULL);
        g_assert_true(fake_kernel_exists(k, DEVICES "/" DISK));
        fake_kernel_stop(k);
}

/* The unbind of the controller waits for a function behind it that a VM has. */
static void test_held(void) {
        FakeKernel *k = fake_kernel_start("vmd");
        Write *unbinder;

        fake_kernel_do(k, "modprobe vfio-pci");
        fake_kernel_do(k, "cdevs on");
        detach(k, DISK, "nvme");
        g_assert_cmpint(fake_kernel_send(k, NULL, "claim 5"), ==, -EREMOTEIO); /* the controller is on vmd */
        int cdev = fake_kernel_open(k, O_RDWR, "dev/vfio/devices/vfio0");
        g_assert_cmpint(cdev, >=, 0);
        unbinder = write_start(k, VMD, PCI "/drivers/vmd/unbind");
        fake_kernel_do(k, "wait-pending 1");
        assert_driver(k, VMD, NULL);
        g_assert_true(fake_kernel_exists(k, DEVICES "/" DISK));
        close(cdev);
        g_assert_cmpint(write_finish(unbinder), ==, 0);
        assert_hidden(k);
        fake_kernel_stop(k);
}

/* Hardware behind the controller is pulled and plugged, seen or not. */
static void test_hotplug(void) {
        FakeKernel *k = fake_kernel_start("vmd");

        fake_kernel_do(k, "unplug " DISK);
        g_assert_false(fake_kernel_exists(k, DEVICES "/" DISK));
        g_assert_cmpint(unbind(k, VMD, "vmd"), ==, 0);
        g_assert_cmpint(probe(k, VMD), ==, 0);
        g_assert_true(fake_kernel_exists(k, DEVICES "/" ROOT_PORT));
        g_assert_false(fake_kernel_exists(k, DEVICES "/" DISK));
        g_assert_cmpint(fake_kernel_send(k, NULL, "unplug " DISK), ==, -EREMOTEIO);

        g_assert_cmpint(unbind(k, VMD, "vmd"), ==, 0);
        fake_kernel_do(k,
                        "plug " DISK " vendor=144d device=a80a class=010802 behind=" VMD " parent=" ROOT_PORT
                        " block=nvme0n1");
        g_assert_false(fake_kernel_exists(k, DEVICES "/" DISK));
        g_assert_cmpint(probe(k, VMD), ==, 0);
        assert_exposed(k);

        /* With the port goes what is below it. */
        g_assert_cmpint(unbind(k, VMD, "vmd"), ==, 0);
        fake_kernel_do(k, "unplug " ROOT_PORT);
        g_assert_cmpint(probe(k, VMD), ==, 0);
        g_assert_false(fake_kernel_exists(k, DEVICES "/" ROOT_PORT));
        g_assert_false(fake_kernel_exists(k, DEVICES "/" DISK));

        fake_kernel_do(k, "unplug " VMD);
        g_assert_false(fake_kernel_exists(k, "sys/kernel/iommu_groups/5"));
        g_assert_cmpint(fake_kernel_send(k, NULL, "plug " DISK " behind=" VMD), ==, -EREMOTEIO);
        fake_kernel_stop(k);
}

/* A controller gets the PCI domain after the highest that exists when its driver binds. */
static void test_domains(void) {
        FakeKernel *k = fake_kernel_start("two-vmds");

        g_assert_cmpint(unbind(k, VMD, "vmd"), ==, 0);
        g_assert_cmpint(probe(k, VMD), ==, 0);
        assert_target(k, DEVICES "/10002:e1:00.0", "sys" VMD_PATH "/pci10002:e0/10002:e0:06.0/10002:e1:00.0");
        g_assert_cmpint(unbind(k, VMD, "vmd"), ==, 0);
        g_assert_cmpint(unbind(k, "0000:80:0e.0", "vmd"), ==, 0);
        g_assert_cmpint(probe(k, "0000:80:0e.0"), ==, 0);
        assert_target(k, DEVICES "/" DISK,
                        "sys/devices/pci0000:80/0000:80:0e.0/pci10000:e0/10000:e0:06.0/10000:e1:00.0");
        g_assert_cmpint(probe(k, VMD), ==, 0);
        assert_target(k, DEVICES "/10001:e1:00.0", "sys" VMD_PATH "/pci10001:e0/10001:e0:06.0/10001:e1:00.0");
        assert_driver(k, "10001:e1:00.0", "nvme");
        fake_kernel_stop(k);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/fake-kernel-vmd/events", test_events);
        g_test_add_func("/fake-kernel-vmd/other-driver", test_other_driver);
        g_test_add_func("/fake-kernel-vmd/held", test_held);
        g_test_add_func("/fake-kernel-vmd/hotplug", test_hotplug);
        g_test_add_func("/fake-kernel-vmd/domains", test_domains);
        return g_test_run();
}
