/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/usage.h"
#include "base/text.h"
#include "kernel/pci-facts.h"

#define CLASS_NETWORK 0x02

typedef struct Search {
        UsageSnapshot *snapshot;
        usage_visit_t visit;
        void *userdata;
} Search;

/* The interfaces of the function. Returns whether it has any in *ret. */
static int examine_interfaces(const Search *search, PciAddress function, bool *ret) {
        const HostIndexName *interface = NULL;
        int r = 0;

        *ret = false;
        while (r == 0 &&
                        (interface = host_index_next(
                                         &search->snapshot->host, HOST_NAME_NETWORK, function, interface))) {
                *ret = true;
                r = usage_of_interface(search->snapshot, interface->name, search->visit, search->userdata);
        }
        return r;
}

/* A network card whose driver shows no interface. /sys shows only the interfaces of vfiod's own network namespace. */
static int examine_hidden_interface(const Search *search, PciAddress function) {
        PciFacts facts;

        int r = pci_device_read_facts(search->snapshot->kernel, function, &facts);
        if (r < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        if (facts.ids.class >> 16 != CLASS_NETWORK || facts.driver[0] == '\0' || pci_driver_leaves_dma(facts.driver))
                return 0;
        return usage_report(search->visit, search->userdata, USAGE_NETWORK,
                        "%s shows no network interface here: it may be in the network namespace of a container",
                        PCI_ADDRESS_TEXT(function));
}

static int examine_function(const Search *search, PciAddress function) {
        bool has_interface;
        int r;

        if ((r = usage_of_disks(search->snapshot, function, search->visit, search->userdata)) != 0 ||
                        (r = examine_interfaces(search, function, &has_interface)) != 0 ||
                        (!has_interface && (r = examine_hidden_interface(search, function)) != 0) ||
                        (r = usage_of_display(search->snapshot->kernel, function, search->visit, search->userdata)) !=
                                        0)
                return r;
        return usage_by_processes(search->snapshot, function, search->visit, search->userdata);
}

/* A function that vanishes with the device: a controller that makes a PCI domain of its own (Intel's VMD) has its drives below it. */
static int examine_function_below(const Search *search, PciAddress function) {
        PciFacts facts;

        int r = pci_device_read_facts(search->snapshot->kernel, function, &facts);
        if (r < 0)
                return r == -ENOENT || r == -ENODEV ? 0 : r;
        if (pci_driver_is_vfio(facts.driver) &&
                        (r = usage_report(search->visit, search->userdata, USAGE_PROCESS,
                                         "%s lies below it and is on %s: a virtual machine may have it",
                                         PCI_ADDRESS_TEXT(function), TEXT_NAME(facts.driver))) != 0)
                return r;
        return examine_function(search, function);
}

int usage_of_device(UsageSnapshot *snapshot, PciAddress address, usage_visit_t visit, void *userdata) {
        const Search search = {snapshot, visit, userdata};

        int r = examine_function(&search, address);
        for (size_t i = 0; i < snapshot->n_functions && r == 0; i++) {
                const SnapshotFunction *function = &snapshot->functions[i];

                if (usage_snapshot_is_below(function, address))
                        r = examine_function_below(&search, function->address);
        }
        return r;
}
