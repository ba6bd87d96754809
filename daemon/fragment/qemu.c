/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fragment/formats.h"

/* QEMU's host= accepts only domains of four digits. */
#define SHORT_DOMAIN_MAX 0xffff

int fragment_write_qemu(Fragment *fragment, const FragmentQuestion *question, Problem *problem) {
        int r = fragment_add_usable(fragment, question, problem);
        if (r != 0)
                return r;
        if (fragment->iommufd &&
                        ((r = fragment_add_argument(fragment, "-object")) < 0 ||
                                        (r = fragment_add_argument(fragment, "iommufd,id=iommufd0")) < 0))
                return r;
        for (size_t i = 0; i < fragment->n_devices && r >= 0; i++) {
                PciAddress address = fragment->devices[i]->address;
                bool is_short = address.domain <= SHORT_DOMAIN_MAX;

                r = fragment_add_argument(fragment, "-device");
                if (r >= 0)
                        r = fragment_add_argument(fragment, "vfio-pci,%s%s%s",
                                        is_short ? "host=" : "sysfsdev=" PCI_DEVICES_FOLDER "/",
                                        PCI_ADDRESS_TEXT(address), fragment->iommufd ? ",iommufd=iommufd0" : "");
        }
        return r;
}
