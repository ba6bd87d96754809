/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/device-file.h"
#include "state/state-file.h"
#include "state/state-json.h"

#define KIND "device"

void device_file_done(DeviceFile *file) {
        device_origin_free(file->origin);
        *file = (DeviceFile){};
}

int device_file_write(int devices_fd, PciAddress address, bool away, const DeviceOrigin *origin) {
        _cleanup_(json_decrefp) json_t *json = NULL;

        int r = state_json_from_origin(origin, &json);
        if (r < 0)
                return r;
        if (json_object_set_new(json, "away", json_boolean(away)) < 0)
                return -ENOMEM;
        return state_file_write(devices_fd, PCI_ADDRESS_TEXT(address), KIND, json, NULL);
}

int device_file_read(int devices_fd, PciAddress address, DeviceFile *ret) {
        _cleanup_device_file_ DeviceFile file = {.address = address, .away = true};
        _cleanup_(json_decrefp) json_t *json = NULL;
        int r;

        _cleanup_close_ int fd = state_file_open(devices_fd, PCI_ADDRESS_TEXT(address), false);
        if (fd < 0)
                return fd;
        if ((r = state_file_read(fd, KIND, &json)) < 0 || (r = state_json_to_origin(json, &file.origin)) < 0 ||
                        (r = state_json_read_flag(json, "away", &file.away)) < 0)
                return r;
        *ret = (DeviceFile){.address = address, .away = file.away, .origin = TAKE_PTR(file.origin)};
        return 0;
}

int device_file_remove(int devices_fd, PciAddress address) {
        return state_file_remove(devices_fd, PCI_ADDRESS_TEXT(address));
}
