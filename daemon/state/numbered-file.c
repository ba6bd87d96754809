/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state/numbered-file.h"
#include "state/state-file.h"

#define NAME_MAX_SIZE 16

static const char *format_name(unsigned number, char buffer[static NAME_MAX_SIZE]) {
        (void)snprintf(buffer, NAME_MAX_SIZE, "%u", number);
        return buffer;
}
#define NAME(number) format_name(number, (char[NAME_MAX_SIZE]){})

int numbered_file_write(
                int folder_fd, unsigned number, const char *kind, numbered_file_transfer_t transfer, const void *file) {
        _cleanup_(json_decrefp) json_t *object = json_object();
        int error = 0;

        if (!object)
                return -ENOMEM;
        transfer(&(StateJson){.json = object, .writing = true, .error = &error}, (void *)file);
        return error < 0 ? error : state_file_write(folder_fd, NAME(number), kind, object, NULL);
}

int numbered_file_read(
                int folder_fd, unsigned number, const char *kind, numbered_file_transfer_t transfer, void *file) {
        _cleanup_(json_decrefp) json_t *object = NULL;
        int error = 0;

        _cleanup_close_ int fd = state_file_open(folder_fd, NAME(number), false);
        if (fd < 0)
                return fd;
        int r = state_file_read(fd, kind, &object);
        if (r < 0)
                return r;
        transfer(&(StateJson){.json = object, .error = &error}, file);
        return error;
}

int numbered_file_remove(int folder_fd, unsigned number) {
        return state_file_remove(folder_fd, NAME(number));
}

int numbered_file_parse_name(const char *name, unsigned *ret) {
        size_t length = strspn(name, "0123456789");

        if (length == 0 || length > 9 || name[length] != '\0' || name[0] == '0')
                return -EINVAL;
        *ret = (unsigned)strtoul(name, NULL, 10);
        return 0;
}
