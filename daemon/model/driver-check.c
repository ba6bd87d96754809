/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/driver-check.h"
#include "base/log.h"
#include "model/scan.h"

#include <time.h>

/* Readings that are due within this time are done together, to wake up less often. */
#define SLACK_US 20000

/* How long one turn of readings may take. */
#define TURN_US 2000

struct DriverCheck {
        const Kernel *kernel;
        Inventory *inventory;
        sd_event_source *timer;
        size_t next; /* index of the device with which the next turn begins */
};

static uint64_t now_us(void) {
        struct timespec now;
        (void)clock_gettime(CLOCK_MONOTONIC, &now);
        return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* Reads all links that are due, as long as the turn may take. */
static void take_turn(DriverCheck *check) {
        uint64_t begin = now_us(), end = begin + TURN_US;
        size_t n, i;

        for (i = check->next;;) {
                Device *const *devices = inventory_devices(check->inventory, &n);
                if (i >= n || now_us() >= end)
                        break;
                PciAddress address = devices[i]->address;
                if (devices[i]->driver_due_us > 0 && devices[i]->driver_due_us <= begin + SLACK_US) {
                        int r = scan_driver_again(check->kernel, check->inventory, devices[i]);
                        if (r < 0)
                                log_error_errno(r, "Cannot read the driver of %s again", PCI_ADDRESS_TEXT(address));
                        devices = inventory_devices(check->inventory, &n);
                }
                /* The device may be gone now, and the next one stands at its index. */
                if (i < n && pci_address_equal(devices[i]->address, address))
                        i++;
        }
        check->next = i < n ? i : 0;
}

/* When the next turn is due: now if this one ended before its time, else with the first reading. */
static void plan_next(DriverCheck *check) {
        uint64_t next = check->next > 0 ? 1 : 0;
        size_t n;

        Device *const *devices = inventory_devices(check->inventory, &n);
        for (size_t i = 0; i < n && next != 1; i++)
                if (devices[i]->driver_due_us > 0 && (next == 0 || devices[i]->driver_due_us < next))
                        next = devices[i]->driver_due_us;
        *inventory_next_check(check->inventory) = next;
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        DriverCheck *check = userdata;

        (void)source, (void)time;
        take_turn(check);
        plan_next(check);
        return driver_check_arm(check);
}

int driver_check_arm(DriverCheck *check) {
        uint64_t due = *inventory_next_check(check->inventory);
        int r;

        if (due == 0)
                return sd_event_source_set_enabled(check->timer, SD_EVENT_OFF);
        if ((r = sd_event_source_set_time(check->timer, due)) < 0)
                return r;
        return sd_event_source_set_enabled(check->timer, SD_EVENT_ONESHOT);
}

int driver_check_new(sd_event *event, const Kernel *kernel, Inventory *inventory, int64_t priority, DriverCheck **ret) {
        _cleanup_(driver_check_freep) DriverCheck *check = malloc(sizeof(DriverCheck));
        int r;

        if (!check)
                return -ENOMEM;
        *check = (DriverCheck){.kernel = kernel, .inventory = inventory};
        if ((r = sd_event_add_time(event, &check->timer, CLOCK_MONOTONIC, 0, SLACK_US, on_timer, check)) < 0 ||
                        (r = sd_event_source_set_priority(check->timer, priority)) < 0 ||
                        (r = driver_check_arm(check)) < 0)
                return r;
        *ret = TAKE_PTR(check);
        return 0;
}

DriverCheck *driver_check_free(DriverCheck *check) {
        if (!check)
                return NULL;
        sd_event_source_disable_unref(check->timer);
        free(check);
        return NULL;
}
