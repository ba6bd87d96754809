/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/host-names.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <limits.h>

static const char *const kind_table[_HOST_NAME_KIND_MAX] = {
                [HOST_NAME_NETWORK] = "net",
                [HOST_NAME_BLOCK] = "block",
};

const char *host_name_kind_to_string(HostNameKind kind) {
        return kind < 0 || kind >= _HOST_NAME_KIND_MAX ? NULL : kind_table[kind];
}

HostNameKind host_name_kind_from_string(const char *subsystem) {
        for (HostNameKind kind = 0; kind < _HOST_NAME_KIND_MAX; kind++)
                if (streq(subsystem, kind_table[kind]))
                        return kind;
        return _HOST_NAME_KIND_INVALID;
}

struct visit {
        const Kernel *kernel;
        HostNameKind kind;
        const char *name;
        host_name_visit_t callback;
        void *userdata;
};

/* Reads a link such as "class/net/NAME". Its target is the directory of the name below /sys/devices. */
static int read_class_link(int directory_fd, const char *path, char target[static PATH_MAX]) {
        ssize_t n = readlinkat(directory_fd, path, target, PATH_MAX);
        if (n < 0)
                return -errno;
        if (n >= PATH_MAX)
                return -ENAMETOOLONG;
        target[n] = '\0';
        return 0;
}

/* Handles an entry "nvme3" of an NVMe subsystem: a controller, which provides the disks of the subsystem. Ignores other entries. */
static int visit_controller(int directory_fd, const char *name, void *userdata) {
        const struct visit *visit = userdata;
        char target[PATH_MAX];
        PciAddress address;

        if (!startswith(name, "nvme") || strchr(name + strlen("nvme"), 'n'))
                return 0;
        if (read_class_link(directory_fd, name, target) < 0 || pci_address_from_devpath(target, &address) < 0)
                return 0;
        return visit->callback(visit->kind, visit->name, address, visit->userdata);
}

/* With NVMe multipath, the directory of a disk is below the subsystem, "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1". The
 * subsystem has links to its controllers. Calls the callback for each controller. */
static int visit_subsystem_disk(const struct visit *visit, const char *target) {
        const char *devices = strstr(target, "devices/virtual/nvme-subsystem/");
        if (!devices)
                return 0;

        _cleanup_free_ char *folder = strdup(devices);
        if (!folder)
                return -ENOMEM;
        *strrchr(folder, '/') = '\0';

        int r = sysfs_for_each(visit->kernel->sys_fd, folder, visit_controller, (void *)visit);
        return r == -ENOENT ? 0 : r;
}

/* Tells whether this is a path of an NVMe multipath disk, for example "nvme0c0n1". Only the disk of the subsystem has a device node. */
static bool is_hidden(const Kernel *kernel, const char *name) {
        char path[sizeof("class/block//hidden") + HOST_NAME_TEXT_MAX];
        long hidden;

        (void)snprintf(path, sizeof(path), "class/block/%s/hidden", name);
        return sysfs_read_number(kernel->sys_fd, path, 0, 1, &hidden) >= 0 && hidden == 1;
}

static bool is_partition(const Kernel *kernel, const char *name) {
        char path[sizeof("class/block//partition") + HOST_NAME_TEXT_MAX];

        (void)snprintf(path, sizeof(path), "class/block/%s/partition", name);
        return faccessat(kernel->sys_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) >= 0;
}

static int visit_name(const struct visit *visit) {
        char path[sizeof("class/block/") + HOST_NAME_TEXT_MAX], target[PATH_MAX];
        PciAddress address;

        if (isempty(visit->name) || strlen(visit->name) >= HOST_NAME_TEXT_MAX || strchr(visit->name, '/'))
                return 0;
        (void)snprintf(path, sizeof(path), "class/%s/%s", host_name_kind_to_string(visit->kind), visit->name);
        if (read_class_link(visit->kernel->sys_fd, path, target) < 0)
                return 0;

        if (visit->kind == HOST_NAME_BLOCK &&
                        (is_partition(visit->kernel, visit->name) || is_hidden(visit->kernel, visit->name)))
                return 0;
        if (pci_address_from_devpath(target, &address) >= 0)
                return visit->callback(visit->kind, visit->name, address, visit->userdata);
        return visit->kind == HOST_NAME_BLOCK ? visit_subsystem_disk(visit, target) : 0;
}

struct listing {
        HostNameKind kind;
        host_name_entry_t callback;
        void *userdata;
};

static int visit_class_entry(int directory_fd, const char *name, void *userdata) {
        const struct listing *listing = userdata;

        (void)directory_fd;
        return listing->callback(listing->kind, name, listing->userdata);
}

int host_names_list(const Kernel *kernel, host_name_entry_t callback, void *userdata) {
        for (HostNameKind kind = 0; kind < _HOST_NAME_KIND_MAX; kind++) {
                struct listing listing = {.kind = kind, .callback = callback, .userdata = userdata};
                char folder[32];

                (void)snprintf(folder, sizeof(folder), "class/%s", host_name_kind_to_string(kind));
                int r = sysfs_for_each(kernel->sys_fd, folder, visit_class_entry, &listing);
                if (r != 0 && r != -ENOENT)
                        return r;
        }
        return 0;
}

static int visit_listed(HostNameKind kind, const char *name, void *userdata) {
        struct visit visit = *(const struct visit *)userdata;

        visit.kind = kind;
        visit.name = name;
        return visit_name(&visit);
}

int host_names_for_each(const Kernel *kernel, host_name_visit_t callback, void *userdata) {
        struct visit visit = {.kernel = kernel, .callback = callback, .userdata = userdata};
        return host_names_list(kernel, visit_listed, &visit);
}

int host_names_visit_one(
                const Kernel *kernel, HostNameKind kind, const char *name, host_name_visit_t callback, void *userdata) {
        return visit_name(&(struct visit){kernel, kind, name, callback, userdata});
}
