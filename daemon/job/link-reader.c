/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/link-reader.h"
#include "base/log.h"
#include "job/child.h"
#include "kernel/pci-link.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

/* How long a device may take to answer. One that wakes up takes about a second. */
#define DEADLINE_US (3 * UINT64_C(1000000))

/* A change is rarely alone: what changes within this time is read by one child. */
#define DELAY_US (100 * UINT64_C(1000))

/* How long one turn of the loop takes in what a child has read. */
#define TURN_US 2000

/* At most so many children wait for devices that do not answer. When there are more such devices, no link is read until one of the children ends. */
#define LATE_MAX 16

/* A child. It reads the links of these devices, one after the other, and sends each as a PciLinkReading. */
typedef struct Reading {
        struct Reading *next; /* of those that are late */
        LinkReader *reader;
        sd_event_source *source;
        int fd;
        PciAddress *addresses;
        size_t n_addresses, n_read;
} Reading;

struct LinkReader {
        sd_event *event;
        const Kernel *kernel;
        Inventory *inventory;
        Reading *current;          /* NULL for none */
        Reading *late;             /* each waits for its device at n_read */
        sd_event_source *deadline; /* of the current one */
        sd_event_source *delay;    /* until the next one begins */
        bool wanted;               /* by some device, see link_wanted */
};

/* In the child. */

static void __attribute__((noreturn)) run(const Kernel *kernel, const Reading *reading, int fd, pid_t daemon) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (size_t i = 0; i < reading->n_addresses && getppid() == daemon; i++) {
                PciLinkReading link;

                /* One that is gone or cannot be read has no link. Its incarnation, 0, is nobody's. */
                if (pci_device_read_link(kernel, reading->addresses[i], &link) < 0)
                        link = (PciLinkReading){.address = reading->addresses[i]};
                while (send(fd, &link, sizeof(link), MSG_NOSIGNAL) < 0)
                        if (errno != EINTR)
                                _exit(EXIT_FAILURE); /* the daemon does not wait for it any more */
        }
        _exit(EXIT_SUCCESS);
}

/* In the daemon. */

static uint64_t now_us(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static Reading *reading_free(Reading *reading) {
        if (!reading)
                return NULL;
        sd_event_source_disable_unref(reading->source);
        (void)safe_close(reading->fd);
        free(reading->addresses);
        free(reading);
        return NULL;
}
DEFINE_TRIVIAL_CLEANUP_FUNC(Reading *, reading_free)

static int set_timer(sd_event_source *timer, uint64_t delay_us) {
        int r = sd_event_source_set_time(timer, now_us() + delay_us);
        return r < 0 ? r : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* The next child begins soon, if there is something to read and no child is in the way. */
static int begin_soon(LinkReader *reader) {
        if (!reader->wanted || reader->current || link_reader_late(reader) >= LATE_MAX)
                return 0;
        int r = sd_event_source_get_enabled(reader->delay, NULL);
        return r != 0 ? r : set_timer(reader->delay, DELAY_US);
}

static void want(LinkReader *reader, Device *device) {
        device->link_wanted = true;
        reader->wanted = true;
}

static bool is_waited_for(const LinkReader *reader, PciAddress address) {
        for (const Reading *late = reader->late; late; late = late->next)
                if (pci_address_equal(late->addresses[late->n_read], address))
                        return true;
        return false;
}

/* Collects the devices whose link is wanted. Nobody asks twice a device that has not answered yet. */
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

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata);

static int begin(LinkReader *reader) {
        int sockets[2], r;

        _cleanup_(reading_freep) Reading *reading = malloc(sizeof(Reading));
        if (!reading)
                return -ENOMEM;
        *reading = (Reading){.reader = reader, .fd = -EBADF};
        if ((r = collect(reader, reading)) < 0 || reading->n_addresses == 0)
                return r;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
                return -errno;
        reading->fd = sockets[0];
        _cleanup_close_ int child_fd = sockets[1];
        if ((r = sd_event_add_io(reader->event, &reading->source, reading->fd, EPOLLIN, on_socket, reading)) < 0 ||
                        (r = set_timer(reader->deadline, DEADLINE_US)) < 0)
                return r;

        pid_t daemon = getpid();
        r = child_fork(reader->event, "vfiod-links", reader->kernel, &child_fd, 1);
        if (r < 0)
                return r;
        if (r == 0)
                run(reader->kernel, reading, child_fd, daemon);
        reader->current = TAKE_PTR(reading);
        return 0;
}

/* The child has read all, or its device has answered at last, or the child has died. */
static int end(Reading *reading) {
        LinkReader *reader = reading->reader;

        if (reader->current == reading) {
                reader->current = NULL;
                (void)sd_event_source_set_enabled(reader->deadline, SD_EVENT_OFF);
        } else
                for (Reading **link = &reader->late; *link; link = &(*link)->next)
                        if (*link == reading) {
                                *link = reading->next;
                                break;
                        }
        reading_free(reading);
        return begin_soon(reader);
}

/* Takes the next packet. Returns 1 if there was one; 0 if there is none yet; -EPIPE when the reading is over, and freed; another negative errno. */
static int take_packet(Reading *reading) {
        LinkReader *reader = reading->reader;
        PciLinkReading link;

        ssize_t n = recv(reading->fd, &link, sizeof(link), MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        bool is_current = reader->current == reading;
        int r = 0;
        if (n == (ssize_t)sizeof(link)) {
                reading->n_read++;
                r = inventory_put_link(reader->inventory, &link);
                /* A late child has answered for its device; the others were left to the next child. */
                if (r >= 0 && is_current && reading->n_read < reading->n_addresses) {
                        r = set_timer(reader->deadline, DEADLINE_US);
                        return r < 0 ? r : 1;
                }
        }
        int s = end(reading);
        return r < 0 ? r : s < 0 ? s : -EPIPE;
}

static void take_packets(Reading *reading) {
        uint64_t until = now_us() + TURN_US;
        int r;

        do
                r = take_packet(reading);
        while (r > 0 && now_us() < until);
        if (r < 0 && r != -EPIPE)
                log_error_errno(r, "Cannot take in the links of the devices");
}

static int on_socket(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void)source, (void)fd, (void)events;
        take_packets(userdata);
        return 0;
}

/* The device that is read does not answer. Its child goes on waiting for it, and the others are left to the next child. */
static int on_deadline(sd_event_source *source, uint64_t time, void *userdata) {
        LinkReader *reader = userdata;
        Reading *reading = reader->current;
        struct pollfd poll_fd;

        (void)source, (void)time;
        if (!reading)
                return 0;
        /* The daemon itself may have been late. */
        poll_fd = (struct pollfd){.fd = reading->fd, .events = POLLIN};
        if (poll(&poll_fd, 1, 0) > 0)
                return set_timer(reader->deadline, DEADLINE_US);

        log_warning("%s does not answer the question for its PCIe link: the link is not known.",
                        PCI_ADDRESS_TEXT(reading->addresses[reading->n_read]));
        for (size_t i = reading->n_read + 1; i < reading->n_addresses; i++) {
                Device *device = inventory_find_device(reader->inventory, reading->addresses[i]);
                if (device)
                        want(reader, device);
        }
        reading->next = reader->late;
        reader->late = reading;
        reader->current = NULL;
        if (link_reader_late(reader) >= LATE_MAX)
                log_warning("%d devices do not answer: no more links are read until one of them does.", LATE_MAX);
        return begin_soon(reader);
}

static int on_delay(sd_event_source *source, uint64_t time, void *userdata) {
        LinkReader *reader = userdata;

        (void)source, (void)time;
        int r = reader->current ? 0 : begin(reader);
        if (r < 0)
                log_error_errno(r, "Cannot read the links of the devices");
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
                if (device && device->present)
                        want(reader, device);
        }
        return begin_soon(reader);
}

