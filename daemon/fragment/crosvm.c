/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fragment/formats.h"

int fragment_write_crosvm(Fragment *fragment, const FragmentQuestion *question, Problem *problem) {
        int r = fragment_add_usable(fragment, question, problem);
        for (size_t i = 0; r == 0 && i < fragment->n_devices; i++) {
                r = fragment_add_argument(fragment, "--vfio");
                if (r == 0)
                        r = fragment_add_argument(fragment, PCI_DEVICES_FOLDER "/%s",
                                        PCI_ADDRESS_TEXT(fragment->devices[i]->address));
        }
        return r;
}
