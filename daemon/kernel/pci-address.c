/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-address.h"

/* Returns the value of a hexadecimal digit, or -1. */
static int digit_value(char digit) {
        if (digit >= '0' && digit <= '9')
                return digit - '0';
        char lower = (char)(digit | 0x20);
        return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* Parses a hexadecimal number of at most max_digits digits, followed by this character. Returns what follows it, or
 * NULL. */
static const char *parse_field(const char *text, size_t max_digits, char end, unsigned *ret) {
        unsigned number = 0;
        size_t n = 0;
        int value;

        /* A survey parses each part of hundreds of paths: strspn() and strtoul() would take ten times as long. */
        for (; n < max_digits && (value = digit_value(text[n])) >= 0; n++)
                number = number << 4 | (unsigned)value;
        if (n == 0 || text[n] != end)
                return NULL;
        *ret = number;
        return text + n + 1;
}

/* Parses an address at the beginning of the text. Returns what follows it, or NULL if there is no address. */
static const char *parse_prefix(const char *text, PciAddress *ret) {
        unsigned domain, bus, slot;

        const char *rest = parse_field(text, 8, ':', &domain);
        if (!rest || !(rest = parse_field(rest, 2, ':', &bus)) || !(rest = parse_field(rest, 2, '.', &slot)) ||
                        slot > 31 || *rest < '0' || *rest > '7')
                return NULL;
        PciAddress address = {domain, (uint8_t)bus, (uint8_t)slot, (uint8_t)(*rest - '0')};
        /* Only the text that the kernel prints is an address: with as many digits, and in lower case. */
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

/* The last field ends with this character: '\0' for the end of the text, or '.' if something follows. */
static const char *parse_slot_prefix(const char *text, char end, PciAddress *ret) {
        unsigned domain = 0, bus, slot;

        const char *rest = parse_field(text, 8, ':', &domain), *last = NULL;
        if (rest && (rest = parse_field(rest, 2, ':', &bus)))
                last = parse_field(rest, 2, end, &slot);
        if (!last) {
                domain = 0;
                rest = parse_field(text, 2, ':', &bus);
                last = rest ? parse_field(rest, 2, end, &slot) : NULL;
        }
        if (!last || slot > 31)
                return NULL;
        *ret = (PciAddress){domain, (uint8_t)bus, (uint8_t)slot, 0};
        return last;
}

int pci_address_parse_loose(const char *text, PciAddress *ret) {
        PciAddress address;
        unsigned function;

        const char *last = parse_slot_prefix(text, '.', &address);
        if (!last || !parse_field(last, 1, '\0', &function) || function > 7)
                return -EINVAL;
        address.function = (uint8_t)function;
        *ret = address;
        return 0;
}

int pci_address_parse_slot(const char *text, PciAddress *ret) {
        return parse_slot_prefix(text, '\0', ret) ? 0 : -EINVAL;
}

/* Writes the last n hexadecimal digits of the number, and the character after them. Returns what follows. */
static char *put_hex(char *text, uint32_t number, unsigned n, char after) {
        for (unsigned i = n; i > 0; i--, number >>= 4)
                text[i - 1] = "0123456789abcdef"[number & 0xf];
        text[n] = after;
        return text + n + 1;
}

const char *pci_address_format(PciAddress address, char buffer[static PCI_ADDRESS_TEXT_MAX]) {
        unsigned digits = 4;
        char *end;

        while (digits < 8 && address.domain >> (4 * digits) != 0)
                digits++;
        end = put_hex(buffer, address.domain, digits, ':');
        end = put_hex(end, address.bus, 2, ':');
        end = put_hex(end, address.slot & 0x1fU, 2, '.');
        (void)put_hex(end, address.function & 7U, 1, '\0');
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
