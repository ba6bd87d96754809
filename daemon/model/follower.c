/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/follower.h"
#include "base/log.h"
#include "kernel/iommu.h"

#include <poll.h>

/* A storm can lose events a hundred times a second; the log hears of it so often. */
#define LOG_INTERVAL_US (60 * UINT64_C(1000000))

/* If an entry is removed while a directory is listed, the kernel can skip the next entry. So each directory is
 * listed this many times. */
#define LISTINGS 2

/* A device or a name that a rescan reads. */
typedef struct Entry {
        HostNameKind kind;  /* _HOST_NAME_KIND_INVALID for a device */
        PciAddress address; /* of a device */
        char name[HOST_NAME_TEXT_MAX];
} Entry;

struct Follower {
        const Kernel *kernel;
        Inventory *inventory;
        UeventSource *source;
        uint32_t events_lost;
        uint32_t events_skipped;
        uint64_t logged_us; /* when a loss was logged; 0 for never */
        bool is_deaf;       /* Events were lost, and the kernel drops more without a report until the queue is empty. */
        bool rescan_asked;  /* A rescan is to begin. */
        unsigned rescans_begun, rescans_ended; /* A rescan is running while they differ. */
        bool names_listed;                     /* The entries are the names, no longer the devices. */
        Entry *entries;                        /* of the running rescan, sorted */
        size_t n_entries, n_read;
};

int follower_new(const Kernel *kernel, Inventory *inventory, UeventSource *source, Follower **ret) {
        Follower *follower = malloc(sizeof(Follower));
        if (!follower)
                return -ENOMEM;
        *follower = (Follower){.kernel = kernel, .inventory = inventory, .source = source};
        *ret = follower;
        return 0;
}

Follower *follower_free(Follower *follower) {
        if (!follower)
                return NULL;
        free(follower->entries);
        free(follower);
        return NULL;
}

/* Events. */

static bool is_queue_empty(const Follower *follower) {
        struct pollfd poll_fd = {.fd = follower->source->get_fd(follower->source), .events = POLLIN};
        return poll(&poll_fd, 1, 0) == 0;
}

/* Either the queue is empty, or libudev skipped a message. After a loss only the empty queue starts a rescan. */
static int on_nothing(Follower *follower) {
        if (!follower->is_deaf)
                return 0;
        if (!is_queue_empty(follower))
                return 1;
        follower->is_deaf = false;
        uint64_t now = clock_us(CLOCK_MONOTONIC);
        if (follower->logged_us == 0 || now - follower->logged_us >= LOG_INTERVAL_US) {
                follower->logged_us = now;
                log_notice("Kernel events were lost (%u times so far): vfiod reads all devices again.",
                                follower->events_lost);
        }
        follower->rescan_asked = true;
        return 0;
}

/* The driver of an IOMMU can be a module that is loaded long after the devices appeared, for example virtio_iommu. It puts them
 * into groups before the kernel reports that it is bound. A device without a driver has no event then. */
static void follow_iommu(Follower *follower, const Uevent *event) {
        if (!streq(event->action, "bind") || streq(event->subsystem, "pci") ||
                        !iommu_is_unit(follower->kernel, event->devpath))
                return;
        log_info("An IOMMU is in use now (%s): vfiod reads all devices again.", event->devpath);
        follower->rescan_asked = true;
}

static void follow_one(Follower *follower, const Uevent *event) {
        follow_iommu(follower, event);
        int r = scan_event(follower->kernel, follower->inventory, event);
        if (r < 0)
                log_error_errno(r, "Cannot find the device of the event '%s' at %s", event->action, event->devpath);
}

/* The kernel adds whatever a driver gives it to an event, and libudev refuses a message with a variable that it
 * cannot parse. The events of PCI functions, interfaces and disks have none of those, so nothing has to be read
 * again. */
static void skip_message(Follower *follower) {
        if (follower->events_skipped++ == 0)
                log_notice("An event of the kernel cannot be parsed and is skipped. This is logged once.");
}

int follower_follow(Follower *follower, uint64_t budget_us) {
        uint64_t end = clock_us(CLOCK_MONOTONIC) + budget_us;

        do {
                Uevent event;

                int r = follower->source->receive(follower->source, &event);
                if (r == 0)
                        return on_nothing(follower);
                if (r == -ENOBUFS) {
                        follower->events_lost++;
                        follower->is_deaf = true;
                } else if (r == -EBADMSG)
                        skip_message(follower);
                else if (r < 0)
                        return r;
                else
                        follow_one(follower, &event);
        } while (clock_us(CLOCK_MONOTONIC) < end);
        return 1;
}

/* Rescans. */

