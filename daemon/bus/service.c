/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/service.h"
#include "bus/errors.h"

int service_publish(Service *service) {
        int r;

        if ((r = errors_register()) < 0 || (r = sd_bus_add_object_manager(service->bus, NULL, BUS_PATH)) < 0 ||
                        (r = manager_interface_publish(service)) < 0 || (r = group_interface_publish(service)) < 0 ||
                        (r = device_interface_publish(service)) < 0 || (r = job_interface_publish(service)) < 0)
                return r;
        return 0;
}

Service *service_of(sd_bus *bus) {
        return sd_bus_slot_get_userdata(sd_bus_get_current_slot(bus));
}

int service_group_path(int number, char **ret) {
        return asprintf(ret, BUS_PATH_GROUPS "/%d", number) < 0 ? -ENOMEM : 0;
}

int service_device_path(PciAddress address, char **ret) {
        return sd_bus_path_encode(BUS_PATH_DEVICES, PCI_ADDRESS_TEXT(address), ret);
}
