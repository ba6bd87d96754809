/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/name-index.h"

void name_index_forget(NameIndex *index) {
        free(index->entries);
        *index = (NameIndex){};
}

static int compare_entries(const void *a, const void *b) {
        const NamedDevice *x = a, *y = b;
        int difference = strcmp(x->name->name, y->name->name);

        if (difference == 0)
                difference = pci_address_compare(x->device->address, y->device->address);
        return difference != 0 ? difference : COMPARE(x->when_detached, y->when_detached);
}

/* The origin has most of the names that a device lost during its job. */
static int add_former_names(NameIndex *index, Device *device) {
        const DeviceOrigin *origin = device->origin;

        for (const HostName *name = device->former_names; name; name = name->next) {
                if (origin && host_name_list_has(origin->names, name->kind, name->name))
                        continue;
                if (!ARRAY_GROW(index->entries, index->n_entries))
                        return -ENOMEM;
                index->entries[index->n_entries++] = (NamedDevice){name, device, true};
        }
        return 0;
}

static int add_names(NameIndex *index, Device *device, const HostName *names, bool when_detached) {
        for (; names; names = names->next) {
                if (!ARRAY_GROW(index->entries, index->n_entries))
                        return -ENOMEM;
                index->entries[index->n_entries++] = (NamedDevice){names, device, when_detached};
        }
        return 0;
}

static int fill(NameIndex *index, Device *const *devices, size_t n_devices) {
        int r = 0;

        for (size_t i = 0; i < n_devices && r == 0; i++) {
                if ((r = add_names(index, devices[i], devices[i]->names, false)) == 0)
                        r = add_former_names(index, devices[i]);
                if (r == 0 && devices[i]->origin)
                        r = add_names(index, devices[i], devices[i]->origin->names, true);
        }
        if (r < 0) {
                name_index_forget(index);
                return r;
        }
        if (index->n_entries > 0)
                qsort(index->entries, index->n_entries, sizeof(NamedDevice), compare_entries);
        index->valid = true;
        return 0;
}

int name_index_find(NameIndex *index, Device *const *devices, size_t n_devices, const char *name,
                const NamedDevice **ret, size_t *ret_n) {
        size_t low = 0, high, end;

        int r = index->valid ? 0 : fill(index, devices, n_devices);
        if (r < 0)
                return r;
        for (high = index->n_entries; low < high;) {
                size_t middle = low + (high - low) / 2;

                if (strcmp(index->entries[middle].name->name, name) < 0)
                        low = middle + 1;
                else
                        high = middle;
        }
        for (end = low; end < index->n_entries && streq(index->entries[end].name->name, name);)
                end++;
        *ret = index->entries + low;
        *ret_n = end - low;
        return 0;
}
