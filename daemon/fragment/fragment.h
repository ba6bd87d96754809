/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "fragment/writer.h"

/* Texts that describe devices to other programs: arguments for a command line, or a part of a configuration file. They are made from the
 * model, and from links in sysfs, which do not block. */

typedef struct FragmentFormat {
        const char *name;
        bool needs_group;   /* the selection must have a group */
        bool takes_iommufd; /* it has a form for an iommufd */
        int (*write)(Fragment *fragment, const FragmentQuestion *question, Problem *problem);
} FragmentFormat;

/* Finds a format by its name on the bus, for example "qemu". Returns NULL if there is none. */
const FragmentFormat *fragment_format_find(const char *name);

/* Lists the names, separated by ", ". */
#define FRAGMENT_FORMAT_NAMES "qemu, libvirt, nodedev, cloud-hypervisor, crosvm, cdi"

/* Makes the fragment, whose text ends with a line feed. The caller frees it with fragment_done(), also after a failure. Returns 0; the
 * outcome of the format; or -ENOMEM. */
int fragment_make(const FragmentFormat *format, const FragmentQuestion *question, Fragment *ret, Problem *problem);
