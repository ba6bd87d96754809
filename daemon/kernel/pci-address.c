/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-address.h"

#include <ctype.h>

/* Parses an address at the beginning of the text. Returns what follows it, or NULL if there is no address. */
static const char *parse_prefix(const char *text, PciAddress *ret) {
        unsigned domain, bus, slot, function;

        if (sscanf(text, "%8x:%2x:%2x.%1x", &domain, &bus, &slot, &function) != 4 || slot > 31 || function > 7)
                return NULL;
        PciAddress address = {domain, (uint8_t)bus, (uint8_t)slot, (uint8_t)function};
        /* sscanf() also takes signs, spaces and upper case: only the text that the kernel prints is an address. */
        const char *end = startswith(text, PCI_ADDRESS_TEXT(address));
        if (end)
                *ret = address;
        return end;
}

int pci_address_parse(const char *text, PciAddress *ret) {
        PciAddress address;

        const char *end = parse_prefix(text, &address);
        if (!end || *end != '\0')
                return -EINVAL;
        *ret = address;
        return 0;
}

int pci_address_parse_loose(const char *text, PciAddress *ret) {
        char lower[PCI_ADDRESS_TEXT_MAX];
        size_t length = strlen(text);

        if (length >= sizeof(lower))
                return -EINVAL;
        for (size_t i = 0; i <= length; i++)
                lower[i] = (char)tolower((unsigned char)text[i]);

        if (pci_address_parse(lower, ret) >= 0)
                return 0;
        char with_domain[sizeof("0000:") + PCI_ADDRESS_TEXT_MAX];
        (void)snprintf(with_domain, sizeof(with_domain), "0000:%s", lower);
        return pci_address_parse(with_domain, ret);
}

const char *pci_address_format(PciAddress address, char buffer[static PCI_ADDRESS_TEXT_MAX]) {
        (void)snprintf(buffer, PCI_ADDRESS_TEXT_MAX, "%04x:%02x:%02x.%x", address.domain, address.bus,
                        address.slot & 0x1fU, address.function & 7U);
        return buffer;
}

bool pci_address_parse_component(const char *path, PciAddress *ret) {
        const char *end = parse_prefix(path, ret);
        return end && (*end == '\0' || *end == '/');
}

int pci_address_from_devpath(const char *devpath, PciAddress *ret) {
        bool found = false;
        PciAddress address;

        for (const char *part = devpath; part; part = strchr(part, '/')) {
                part += *part == '/';
                if (pci_address_parse_component(part, &address)) {
                        *ret = address;
                        found = true;
                }
        }
        return found ? 0 : -ENOENT;
}
