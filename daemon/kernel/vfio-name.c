/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-facts.h"

/* The kernel limits the name of a module to 55 characters (MODULE_NAME_LEN). */
#define VFIO_NAME_MAX 56

bool pci_driver_is_vfio(const char *driver) {
        return strstr(driver, "vfio");
}

bool pci_vfio_name_is_valid(const char *driver) {
        size_t length = strlen(driver);

        return pci_driver_is_vfio(driver) && length < VFIO_NAME_MAX &&
                        strspn(driver, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == length;
}
