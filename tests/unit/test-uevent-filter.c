/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/uevent-filter.h"

#include <glib.h>
#include <sys/socket.h>

/* Messages as the kernel makes them, on a socket pair: the filter works on every kind of socket. */

typedef struct Pair {
        int sender, receiver;
} Pair;

static Pair make_pair(void) {
        int fds[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
        g_assert_cmpint(uevent_filter_attach(fds[1]), ==, 0);
        return (Pair){fds[0], fds[1]};
}

static void close_pair(Pair pair) {
        (void)close(pair.sender);
        (void)close(pair.receiver);
}

/* The kernel drops the message, or delivers it as a whole. */
static void expect(Pair pair, const GString *message, bool passes) {
        char buffer[4096];

        g_assert_cmpint(send(pair.sender, message->str, message->len, 0), ==, message->len);
        gssize n = recv(pair.receiver, buffer, sizeof(buffer), 0);
        if (passes) {
                g_assert_cmpint(n, ==, message->len);
                g_assert_cmpmem(buffer, n, message->str, message->len);
        } else {
                g_assert_cmpint(n, <, 0);
                g_assert_cmpint(errno, ==, EAGAIN);
        }
}

static void add_string(GString *message, const char *name, const char *value) {
        g_string_append(message, name);
        g_string_append_len(message, value, (gssize)strlen(value) + 1);
}

static GString *make_message(const char *action, const char *path, const char *subsystem) {
        GString *message = g_string_new(action);

        add_string(message, "@", path);
        add_string(message, "ACTION=", action);
        add_string(message, "DEVPATH=", path);
        if (subsystem)
                add_string(message, "SUBSYSTEM=", subsystem);
        add_string(message, "SEQNUM=", "4711");
        return message;
}

static void expect_event(Pair pair, const char *action, const char *path, const char *subsystem, bool passes) {
        g_autoptr(GString) message = make_message(action, path, subsystem);

        expect(pair, message, passes);
}

static void test_subsystems(void) {
        static const struct {
                const char *action, *subsystem;
                bool passes;
        } events[] = {
                        {"add", "pci", true},
                        {"offline", "pci", true},
                        {"unbind", "pci", true},
                        {"move", "net", true},
                        {"change", "block", true},
                        {"remove", "nvme", true},
                        {"bind", "virtio", true}, /* an IOMMU, perhaps */
                        {"bind", "platform", true},
                        {"unbind", "platform", false},
                        {"add", "virtio", false},
                        {"bind", "usb", false},
                        {"unbind", "usb", false},
                        {"change", "power_supply", false},
                        {"add", "queues", false},
                        {"add", "pci_bus", false},
                        {"add", "pci_express", false},
                        {"add", "netdevsim", false},
                        {"remove", "slab", false},
                        {"add", "bdi", false},
                        {"add", "x", false},
        };
        Pair pair = make_pair();

        for (size_t i = 0; i < G_N_ELEMENTS(events); i++)
                expect_event(pair, events[i].action, "/devices/pci0000:00/0000:00:1c.0/0000:03:00.0",
                                events[i].subsystem, events[i].passes);
        close_pair(pair);
}

/* Interfaces and disks of the host that no PCI device has. */
static void test_virtual(void) {
        static const struct {
                const char *action, *path, *subsystem;
                bool passes;
        } events[] = {
                        {"add", "/devices/virtual/net/veth1a2b3c", "net", false},
                        {"move", "/devices/virtual/net/veth1a2b3c", "net", false},
                        {"remove", "/devices/virtual/net/veth1a2b3c", "net", false},
                        {"change", "/devices/virtual/block/dm-0", "block", false},
                        {"offline", "/devices/virtual/block/loop0", "block", false},
                        {"add", "/devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "block", true},
                        {"add", "/devices/virtual/nvme-subsystem/nvme-subsys0", "nvme-subsystem", true},
                        {"remove", "/devices/pci0000:00/0000:00:1c.0/0000:03:00.0/net/ens1", "net", true},
                        {"move", "/devices/pci0000:00/0000:00:1c.0/0000:03:00.0/net/ens1", "net", true},
                        {"add", "/devices/pci0000:00/0000:00:1d.0/ata1/host0/target0:0:0/0:0:0:0/block/sda", "block",
                                        true},
                        {"rebooted", "/devices/virtual/net/veth1a2b3c", "net", true},
        };
        Pair pair = make_pair();

        for (size_t i = 0; i < G_N_ELEMENTS(events); i++)
                expect_event(pair, events[i].action, events[i].path, events[i].subsystem, events[i].passes);
        close_pair(pair);
}

/* Every length that the filter measures, and longer ones, which pass. */
static void test_lengths(void) {
        Pair pair = make_pair();

        for (size_t length = 2; length < 1200; length++) {
                g_autofree char *rest = g_strnfill(length - 1, 'x'), *path = g_strconcat("/", rest, NULL);
                bool is_measured = strlen("change@") + length < 256;

                expect_event(pair, "change", path, "pci", true);
                expect_event(pair, "change", path, "thermal", !is_measured);
        }
        close_pair(pair);
}

/* What the kernel does not send today passes. */
static void test_unknown(void) {
        g_autoptr(GString) other =
                        g_string_new_len("change@/x\0ACTION=change\0DEVPATH=/x\0SEQNUM=1\0SUBSYSTEM=thermal", 58);
        g_autoptr(GString) shorter = g_string_new_len("change@/x\0ACTION=change\0DEVPATH=/x\0SUBSYSTEM=", 45);
        Pair pair = make_pair();

        expect_event(pair, "change", "/devices/x", NULL, true);
        expect(pair, other, true);
        expect(pair, shorter, true);
        close_pair(pair);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/uevent-filter/subsystems", test_subsystems);
        g_test_add_func("/uevent-filter/virtual", test_virtual);
        g_test_add_func("/uevent-filter/lengths", test_lengths);
        g_test_add_func("/uevent-filter/unknown", test_unknown);
        return g_test_run();
}
