/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fragment/formats.h"

int fragment_write_cloud_hypervisor(Fragment *fragment, const FragmentQuestion *question, Problem *problem) {
        int r = fragment_add_usable(fragment, question, problem);
        /* The option may be given only once: all devices follow it. */
        if (r == 0)
                r = fragment_add_argument(fragment, "--device");
        for (size_t i = 0; r == 0 && i < fragment->n_devices; i++)
                r = fragment_add_argument(fragment, "path=" PCI_DEVICES_FOLDER "/%s/",
                                PCI_ADDRESS_TEXT(fragment->devices[i]->address));
        return r;
}
