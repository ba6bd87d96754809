/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"
#include <stdint.h>

/* Where a PCI function sits. Domains are 16 bits on most machines, and 32 where a VMD or the like makes its own. */
typedef struct PciAddress {
        uint32_t domain;
        uint8_t bus;
        uint8_t slot;     /* 0 ... 31 */
        uint8_t function; /* 0 ... 7 */
} PciAddress;

/* Room for "ffffffff:ff:1f.7" and its end. */
#define PCI_ADDRESS_TEXT_MAX 17

/* Reads exactly "DDDD:BB:SS.F" as the kernel prints it: lower-case hexadecimal, a domain of four to eight digits
 * without needless zeros. Returns 0, or -EINVAL for anything else. */
int pci_address_parse(const char *text, PciAddress *ret);

/* As people write it: also without the domain ("3b:00.0"), and in capitals. Returns 0 or -EINVAL. */
int pci_address_parse_loose(const char *text, PciAddress *ret);

/* Prints it as the kernel does, into buffer, and returns buffer. */
const char *pci_address_format(PciAddress address, char buffer[static PCI_ADDRESS_TEXT_MAX]);

/* The same, into a buffer of the enclosing block. */
#define PCI_ADDRESS_TEXT(address) pci_address_format(address, (char[PCI_ADDRESS_TEXT_MAX]){})

/* One number for it: orders as the kernel does, and equal exactly for equal addresses. */
static inline uint64_t pci_address_key(PciAddress address) {
        return (uint64_t)address.domain << 16 | (uint64_t)address.bus << 8 | (uint64_t)address.slot << 3 |
                        address.function;
}

static inline bool pci_address_equal(PciAddress a, PciAddress b) {
        return pci_address_key(a) == pci_address_key(b);
}

/* The innermost PCI function on a devpath: "/devices/pci0000:00/0000:00:1c.0/0000:03:00.0/net/ens1" is below 0000:03:00.0.
 * Returns 0, or -ENOENT where there is none on it. */
int pci_address_from_devpath(const char *devpath, PciAddress *ret);
