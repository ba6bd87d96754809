/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/host-names.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <limits.h>

static const char *const kind_table[_HOST_NAME_KIND_MAX] = {"net", "block", "nvme"};

const char *host_name_kind_to_string(HostNameKind kind) {
        return kind < 0 || kind >= _HOST_NAME_KIND_MAX ? NULL : kind_table[kind];
}

HostNameKind host_name_kind_from_string(const char *subsystem) {
        for (HostNameKind kind = 0; kind < _HOST_NAME_KIND_MAX; kind++)
                if (streq(subsystem, kind_table[kind]))
                        return kind;
        return _HOST_NAME_KIND_INVALID;
}

/* Calls the callback for each controller of an NVMe subsystem. */
static int visit_controllers(const Kernel *kernel, const char *subsystem, const char *disk, host_name_visit_t callback,
                void *userdata) {
        _cleanup_closedir_ DIR *folder = NULL;
        char target[PATH_MAX];
        int result = 0;
        PciAddress address;
        const char *entry;

        int r = sysfs_open_folder(kernel->sys_fd, subsystem, &folder);
        while (r >= 0 && result == 0 && (r = sysfs_next(folder, &entry)) > 0) {
                /* "nvme3" is a controller, "nvme3n1" is a disk. */
                const char *number = startswith(entry, "nvme");
                if (number && !strchr(number, 'n') &&
                                sysfs_read_target(dirfd(folder), entry, target, sizeof(target)) >= 0 &&
                                pci_address_from_devpath(target, &address) >= 0)
                        result = callback(HOST_NAME_BLOCK, disk, address, userdata);
        }
        return r < 0 && r != -ENOENT ? r : result;
}

/* Tells whether this is a path of an NVMe multipath disk, for example "nvme0c0n1". Only the disk of the subsystem
 * has a device node. */
static bool is_hidden(const Kernel *kernel, const char *name) {
        long hidden;
        return sysfs_read_number(kernel->sys_fd, SYSFS_PATH("class/block/%s/hidden", name), 0, 1, &hidden) >= 0 &&
                        hidden == 1;
}

static bool is_partition(const Kernel *kernel, const char *name) {
        return faccessat(kernel->sys_fd, SYSFS_PATH("class/block/%s/partition", name), F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

int host_names_visit_one(
                const Kernel *kernel, HostNameKind kind, const char *name, host_name_visit_t callback, void *userdata) {
        char target[PATH_MAX];
        PciAddress address;

        if (isempty(name) || strlen(name) >= HOST_NAME_TEXT_MAX || strchr(name, '/'))
                return 0;
        /* The link leads to the directory of the name below /sys/devices. */
        if (sysfs_read_target(kernel->sys_fd, SYSFS_PATH("class/%s/%s", kind_table[kind], name), target,
                            sizeof(target)) < 0)
                return 0;
        if (kind == HOST_NAME_BLOCK && (is_partition(kernel, name) || is_hidden(kernel, name)))
                return 0;
        if (pci_address_from_devpath(target, &address) >= 0)
                return callback(kind, name, address, userdata);

        /* With NVMe multipath, the directory of a disk is below the subsystem,
         * "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1". The subsystem has links to its controllers. */
        char *subsystem = strstr(target, "devices/virtual/nvme-subsystem/");
        if (kind != HOST_NAME_BLOCK || !subsystem)
                return 0;
        *strrchr(subsystem, '/') = '\0';
        return visit_controllers(kernel, subsystem, name, callback, userdata);
}

int host_names_list(const Kernel *kernel, host_name_entry_t callback, void *userdata) {
        for (HostNameKind kind = 0; kind < _HOST_NAME_KIND_MAX; kind++) {
                _cleanup_closedir_ DIR *folder = NULL;
                const char *name;

                int r = sysfs_open_folder(kernel->sys_fd, SYSFS_PATH("class/%s", kind_table[kind]), &folder);
                while (r >= 0 && (r = sysfs_next(folder, &name)) > 0)
                        if ((r = callback(kind, name, userdata)) != 0)
                                return r;
                if (r < 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

static int on_name(HostNameKind kind, const char *name, PciAddress address, void *userdata) {
        HostIndex *index = userdata;

        if (!ARRAY_GROW(index->names, index->n_names))
                return -ENOMEM;
        HostIndexName *entry = &index->names[index->n_names++];
        *entry = (HostIndexName){.kind = kind, .address = address};
        (void)snprintf(entry->name, sizeof(entry->name), "%s", name);
        return 0;
}

static int compare_names(const void *a, const void *b) {
        const HostIndexName *left = a, *right = b;
        return strverscmp(left->name, right->name);
}

static int read_kind(const Kernel *kernel, HostNameKind kind, HostIndex *index) {
        _cleanup_closedir_ DIR *folder = NULL;
        const char *name;

        int r = sysfs_open_folder(kernel->sys_fd, SYSFS_PATH("class/%s", kind_table[kind]), &folder);
        while (r >= 0 && (r = sysfs_next(folder, &name)) > 0)
                r = host_names_visit_one(kernel, kind, name, on_name, index);
        return r == -ENOENT ? 0 : r;
}

static void sort(HostIndex *index) {
        if (index->n_names > 0)
                qsort(index->names, index->n_names, sizeof(HostIndexName), compare_names);
}

int host_index_read(const Kernel *kernel, HostIndex *ret) {
        int r = 0;

        *ret = (HostIndex){};
        for (HostNameKind kind = 0; kind < _HOST_NAME_KIND_MAX && r >= 0; kind++)
                r = read_kind(kernel, kind, ret);
        sort(ret);
        return r;
}

int host_index_read_disks(const Kernel *kernel, HostIndex *ret) {
        *ret = (HostIndex){};
        int r = read_kind(kernel, HOST_NAME_BLOCK, ret);
        sort(ret);
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

bool host_index_has(const HostIndex *index, HostNameKind kind, PciAddress address, const char *name) {
        const HostIndexName *entry = NULL;

        while ((entry = host_index_next(index, kind, address, entry)))
                if (streq(entry->name, name))
                        return true;
        return false;
}
