/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/device-nodes.h"
#include "kernel/sysfs.h"
#include "kernel/vfio-node.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

/* A disk behind five hubs has about twenty folders above it. */
#define DEPTH_MAX 32

/* An adapter with a thousand disks of fifteen partitions has about 18,000. */
#define NODES_MAX 262144

#define NVIDIA_MAJOR 195

typedef struct Search {
        const Kernel *kernel;
        PciAddress address;
        DeviceNode *nodes;
        size_t n_nodes;
        unsigned depth;
        bool has_nvme; /* a folder below the function is named after NVMe */
} Search;

static int add_node(Search *search, dev_t number, bool block) {
        if (search->n_nodes >= NODES_MAX)
                return -E2BIG;
        if (!ARRAY_GROW(search->nodes, search->n_nodes))
                return -ENOMEM;
        search->nodes[search->n_nodes++] = (DeviceNode){number, block};
        return 0;
}

/* Reads the attribute "dev" of the folder. */
static int read_node(Search *search, int folder_fd) {
        unsigned major, minor;
        char text[32];

        int r = sysfs_read_text(folder_fd, "dev", text, sizeof(text));
        if (r == -ENOENT || r == -ENODEV || r == -EISDIR || r == -ELOOP)
                return 0;
        if (r < 0)
                return r;
        bool numbered = sscanf(text, "%u:%u", &major, &minor) == 2;
        bool block = sysfs_read_link(folder_fd, "subsystem", text, sizeof(text)) >= 0 && streq(text, "block");
        if (!numbered)
                return block ? 0 : -EINVAL; /* disk-usage.c reports a disk without a number */
        return add_node(search, makedev(major, minor), block);
}

/* A mediated device has an IOMMU group of its own, and a process uses it through the node of this group. */
static int read_group_node(Search *search, int folder_fd) {
        int group_number, end = 0;
        char group[16];
        dev_t number;

        int r = sysfs_read_link(folder_fd, "iommu_group", group, sizeof(group));
        if (r < 0)
                return r == -ENOENT || r == -ENODEV || r == -ENOTDIR ? 0 : r;
        if (sscanf(group, "%d%n", &group_number, &end) != 1 || group[end] != '\0' || group_number < 0)
                return -EINVAL;
        r = vfio_node_read_number(search->kernel, group_number, false, &number);
        return r > 0 ? add_node(search, number, false) : r; /* 0: the device is on no vfio driver */
}

/* Enters only real directories: a link leads to another device. The directory of another PCI function is another
 * device, too. What a folder does not list is not looked up: most have no node. */
static int on_entry(int folder_fd, const char *name, bool is_folder, void *userdata) {
        Search *search = userdata;
        bool is_child = search->depth > 0;
        PciAddress other;

        if (is_child && !is_folder && streq(name, "dev"))
                return read_node(search, folder_fd);
        if (is_child && !is_folder && streq(name, "iommu_group"))
                return read_group_node(search, folder_fd);
        if (!is_folder || pci_address_parse(name, &other) >= 0 || (!is_child && pci_folder_has_only_attributes(name)))
                return 0;
        if (search->depth >= DEPTH_MAX)
                return -ELOOP;
        search->has_nvme = search->has_nvme || startswith(name, "nvme");
        search->depth++;
        int r = sysfs_for_each_typed(folder_fd, name, on_entry, search);
        search->depth--;
        return r == -ENOENT ? 0 : r;
}

/* An entry of an NVMe subsystem. Returns 1 if it is a controller of the function, otherwise 0 or a negative errno. */
static int on_controller(int folder_fd, const char *name, void *userdata) {
        const Search *search = userdata;
        char target[PATH_MAX];
        PciAddress address;

        int r = sysfs_read_target(folder_fd, name, target, sizeof(target));
        if (r < 0)
                return r == -EINVAL || r == -ENOENT ? 0 : r; /* EINVAL: an attribute, not a link */
        return pci_address_from_devpath(target, &address) >= 0 && pci_address_equal(address, search->address);
}

/* With NVMe multipath, the nodes of the disks are below the subsystem, not below the controller, which is below the function:
 * "nvme/nvme0". */
static int on_subsystem(int folder_fd, const char *name, void *userdata) {
        int r = sysfs_for_each(folder_fd, name, on_controller, userdata);
        if (r > 0)
                r = sysfs_for_each_typed(folder_fd, name, on_entry, userdata);
        return r == -ENOENT ? 0 : r;
}

/* The nodes of the proprietary driver of NVIDIA are not in sysfs. A file in /proc tells the minor number of a GPU. */
static int add_nvidia_node(Search *search) {
        char text[SYSFS_TEXT_MAX];
        unsigned minor;

        int r = sysfs_read_text(search->kernel->proc_fd,
                        SYSFS_PATH("driver/nvidia/gpus/%s/information", PCI_ADDRESS_TEXT(search->address)), text,
                        sizeof(text));
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        const char *line = strstr(text, "Device Minor:");
        if (!line || sscanf(line, "Device Minor: %u", &minor) != 1)
                return 0;
        return add_node(search, makedev(NVIDIA_MAJOR, minor), false);
}

int device_nodes_collect(const Kernel *kernel, PciAddress address, DeviceNode **ret, size_t *ret_n) {
        Search search = {.kernel = kernel, .address = address};

        _cleanup_close_ int fd = pci_device_open(kernel, address);
        if (fd < 0)
                return fd;
        int r = sysfs_for_each_typed(fd, ".", on_entry, &search);
        if (r >= 0 && search.has_nvme &&
                        (r = sysfs_for_each(kernel->sys_fd, "class/nvme-subsystem", on_subsystem, &search)) == -ENOENT)
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