static int add_entry(Follower *follower, const Entry *entry) {
        if (!ARRAY_GROW(follower->entries, follower->n_entries))
                return -ENOMEM;
        follower->entries[follower->n_entries++] = *entry;
        return 0;
}

static int add_device(PciAddress address, void *userdata) {
        return add_entry(userdata, &(Entry){.kind = _HOST_NAME_KIND_INVALID, .address = address});
}

static int add_name(HostNameKind kind, const char *name, void *userdata) {
        Entry entry = {.kind = kind};

        size_t length = strlen(name);
        if (length >= sizeof(entry.name))
                return 0;
        memcpy(entry.name, name, length + 1);
        return add_entry(userdata, &entry);
}

static int compare_entries(const void *a, const void *b) {
        const Entry *x = a, *y = b;

        if (x->kind != y->kind)
                return COMPARE(x->kind, y->kind);
        return x->kind == _HOST_NAME_KIND_INVALID ? COMPARE(pci_address_key(x->address), pci_address_key(y->address))
                                                  : strcmp(x->name, y->name);
}

static void sort_entries(Follower *follower) {
        if (follower->n_entries > 0)
                qsort(follower->entries, follower->n_entries, sizeof(Entry), compare_entries);
}

static int begin_rescan(Follower *follower) {
        size_t n;
        int r;

        follower->rescan_asked = follower->names_listed = false;
        follower->rescans_begun++;
        follower->n_entries = follower->n_read = 0;
        inventory_begin_rescan(follower->inventory);
        for (unsigned i = 0; i < LISTINGS; i++)
                if ((r = pci_device_for_each(follower->kernel, add_device, follower)) < 0)
                        return r;
        /* A known device that is not listed may exist nevertheless. */
        Device *const *devices = inventory_devices(follower->inventory, &n);
        for (size_t i = 0; i < n; i++)
                if (devices[i]->present && (r = add_device(devices[i]->address, follower)) < 0)
                        return r;
        sort_entries(follower);
        return 0;
}

/* All devices must be known before the names are listed: a name whose event came when its device was not known yet
 * is lost. */
static int list_names(Follower *follower) {
        int r;

        follower->names_listed = true;
        follower->n_entries = follower->n_read = 0;
        for (unsigned i = 0; i < LISTINGS; i++)
                if ((r = host_names_list(follower->kernel, add_name, follower)) < 0)
                        return r;
        sort_entries(follower);
        return 0;
}

/* A device that cannot be read is skipped, so that the others are read. */
static int read_next(Follower *follower) {
        const Entry *entry;

        do
                entry = &follower->entries[follower->n_read++];
        while (follower->n_read < follower->n_entries && compare_entries(entry, entry + 1) == 0);
        if (entry->kind != _HOST_NAME_KIND_INVALID)
                return scan_name(follower->kernel, follower->inventory, entry->kind, entry->name);
        return scan_device(follower->kernel, follower->inventory, entry->address) == -ENOMEM ? -ENOMEM : 0;
}

static int end_rescan(Follower *follower) {
        free(TAKE_PTR(follower->entries));
        follower->rescans_ended = follower->rescans_begun;
        return inventory_end_rescan(follower->inventory);
}

unsigned follower_ask_rescan(Follower *follower) {
        follower->rescan_asked = true;
        return follower->rescans_begun + 1;
}

unsigned follower_rescans_done(const Follower *follower) {
        return follower->rescans_ended;
}

bool follower_is_rescanning(const Follower *follower) {
        return follower->rescan_asked || follower->rescans_ended != follower->rescans_begun;
}

int follower_rescan(Follower *follower, uint64_t budget_us) {
        uint64_t end = clock_us(CLOCK_MONOTONIC) + budget_us;

        while (follower_is_rescanning(follower)) {
                int r = follower->rescans_ended == follower->rescans_begun ? begin_rescan(follower)
                                : follower->n_read < follower->n_entries   ? read_next(follower)
                                : !follower->names_listed                  ? list_names(follower)
                                                                           : end_rescan(follower);
                if (r < 0 || clock_us(CLOCK_MONOTONIC) >= end)
                        return r;
        }
        return 0;
}

int follower_read_all(const Kernel *kernel, Inventory *inventory) {
        _cleanup_(follower_freep) Follower *follower = NULL;

        int r = follower_new(kernel, inventory, NULL, &follower);
        if (r < 0)
                return r;
        (void)follower_ask_rescan(follower);
        return follower_rescan(follower, UINT64_MAX / 2);
}

uint32_t follower_events_lost(const Follower *follower) {
        return follower->events_lost;
}

uint32_t follower_events_skipped(const Follower *follower) {
        return follower->events_skipped;
}
