/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state-input.h"
#include "base/file.h"

#include <fcntl.h>
#include <systemd/sd-id128.h>
#include <zlib.h>

void state_input_write(int folder_fd, const char *name, const char *kind, const void *data, size_t size) {
        _cleanup_close_ int fd = openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        char header[128], boot[SD_ID128_STRING_MAX];
        sd_id128_t id;

        g_assert_cmpint(fd, >=, 0);
        if (kind) {
                g_assert_cmpint(sd_id128_get_boot(&id), >=, 0);
                (void)snprintf(header, sizeof(header), "vfiod-%s 1 %08lx %s\n", kind,
                                crc32(0, (const Bytef *)data, (uInt)size), sd_id128_to_string(id, boot));
                g_assert_cmpint(file_write_all(fd, header, strlen(header)), ==, 0);
        }
        g_assert_cmpint(file_write_all(fd, data, size), ==, 0);
}
