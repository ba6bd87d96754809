/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/function-list.h"

#include <fcntl.h>

typedef struct Reading {
        const Kernel *kernel;
        const UsageLimits *limits;
        FunctionList *list;
        const SnapshotDevice *device; /* whose functions are read now */
        PciAddress *asked;            /* sorted: there can be 10,000 */
        size_t n_asked;
} Reading;

static int compare_addresses(const void *a, const void *b) {
        return pci_address_compare(*(const PciAddress *)a, *(const PciAddress *)b);
}

static int read_function(Reading *reading, int device_fd, PciAddress address);

/* The drives of a VMD controller are below the controller. */
static int on_function_below(int folder_fd, PciAddress address, void *userdata) {
        Reading *reading = userdata;

        if (bsearch(&address, reading->asked, reading->n_asked, sizeof(PciAddress), compare_addresses))
                return 0;
        _cleanup_close_ int fd = openat(folder_fd, PCI_ADDRESS_TEXT(address), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        return read_function(reading, fd < 0 ? -errno : fd, address);
}

static int read_facts(const Reading *reading, int device_fd, SnapshotFunction *function) {
        const SnapshotDevice *device = reading->device;

        if (device_fd < 0)
                return device_fd;
        if (device_fd == device->fd) {
                function->ids = *device->ids;
                (void)snprintf(function->driver, sizeof(function->driver), "%s", device->driver);
                return 0;
        }
        int r = pci_device_read_driver(device_fd, function->driver);
        return r < 0 ? r : pci_device_read_ids(device_fd, &function->ids);
}

/* device_fd: the open folder, or a negative errno. */
static int read_function(Reading *reading, int device_fd, PciAddress address) {
        FunctionList *list = reading->list;
        size_t i = list->n_functions;

        if (!ARRAY_GROW(list->functions, i))
                return -ENOMEM;
        list->functions[i] = (SnapshotFunction){.address = address, .device = reading->device->address};
        list->n_functions++;
        list->functions[i].error = read_facts(reading, device_fd, &list->functions[i]);
        if (device_fd < 0)
                return 0;
        /* Meanwhile, the list may move in memory. */
        DeviceFolder folder;
        int r = device_folder_read(
                        reading->kernel, device_fd, address, reading->limits, on_function_below, reading, &folder);
        list->functions[i].folder = folder;
        return r;
}

static int read_devices(Reading *reading, const SnapshotDevice *devices, size_t n_devices) {
        int r = 0;

        for (size_t i = 0; i < n_devices && r == 0; i++) {
                _cleanup_close_ int opened =
                                devices[i].fd >= 0 ? -EBADF : pci_device_open(reading->kernel, devices[i].address);

                reading->device = &devices[i];
                r = read_function(reading, devices[i].fd >= 0 ? devices[i].fd : opened, devices[i].address);
        }
        return r;
}

static int compare_functions(const void *a, const void *b) {
        return pci_address_compare(
                        (*(const SnapshotFunction *const *)a)->address, (*(const SnapshotFunction *const *)b)->address);
}

static int sort_functions(FunctionList *list) {
        list->sorted = calloc(list->n_functions + 1, sizeof(SnapshotFunction *));
        if (!list->sorted)
                return -ENOMEM;
        for (size_t i = 0; i < list->n_functions; i++)
                list->sorted[i] = &list->functions[i];
        qsort(list->sorted, list->n_functions, sizeof(SnapshotFunction *), compare_functions);
        return 0;
}

int function_list_read(const Kernel *kernel, const SnapshotDevice *devices, size_t n_devices, const UsageLimits *limits,
                FunctionList *ret) {
        Reading reading = {.kernel = kernel, .limits = limits, .list = ret, .n_asked = n_devices};

        *ret = (FunctionList){};
        _cleanup_free_ PciAddress *asked = reading.asked = calloc(n_devices + 1, sizeof(PciAddress));
        if (!asked)
                return -ENOMEM;
        for (size_t i = 0; i < n_devices; i++)
                asked[i] = devices[i].address;
        qsort(asked, n_devices, sizeof(PciAddress), compare_addresses);
        int r = read_devices(&reading, devices, n_devices);
        return r < 0 ? r : sort_functions(ret);
}

void function_list_done(FunctionList *list) {
        for (size_t i = 0; i < list->n_functions; i++)
                device_folder_done(&list->functions[i].folder);
        free(list->functions);
        free(list->sorted);
        *list = (FunctionList){};
}

const SnapshotFunction *function_list_find(const FunctionList *list, PciAddress address) {
        const SnapshotFunction key = {.address = address}, *wanted = &key;

        if (!list->sorted)
                return NULL;
        const SnapshotFunction **found = bsearch(
                        &wanted, list->sorted, list->n_functions, sizeof(SnapshotFunction *), compare_functions);
        return found ? *found : NULL;
}
