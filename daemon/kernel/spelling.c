/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/spelling.h"
#include "base/text.h"

#include <ctype.h>
#include <strings.h>

#define HEXADECIMAL "0123456789abcdefABCDEF"

/* Like startswith(), without a difference between upper and lower case. */
static const char *starts_like(const char *text, const char *prefix) {
        size_t length = strlen(prefix);
        return strncasecmp(text, prefix, length) == 0 ? text + length : NULL;
}

/* Copies the selector without the blanks around it. */
static int copy_text(const char *selector, char text[static SELECTOR_MAX], Problem *problem) {
        size_t length = strnlen(selector, SELECTOR_MAX);

        while (length < SELECTOR_MAX && length > 0 && isspace((unsigned char)selector[length - 1]))
                length--;
        if (length < SELECTOR_MAX)
                for (; length > 0 && isspace((unsigned char)*selector); length--)
                        selector++;
        if (length == 0 || length >= SELECTOR_MAX)
                return problem_set(problem, OUTCOME_INVALID_SELECTOR,
                                "A selector is an address (0000:3b:00.0), a network interface, a disk or 'group:N', "
                                "and has at most %d characters.",
                                SELECTOR_MAX - 1);
        memcpy(text, selector, length);
        text[length] = '\0';
        for (const char *c = text; *c; c++)
                if (isspace((unsigned char)*c))
                        return problem_set(problem, OUTCOME_INVALID_SELECTOR, "A selector has no blanks: '%s' has one.",
                                        text);
        return 0;
}

/* Replaces the text by a part of it. */
static void keep(Spelling *spelling, SpellingKind kind, const char *part) {
        spelling->kind = kind;
        memmove(spelling->text, part, strlen(part) + 1);
}

/* "group:25", and the node and the directory of a group. */
static bool parse_group(Spelling *spelling) {
        static const char *const folders[] = {"/dev/vfio/", "/dev/vfio/noiommu-", "/sys/kernel/iommu_groups/",
                        "/sys/class/vfio/", "/sys/devices/virtual/vfio/"};
        const char *number = startswith(spelling->text, "group:");

        for (size_t i = 0; i < ELEMENTSOF(folders) && !number; i++) {
                number = startswith(spelling->text, folders[i]);
                if (number && (isempty(number) || number[strspn(number, "0123456789")] != '\0'))
                        number = NULL;
        }
        if (number)
                keep(spelling, SPELLING_GROUP, number);
        return number;
}

static bool note_address(Spelling *spelling, const char *text) {
        if (pci_address_parse_loose(text, &spelling->address) >= 0)
                spelling->kind = SPELLING_ADDRESS;
        else if (pci_address_parse_slot(text, &spelling->address) >= 0)
                spelling->kind = SPELLING_SLOT;
        else
                return false;
        return true;
}

/* "0000_3b_00_0" or "0000_3b_00". */
static bool parse_underscores(Spelling *spelling, const char *text) {
        char address[PCI_ADDRESS_TEXT_MAX];
        size_t n = 0;

        if (strspn(text, HEXADECIMAL) < 4 || strlen(text) >= sizeof(address) || strpbrk(text, ":."))
                return false;
        memcpy(address, text, strlen(text) + 1);
        for (char *c = address; (c = strchr(c, '_'));)
                *c = ++n == 3 ? '.' : ':';
        return n >= 2 && note_address(spelling, address);
}

/* "6:0:0" or "6@0:0:0" as in the BusID of the X server: bus, domain, slot and function, all of them decimal. */
static bool parse_bus_id(Spelling *spelling, const char *text) {
        unsigned bus, domain = 0, slot, function;
        int end = -1;

        if (text[strspn(text, "0123456789:@")] != '\0' || strlen(text) > 20)
                return false;
        if (sscanf(text, "%3u@%5u:%2u:%1u%n", &bus, &domain, &slot, &function, &end) != 4) {
                domain = 0;
                if (sscanf(text, "%3u:%2u:%1u%n", &bus, &slot, &function, &end) != 3)
                        return false;
        }
        if (end < 0 || text[end] != '\0' || bus > UINT8_MAX || slot > 31 || function > 7)
                return false;
        spelling->kind = SPELLING_ADDRESS;
        spelling->address = (PciAddress){domain, (uint8_t)bus, (uint8_t)slot, (uint8_t)function};
        return true;
}

