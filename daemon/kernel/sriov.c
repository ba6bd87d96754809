/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sriov.h"
#include "kernel/sysfs.h"

int sriov_list_functions(int physical_fd, PciAddress **ret, size_t *ret_n) {
        _cleanup_free_ PciAddress *functions = NULL;
        char target[PCI_ADDRESS_TEXT_MAX];

        for (size_t n = 0;; n++) {
                int r = sysfs_read_link(physical_fd, SYSFS_PATH("virtfn%zu", n), target, sizeof(target));
                if (r == -ENOENT) {
                        *ret = TAKE_PTR(functions);
                        *ret_n = n;
                        return 0;
                }
                if (r < 0)
                        return r;
                if (!ARRAY_GROW(functions, n))
                        return -ENOMEM;
                if ((r = pci_address_parse(target, &functions[n])) < 0)
                        return r;
        }
}

int sriov_read_autoprobe(int physical_fd, bool *ret) {
        long value;

        int r = sysfs_read_number(physical_fd, "sriov_drivers_autoprobe", 0, 1, &value);
        if (r >= 0)
                *ret = value > 0;
        return r;
}

int sriov_write_autoprobe(int physical_fd, bool autoprobe) {
        return sysfs_write(physical_fd, "sriov_drivers_autoprobe", autoprobe ? "1" : "0");
}

int sriov_write_count(int physical_fd, unsigned count) {
        char text[16];

        (void)snprintf(text, sizeof(text), "%u", count);
        return sysfs_write(physical_fd, "sriov_numvfs", text);
}
