/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/host-index.h"

typedef struct Reading {
        const Kernel *kernel;
        HostIndex *index;
} Reading;

static int on_name(HostNameKind kind, const char *name, PciAddress address, void *userdata) {
        HostIndex *index = userdata;

        if (!ARRAY_GROW(index->names, index->n_names))
                return -ENOMEM;
        HostIndexName *entry = &index->names[index->n_names++];
        *entry = (HostIndexName){.kind = kind, .address = address};
        (void)snprintf(entry->name, sizeof(entry->name), "%s", name);
        return 0;
}

static int on_entry(HostNameKind kind, const char *name, void *userdata) {
        const Reading *reading = userdata;
        return host_names_visit_one(reading->kernel, kind, name, on_name, reading->index);
}

static int compare_names(const void *a, const void *b) {
        const HostIndexName *left = a, *right = b;
        return strverscmp(left->name, right->name);
}

int host_index_read(const Kernel *kernel, HostIndex *ret) {
        *ret = (HostIndex){};
        int r = host_names_list(kernel, on_entry, &(Reading){kernel, ret});
        if (r >= 0 && ret->n_names > 0)
                qsort(ret->names, ret->n_names, sizeof(HostIndexName), compare_names);
        return r;
}

void host_index_done(HostIndex *index) {
        free(index->names);
        *index = (HostIndex){};
}

const HostIndexName *host_index_next(
                const HostIndex *index, HostNameKind kind, PciAddress address, const HostIndexName *previous) {
        for (const HostIndexName *name = previous ? previous + 1 : index->names; name < index->names + index->n_names;
                        name++)
                if (name->kind == kind && pci_address_equal(name->address, address))
                        return name;
        return NULL;
}