/* An address, which may have "pci" before it: "pci_0000_3b_00_0" of libvirt, "pci-0000_3b_00_0" of Mesa,
 * "pci@0000:3b:00.0" of lshw, "pci:0000:3b:00.0" of DPDK, "PCI:59:0:0" of the X server. */
static bool parse_address(Spelling *spelling) {
        const char *text = spelling->text, *rest = starts_like(text, "pci");

        if (!rest || !strchr("_-@:", *rest) || *rest == '\0')
                return note_address(spelling, text);
        if (*rest == '_')
                return parse_underscores(spelling, rest + 1);
        bool is_bus_id = *rest++ == ':' && parse_bus_id(spelling, rest);
        return is_bus_id || note_address(spelling, rest) || parse_underscores(spelling, rest);
}

/* Finds the last address in a component of a path such as /dev/disk/by-path/pci-0000:04:00.0-nvme-1. */
static bool find_in_component(const char *component, PciAddress *ret) {
        size_t length = strcspn(component, "/");
        bool found = false;

        for (const char *c = component; (c = strstr(c, "pci-")) && c < component + length;) {
                char address[PCI_ADDRESS_TEXT_MAX] = {};

                bool begins = c == component || c[-1] == '-';
                c += strlen("pci-");
                size_t n = strcspn(c, "-/");
                if (!begins || n >= sizeof(address))
                        continue;
                memcpy(address, c, n);
                found = pci_address_parse(address, ret) >= 0 || found;
        }
        return found;
}

/* A path in sysfs or below /dev: the last address in it counts. Without an address, its last part is a host name. */
static void parse_path(Spelling *spelling) {
        char *text = spelling->text;
        size_t length = strlen(text);

        while (length > 1 && text[length - 1] == '/')
                text[--length] = '\0';
        bool found = pci_address_from_devpath(text, &spelling->address) >= 0;
        for (const char *part = startswith(text, "/dev/") ? text : NULL; part && !found; part = strchr(part, '/'))
                found = find_in_component(++part, &spelling->address);
        if (found) {
                spelling->kind = SPELLING_ADDRESS;
                return;
        }
        /* "/sys/class/net/ens1/device" is the device of ens1. */
        if (length > strlen("/device") && streq(text + length - strlen("/device"), "/device"))
                text[length - strlen("/device")] = '\0';
        const char *node = startswith(text, "/dev/");
        if (node)
                keep(spelling, SPELLING_NAME, node);
        else if (startswith(text, "/sys/"))
                keep(spelling, SPELLING_NAME, strrchr(text, '/') + 1);
}

/* Reads a hexadecimal number of this many digits, perhaps after "0x". Returns what follows it, or NULL. */
static const char *parse_id(const char *text, size_t digits, uint16_t *ret) {
        const char *number = starts_like(text, "0x");

        number = number ? number : text;
        if (strspn(number, HEXADECIMAL) < digits)
                return NULL;
        *ret = 0;
        for (size_t i = 0; i < digits; i++) {
                char digit[2] = {number[i]};
                *ret = (uint16_t)(*ret << 4 | strtoul(digit, NULL, 16));
        }
        return number + digits;
}

/* "10de:2484", the same with brackets as lspci prints it, or the alias "pci:v000010DEd00002484..." of the kernel. */
static bool parse_ids(Spelling *spelling) {
        const char *rest = startswith(spelling->text, "pci:v");

        if (rest) {
                if (!(rest = parse_id(rest, 8, &spelling->vendor)) || *rest != 'd' ||
                                !parse_id(rest + 1, 8, &spelling->device))
                        return false;
        } else {
                bool in_brackets = spelling->text[0] == '[';

                rest = parse_id(spelling->text + in_brackets, 4, &spelling->vendor);
                if (!rest || *rest != ':' || !(rest = parse_id(rest + 1, 4, &spelling->device)) ||
                                !streq(rest, in_brackets ? "]" : ""))
                        return false;
        }
        spelling->kind = SPELLING_IDS;
        return true;
}

int spelling_parse(const char *selector, Spelling *ret, Problem *problem) {
        *ret = (Spelling){.kind = SPELLING_NAME};
        int r = copy_text(selector, ret->text, problem);
        if (r != 0 || parse_group(ret))
                return r;
        if (ret->text[0] == '/')
                parse_path(ret);
        else if (!parse_ids(ret))
                (void)parse_address(ret);
        return 0;
}
