/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/kernel.h"

#include <glib.h>

/* A temporary folder with sys/, dev/vfio/ and proc/: a kernel made of plain files. Paths are relative to the folder;
 * missing parent folders are made. */

typedef struct TempTree {
        char *root;
        Kernel *kernel;
        GPtrArray *loaded; /* names of the modules that were requested */
        int load_result;   /* what the loader returns */
        char *load_brings; /* a driver that a loaded module provides, NULL for none */
} TempTree;

/* Call it first, if a test opens device nodes: the folder for temporary files becomes an empty one, of this process only, where the
 * kernel permits that. */
void temp_tree_permit_devices(void);

TempTree *temp_tree_new(void);
TempTree *temp_tree_free(TempTree *tree);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TempTree, temp_tree_free)

void temp_tree_folder(TempTree *tree, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The text is written unchanged: an attribute of the kernel ends with a line break. */
void temp_tree_file(TempTree *tree, const char *text, const char *format, ...) G_GNUC_PRINTF(3, 4);
void temp_tree_link(TempTree *tree, const char *target, const char *format, ...) G_GNUC_PRINTF(3, 4);
/* Removes a file, a link, or a folder with its contents. */
void temp_tree_remove(TempTree *tree, const char *format, ...) G_GNUC_PRINTF(2, 3);
char *temp_tree_path(TempTree *tree, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* A PCI function as sysfs shows it, without a driver and a group: 8086:100e, class 020000. The path is below
 * /sys/devices: "pci0000:00/0000:00:03.0". */
void temp_tree_device(TempTree *tree, const char *path);
/* Sets an attribute of the device with this address. A line break is added. */
void temp_tree_attribute(TempTree *tree, const char *address, const char *name, const char *value);
/* NULL unbinds the driver. The driver's folder is made. */
void temp_tree_driver(TempTree *tree, const char *address, const char *driver);
/* A negative number removes it from its group. */
void temp_tree_group(TempTree *tree, const char *address, int group);
/* "net", "ens1": adds a name below the device. */
void temp_tree_name(TempTree *tree, const char *address, const char *class, const char *name);
void temp_tree_unplug(TempTree *tree, const char *address);
