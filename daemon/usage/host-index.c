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

static int compare_names(const void *a, const void *b) {
        const HostIndexName *left = a, *right = b;
        uint64_t left_key = pci_address_key(left->address), right_key = pci_address_key(right->address);

        if (left_key != right_key)
                return left_key < right_key ? -1 : 1;
        if (left->kind != right->kind)
                return left->kind < right->kind ? -1 : 1;
        return strverscmp(left->name, right->name);
}

int host_index_read(const Kernel *kernel, HostIndex *ret) {
        *ret = (HostIndex){};
        int r = host_names_for_each(kernel, on_name, ret);
        if (r >= 0 && ret->n_names > 0)
                qsort(ret->names, ret->n_names, sizeof(HostIndexName), compare_names);
        return r;
}

void host_index_done(HostIndex *index) {
        free(index->names);
        *index = (HostIndex){};
}

const HostIndexName *host_index_find(const HostIndex *index, PciAddress address, size_t *ret_n) {
        uint64_t key = pci_address_key(address);
        size_t low = 0, high = index->n_names, n = 0;

        while (low < high) {
                size_t middle = low + (high - low) / 2;

                if (pci_address_key(index->names[middle].address) < key)
                        low = middle + 1;
                else
                        high = middle;
        }
        while (low + n < index->n_names && pci_address_key(index->names[low + n].address) == key)
                n++;
        *ret_n = n;
        return index->names + low;
}
