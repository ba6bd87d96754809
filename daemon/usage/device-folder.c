/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/device-folder.h"
#include "kernel/sysfs.h"
#include "kernel/vfio-node.h"

#include <sys/sysmacros.h>

/* A disk behind five hubs has about twenty folders above it. */
#define DEPTH_MAX 32

/* An adapter with a thousand disks of fifteen partitions has about 18,000. */
#define NODES_MAX 262144

#define NVIDIA_MAJOR 195

/* What the entries of a folder are. */
typedef enum Level {
        LEVEL_FUNCTION,   /* the folder of the PCI function */
        LEVEL_INTERFACES, /* "net": its entries are network interfaces */
        LEVEL_INTERFACE,  /* the folder of a network interface */
        LEVEL_OTHER,
} Level;

typedef struct Walk {
        const Kernel *kernel;
        const UsageLimits *limits;
        PciAddress address;
        device_folder_function_t on_function;
        void *userdata;
        DeviceFolder *folder;
        const char *parent; /* name of the folder that is listed; "" for that of the function */
        Level level;
        unsigned depth;
        size_t n_entries; /* of the folder that is listed, so far */
        bool has_nvme;    /* a folder below the function is named after NVMe */
} Walk;

static int add_node(Walk *walk, dev_t number, bool block) {
        DeviceFolder *folder = walk->folder;

        if (folder->n_nodes >= NODES_MAX)
                return -E2BIG;
        if (!ARRAY_GROW(folder->nodes, folder->n_nodes))
                return -ENOMEM;
        folder->nodes[folder->n_nodes++] = (DeviceNode){number, block};
        return 0;
}

/* Without all nodes, the walk goes on: it finds more than nodes. */
static int note_nodes_error(Walk *walk, int r) {
        if (r < 0 && walk->folder->nodes_error == 0)
                walk->folder->nodes_error = r;
        return r == -ENOMEM ? r : 0;
}

/* Reads the attribute "dev" of the folder. */
static int read_node(Walk *walk, int folder_fd) {
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
        return add_node(walk, makedev(major, minor), block);
}

/* A mediated device has an IOMMU group of its own, and a process uses it through the node of this group. */
static int read_group_node(Walk *walk, int folder_fd) {
        int group_number, end = 0;
        char group[16];
        dev_t number;

        int r = sysfs_read_link(folder_fd, "iommu_group", group, sizeof(group));
        if (r < 0)
                return r == -ENOENT || r == -ENODEV || r == -ENOTDIR ? 0 : r;
        if (sscanf(group, "%d%n", &group_number, &end) != 1 || group[end] != '\0' || group_number < 0)
                return -EINVAL;
        r = vfio_node_read_number(walk->kernel, group_number, false, &number);
        return r > 0 ? add_node(walk, number, false) : r; /* 0: the device is on no vfio driver */
}

static int add_child(Walk *walk, FolderChildKind kind) {
        DeviceFolder *folder = walk->folder;

        if (!ARRAY_GROW(folder->children, folder->n_children))
                return -ENOMEM;
        FolderChild *child = &folder->children[folder->n_children++];
        *child = (FolderChild){.kind = kind};
        (void)snprintf(child->name, sizeof(child->name), "%s", walk->parent);
        return 0;
}

static void note_part(DeviceFolder *folder, const char *name) {
        folder->boot_vga = folder->boot_vga || streq(name, "boot_vga");
        folder->graphics = folder->graphics || streq(name, "graphics");
        folder->drm = folder->drm || streq(name, "drm");
        folder->platform_framebuffer = folder->platform_framebuffer || strstr(name, DEVICE_FOLDER_FRAMEBUFFER);
}

/* Tells whether the folder has only attributes, and no device is below it. A card has a folder for each of its queues. */
static bool has_only_attributes(const Walk *walk, const char *name) {
        if (walk->level == LEVEL_INTERFACE)
                return streq(name, "power") || streq(name, "queues") || streq(name, "statistics");
        return walk->level == LEVEL_FUNCTION && pci_folder_has_only_attributes(name);
}

/* Lists the folder. Where one cannot be listed, the others are: they may have something that counts. After the deadline, no
 * folder is listed. */
static int list(Walk *walk, int parent_fd, const char *name);

/* The kernel makes a folder "net" for the interfaces of a device, and removes it with the last one. /sys shows only the
 * interfaces in the network namespace of vfiod, so in an empty folder, there is an interface of another namespace. */
static int enter(Walk *walk, int folder_fd, const char *name) {
        const Walk before = *walk;
        bool is_net = walk->level != LEVEL_INTERFACES && streq(name, "net");

        if (walk->depth >= DEPTH_MAX)
                return -ELOOP; /* for the folder that contains it */
        walk->depth++;
        walk->n_entries = 0;
        walk->level = is_net ? LEVEL_INTERFACES : before.level == LEVEL_INTERFACES ? LEVEL_INTERFACE : LEVEL_OTHER;
        walk->parent = name;
        int r = list(walk, folder_fd, name);
        bool is_empty = r > 0 && walk->n_entries == 0;
        walk->depth--;
        walk->n_entries = before.n_entries;
        walk->level = before.level;
        walk->parent = before.parent;
        if (is_net && is_empty)
                return add_child(walk, FOLDER_HIDDEN_INTERFACE);
        return r < 0 ? r : 0;
}

