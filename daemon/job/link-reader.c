/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/link-reader.h"
#include "base/log.h"
#include "kernel/pci-link.h"
#include "process/child.h"

/* How long a device may take to answer. A device that wakes up takes about a second. */
#define DEADLINE_US (3 * UINT64_C(1000000))

/* Several changes often come together: the devices that change within this time are read by one child. */
#define DELAY_US (100 * UINT64_C(1000))

/* At most so many children wait for devices that do not answer. When there are more such devices, no link is read
 * until one of the children ends. */
#define LATE_MAX 16

/* A child process. It reads the links of these devices, one after the other, and sends each as a PciLinkReading. */
typedef struct Reading {
        struct Reading *next;
        LinkReader *reader;
        Child *child;
        PciAddress *addresses;
        size_t n_addresses, n_read;
} Reading;

struct LinkReader {
        sd_event *event;
        const Kernel *kernel;
        Inventory *inventory;
        Reading *readings;
        Reading *current;       /* one of them, or NULL; the others are late: each waits for its device at n_read */
        sd_event_source *timer; /* deadline of the current reading, or delay before the next one */
        bool wanted;            /* Some device has link_wanted. */
};

/* In the child. */

static void run(int socket_fd, void *userdata) {
        const Reading *reading = userdata;
        int r = 0;

        for (size_t i = 0; i < reading->n_addresses && r >= 0; i++) {
                /* The child has a copy of the model. */
                const Device *device = inventory_find_device(reading->reader->inventory, reading->addresses[i]);
                PciLinkReading link, known = {};

                if (device) {
                        known.incarnation = device->incarnation;
                        known.link = device->link;
                }
                /* A device that is gone or cannot be read has no link. No device has the incarnation 0. */
                if (pci_device_read_link(reading->reader->kernel, reading->addresses[i], &known, &link) < 0)
                        link = (PciLinkReading){.address = reading->addresses[i]};
                r = child_send_packet(socket_fd, &link, sizeof(link), NULL);
        }
}

/* In the daemon. */

static Reading *reading_free(Reading *reading) {
        if (!reading)
                return NULL;
        for (Reading **link = &reading->reader->readings; *link; link = &(*link)->next)
                if (*link == reading) {
                        *link = reading->next;
                        break;
                }
        if (reading->reader->current == reading) {
                reading->reader->current = NULL;
                (void)sd_event_source_set_enabled(reading->reader->timer, SD_EVENT_OFF);
        }
        child_free(reading->child);
        free(reading->addresses);
        free(reading);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Reading *, reading_free)

size_t link_reader_late(const LinkReader *reader) {
        size_t n = 0;

        for (const Reading *reading = reader->readings; reading; reading = reading->next)
                n += reading != reader->current;
        return n;
}

static int set_timer(LinkReader *reader, uint64_t delay_us) {
        int r = sd_event_source_set_time(reader->timer, clock_us(CLOCK_MONOTONIC) + delay_us);
        return r < 0 ? r : sd_event_source_set_enabled(reader->timer, SD_EVENT_ONESHOT);
}

/* Begins the next reading soon, if there is something to read and nothing prevents it. */
static int begin_soon(LinkReader *reader) {
        if (!reader->wanted || reader->current || link_reader_late(reader) >= LATE_MAX)
                return 0;
        int r = sd_event_source_get_enabled(reader->timer, NULL);
        return r != 0 ? r : set_timer(reader, DELAY_US);
}

static void want(LinkReader *reader, Device *device) {
        device->link_wanted = true;
        reader->wanted = true;
}

static bool is_waited_for(const LinkReader *reader, PciAddress address) {
        for (const Reading *reading = reader->readings; reading; reading = reading->next)
                if (pci_address_equal(reading->addresses[reading->n_read], address))
                        return true;
        return false;
}

/* Collects the devices whose link is wanted, without those that have not answered an earlier reading yet. */
static int collect(LinkReader *reader, Reading *reading) {
        size_t n;

        Device *const *devices = inventory_devices(reader->inventory, &n);
        reading->addresses = calloc(n + 1, sizeof(PciAddress));
        if (!reading->addresses)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                bool wanted = devices[i]->link_wanted && devices[i]->present;

                devices[i]->link_wanted = false;
                if (wanted && !is_waited_for(reader, devices[i]->address))
                        reading->addresses[reading->n_addresses++] = devices[i]->address;
        }
        reader->wanted = false;
        return 0;
}

