/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test-fake-kernel.h"

/* Group nodes, their holders, and the requests that wait for a holder. */

static void test_node(void) {
        FakeKernel *k = fake_kernel_start("story");
        g_autofree char *path = NULL, *link = NULL, *target = NULL;
        int fd, second;

        fake_kernel_do(k, "modprobe vfio-pci");
        detach(k, PORT1, "e1000");
        detach(k, PORT2, "e1000");

        fd = fake_kernel_open(k, O_RDWR, "dev/vfio/10");
        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpint(fake_kernel_open(k, O_RDWR, "dev/vfio/10"), ==, -EBUSY);
        g_assert_cmpint(fake_kernel_send(k, NULL, "hold 10"), ==, -EREMOTEIO);
        for (unsigned i = 0; i < 100; i++) {
                close(fd);
                fd = fake_kernel_open(k, O_RDWR, "dev/vfio/10");
                g_assert_cmpint(fd, >=, 0);
        }

        /* the link of the descriptor shows the path of the node */
        path = g_strdup_printf("%s/dev/vfio/10", fake_kernel_get_root(k));
        link = g_strdup_printf("/proc/self/fd/%d", fd);
        g_assert_true(fake_kernel_exists(k, "dev/vfio/10"));
        target = g_file_read_link(link, NULL);
        g_assert_cmpstr(target, ==, path);

        /* an open node alone does not block an unbind; the node is removed when the last member is unbound */
        g_assert_cmpint(unbind(k, PORT1, "vfio-pci"), ==, 0);
        g_assert_true(fake_kernel_exists(k, "dev/vfio/10"));
        g_assert_cmpint(unbind(k, PORT2, "vfio-pci"), ==, 0);
        g_assert_false(fake_kernel_exists(k, "dev/vfio/10"));

        /* a new node is a different node */
        g_assert_cmpint(probe(k, PORT1), ==, 0);
        second = fake_kernel_open(k, O_RDWR, "dev/vfio/10");
        g_assert_cmpint(second, >=, 0);
        close(fd);
        g_assert_cmpint(fake_kernel_open(k, O_RDWR, "dev/vfio/10"), ==, -EBUSY);
        close(second);
        fake_kernel_do(k, "hold 10");
        g_assert_cmpint(fake_kernel_open(k, O_RDWR, "dev/vfio/10"), ==, -EBUSY);
        fake_kernel_do(k, "release 10");
        g_assert_cmpint(fake_kernel_send(k, NULL, "release 10"), ==, -EREMOTEIO);
        fake_kernel_stop(k);
}

static void test_claim(void) {
        FakeKernel *k = fake_kernel_start("story");

        fake_kernel_do(k, "modprobe vfio-pci");
        detach(k, PORT1, "e1000");
        g_assert_cmpint(fake_kernel_send(k, NULL, "claim 10"), ==, -EREMOTEIO); /* not viable */
        g_assert_cmpint(unbind(k, PORT2, "e1000"), ==, 0);
        fake_kernel_do(k, "claim 10");

        /* no host driver can bind a member of a group that a VM uses */
        g_assert_cmpint(probe(k, PORT2), ==, 0);
        assert_driver(k, PORT2, NULL);
        g_assert_cmpint(bind_to(k, PORT2, "e1000"), ==, -EBUSY);
        fake_kernel_do(k, "release 10");
        g_assert_cmpint(bind_to(k, PORT2, "e1000"), ==, 0);
        fake_kernel_stop(k);
}

/* KERNEL.md section 1: which requests wait, which do not, and all of them end when the holder releases the group. */
static void test_held_unbind(void) {
        FakeKernel *k = fake_kernel_start("story");
        Write *unbinder, *uevent, *override, *power, *second;
        int fd, events;

        fake_kernel_do(k, "modprobe vfio-pci");
        detach(k, PORT1, "e1000");
        detach(k, PORT2, "e1000");
        detach(k, "0000:05:00.0", "e1000e");
        fd = fake_kernel_open(k, O_RDWR, "dev/vfio/10");
        fake_kernel_do(k, "claim 10");
        events = fake_kernel_open_events(k);

        unbinder = write_start(k, PORT1, PCI "/drivers/vfio-pci/unbind");
        fake_kernel_do(k, "wait-pending 1");
        assert_driver(k, PORT1, NULL);
        uevent = write_start(k, NULL, DEVICES "/" PORT1 "/uevent");
        override = write_start(k, NULL, DEVICES "/" PORT1 "/driver_override");
        power = write_start(k, "on", DEVICES "/" PORT1 "/power/control");
        fake_kernel_do(k, "wait-pending 4");

        /* everything else continues: other attributes, and other devices through the same files */
        assert_text(k, DEVICES "/" PORT1 "/vendor", "0x8086");
        assert_text(k, DEVICES "/" PORT1 "/power/control", "auto");
        assert_text(k, DEVICES "/" PORT2 "/driver_override", "vfio-pci");
        g_assert_cmpint(fake_kernel_write(k, "change", DEVICES "/" PORT1 "/uevent"), ==, 0);
        assert_event(events, "change /devices/pci0000:00/0000:00:02.0/" BRIDGE "/" PORT1 " pci");
        g_assert_cmpint(unbind(k, "0000:05:00.0", "vfio-pci"), ==, 0);
        assert_event(events, "remove /devices/pci0000:00/0000:00:04.0/0000:05:00.0/vfio-dev/vfio2 vfio-dev");
        assert_event(events, "remove /devices/virtual/vfio/12 vfio");
        assert_event(events, "unbind /devices/pci0000:00/0000:00:04.0/0000:05:00.0 pci");

        second = write_start(k, PORT2, PCI "/drivers/vfio-pci/unbind");
        fake_kernel_do(k, "wait-pending 5");

        close(fd);
        g_assert_cmpint(write_finish(unbinder), ==, 0);
        g_assert_cmpint(write_finish(uevent), ==, 0);
        g_assert_cmpint(write_finish(override), ==, 0);
        g_assert_cmpint(write_finish(power), ==, 0);
        g_assert_cmpint(write_finish(second), ==, 0);
        g_assert_false(fake_kernel_exists(k, "dev/vfio/10"));
        assert_driver(k, PORT1, NULL);
        close(events);
        fake_kernel_stop(k);
}