/* A link leads to another device. The directory of another PCI function is another device, too. */
static int on_entry(int folder_fd, const char *name, bool is_folder, void *userdata) {
        Walk *walk = userdata;
        bool is_child = walk->level != LEVEL_FUNCTION;
        PciAddress other;
        int r = 0;

        walk->n_entries++;
        if (!is_child)
                note_part(walk->folder, name);
        walk->folder->makes_mediated = walk->folder->makes_mediated || streq(name, "mdev_supported_types");
        if (is_child && streq(name, "mdev_type") && (r = add_child(walk, FOLDER_MEDIATED)) < 0)
                return r;
        if (is_child && !is_folder && streq(name, "dev"))
                return note_nodes_error(walk, read_node(walk, folder_fd));
        if (is_child && !is_folder && streq(name, "iommu_group"))
                return note_nodes_error(walk, read_group_node(walk, folder_fd));
        if (!is_folder)
                return 0;
        if (pci_address_parse(name, &other) >= 0)
                return walk->on_function ? walk->on_function(folder_fd, other, walk->userdata) : 0;
        if (has_only_attributes(walk, name))
                return 0;
        walk->has_nvme = walk->has_nvme || startswith(name, "nvme");
        return enter(walk, folder_fd, name);
}

/* Returns 1; 0 if it could not be listed, or has vanished; or -ETIME or -ENOMEM, which end the walk. */
static int list(Walk *walk, int parent_fd, const char *name) {
        int r = walk->limits ? usage_limits_check_time(walk->limits) : 0;
        if (r >= 0)
                r = sysfs_for_each_typed(parent_fd, name, on_entry, walk);
        if (r >= 0)
                return 1;
        if (r == -ENOENT || r == -ENODEV)
                return 0;
        if (walk->folder->error == 0)
                walk->folder->error = r;
        return r == -ETIME || r == -ENOMEM ? r : 0;
}

/* An entry of an NVMe subsystem. Returns 1 if it is a controller of the function, otherwise 0 or a negative errno. */
static int on_controller(int folder_fd, const char *name, void *userdata) {
        const Walk *walk = userdata;
        char target[PATH_MAX];
        PciAddress address;

        int r = sysfs_read_target(folder_fd, name, target, sizeof(target));
        if (r < 0)
                return r == -EINVAL || r == -ENOENT ? 0 : r; /* EINVAL: an attribute, not a link */
        return pci_address_from_devpath(target, &address) >= 0 && pci_address_equal(address, walk->address);
}

/* With NVMe multipath, the nodes of the disks are below the subsystem, not below the controller, which is below the function:
 * "nvme/nvme0". */
static int on_subsystem(int folder_fd, const char *name, void *userdata) {
        int r = sysfs_for_each(folder_fd, name, on_controller, userdata);
        if (r > 0)
                r = enter(userdata, folder_fd, name);
        return r == -ENOENT ? 0 : r;
}

/* The nodes of the proprietary driver of NVIDIA are not in sysfs. A file in /proc tells the minor number of a GPU. */
static int add_nvidia_node(Walk *walk) {
        char text[SYSFS_TEXT_MAX];
        unsigned minor;

        int r = sysfs_read_text(walk->kernel->proc_fd,
                        SYSFS_PATH("driver/nvidia/gpus/%s/information", PCI_ADDRESS_TEXT(walk->address)), text,
                        sizeof(text));
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        const char *line = strstr(text, "Device Minor:");
        if (!line || sscanf(line, "Device Minor: %u", &minor) != 1)
                return 0;
        return add_node(walk, makedev(NVIDIA_MAJOR, minor), false);
}

int device_folder_read(const Kernel *kernel, int device_fd, PciAddress address, const UsageLimits *limits,
                device_folder_function_t on_function, void *userdata, DeviceFolder *ret) {
        Walk walk = {.kernel = kernel,
                        .limits = limits,
                        .address = address,
                        .on_function = on_function,
                        .userdata = userdata,
                        .folder = ret,
                        .parent = ""};

        *ret = (DeviceFolder){};
        int r = list(&walk, device_fd, ".");
        if (r >= 0 && walk.has_nvme) {
                r = sysfs_for_each(kernel->sys_fd, "class/nvme-subsystem", on_subsystem, &walk);
                r = r == -ENOENT ? 0 : r;
        }
        if (r >= 0)
                r = add_nvidia_node(&walk);
        return note_nodes_error(&walk, r < 0 ? r : ret->error);
}

void device_folder_done(DeviceFolder *folder) {
        free(folder->nodes);
        free(folder->children);
        *folder = (DeviceFolder){};
}
