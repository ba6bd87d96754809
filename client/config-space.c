/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "config-space.h"

#include "daemon/base/util.h"
#include "daemon/kernel/pci-address.h"

#include <fcntl.h>

#define HEADER_SIZE 64

int config_spaces_read(ConfigSpaces *spaces, const char *address) {
        PciAddress parsed;
        char path[64];

        /* Only an address may become part of the path. */
        if (spaces->count == CONFIG_SPACES_MAX || pci_address_parse(address, &parsed) < 0)
                return 0;
        (void)snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/config", address);
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return 0;
        if (!ARRAY_GROW(spaces->items, spaces->count))
                return -ENOMEM;
        ConfigSpace *space = &spaces->items[spaces->count];
        ssize_t n = read(fd, space->bytes, sizeof(space->bytes));
        if (n <= HEADER_SIZE)
                return 0;
        space->size = (size_t)n;
        if (!(space->address = strdup(address)))
                return -ENOMEM;
        spaces->count++;
        return 0;
}

void config_spaces_clear(ConfigSpaces *spaces) {
        for (size_t i = 0; i < spaces->count; i++)
                free(spaces->items[i].address);
        free(spaces->items);
        *spaces = (ConfigSpaces){0};
}
