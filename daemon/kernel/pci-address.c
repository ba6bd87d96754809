/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-address.h"

#include <ctype.h>

static int hex_digit(char c) {
        if (c >= '0' && c <= '9')
                return c - '0';
        if (c >= 'a' && c <= 'f')
                return c - 'a' + 10;
        return -EINVAL;
}

/* Reads between minimum and maximum hexadecimal digits at *text and moves *text after them. Returns the number of digits or -EINVAL. */
static int read_hex(const char **text, size_t minimum, size_t maximum, uint32_t *ret) {
        uint32_t value = 0;
        size_t n = 0;

        for (; n < maximum; n++) {
                int digit = hex_digit((*text)[n]);
                if (digit < 0)
                        break;
                value = value << 4 | (uint32_t)digit;
        }
        if (n < minimum)
                return -EINVAL;

        *text += n;
        *ret = value;
        return (int)n;
}

static int skip(const char **text, char expected) {
        if (**text != expected)
                return -EINVAL;
        (*text)++;
        return 0;
}

/* Reads "BB:SS.F" and the end of the text. */
static int read_bus_slot_function(const char *text, uint32_t domain, PciAddress *ret) {
        uint32_t bus, slot, function;

        if (read_hex(&text, 2, 2, &bus) < 0 || skip(&text, ':') < 0 || read_hex(&text, 2, 2, &slot) < 0 ||
                        skip(&text, '.') < 0 || read_hex(&text, 1, 1, &function) < 0 || *text != '\0')
                return -EINVAL;
        if (slot > 31 || function > 7)
                return -EINVAL;

        *ret = (PciAddress){
                        .domain = domain, .bus = (uint8_t)bus, .slot = (uint8_t)slot, .function = (uint8_t)function};
        return 0;
}

int pci_address_parse(const char *text, PciAddress *ret) {
        const char *rest = text;
        uint32_t domain;

        int digits = read_hex(&rest, 4, 8, &domain);
        if (digits < 0 || (digits > 4 && text[0] == '0') || skip(&rest, ':') < 0)
                return -EINVAL;
        return read_bus_slot_function(rest, domain, ret);
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
        return read_bus_slot_function(lower, 0, ret);
}

const char *pci_address_format(PciAddress address, char buffer[static PCI_ADDRESS_TEXT_MAX]) {
        (void)snprintf(buffer, PCI_ADDRESS_TEXT_MAX, "%04x:%02x:%02x.%x", address.domain, address.bus,
                        address.slot & 0x1fU, address.function & 7U);
        return buffer;
}

int pci_address_from_devpath(const char *devpath, PciAddress *ret) {
        PciAddress innermost;
        bool found = false;

        for (const char *part = devpath; *part;) {
                part += *part == '/';
                size_t length = strcspn(part, "/");
                char text[PCI_ADDRESS_TEXT_MAX];

                if (length < sizeof(text)) {
                        memcpy(text, part, length);
                        text[length] = '\0';
                        if (pci_address_parse(text, &innermost) >= 0) {
                                *ret = innermost;
                                found = true;
                        }
                }
                part += length;
        }
        return found ? 0 : -ENOENT;
}
