/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/revert-file.h"
#include "state/lease-file.h"
#include "state/state-file.h"
#include "state/state-json.h"

#define KIND "revert"
#define NAME_MAX_SIZE 16

static const char *format_name(unsigned number, char buffer[static NAME_MAX_SIZE]) {
        (void)snprintf(buffer, NAME_MAX_SIZE, "%u", number);
        return buffer;
}
#define NAME(number) format_name(number, (char[NAME_MAX_SIZE]){})

void revert_file_done(RevertFile *file) {
        free(file->addresses);
        *file = (RevertFile){};
}

int revert_file_parse_name(const char *name, unsigned *ret) {
        return lease_file_parse_name(name, ret);
}

/* Reads or writes all of it but the number, which is the name of the file. */
static void transfer(StateJson *json, RevertFile *file) {
        file->uid = (uid_t)state_json_number(json, "uid", file->uid, 0, UINT32_MAX - 1);
        file->at_us = (uint64_t)state_json_number(json, "at", (json_int_t)file->at_us, 0, INT64_MAX);
        state_json_addresses(json, "devices", &file->addresses, &file->n_addresses, REVERT_DEVICES_MAX);
}

int revert_file_write(int reverts_fd, const RevertFile *file) {
        _cleanup_(json_decrefp) json_t *object = json_object();
        int error = 0;

        if (!object)
                return -ENOMEM;
        /* Writing changes nothing in the file. */
        transfer(&(StateJson){.json = object, .writing = true, .error = &error}, (RevertFile *)file);
        return error < 0 ? error : state_file_write(reverts_fd, NAME(file->number), KIND, object, NULL);
}

int revert_file_read(int reverts_fd, unsigned number, RevertFile *ret) {
        _cleanup_revert_file_ RevertFile file = {.number = number};
        _cleanup_(json_decrefp) json_t *object = NULL;
        int error = 0;

        _cleanup_close_ int fd = state_file_open(reverts_fd, NAME(number), false);
        if (fd < 0)
                return fd;
        int r = state_file_read(fd, KIND, &object);
        if (r < 0)
                return r;
        transfer(&(StateJson){.json = object, .error = &error}, &file);
        if (error < 0)
                return error;
        *ret = TAKE_GENERIC(file, RevertFile, (RevertFile){});
        return 0;
}

int revert_file_remove(int reverts_fd, unsigned number) {
        return state_file_remove(reverts_fd, NAME(number));
}
