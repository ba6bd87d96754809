/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "usage/device-folder.h"

/* The PCI functions that a survey is about: the devices that the caller asks for, and the functions below them. */

/* A device that the caller asks for. */
typedef struct SnapshotDevice {
        PciAddress address;
        int fd;            /* its open folder, borrowed, if the caller has just read the next fields; negative if not */
        const PciIds *ids; /* borrowed */
        const char *driver; /* borrowed; "" for none */
} SnapshotDevice;

/* A function, as it was when the list was read. */
typedef struct SnapshotFunction {
        PciAddress address;
        PciAddress device; /* to which its uses belong: itself, or the nearest device of the snapshot above it */
        int error;         /* 0; -ENOENT or -ENODEV if it is gone; or why ids and driver could not be read */
        PciIds ids;
        char driver[DRIVER_NAME_MAX];
        DeviceFolder folder;
} SnapshotFunction;

typedef struct FunctionList {
        SnapshotFunction *functions; /* each device, and then what is below it */
        size_t n_functions;
        const SnapshotFunction **sorted; /* by address: there can be 10,000 */
} FunctionList;

/* Reads all functions. The caller frees the contents of *ret with function_list_done(), also after an error. Returns 0 or -ENOMEM. */
int function_list_read(const Kernel *kernel, const SnapshotDevice *devices, size_t n_devices, const UsageLimits *limits,
                FunctionList *ret);
void function_list_done(FunctionList *list);

/* Returns the function, or NULL if it is not in the list. */
const SnapshotFunction *function_list_find(const FunctionList *list, PciAddress address);
