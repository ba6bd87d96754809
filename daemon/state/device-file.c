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
        _cleanup_(json_decrefp) json_t *object = json_pack("{s:b}", "away", (int)away);
        int error = 0;

        if (!object)
                return -ENOMEM;
        /* Writing changes nothing in the origin. */
        state_json_origin(&(StateJson){.json = object, .writing = true, .error = &error}, (DeviceOrigin *)origin);
        if (error < 0)
                return error;
        return state_file_write(devices_fd, PCI_ADDRESS_TEXT(address), KIND, object, NULL);
}

int device_file_read(int devices_fd, PciAddress address, DeviceFile *ret) {
        _cleanup_(device_origin_freep) DeviceOrigin *origin = calloc(1, sizeof(DeviceOrigin));
        _cleanup_(json_decrefp) json_t *object = NULL;
        int error = 0;

        if (!origin)
                return -ENOMEM;
        _cleanup_close_ int fd = state_file_open(devices_fd, PCI_ADDRESS_TEXT(address), false);
        if (fd < 0)
                return fd;
        int r = state_file_read(fd, KIND, &object);
        if (r < 0)
                return r;
        StateJson json = {.json = object, .error = &error};
        bool away = state_json_flag(&json, "away", true);
        state_json_origin(&json, origin);
        if (error < 0)
                return error;
        *ret = (DeviceFile){.address = address, .away = away, .origin = TAKE_PTR(origin)};
        return 0;
}

int device_file_remove(int devices_fd, PciAddress address) {
        return state_file_remove(devices_fd, PCI_ADDRESS_TEXT(address));
}
