/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fragment/formats.h"

int fragment_write_libvirt(Fragment *fragment, const FragmentQuestion *question, Problem *problem) {
        (void)problem;
        int r = fragment_add_selected(fragment, question->selection);
        for (size_t i = 0; r >= 0 && i < fragment->n_devices; i++) {
                PciAddress address = fragment->devices[i]->address;

                (void)fprintf(fragment->stream,
                                "<hostdev mode='subsystem' type='pci' managed='no'>\n"
                                "  <source>\n"
                                "    <address domain='0x%04x' bus='0x%02x' slot='0x%02x' function='0x%x'/>\n"
                                "  </source>\n"
                                "</hostdev>\n",
                                address.domain, address.bus, address.slot, address.function);
        }
        return r;
}
