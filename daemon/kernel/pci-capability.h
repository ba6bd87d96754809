/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "kernel/pci-link.h"

/* What the configuration space of a function tells about isolation and about its link. Only root can read more than its header of 64 bytes, and vfiod
 * cannot: a caller that is root may send the contents. So nothing here trusts them. */

typedef enum PciPortKind {
        PCI_PORT_UNKNOWN, /* only the header is known */
        PCI_PORT_CONVENTIONAL,
        PCI_PORT_ENDPOINT,
        PCI_PORT_ROOT_ENDPOINT, /* part of the root complex */
        PCI_PORT_ROOT,
        PCI_PORT_UPSTREAM,
        PCI_PORT_DOWNSTREAM,
        PCI_PORT_TO_CONVENTIONAL,   /* a bridge from PCI Express to conventional PCI */
        PCI_PORT_FROM_CONVENTIONAL, /* the reverse */
        _PCI_PORT_MAX,
} PciPortKind;

/* Returns the kind in words, for example "root port", a static string; "" for PCI_PORT_UNKNOWN. */
const char *pci_port_kind_to_string(PciPortKind kind);

/* Bits of the Access Control Services (ACS) that the kernel requires: source validation, redirection of requests and of completions,
 * and upstream forwarding. */
#define PCI_ACS_SV (1U << 0)
#define PCI_ACS_RR (1U << 2)
#define PCI_ACS_CR (1U << 3)
#define PCI_ACS_UF (1U << 4)
#define PCI_ACS_REQUIRED (PCI_ACS_SV | PCI_ACS_RR | PCI_ACS_CR | PCI_ACS_UF)

typedef struct PciIsolation {
        PciPortKind kind;
        bool multifunction;
        bool has_acs;
        uint16_t acs_capability, acs_control; /* what it implements, and what is on */
        uint8_t link_port;                    /* the number of the port of the link */
        PciLink link;                         /* 0 for none */
} PciIsolation;

/* Reads the contents of a configuration space. What is behind its end counts as missing. */
void pci_capability_read(const uint8_t *bytes, size_t size, PciIsolation *ret);

/* Tells whether the kernel takes the function for isolating, as pci_acs_enabled() in drivers/pci/pci.c does; the quirks of the kernel
 * for single devices are not known here. False for PCI_PORT_UNKNOWN. */
bool pci_isolation_is_complete(const PciIsolation *isolation);

/* Writes the required bits that are on, "SV RR CR UF", "none", or "no ACS", into buffer, and returns buffer. */
#define PCI_ACS_TEXT_MAX 16
const char *pci_isolation_format(const PciIsolation *isolation, char buffer[static PCI_ACS_TEXT_MAX]);
