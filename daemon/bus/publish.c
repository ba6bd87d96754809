/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/publish.h"
#include "bus/errors.h"
#include "bus/sleep.h"

int service_publish(Service *service) {
        int r;

        if ((r = errors_register()) < 0 || (r = sd_bus_add_object_manager(service->bus, NULL, BUS_PATH)) < 0 ||
                        (r = manager_interface_publish(service)) < 0 || (r = group_interface_publish(service)) < 0 ||
                        (r = device_interface_publish(service)) < 0 || (r = job_interface_publish(service)) < 0 ||
                        (r = sleep_watch(service)) < 0)
                return r;
        service_count(service, &service->told);
        return 0;
}
