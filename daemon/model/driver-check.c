/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/driver-check.h"
#include "base/log.h"
#include "model/scan.h"

/* Readings that are due within this time are done together, to wake up less often. */
#define SLACK_US 20000

/* How long one turn of readings may take. */
#define TURN_US 2000

struct DriverCheck {
        const Kernel *kernel;
        Inventory *inventory;
        sd_event_source *timer;
        uint64_t due_us; /* No link is due before. UINT64_MAX: the timer is off. */
};

/* Makes the timer come at this time, if it does not come earlier. */
static int set_timer(DriverCheck *check, uint64_t due_us) {
        if (due_us >= check->due_us)
                return 0;
        check->due_us = due_us;
        int r = sd_event_source_set_time(check->timer, due_us);
        return r < 0 ? r : sd_event_source_set_enabled(check->timer, SD_EVENT_ONESHOT);
}

/* Reads the links that are due. When the turn has taken its time, the timer comes again at once for the rest. */
static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
        uint64_t begin = clock_us(CLOCK_MONOTONIC), due = UINT64_MAX;
        bool has_time = true;
        DriverCheck *check = userdata;
        size_t n;

        (void)source, (void)time;
        (void)inventory_devices(check->inventory, &n);
        /* Backwards: a device that is gone leaves the list. */
        for (size_t i = n; i > 0; i--) {
                Device *device = inventory_devices(check->inventory, &n)[i - 1];
                PciAddress address = device->address;

                if (device_driver_is_confirmed(device))
                        continue;
                uint64_t device_due = device_driver_due_us(device, begin);
                if (!has_time || device_due > begin + SLACK_US) {
                        if (device_due < due)
                                due = device_due;
                        continue;
                }
                int r = scan_driver_again(check->kernel, check->inventory, device);
                if (r < 0)
                        log_error_errno(r, "Cannot read the driver of %s again", PCI_ADDRESS_TEXT(address));
                has_time = clock_us(CLOCK_MONOTONIC) < begin + TURN_US;
        }
        check->due_us = UINT64_MAX;
        return set_timer(check, due);
}

int driver_check_arm(DriverCheck *check) {
        return set_timer(check, inventory_take_driver_due(check->inventory));
}

int driver_check_new(sd_event *event, const Kernel *kernel, Inventory *inventory, int64_t priority, DriverCheck **ret) {
        _cleanup_(driver_check_freep) DriverCheck *check = malloc(sizeof(DriverCheck));
        int r;

        if (!check)
                return -ENOMEM;
        *check = (DriverCheck){.kernel = kernel, .inventory = inventory, .due_us = UINT64_MAX};
        if ((r = sd_event_add_time(event, &check->timer, CLOCK_MONOTONIC, 0, SLACK_US, on_timer, check)) < 0 ||
                        (r = sd_event_source_set_priority(check->timer, priority)) < 0 ||
                        (r = sd_event_source_set_enabled(check->timer, SD_EVENT_OFF)) < 0 ||
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
