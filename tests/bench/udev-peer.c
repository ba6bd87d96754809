/* SPDX-License-Identifier: GPL-2.0-or-later */

/* udev-peer NAME [quiet]: receives the events of the kernel by libudev, and sends one small signal for each event of a PCI device;
 * with "quiet", none. It takes NAME on the system bus, and notifies READY=1. */

#include "measure.h"

#include <libudev.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>

#define BUFFER_SIZE (128 << 20)

typedef struct Peer {
        struct udev_monitor *monitor;
        sd_bus *bus;
        int is_quiet;
} Peer;

static int on_events(sd_event_source *source, int fd, unsigned events, void *userdata) {
        Peer *peer = userdata;
        struct udev_device *device;

        (void)source, (void)fd, (void)events;
        while ((device = udev_monitor_receive_device(peer->monitor))) {
                if (!peer->is_quiet && udev_device_get_property_value(device, "PCI_SLOT_NAME"))
                        must(sd_bus_emit_signal(peer->bus, "/", "org.freedesktop.DBus.Properties", "PropertiesChanged",
                                             "sa{sv}as", "org.vfiod1.Peer", 1, "LinkSpeed", "u", 8000U, 0),
                                        "sd_bus_emit_signal");
                udev_device_unref(device);
        }
        return 0;
}

int main(int argc, char **argv) {
        Peer peer = {.is_quiet = argc > 2};
        sd_event *event;

        if (argc < 2)
                return 2;
        peer.monitor = udev_monitor_new_from_netlink(udev_new(), "kernel");
        if (!peer.monitor)
                return 1;
        must(udev_monitor_filter_add_match_subsystem_devtype(peer.monitor, "pci", NULL), "filter");
        must(udev_monitor_filter_add_match_subsystem_devtype(peer.monitor, "net", NULL), "filter");
        must(udev_monitor_filter_add_match_subsystem_devtype(peer.monitor, "block", NULL), "filter");
        must(udev_monitor_set_receive_buffer_size(peer.monitor, BUFFER_SIZE), "receive buffer");
        must(udev_monitor_enable_receiving(peer.monitor), "udev_monitor_enable_receiving");
        must(sd_event_default(&event), "sd_event_default");
        must(sd_bus_open_system(&peer.bus), "sd_bus_open_system");
        must(sd_bus_attach_event(peer.bus, event, 0), "sd_bus_attach_event");
        must(sd_bus_request_name(peer.bus, argv[1], 0), "sd_bus_request_name");
        must(sd_event_add_io(event, NULL, udev_monitor_get_fd(peer.monitor), EPOLLIN, on_events, &peer),
                        "sd_event_add_io");
        must(sd_notify(0, "READY=1"), "sd_notify");
        must(sd_event_loop(event), "sd_event_loop");
        return 0;
}