/* "release" releases a group that no process claimed; what still waits at the end of the fake kernel ends too. */
static void test_stop_while_held(void) {
        FakeKernel *k = fake_kernel_start("story");
        Write *unbinder;

        fake_kernel_do(k, "modprobe vfio-pci");
        detach(k, "0000:05:00.0", "e1000e");
        fake_kernel_do(k, "claim 12");
        unbinder = write_start(k, "0000:05:00.0", PCI "/drivers/vfio-pci/unbind");
        fake_kernel_do(k, "wait-pending 1");
        fake_kernel_do(k, "release 12");
        g_assert_cmpint(write_finish(unbinder), ==, 0);

        g_assert_cmpint(probe(k, "0000:05:00.0"), ==, 0);
        fake_kernel_do(k, "claim 12");
        unbinder = write_start(k, "0000:05:00.0", PCI "/drivers/vfio-pci/unbind");
        fake_kernel_do(k, "wait-pending 1");
        fake_kernel_do(k, "quit");
        g_assert_cmpint(write_finish(unbinder), <, 0);
        fake_kernel_stop(k);
}

#define NIC "0000:05:00.0"
#define CDEV_OF_NIC DEVICES "/" NIC "/vfio-dev/vfio0"

/* Measured on Linux 6.12 with iommufd: an open cdev that is not bound to an iommufd blocks an unbind, and the
 * group's node can still be opened. */
static void test_cdev(void) {
        FakeKernel *k = fake_kernel_start("story");
        g_autofree char *path = NULL, *link = NULL, *target = NULL;
        int first, second, group, events;
        Write *unbinder;

        fake_kernel_do(k, "modprobe vfio-pci");
        detach(k, PORT1, "e1000");
        g_assert_false(fake_kernel_exists(k, DEVICES "/" PORT1 "/vfio-dev/vfio0/dev"));
        g_assert_false(fake_kernel_exists(k, "dev/vfio/devices"));
        g_assert_cmpint(unbind(k, PORT1, "vfio-pci"), ==, 0);
        g_assert_cmpint(fake_kernel_send(k, NULL, "cdevs maybe"), ==, -EREMOTEIO);
        fake_kernel_do(k, "cdevs on");
        detach(k, NIC, "e1000e");
        assert_text(k, CDEV_OF_NIC "/dev", "511:0");
        assert_text(k, "sys/class/vfio-dev/vfio0/dev", "511:0");

        /* many processes may open it, before and while another process has the group open */
        first = fake_kernel_open(k, O_RDWR, "dev/vfio/devices/vfio0");
        g_assert_cmpint(first, >=, 0);
        second = fake_kernel_open(k, O_RDONLY, "dev/vfio/devices/vfio0");
        g_assert_cmpint(second, >=, 0);
        group = fake_kernel_open(k, O_RDWR, "dev/vfio/12");
        g_assert_cmpint(group, >=, 0);
        path = g_strdup_printf("%s/dev/vfio/devices/vfio0", fake_kernel_get_root(k));
        link = g_strdup_printf("/proc/self/fd/%d", first);
        target = g_file_read_link(link, NULL);
        g_assert_cmpstr(target, ==, path);

        /* first the folder, the node and the driver link are removed; the rest waits until the last open file is
         * closed */
        events = fake_kernel_open_events(k);
        unbinder = write_start(k, NIC, PCI "/drivers/vfio-pci/unbind");
        fake_kernel_do(k, "wait-pending 1");
        assert_driver(k, NIC, NULL);
        assert_event(events, "remove /devices/pci0000:00/0000:00:04.0/" NIC "/vfio-dev/vfio0 vfio-dev");
        g_assert_false(fake_kernel_exists(k, DEVICES "/" NIC "/vfio-dev"));
        g_assert_cmpint(fake_kernel_open(k, O_RDWR, "dev/vfio/devices/vfio0"), ==, -ENOENT);
        close(group);
        close(first);
        fake_kernel_do(k, "wait-pending 1");
        g_assert_true(fake_kernel_exists(k, "dev/vfio/12"));
        close(second);
        g_assert_cmpint(write_finish(unbinder), ==, 0);
        assert_event(events, "remove /devices/virtual/vfio/12 vfio");
        assert_event(events, "unbind /devices/pci0000:00/0000:00:04.0/" NIC " pci");
        close(events);

        /* a cdev that no process has open blocks nothing, and the next device gets its number */
        detach(k, NIC, NULL);
        first = fake_kernel_open(k, O_RDWR, "dev/vfio/devices/vfio0");
        close(first);
        g_assert_cmpint(unbind(k, NIC, "vfio-pci"), ==, 0);
        detach(k, PORT1, NULL);
        assert_text(k, DEVICES "/" PORT1 "/vfio-dev/vfio0/dev", "511:0");

        /* an open cdev does not block the end of the fake kernel */
        first = fake_kernel_open(k, O_RDWR, "dev/vfio/devices/vfio0");
        g_assert_cmpint(first, >=, 0);
        fake_kernel_stop(k);
        close(first);
}

