/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-facts.h"
#include "usage/limits.h"
#include <limits.h>
#include <sys/types.h>

/* What the directory of a PCI function in sysfs contains. One walk finds all that a survey needs. */

/* A part of the name of a framebuffer of the firmware. Since Linux 6.9, its platform device is below the PCI device (sysfb_init() in
 * the kernel source). */
#define DEVICE_FOLDER_FRAMEBUFFER "-framebuffer."

/* A device node below the function: of a disk, a sound card, an input device, a DRM card, its vfio cdev, the group node or the
 * cdev of a mediated device, and so on. */
typedef struct DeviceNode {
        dev_t number;
        bool block; /* block devices and character devices have separate numbers */
} DeviceNode;

/* For sorting: negative, 0 or positive. */
static inline int device_node_compare(const DeviceNode *a, const DeviceNode *b) {
        return a->number != b->number ? COMPARE(a->number, b->number) : COMPARE(a->block, b->block);
}

typedef enum FolderChildKind {
        FOLDER_MEDIATED,         /* a mediated device */
        FOLDER_HIDDEN_INTERFACE, /* a device with a network interface in another network namespace */
} FolderChildKind;

/* A device below the function that is no PCI function, and that vanishes with it. */
typedef struct FolderChild {
        FolderChildKind kind;
        char name[NAME_MAX + 1]; /* of its folder; "" for the function itself */
} FolderChild;

typedef struct DeviceFolder {
        int error;                                          /* 0, or why not all folders could be listed */
        int nodes_error;                                    /* 0, or why not all nodes are known */
        bool boot_vga, graphics, drm, platform_framebuffer; /* entries of the folder of the function itself */
        bool makes_mediated;                                /* the driver can make mediated devices below it */
        DeviceNode *nodes;
        size_t n_nodes;
        FolderChild *children;
        size_t n_children;
} DeviceFolder;

/* Called for each directory of another PCI function in the walk, which does not enter it: folder_fd is the directory that contains
 * it. Returns 0 or -ENOMEM. */
typedef int (*device_folder_function_t)(int folder_fd, PciAddress address, void *userdata);

/* Walks the directory of the function, which device_fd has open. Enters only real directories: a link leads to another device. What
 * a folder does not list is not looked up. Does not read attributes that wait for the device lock. on_function may be NULL. The
 * limits may be NULL: then there is no end. The caller frees the contents of *ret with device_folder_done(), also after an error.
 * Returns 0, also if something could not be read, as *ret tells; or -ENOMEM. */
int device_folder_read(const Kernel *kernel, int device_fd, PciAddress address, const UsageLimits *limits,
                device_folder_function_t on_function, void *userdata, DeviceFolder *ret);
void device_folder_done(DeviceFolder *folder);
