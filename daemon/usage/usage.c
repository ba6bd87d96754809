/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/usage.h"
#include "base/text.h"
#include "kernel/sysfs.h"

#include <limits.h>

#define CLASS_NETWORK 0x02

/* More uses of one kind than these say nothing new to anybody. */
#define USES_MAX 32

typedef struct Search {
        const Kernel *kernel;
        const HostIndex *index;
        PciAddress device;   /* that was asked for */
        PciAddress function; /* that is looked at: the device, or one that is there by its grace */
        usage_visit_t visit;
        void *userdata;
        unsigned n_uses[_USAGE_KIND_MAX];
        bool has_interface;
} Search;

static int on_use(UsageKind kind, const char *evidence, void *userdata) {
        Search *search = userdata;

        return search->n_uses[kind]++ < USES_MAX ? search->visit(kind, evidence, search->userdata) : 0;
}

static int report_rest(Search *search) {
        int r = 0;

        for (UsageKind kind = 0; kind < _USAGE_KIND_MAX && r == 0; kind++)
                if (search->n_uses[kind] > USES_MAX)
                        r = usage_report(search->visit, search->userdata, kind, "and in %u more ways",
                                        search->n_uses[kind] - USES_MAX);
        return r;
}

/* The disks and interfaces of the function. */
static int examine_names(Search *search) {
        int r = 0;

        for (size_t i = 0; i < search->index->n_names && r == 0; i++) {
                const HostIndexName *entry = &search->index->names[i];

                if (!pci_address_equal(entry->address, search->function))
                        continue;
                search->has_interface = search->has_interface || entry->kind == HOST_NAME_NETWORK;
                r = entry->kind == HOST_NAME_BLOCK ? usage_of_disk(search->kernel, entry->name,
                                                                     search->index->only_visible, on_use, search)
                                                   : usage_of_interface(search->kernel, entry->name, on_use, search);
        }
        return r;
}

/* A network card whose driver shows no interface: /sys shows only those of our own network namespace. */
static int examine_hidden_interface(Search *search) {
        PciFacts facts;

        if (search->has_interface)
                return 0;
        int r = pci_device_read_facts(search->kernel, search->function, &facts);
        if (r < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        if (facts.ids.class >> 16 != CLASS_NETWORK || facts.driver[0] == '\0' || pci_driver_leaves_dma(facts.driver))
                return 0;
        return usage_report(on_use, search, USAGE_NETWORK,
                        "%s shows no network interface here: it may be in the network namespace of a container",
                        PCI_ADDRESS_TEXT(search->function));
}

static int examine_function(Search *search, PciAddress function) {
        int r;

        search->function = function;
        search->has_interface = false;
        if ((r = examine_names(search)) != 0 || (r = examine_hidden_interface(search)) != 0 ||
                        (r = usage_of_display(search->kernel, function, on_use, search)) != 0)
                return r;
        return usage_by_processes(search->kernel, function, on_use, search);
}

static int examine_nested(Search *search, PciAddress function) {
        PciFacts facts;

        int r = pci_device_read_facts(search->kernel, function, &facts);
        if (r < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        if (pci_driver_is_vfio(facts.driver) &&
                        (r = usage_report(on_use, search, USAGE_PROCESS,
                                         "%s hangs off it, and is on %s: a virtual machine may have it",
                                         PCI_ADDRESS_TEXT(function), TEXT_NAME(facts.driver))) != 0)
                return r;
        return examine_function(search, function);
}

/* A controller that makes a PCI domain of its own (Intel's VMD) takes the functions in it along. */
static int on_function(PciAddress function, void *userdata) {
        Search *search = userdata;
        char target[PATH_MAX], folder[PCI_ADDRESS_TEXT_MAX + 2];

        if (pci_address_equal(function, search->device))
                return 0;
        ssize_t n = readlinkat(search->kernel->devices_fd, PCI_ADDRESS_TEXT(function), target, sizeof(target) - 1);
        if (n < 0)
                return errno == ENOENT ? 0 : -errno;
        target[n] = '\0';
        (void)snprintf(folder, sizeof(folder), "/%s/", PCI_ADDRESS_TEXT(search->device));
        return strstr(target, folder) ? examine_nested(search, function) : 0;
}

/* An entry of a function's folder: returns 1 for what other functions lie in, "pci10000:00" or the function itself. */
static int on_entry(int directory_fd, const char *name, void *userdata) {
        PciAddress other;

        (void)directory_fd;
        (void)userdata;
        return (startswith(name, "pci") && strchr(name, ':')) || pci_address_parse(name, &other) >= 0;
}

static int examine_nested_functions(Search *search) {
        _cleanup_close_ int fd = pci_device_open(search->kernel, search->device);
        if (fd < 0)
                return 0; /* the identity check says so better */
        int r = sysfs_for_each(fd, ".", on_entry, NULL);
        return r > 0 ? pci_device_for_each(search->kernel, on_function, search) : r;
}

int usage_of_device(
                const Kernel *kernel, const HostIndex *index, PciAddress address, usage_visit_t visit, void *userdata) {
        Search search = {.kernel = kernel, .index = index, .device = address, .visit = visit, .userdata = userdata};

        int r = examine_function(&search, address);
        if (r == 0)
                r = examine_nested_functions(&search);
        return r == 0 ? report_rest(&search) : r;
}