/* A removal waits for the holder too. */
static void test_cdev_unplug(void) {
        FakeKernel *k = fake_kernel_start("story");
        g_autofree char *pending = NULL;
        int fd;

        fake_kernel_do(k, "modprobe vfio-pci");
        fake_kernel_do(k, "cdevs on");
        detach(k, NIC, "e1000e");
        fd = fake_kernel_open(k, O_RDWR, "dev/vfio/devices/vfio0");
        g_assert_cmpint(fd, >=, 0);
        pending = fake_kernel_ask(k, "unplug " NIC);
        g_assert_cmpstr(pending, ==, "pending");
        g_assert_true(fake_kernel_exists(k, DEVICES "/" NIC));
        close(fd);
        fake_kernel_do(k, "pending"); /* the fake kernel handles the close before this command */
        g_assert_false(fake_kernel_exists(k, DEVICES "/" NIC));
        fake_kernel_stop(k);
}

/* A kernel that was built without CONFIG_VFIO_GROUP. */
static void test_no_group_nodes(void) {
        FakeKernel *k = fake_kernel_start("story");

        fake_kernel_do(k, "modprobe vfio-pci");
        detach(k, PORT1, "e1000");
        g_assert_cmpint(fake_kernel_send(k, NULL, "group-nodes off"), ==, -EREMOTEIO);
        g_assert_cmpint(unbind(k, PORT1, "vfio-pci"), ==, 0);
        fake_kernel_do(k, "group-nodes off");
        fake_kernel_do(k, "cdevs on");
        detach(k, NIC, "e1000e");
        g_assert_false(fake_kernel_exists(k, "dev/vfio/12"));
        g_assert_false(fake_kernel_exists(k, "sys/class/vfio"));
        g_assert_false(fake_kernel_exists(k, "sys/devices/virtual/vfio/12"));
        g_assert_true(fake_kernel_exists(k, "dev/vfio/devices/vfio0"));
        g_assert_cmpint(fake_kernel_send(k, NULL, "claim 12"), ==, -EREMOTEIO);
        g_assert_cmpint(unbind(k, NIC, "vfio-pci"), ==, 0);
        g_assert_false(fake_kernel_exists(k, "dev/vfio/devices/vfio0"));
        fake_kernel_do(k, "group-nodes on");
        detach(k, NIC, NULL);
        g_assert_true(fake_kernel_exists(k, "dev/vfio/12"));
        fake_kernel_stop(k);
}

/* A child that waits in an unbind is killed; it ends at once only with `interruptible`. */
static void check_kill(const char *option, bool interruptible) {
        FakeKernel *k = fake_kernel_start_with("story", option);
        pid_t pid;

        fake_kernel_do(k, "modprobe vfio-pci");
        detach(k, "0000:05:00.0", "e1000e");
        fake_kernel_do(k, "claim 12");
        pid = fork();
        if (pid == 0)
                _exit(unbind(k, "0000:05:00.0", "vfio-pci") == 0 ? 0 : 1);
        fake_kernel_do(k, "wait-pending 1");
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        if (!interruptible) {
                g_usleep(50000);
                g_assert_cmpint(waitpid(pid, NULL, WNOHANG), ==, 0);
                fake_kernel_do(k, "release 12");
        }
        g_assert_cmpint(waitpid(pid, NULL, 0), ==, pid);
        fake_kernel_stop(k);
}

static void test_kill(void) {
        check_kill(NULL, false);
        check_kill("--interruptible", true);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/fake-kernel/node", test_node);
        g_test_add_func("/fake-kernel/claim", test_claim);
        g_test_add_func("/fake-kernel/held-unbind", test_held_unbind);
        g_test_add_func("/fake-kernel/stop-while-held", test_stop_while_held);
        g_test_add_func("/fake-kernel/kill", test_kill);
        g_test_add_func("/fake-kernel/cdev", test_cdev);
        g_test_add_func("/fake-kernel/cdev-unplug", test_cdev_unplug);
        g_test_add_func("/fake-kernel/no-group-nodes", test_no_group_nodes);
        return g_test_run();
}
