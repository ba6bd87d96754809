/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/device-nodes.h"
#include "kernel/sysfs.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* A disk behind five hubs has about twenty folders above it. */
#define DEPTH_MAX 32

/* An adapter with a thousand disks of fifteen partitions has about 18,000. */
#define NODES_MAX 262144

#define NVIDIA_MAJOR 195

/* The nodes that belong to a PCI function: their numbers are in files "dev" below its folder, with few exceptions. */
typedef struct Search {
        const Kernel *kernel;
        PciAddress address;
        DeviceNode *nodes;
        size_t n_nodes, n_allocated;
        unsigned depth;
} Search;

static int add_node(Search *search, dev_t number, bool block) {
        if (search->n_nodes >= NODES_MAX)
                return -E2BIG;
        if (search->n_nodes == search->n_allocated) {
                size_t wanted = search->n_allocated ? search->n_allocated * 2 : 64;
                DeviceNode *grown = reallocarray(search->nodes, wanted, sizeof(DeviceNode));
                if (!grown)
                        return -ENOMEM;
                search->nodes = grown;
                search->n_allocated = wanted;
        }
        search->nodes[search->n_nodes++] = (DeviceNode){number, block};
        return 0;
}

static int read_node(Search *search, int folder_fd, const char *name) {
        char path[300], text[32];
        unsigned major, minor;

        (void)snprintf(path, sizeof(path), "%.255s/dev", name);
        int r = sysfs_read_text(folder_fd, path, text, sizeof(text));
        if (r == -ENOENT || r == -ENODEV || r == -EISDIR || r == -ELOOP)
                return 0;
        if (r < 0)
                return r;
        bool numbered = sscanf(text, "%u:%u", &major, &minor) == 2;
        (void)snprintf(path, sizeof(path), "%.255s/subsystem", name);
        bool block = sysfs_read_link(folder_fd, path, text, sizeof(text)) >= 0 && streq(text, "block");
        if (!numbered)
                return block ? 0 : -EINVAL; /* disk-usage.c reports a disk without a number */
        return add_node(search, makedev(major, minor), block);
}

/* Goes into real folders only: a link leads to another device, and the folder of another PCI function is another device, too. */
static int on_entry(int folder_fd, const char *name, void *userdata) {
        Search *search = userdata;
        struct stat status;
        PciAddress other;

        if (fstatat(folder_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
                return errno == ENOENT || errno == ENODEV ? 0 : -errno;
        if (!S_ISDIR(status.st_mode) || pci_address_parse(name, &other) >= 0)
                return 0;
        int r = read_node(search, folder_fd, name);
        if (r < 0)
                return r;
        if (search->depth >= DEPTH_MAX)
                return -ELOOP;
        search->depth++;
        r = sysfs_for_each(folder_fd, name, on_entry, search);
        search->depth--;
        return r == -ENOENT ? 0 : r;
}

/* An entry of an NVMe subsystem: returns 1 for the function's own controller. */
static int on_controller(int folder_fd, const char *name, void *userdata) {
        const Search *search = userdata;
        char target[PATH_MAX];
        PciAddress address;

        ssize_t n = readlinkat(folder_fd, name, target, sizeof(target) - 1);
        if (n < 0)
                return errno == EINVAL || errno == ENOENT ? 0 : -errno; /* EINVAL: an attribute, not a link */
        target[n] = '\0';
        return pci_address_from_devpath(target, &address) >= 0 && pci_address_equal(address, search->address);
}

/* With NVMe multipath the nodes of the disks lie below the subsystem, not below the controller. */
static int on_subsystem(int folder_fd, const char *name, void *userdata) {
        int r = sysfs_for_each(folder_fd, name, on_controller, userdata);
        if (r > 0)
                r = sysfs_for_each(folder_fd, name, on_entry, userdata);
        return r == -ENOENT ? 0 : r;
}

/* The nodes of NVIDIA's own driver are not in sysfs. A file in /proc tells which node belongs to which function. */
static int add_nvidia_node(Search *search) {
        char path[64], text[SYSFS_TEXT_MAX], *state;
        unsigned minor;

        (void)snprintf(path, sizeof(path), "driver/nvidia/gpus/%s/information", PCI_ADDRESS_TEXT(search->address));
        _cleanup_close_ int fd = openat(search->kernel->proc_fd, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0)
                return errno == ENOENT ? 0 : -errno;
        ssize_t n = read(fd, text, sizeof(text) - 1);
        if (n < 0)
                return -errno;
        text[n] = '\0';
        for (char *line = strtok_r(text, "\n", &state); line; line = strtok_r(NULL, "\n", &state))
                if (sscanf(line, "Device Minor: %u", &minor) == 1)
                        return add_node(search, makedev(NVIDIA_MAJOR, minor), false);
        return 0;
}

int device_nodes_collect(const Kernel *kernel, PciAddress address, DeviceNode **ret, size_t *ret_n) {
        Search search = {.kernel = kernel, .address = address};

        _cleanup_close_ int fd = pci_device_open(kernel, address);
        if (fd < 0)
                return fd;
        int r = sysfs_for_each(fd, ".", on_entry, &search);
        if (r >= 0 && (r = sysfs_for_each(kernel->sys_fd, "class/nvme-subsystem", on_subsystem, &search)) == -ENOENT)
                r = 0;
        if (r >= 0)
                r = add_nvidia_node(&search);
        if (r < 0) {
                free(search.nodes);
                return r;
        }
        *ret = search.nodes;
        *ret_n = search.n_nodes;
        return 0;
}
