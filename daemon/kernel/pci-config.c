/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-config.h"
#include "kernel/pci-link.h"
#include "kernel/sysfs.h"

#include <fcntl.h>

/* The header. The ids of a virtual function are ones by definition, but the rest of its header is not. */
#define HEADER_SIZE 64

int pci_device_answers(int device_fd, bool may_wake, char power_state[static POWER_STATE_MAX]) {
        uint8_t header[HEADER_SIZE];

        /* Before the read, which wakes it up. */
        if (sysfs_read_text(device_fd, "power_state", power_state, POWER_STATE_MAX) < 0)
                power_state[0] = '\0';
        if (!may_wake && !pci_device_is_awake(device_fd))
                return -EAGAIN;
        _cleanup_close_ int fd = openat(device_fd, "config", O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        ssize_t n = pread(fd, header, sizeof(header), 0);
        if (n < 0)
                return -errno;
        for (ssize_t i = 0; i < n; i++)
                if (header[i] != 0xff)
                        return 1;
        return n < HEADER_SIZE ? -EIO : 0;
}