/* A link was read; or, with the size 0, the child has ended. */
static bool on_packet(const void *packet, size_t size, void *userdata) {
        Reading *reading = userdata;
        LinkReader *reader = reading->reader;
        bool more = false;
        int r = 0;

        if (size == sizeof(PciLinkReading)) {
                r = inventory_put_link(reader->inventory, packet);
                /* After a late device the child ends: the next child has read the other devices. */
                more = r >= 0 && reader->current == reading && ++reading->n_read < reading->n_addresses;
        }
        if (more)
                r = set_timer(reader, DEADLINE_US);
        else {
                reading_free(reading);
                int s = begin_soon(reader);
                r = r < 0 ? r : s;
        }
        if (r < 0)
                log_error_errno(r, "Cannot process the PCIe links of the devices");
        return more;
}

static int begin(LinkReader *reader) {
        int r;

        _cleanup_(reading_freep) Reading *reading = malloc(sizeof(Reading));
        if (!reading)
                return -ENOMEM;
        *reading = (Reading){.reader = reader};
        ChildTask task = {
                        .name = "vfiod-links",
                        .kernel = reader->kernel,
                        .run = run,
                        .on_packet = on_packet,
                        .userdata = reading,
        };
        if ((r = collect(reader, reading)) < 0 || reading->n_addresses == 0)
                return r;
        if ((r = set_timer(reader, DEADLINE_US)) < 0 || (r = child_new(reader->event, &task, &reading->child)) < 0)
                return r;
        reading->next = reader->readings;
        reader->readings = reader->current = TAKE_PTR(reading);
        return 0;
}

/* The device that is being read does not answer. Its child waits for it, and the next child reads the other devices. */
static int on_late(LinkReader *reader) {
        const Reading *reading = TAKE_PTR(reader->current);

        log_warning("%s does not report its PCIe link, so vfiod does not know the link.",
                        PCI_ADDRESS_TEXT(reading->addresses[reading->n_read]));
        for (size_t i = reading->n_read + 1; i < reading->n_addresses; i++) {
                Device *device = inventory_find_device(reader->inventory, reading->addresses[i]);
                if (device)
                        want(reader, device);
        }
        if (link_reader_late(reader) >= LATE_MAX)
                log_warning("%d devices do not report their PCIe link. vfiod reads no more links until one of them "
                            "does.",
                                LATE_MAX);
        return begin_soon(reader);
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        LinkReader *reader = userdata;

        (void)source, (void)time;
        /* A link may have come in time, and the daemon is late. */
        if (reader->current)
                return child_receive(reader->current->child, 0) ? 0 : on_late(reader);
        int r = begin(reader);
        if (r < 0)
                log_error_errno(r, "Cannot read the PCIe links of the devices");
        return 0;
}

int link_reader_read_all(LinkReader *reader) {
        size_t n;

        Device *const *devices = inventory_devices(reader->inventory, &n);
        for (size_t i = 0; i < n; i++)
                want(reader, devices[i]);
        return begin_soon(reader);
}

int link_reader_follow(LinkReader *reader, const ChangeList *changes) {
        for (size_t i = 0; i < changes->n_changes; i++) {
                const Change *change = &changes->changes[i];

                if (change->kind != CHANGE_DEVICE_ADDED &&
                                !(change->kind == CHANGE_DEVICE_CHANGED &&
                                                (change->facts & (CHANGED_DRIVER | CHANGED_STATE | CHANGED_IDS))))
                        continue;
                Device *device = inventory_find_device(reader->inventory, change->address);
                /* While a job works on the device, its driver changes several times. The end of the job is a change, too. */
                if (device && device->present && device_state(device) != DEVICE_CHANGING)
                        want(reader, device);
        }
        return begin_soon(reader);
}

int link_reader_begin(LinkReader *reader) {
        int r = link_reader_read_all(reader);
        return r < 0 ? r : begin(reader);
}

void link_reader_await(LinkReader *reader, uint64_t timeout_us) {
        uint64_t now = clock_us(CLOCK_MONOTONIC), end = now + timeout_us;

        for (; reader->current && now < end; now = clock_us(CLOCK_MONOTONIC))
                (void)child_receive(reader->current->child, end - now);
}

int link_reader_new(sd_event *event, const Kernel *kernel, Inventory *inventory, LinkReader **ret) {
        _cleanup_(link_reader_freep) LinkReader *reader = malloc(sizeof(LinkReader));
        int r;

        if (!reader)
                return -ENOMEM;
        *reader = (LinkReader){.event = sd_event_ref(event), .kernel = kernel, .inventory = inventory};
        if ((r = sd_event_add_time(event, &reader->timer, CLOCK_MONOTONIC, 0, 0, on_timer, reader)) < 0 ||
                        (r = sd_event_source_set_enabled(reader->timer, SD_EVENT_OFF)) < 0)
                return r;
        *ret = TAKE_PTR(reader);
        return 0;
}

LinkReader *link_reader_free(LinkReader *reader) {
        if (!reader)
                return NULL;
        while (reader->readings)
                reading_free(reader->readings);
        sd_event_source_disable_unref(reader->timer);
        sd_event_unref(reader->event);
        free(reader);
        return NULL;
}
