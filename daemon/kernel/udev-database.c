/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/udev-database.h"

#include <limits.h>

bool udev_database_has(const char *folder, PciAddress address, uint64_t since_us) {
        char path[PATH_MAX];
        _cleanup_fclose_ FILE *file = NULL;
        _cleanup_free_ char *line = NULL;
        size_t size = 0;

        if (!folder || access(folder, F_OK) < 0)
                return true;
        if (snprintf(path, sizeof(path), "%s/+pci:%s", folder, PCI_ADDRESS_TEXT(address)) >= (int)sizeof(path))
                return true;
        file = fopen(path, "re");
        while (file && getline(&line, &size, file) >= 0) {
                const char *initialized = startswith(line, "I:");

                if (initialized)
                        return strtoull(initialized, NULL, 10) >= since_us;
        }
        return false;
}
