/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/lease-file.h"
#include "state/state-file.h"
#include "state/state-json.h"

#define KIND "lease"
#define NAME_MAX_SIZE 16

static const char *format_name(unsigned number, char buffer[static NAME_MAX_SIZE]) {
        (void)snprintf(buffer, NAME_MAX_SIZE, "%u", number);
        return buffer;
}
#define NAME(number) format_name(number, (char[NAME_MAX_SIZE]){})

void lease_file_done(LeaseFile *file) {
        free(file->addresses);
        *file = (LeaseFile){};
}

int lease_file_parse_name(const char *name, unsigned *ret) {
        size_t length = strspn(name, "0123456789");

        if (length == 0 || length > 9 || name[length] != '\0' || name[0] == '0')
                return -EINVAL;
        *ret = (unsigned)strtoul(name, NULL, 10);
        return 0;
}

/* Reads or writes all of it but the number, which is the name of the file. */
static void transfer(StateJson *json, LeaseFile *file) {
        file->uid = (uid_t)state_json_number(json, "uid", file->uid, 0, UINT32_MAX - 1);
        file->pid = (pid_t)state_json_number(json, "pid", file->pid, 0, INT32_MAX);
        file->since_us = (uint64_t)state_json_number(json, "since", (json_int_t)file->since_us, 0, INT64_MAX);
        file->took = state_json_flag(json, "took", file->took);
        file->descriptors = state_json_flag(json, "descriptors", file->descriptors);
        file->kill = state_json_flag(json, "kill", file->kill);
        state_json_addresses(json, "devices", &file->addresses, &file->n_addresses, LEASE_DEVICES_MAX);
}

int lease_file_write(int leases_fd, const LeaseFile *file) {
        _cleanup_(json_decrefp) json_t *object = json_object();
        int error = 0;

        if (!object)
                return -ENOMEM;
        /* Writing changes nothing in the file. */
        transfer(&(StateJson){.json = object, .writing = true, .error = &error}, (LeaseFile *)file);
        return error < 0 ? error : state_file_write(leases_fd, NAME(file->number), KIND, object, NULL);
}

int lease_file_read(int leases_fd, unsigned number, LeaseFile *ret) {
        _cleanup_lease_file_ LeaseFile file = {.number = number};
        _cleanup_(json_decrefp) json_t *object = NULL;
        int error = 0;

        _cleanup_close_ int fd = state_file_open(leases_fd, NAME(number), false);
        if (fd < 0)
                return fd;
        int r = state_file_read(fd, KIND, &object);
        if (r < 0)
                return r;
        transfer(&(StateJson){.json = object, .error = &error}, &file);
        if (error < 0)
                return error;
        *ret = TAKE_GENERIC(file, LeaseFile, (LeaseFile){});
        return 0;
}

int lease_file_remove(int leases_fd, unsigned number) {
        return state_file_remove(leases_fd, NAME(number));
}
