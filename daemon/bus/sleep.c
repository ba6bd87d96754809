/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/sleep.h"
#include "base/log.h"

static int on_prepare_for_sleep(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const Service *service = userdata;
        int begins;

        (void)error;
        int r = sd_bus_message_read(message, "b", &begins);
        if (r < 0 || begins)
                return 0;
        log_info("The host resumed from sleep: vfiod reads all devices again.");
        r = service->rescan(service->rescan_userdata, NULL);
        if (r < 0)
                log_error_errno(r, "Cannot read the devices again after the host resumed from sleep");
        return 0;
}

static int on_installed(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        const sd_bus_error *refused = sd_bus_message_get_error(message);

        (void)userdata, (void)error;
        if (refused)
                log_warning("Cannot subscribe to the signal of logind for resume from sleep: %s", refused->message);
        return 0;
}

int sleep_watch(Service *service) {
        int r = sd_bus_match_signal_async(service->bus, NULL, "org.freedesktop.login1", "/org/freedesktop/login1",
                        "org.freedesktop.login1.Manager", "PrepareForSleep", on_prepare_for_sleep, on_installed,
                        service);
        return r < 0 ? r : 0;
}
