/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fragment/fragment.h"
#include "fragment/formats.h"

static const FragmentFormat formats[] = {
                {"qemu", true, true, fragment_write_qemu},
                {"libvirt", false, false, fragment_write_libvirt},
                {"nodedev", false, false, fragment_write_nodedev},
                {"cloud-hypervisor", true, false, fragment_write_cloud_hypervisor},
                {"crosvm", true, false, fragment_write_crosvm},
                {"cdi", true, true, fragment_write_cdi},
};

const FragmentFormat *fragment_format_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(formats); i++)
                if (streq(formats[i].name, name))
                        return &formats[i];
        return NULL;
}

int fragment_make(const FragmentFormat *format, const FragmentQuestion *question, Fragment *ret, Problem *problem) {
        int r = fragment_begin(ret);
        if (r == 0)
                r = format->write(ret, question, problem);
        return r != 0 ? r : fragment_finish(ret);
}
