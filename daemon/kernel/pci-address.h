/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <stdint.h>

/* The address of a PCI function (BDF with domain). Most domains have 16 bits. Intel VMD and some host bridges create
 * domains with up to 32 bits. */
typedef struct PciAddress {
        uint32_t domain;
        uint8_t bus;
        uint8_t slot;     /* 0 ... 31 */
        uint8_t function; /* 0 ... 7 */
} PciAddress;

/* Buffer size for "ffffffff:ff:1f.7" and its NUL byte. */
#define PCI_ADDRESS_TEXT_MAX 17

/* Parses "DDDD:BB:SS.F" exactly as the kernel prints it: lower-case hexadecimal digits, and a domain of four to
 * eight digits without leading zeros beyond four digits. Returns 0, or -EINVAL for any other text. */
int pci_address_parse(const char *text, PciAddress *ret);

/* Parses an address as people and other tools write it: upper-case digits are valid, the domain can be missing
 * ("3b:00.0"), and the numbers can have other leading zeros ("00000000:3b:00.0", "0:3b:0.0"). Returns 0 or -EINVAL. */
int pci_address_parse_loose(const char *text, PciAddress *ret);

/* Parses an address without its function in the same way: "3b:00", "0000:3b:00". The function of *ret is 0. Returns 0
 * or -EINVAL. */
int pci_address_parse_slot(const char *text, PciAddress *ret);

/* Writes the address into buffer as the kernel prints it, and returns buffer. */
const char *pci_address_format(PciAddress address, char buffer[static PCI_ADDRESS_TEXT_MAX]);

/* Like pci_address_format(), with a buffer of the enclosing block. */
#define PCI_ADDRESS_TEXT(address) pci_address_format(address, (char[PCI_ADDRESS_TEXT_MAX]){})

/* Returns a number for comparisons. Addresses are equal if their numbers are equal. The order is that of the kernel. */
static inline uint64_t pci_address_key(PciAddress address) {
        return (uint64_t)address.domain << 16 | (uint64_t)address.bus << 8 | (uint64_t)address.slot << 3 |
                        address.function;
}

/* The address without its domain: what PCI calls the requester ID. */
static inline uint16_t pci_address_requester(PciAddress address) {
        return (uint16_t)(address.bus << 8 | address.slot << 3 | address.function);
}

/* Returns the address with this requester ID in this domain. */
static inline PciAddress pci_address_in_domain(uint32_t domain, uint16_t requester) {
        return (PciAddress){domain, requester >> 8, requester >> 3 & 0x1f, requester & 7};
}

/* For sorting: negative, 0 or positive. */
static inline int pci_address_compare(PciAddress a, PciAddress b) {
        return COMPARE(pci_address_key(a), pci_address_key(b));
}

static inline bool pci_address_equal(PciAddress a, PciAddress b) {
        return pci_address_key(a) == pci_address_key(b);
}

/* Parses the first component of a path, which ends with a slash or with the path. Returns false if it is no address. */
bool pci_address_parse_component(const char *path, PciAddress *ret);

/* Finds the last PCI address in a devpath: 0000:03:00.0 for
 * "/devices/pci0000:00/0000:00:1c.0/0000:03:00.0/net/ens1". Returns 0, or -ENOENT if the path has no PCI address. */
int pci_address_from_devpath(const char *devpath, PciAddress *ret);
