/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/revert-file.h"

#define KIND "revert"

void revert_file_done(RevertFile *file) {
        free(file->addresses);
        *file = (RevertFile){};
}

static void transfer(StateJson *json, void *userdata) {
        RevertFile *file = userdata;

        file->uid = (uid_t)state_json_number(json, "uid", file->uid, 0, UINT32_MAX - 1);
        file->at_us = (uint64_t)state_json_number(json, "at", (json_int_t)file->at_us, 0, INT64_MAX);
        if (state_json_has(json, "detach", file->detach > 0))
                file->detach = (uint64_t)state_json_number(json, "detach", (json_int_t)file->detach, 1, INT64_MAX);
        state_json_addresses(json, "devices", &file->addresses, &file->n_addresses, REVERT_DEVICES_MAX);
}

int revert_file_write(int reverts_fd, const RevertFile *file) {
        return numbered_file_write(reverts_fd, file->number, KIND, transfer, file);
}

int revert_file_read(int reverts_fd, unsigned number, RevertFile *ret) {
        _cleanup_revert_file_ RevertFile file = {.number = number};

        int r = numbered_file_read(reverts_fd, number, KIND, transfer, &file);
        if (r >= 0)
                *ret = TAKE_GENERIC(file, RevertFile, (RevertFile){});
        return r;
}
