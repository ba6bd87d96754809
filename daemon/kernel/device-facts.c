/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/device-facts.h"
#include "kernel/iommu.h"
#include "kernel/sysfs.h"
#include "kernel/vfio-denylist.h"

bool device_is_express(const Kernel *kernel, PciAddress address) {
        return faccessat(kernel->devices_fd, SYSFS_PATH("%s/max_link_width", PCI_ADDRESS_TEXT(address)), F_OK, 0) >= 0;
}

void device_facts_read(const Kernel *kernel, PciAddress address, int group, DeviceFacts *ret) {
        *ret = (DeviceFacts){.answers = -ENODEV};
        ret->has_firmware_mapping = group >= 0 && iommu_group_has_firmware_mapping(kernel, group) > 0;
        ret->denylist_is_disabled = vfio_denylist_is_disabled(kernel);
        _cleanup_close_ int device_fd = pci_device_open(kernel, address);
        if (device_fd < 0)
                return;
        ret->has_override = binding_read_override(device_fd, ret->override) >= 0;
        ret->answers = pci_device_answers(device_fd, false, ret->power_state);
}
