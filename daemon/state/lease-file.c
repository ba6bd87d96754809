/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/lease-file.h"

#define KIND "lease"

void lease_file_done(LeaseFile *file) {
        free(file->addresses);
        *file = (LeaseFile){};
}

static void transfer(StateJson *json, void *userdata) {
        LeaseFile *file = userdata;

        file->uid = (uid_t)state_json_number(json, "uid", file->uid, 0, UINT32_MAX - 1);
        file->pid = (pid_t)state_json_number(json, "pid", file->pid, 0, INT32_MAX);
        file->since_us = (uint64_t)state_json_number(json, "since", (json_int_t)file->since_us, 0, INT64_MAX);
        file->took = state_json_flag(json, "took", file->took);
        file->descriptors = state_json_flag(json, "descriptors", file->descriptors);
        file->kill = state_json_flag(json, "kill", file->kill);
        state_json_addresses(json, "devices", &file->addresses, &file->n_addresses, LEASE_DEVICES_MAX);
}

int lease_file_write(int leases_fd, const LeaseFile *file) {
        return numbered_file_write(leases_fd, file->number, KIND, transfer, file);
}

int lease_file_read(int leases_fd, unsigned number, LeaseFile *ret) {
        _cleanup_lease_file_ LeaseFile file = {.number = number};

        int r = numbered_file_read(leases_fd, number, KIND, transfer, &file);
        if (r >= 0)
                *ret = TAKE_GENERIC(file, LeaseFile, (LeaseFile){});
        return r;
}
