/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "helper/revert-service.h"
#include "state/revert-file.h"

static int read_revert(sd_bus_message *call, RevertFile *file) {
        uint32_t number, uid;
        const char *text;
        int r;

        if ((r = sd_bus_message_read(call, "uutt", &number, &uid, &file->at_us, &file->detach)) < 0 ||
                        (r = sd_bus_message_enter_container(call, 'a', "s")) < 0)
                return r;
        if (number == 0 || number > FILE_NUMBER_MAX || uid == UINT32_MAX || file->at_us > INT64_MAX ||
                        file->detach > INT64_MAX)
                return -EBADMSG;
        file->number = number;
        file->uid = uid;
        if (!(file->addresses = calloc(REVERT_DEVICES_MAX, sizeof(PciAddress))))
                return -ENOMEM;
        while ((r = sd_bus_message_read_basic(call, 's', &text)) > 0)
                if (file->n_addresses == REVERT_DEVICES_MAX ||
                                pci_address_parse(text, &file->addresses[file->n_addresses++]) < 0)
                        return -EBADMSG;
        return r < 0 ? r : file->n_addresses > 0 ? 0 : -EBADMSG;
}

static int record(const WorkerHost *host, sd_bus_message *call) {
        _cleanup_revert_file_ RevertFile file = {};

        int r = host->reverts_fd < 0 ? -EROFS : read_revert(call, &file);
        return r < 0 ? r : revert_file_write(host->reverts_fd, &file);
}

int revert_service_record(const WorkerHost *host, sd_bus_message *call) {
        return sd_bus_reply_method_return(call, "i", record(host, call));
}

int revert_service_forget(const WorkerHost *host, sd_bus_message *call) {
        uint32_t number;

        int r = sd_bus_message_read(call, "u", &number);
        if (r < 0)
                return r;
        if (number == 0 || number > FILE_NUMBER_MAX)
                r = -EBADMSG;
        else
                r = host->reverts_fd < 0 ? -EROFS : numbered_file_remove(host->reverts_fd, number);
        return sd_bus_reply_method_return(call, "i", r < 0 ? r : 0);
}
