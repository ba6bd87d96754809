/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/host-index.h"

static int on_name(HostNameKind kind, const char *name, PciAddress address, void *userdata) {
        HostIndex *index = userdata;

        if (index->n_names == index->n_allocated) {
                size_t wanted = index->n_allocated ? index->n_allocated * 2 : 64;
                HostIndexName *grown = reallocarray(index->names, wanted, sizeof(HostIndexName));
                if (!grown)
                        return -ENOMEM;
                index->names = grown;
                index->n_allocated = wanted;
        }
        HostIndexName *entry = &index->names[index->n_names++];
        *entry = (HostIndexName){.kind = kind, .address = address};
        (void)snprintf(entry->name, sizeof(entry->name), "%s", name);
        return 0;
}

int host_index_read(const Kernel *kernel, HostIndex *ret) {
        *ret = (HostIndex){};
        return host_names_for_each(kernel, on_name, ret);
}

void host_index_done(HostIndex *index) {
        free(index->names);
        *index = (HostIndex){};
}
