/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/sysfs.h"
#include "usage/usage.h"

#include <limits.h>

/* Memory of a CXL device that is a part of the host's address space. The kernel has a device for the memory ("mem0", below
 * the PCI function), one for its place in the CXL hierarchy ("endpoint2", whose link "uport" leads to mem0), and one for each
 * window that the hardware decodes ("decoder2.0", below the endpoint). A region ("region0") consists of decoders. A dax device
 * of the region ("dax0.0") gives it to the host as RAM if it is on the driver kmem. If the firmware has set up the memory as
 * RAM, there may be no region and no dax device, only a decoder (kernel documentation, ABI sysfs-bus-cxl). */

#define CXL_DEVICES "bus/cxl/devices"
#define CXL_NAME_MAX 32
#define CLASS_CXL_MEMORY 0x0502

typedef struct Search {
        UsageSnapshot *snapshot;
        PciAddress address;
        char memory[CXL_NAME_MAX];   /* "mem0", or "" */
        char endpoint[CXL_NAME_MAX]; /* "endpoint2", or "" */
        char region[CXL_NAME_MAX];   /* a region with a decoder of the endpoint, or "" */
        char dax[CXL_NAME_MAX];      /* a dax device of the region on kmem, or "" */
} Search;

/* Tells whether the name is this word and a number. */
static bool is_numbered(const char *name, const char *word) {
        const char *digits = startswith(name, word);
        size_t length = digits ? strlen(digits) : 0;

        return length > 0 && strspn(digits, "0123456789") == length && strlen(name) < CXL_NAME_MAX;
}

static int on_memory(int folder_fd, const char *name, void *userdata) {
        Search *search = userdata;
        char target[PATH_MAX];
        PciAddress owner;

        if (!is_numbered(name, "mem"))
                return 0;
        int r = sysfs_read_target(folder_fd, name, target, sizeof(target));
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        if (pci_address_from_devpath(target, &owner) < 0 || !pci_address_equal(owner, search->address))
                return 0;
        (void)snprintf(search->memory, sizeof(search->memory), "%s", name);
        return 1;
}

