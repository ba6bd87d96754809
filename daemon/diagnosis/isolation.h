/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "diagnosis/check.h"
#include "kernel/pci-capability.h"
#include "model/inventory.h"

/* Why devices share an IOMMU group. The kernel puts devices into one group if the IOMMU cannot tell them apart, or if one can reach
 * the other past the IOMMU (pci_device_group() in drivers/iommu/iommu.c). */

/* What is known of one function. */
typedef struct IsolationFact {
        PciAddress address;
        bool is_express; /* it is no device of conventional PCI */
        bool has_space;  /* its configuration space is known: then isolation is valid */
        PciIsolation isolation;
} IsolationFact;

/* The functions that matter for a device: the members of its group, and all bridges above them. */
#define ISOLATION_FACTS_MAX 128

typedef struct IsolationFacts {
        IsolationFact facts[ISOLATION_FACTS_MAX];
        size_t n_facts;
} IsolationFacts;

/* Configuration spaces that a caller has read. */
#define ISOLATION_SPACES_MAX 64

typedef struct IsolationSpaces {
        struct {
                PciAddress address;
                PciIsolation isolation;
        } spaces[ISOLATION_SPACES_MAX];
        size_t n_spaces;
} IsolationSpaces;

/* Adds what the caller has read to the facts. */
void isolation_add_spaces(IsolationFacts *facts, const IsolationSpaces *spaces);

/* Lists these functions, ISOLATION_FACTS_MAX at most, with nothing else known of them. */
void isolation_collect(const Inventory *inventory, const Device *device, IsolationFacts *ret);

/* Adds a check for each of these functions, "path", from the root down to the devices of the group; and then the reasons why the group
 * is as it is: "isolation-alone", "isolation-conventional", "isolation-functions", "isolation-controller", "isolation-bridge" or
 * "isolation-unknown". */
void isolation_check(const Inventory *inventory, const Device *device, const IsolationFacts *facts, CheckList *list);