int link_reader_read_now(LinkReader *reader, uint64_t timeout_us) {
        uint64_t until = now_us() + timeout_us;
        int r;

        if ((r = link_reader_read_all(reader)) < 0 ||
                        (r = sd_event_source_set_enabled(reader->delay, SD_EVENT_OFF)) < 0 || (r = begin(reader)) < 0)
                return r;
        while (reader->current) {
                struct pollfd poll_fd = {.fd = reader->current->fd, .events = POLLIN};
                uint64_t now = now_us();

                if (now >= until || (poll(&poll_fd, 1, (int)((until - now) / 1000 + 1)) < 0 && errno != EINTR))
                        break;
                take_packets(reader->current);
        }
        return 0;
}

size_t link_reader_late(const LinkReader *reader) {
        size_t n = 0;

        for (const Reading *late = reader->late; late; late = late->next)
                n++;
        return n;
}

int link_reader_new(sd_event *event, const Kernel *kernel, Inventory *inventory, LinkReader **ret) {
        _cleanup_(link_reader_freep) LinkReader *reader = malloc(sizeof(LinkReader));
        int r;

        if (!reader)
                return -ENOMEM;
        *reader = (LinkReader){.event = sd_event_ref(event), .kernel = kernel, .inventory = inventory};
        if ((r = sd_event_add_time(event, &reader->deadline, CLOCK_MONOTONIC, 0, 0, on_deadline, reader)) < 0 ||
                        (r = sd_event_source_set_enabled(reader->deadline, SD_EVENT_OFF)) < 0 ||
                        (r = sd_event_add_time(event, &reader->delay, CLOCK_MONOTONIC, 0, 0, on_delay, reader)) < 0 ||
                        (r = sd_event_source_set_enabled(reader->delay, SD_EVENT_OFF)) < 0)
                return r;
        *ret = TAKE_PTR(reader);
        return 0;
}

LinkReader *link_reader_free(LinkReader *reader) {
        if (!reader)
                return NULL;
        reading_free(reader->current);
        while (reader->late) {
                Reading *next = reader->late->next;

                reading_free(reader->late);
                reader->late = next;
        }
        sd_event_source_disable_unref(reader->deadline);
        sd_event_source_disable_unref(reader->delay);
        sd_event_unref(reader->event);
        free(reader);
        return NULL;
}