static int on_endpoint(int folder_fd, const char *name, void *userdata) {
        Search *search = userdata;
        char memory[NAME_MAX + 1];

        if (!is_numbered(name, "endpoint"))
                return 0;
        int r = sysfs_read_link(folder_fd, SYSFS_PATH("%s/uport", name), memory, sizeof(memory));
        if (r < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        if (!streq(memory, search->memory))
                return 0;
        (void)snprintf(search->endpoint, sizeof(search->endpoint), "%s", name);
        return 1;
}

/* Returns 1 if the name is that of a decoder of the endpoint: "decoder2.0" of "endpoint2". */
static bool is_own_decoder(const Search *search, const char *name) {
        const char *number = search->endpoint + strlen("endpoint"), *rest = startswith(name, "decoder");

        return rest && strncmp(rest, number, strlen(number)) == 0 && rest[strlen(number)] == '.';
}

static int on_decoder(int folder_fd, const char *name, void *userdata) {
        long bytes;

        if (!is_own_decoder(userdata, name))
                return 0;
        int r = sysfs_read_number(folder_fd, SYSFS_PATH("%s/size", name), 0, LONG_MAX, &bytes);
        if (r < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        return bytes > 0;
}

/* Returns 1 if the hardware decodes addresses for the endpoint, otherwise 0 or a negative errno. */
static int is_active(const Search *search) {
        int sys_fd = search->snapshot->kernel->sys_fd;
        long committed;

        int r = sysfs_read_number(sys_fd, SYSFS_PATH(CXL_DEVICES "/%s/decoders_committed", search->endpoint), 0,
                        INT_MAX, &committed);
        if (r >= 0)
                return committed > 0;
        /* Linux before 6.7 */
        return r == -ENOENT ? sysfs_for_each(sys_fd, CXL_DEVICES, on_decoder, (void *)search) : r;
}

static int on_region(int folder_fd, const char *name, void *userdata) {
        Search *search = userdata;
        char decoder[CXL_NAME_MAX];
        int r = 0;

        if (!is_numbered(name, "region"))
                return 0;
        for (unsigned i = 0; r >= 0; i++) {
                r = sysfs_read_text(folder_fd, SYSFS_PATH("%s/target%u", name, i), decoder, sizeof(decoder));
                if (r > 0 && is_own_decoder(search, decoder)) {
                        (void)snprintf(search->region, sizeof(search->region), "%s", name);
                        return 1;
                }
        }
        return 0; /* only to name the region: what it is used for does not matter */
}

static int on_dax(int folder_fd, const char *name, void *userdata) {
        Search *search = userdata;
        char target[PATH_MAX], driver[NAME_MAX + 1];

        if (sysfs_read_target(folder_fd, name, target, sizeof(target)) < 0 ||
                        !strstr(target, SYSFS_PATH("/%s/", search->region)) ||
                        sysfs_read_link(folder_fd, SYSFS_PATH("%s/driver", name), driver, sizeof(driver)) < 0 ||
                        !streq(driver, "kmem"))
                return 0;
        (void)snprintf(search->dax, sizeof(search->dax), "%s", name);
        return 1;
}

static int report_active(Search *search) {
        const Kernel *kernel = search->snapshot->kernel;

        if (sysfs_for_each(kernel->sys_fd, CXL_DEVICES, on_region, search) > 0)
                (void)sysfs_for_each(kernel->sys_fd, "bus/dax/devices", on_dax, search);
        if (search->dax[0] != '\0')
                return usage_report(search->snapshot, USAGE_MEMORY, "its memory %s is RAM of the host (%s in %s)",
                                search->memory, TEXT_NAME(search->dax), search->region);
        return usage_report(search->snapshot, USAGE_MEMORY,
                        "its memory %s is in the address space of the host%s%s: it may be RAM of the host",
                        search->memory, search->region[0] != '\0' ? " as " : "", search->region);
}

/* Most hosts have no CXL: then it is looked up only once in a survey. */
static int find_memory(Search *search) {
        UsageSnapshot *snapshot = search->snapshot;

        if (snapshot->cxl == CXL_MISSING)
                return 0;
        int r = sysfs_for_each(snapshot->kernel->sys_fd, CXL_DEVICES, on_memory, search);
        snapshot->cxl = r == -ENOENT ? CXL_MISSING : CXL_PRESENT;
        return r == -ENOENT ? 0 : r;
}

static int examine(Search *search, const SnapshotFunction *function) {
        int sys_fd = search->snapshot->kernel->sys_fd;

        int r = find_memory(search);
        if (r < 0)
                return r;
        if (search->memory[0] == '\0')
                return function->ids.class >> 8 == CLASS_CXL_MEMORY
                                ? usage_report(search->snapshot, USAGE_MEMORY,
                                                  "it is CXL memory, but not on its driver cxl_pci: vfiod cannot find "
                                                  "out whether it is RAM of the host")
                                : 0;
        if ((r = sysfs_for_each(sys_fd, CXL_DEVICES, on_endpoint, search)) < 0)
                return r;
        if (search->endpoint[0] == '\0')
                return usage_report(search->snapshot, USAGE_MEMORY,
                                "the kernel does not show whether %s is RAM of the host: it has no endpoint",
                                search->memory);
        r = is_active(search);
        return r > 0 ? report_active(search) : r;
}

int usage_of_memory(UsageSnapshot *snapshot, const SnapshotFunction *function) {
        Search search = {.snapshot = snapshot, .address = function->address};

        int r = usage_snapshot_check_time(snapshot);
        if (r == 0)
                r = examine(&search, function);
        return usage_report_error(snapshot, USAGE_MEMORY, PCI_ADDRESS_TEXT(function->address), r);
}
