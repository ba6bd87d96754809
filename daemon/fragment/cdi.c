/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fragment/formats.h"
#include "kernel/vfio-node.h"

#include <jansson.h>

/* The first version in which the name of a device may begin with a digit. */
#define CDI_VERSION "0.5.0"
#define CDI_KIND "vfiod.org/pci"

static json_t *node(const char *path) {
        return json_pack("{s:s, s:s}", "path", path, "permissions", "rw");
}

/* A container that has one device gets the node of its group, or its own one, and the node that makes containers of vfio. */
static json_t *cdi_device(const Device *device, bool iommufd) {
        const char *own = iommufd ? VFIO_CDEV_TEXT(device->cdev)
                                  : VFIO_NODE_TEXT(device->group->number, device->group->no_iommu);

        return json_pack("{s:s, s:{s:[o, o]}}", "name", PCI_ADDRESS_TEXT(device->address), "containerEdits",
                        "deviceNodes", node(iommufd ? "/dev/iommu" : "/dev/vfio/vfio"), node(own));
}

int fragment_write_cdi(Fragment *fragment, const FragmentQuestion *question, Problem *problem) {
        int r = fragment_add_usable(fragment, question, problem);
        if (r != 0)
                return r;
        json_t *devices = json_array();
        for (size_t i = 0; i < fragment->n_devices; i++)
                if (json_array_append_new(devices, cdi_device(fragment->devices[i], fragment->iommufd)) < 0)
                        r = -ENOMEM;
        json_t *document =
                        json_pack("{s:s, s:s, s:o}", "cdiVersion", CDI_VERSION, "kind", CDI_KIND, "devices", devices);
        if (!document || json_dumpf(document, fragment->stream, JSON_INDENT(2)) < 0)
                r = -ENOMEM;
        (void)fputc('\n', fragment->stream);
        json_decref(document);
        return r;
}
