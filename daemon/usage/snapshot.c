/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/snapshot.h"
#include "kernel/pci-facts.h"

#include <limits.h>

static int add_function(UsageSnapshot *snapshot, PciAddress address, const char *path, bool is_asked) {
        if (snapshot->n_functions == snapshot->n_functions_allocated) {
                size_t wanted = snapshot->n_functions_allocated ? snapshot->n_functions_allocated * 2 : 16;
                SnapshotFunction *grown = reallocarray(snapshot->functions, wanted, sizeof(SnapshotFunction));
                if (!grown)
                        return -ENOMEM;
                snapshot->functions = grown;
                snapshot->n_functions_allocated = wanted;
        }
        SnapshotFunction *function = &snapshot->functions[snapshot->n_functions];
        *function = (SnapshotFunction){.address = address, .path = strdup(path), .is_asked = is_asked};
        if (!function->path)
                return -ENOMEM;
        snapshot->n_functions++;
        return 0;
}

static int compare_functions(const void *a, const void *b) {
        const SnapshotFunction *left = a, *right = b;
        uint64_t left_key = pci_address_key(left->address), right_key = pci_address_key(right->address);

        return left_key < right_key ? -1 : left_key > right_key;
}

/* The devices that were asked for, sorted. */
typedef struct Search {
        UsageSnapshot *snapshot;
        PciAddress *devices;
        size_t n_devices;
} Search;

static int compare_addresses(const void *a, const void *b) {
        uint64_t left = pci_address_key(*(const PciAddress *)a), right = pci_address_key(*(const PciAddress *)b);
        return left < right ? -1 : left > right;
}

static bool is_device(const Search *search, PciAddress address) {
        return bsearch(&address, search->devices, search->n_devices, sizeof(PciAddress), compare_addresses);
}

/* Whether one of the folders that the path goes through, its last one aside, is a device that was asked for. */
static bool is_below_device(const Search *search, const char *path) {
        for (const char *part = path; *part;) {
                size_t length = strcspn(part, "/");
                char text[PCI_ADDRESS_TEXT_MAX];
                PciAddress address;

                if (part[length] == '\0')
                        return false;
                if (length < sizeof(text)) {
                        memcpy(text, part, length);
                        text[length] = '\0';
                        if (pci_address_parse(text, &address) >= 0 && is_device(search, address))
                                return true;
                }
                part += length + 1;
        }
        return false;
}

static int on_function(PciAddress address, void *userdata) {
        const Search *search = userdata;
        char path[PATH_MAX];

        ssize_t n = readlinkat(search->snapshot->kernel->devices_fd, PCI_ADDRESS_TEXT(address), path, sizeof(path) - 1);
        if (n < 0 && errno == EINVAL)
                n = 0; /* a folder, not a link: only a test has that */
        if (n < 0)
                return errno == ENOENT ? 0 : -errno;
        path[n] = '\0';
        bool is_asked = is_device(search, address);
        return is_asked || is_below_device(search, path) ? add_function(search->snapshot, address, path, is_asked) : 0;
}

static int find_functions(UsageSnapshot *snapshot, const PciAddress *addresses, size_t n_addresses) {
        _cleanup_free_ PciAddress *devices = calloc(n_addresses + 1, sizeof(PciAddress));
        Search search = {snapshot, devices, n_addresses};

        if (!devices)
                return -ENOMEM;
        memcpy(devices, addresses, n_addresses * sizeof(PciAddress));
        qsort(devices, n_addresses, sizeof(PciAddress), compare_addresses);
        int r = pci_device_for_each(snapshot->kernel, on_function, &search);
        if (r >= 0 && snapshot->n_functions > 0)
                qsort(snapshot->functions, snapshot->n_functions, sizeof(SnapshotFunction), compare_functions);
        return r;
}

int usage_snapshot_new(const Kernel *kernel, const PciAddress *addresses, size_t n_addresses, const UsageLimits *limits,
                UsageSnapshot **ret) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = calloc(1, sizeof(UsageSnapshot));
        if (!snapshot)
                return -ENOMEM;

        snapshot->kernel = kernel;
        snapshot->limits = limits ? limits : &usage_limits;
        int r = n_addresses == 0 ? 0 : find_functions(snapshot, addresses, n_addresses);
        if (r < 0 || (r = host_index_read(kernel, &snapshot->host)) < 0)
                return r;
        *ret = TAKE_PTR(snapshot);
        return 0;
}

UsageSnapshot *usage_snapshot_free(UsageSnapshot *snapshot) {
        if (!snapshot)
                return NULL;
        for (size_t i = 0; i < snapshot->n_functions; i++)
                free(snapshot->functions[i].path);
        free(snapshot->functions);
        host_index_done(&snapshot->host);
        process_table_done(&snapshot->processes);
        mount_table_done(&snapshot->mounts);
        block_users_done(&snapshot->block_users);
        network_table_done(&snapshot->network);
        holder_table_done(&snapshot->holders);
        free(snapshot);
        return NULL;
}

static int need_processes(UsageSnapshot *snapshot) {
        if (!snapshot->has_processes) {
                snapshot->has_processes = true;
                snapshot->processes_error =
                                process_table_read(snapshot->kernel, snapshot->limits, &snapshot->processes);
        }
        return snapshot->processes_error;
}

int usage_snapshot_mounts(UsageSnapshot *snapshot, const MountTable **ret) {
        int r = need_processes(snapshot);
        if (r >= 0 && !snapshot->has_mounts) {
                snapshot->has_mounts = true;
                r = mount_table_read(snapshot->kernel, &snapshot->processes, snapshot->limits, &snapshot->mounts);
        }
        *ret = &snapshot->mounts;
        return r;
}

int usage_snapshot_block_users(UsageSnapshot *snapshot, const BlockUsers **ret) {
        int r = 0;

        if (!snapshot->has_block_users) {
                snapshot->has_block_users = true;
                r = block_users_read(snapshot->kernel, &snapshot->block_users);
        }
        *ret = &snapshot->block_users;
        return r;
}

int usage_snapshot_network(UsageSnapshot *snapshot, const NetworkTable **ret) {
        int r = 0;

        if (!snapshot->has_network) {
                snapshot->has_network = true;
                r = network_table_read(snapshot->kernel, &snapshot->network);
        }
        *ret = &snapshot->network;
        return r;
}

int usage_snapshot_holders(UsageSnapshot *snapshot, const HolderTable **ret) {
        _cleanup_free_ PciAddress *addresses = NULL;
        int r = 0;

        *ret = &snapshot->holders;
        if (snapshot->has_holders)
                return 0;
        snapshot->has_holders = true;
        addresses = calloc(snapshot->n_functions + 1, sizeof(PciAddress));
        if (!addresses)
                return -ENOMEM;
        for (size_t i = 0; i < snapshot->n_functions; i++)
                addresses[i] = snapshot->functions[i].address;
        r = holder_table_collect(snapshot->kernel, addresses, snapshot->n_functions, &snapshot->holders);
        if (r < 0 || snapshot->holders.n_nodes == 0)
                return r;
        snapshot->holders.error = need_processes(snapshot);
        if (snapshot->holders.error < 0)
                return 0;
        return holder_table_walk(snapshot->kernel, &snapshot->processes, snapshot->limits, &snapshot->holders);
}

bool usage_snapshot_is_below(const SnapshotFunction *function, PciAddress device) {
        char folder[PCI_ADDRESS_TEXT_MAX + 2];

        (void)snprintf(folder, sizeof(folder), "/%s/", PCI_ADDRESS_TEXT(device));
        return strstr(function->path, folder);
}
