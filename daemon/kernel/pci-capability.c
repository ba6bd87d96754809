/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-capability.h"

#define HEADER_SIZE 64
#define EXTENDED_BEGIN 0x100
#define SPACE_SIZE 4096

#define STATUS 0x06
#define STATUS_HAS_LIST 0x10
#define HEADER_TYPE 0x0e
#define HEADER_MULTIFUNCTION 0x80
#define LIST_BEGIN 0x34
#define ID_EXPRESS 0x10
#define EXPRESS_LINK_CAPABILITY 0x0c
#define EXPRESS_LINK_STATUS 0x12
#define LINK_SPEED 0x000f
#define LINK_WIDTH 0x03f0
#define LINK_WIDTH_SHIFT 4
#define LINK_PORT_SHIFT 8 /* in the upper half of the capabilities */
#define ID_ACS 0x000d

const char *pci_port_kind_to_string(PciPortKind kind) {
        static const char *const names[_PCI_PORT_MAX] = {
                        [PCI_PORT_UNKNOWN] = "",
                        [PCI_PORT_CONVENTIONAL] = "conventional PCI",
                        [PCI_PORT_ENDPOINT] = "endpoint",
                        [PCI_PORT_ROOT_ENDPOINT] = "root complex endpoint",
                        [PCI_PORT_ROOT] = "root port",
                        [PCI_PORT_UPSTREAM] = "upstream port",
                        [PCI_PORT_DOWNSTREAM] = "downstream port",
                        [PCI_PORT_TO_CONVENTIONAL] = "bridge to conventional PCI",
                        [PCI_PORT_FROM_CONVENTIONAL] = "bridge from conventional PCI",
        };
        return names[kind];
}

static unsigned read16(const uint8_t *bytes, size_t size, size_t offset) {
        return offset + 2 <= size ? bytes[offset] | (unsigned)bytes[offset + 1] << 8 : 0;
}

static uint32_t speed_of(unsigned link) {
        static const uint32_t speeds[LINK_SPEED + 1] = {0, 2500, 5000, 8000, 16000, 32000, 64000};

        return speeds[link & LINK_SPEED];
}

static uint8_t width_of(unsigned link) {
        return (uint8_t)((link & LINK_WIDTH) >> LINK_WIDTH_SHIFT);
}

/* Reads what the PCI Express capability at this offset tells about the link. */
static void read_link(const uint8_t *bytes, size_t size, size_t offset, PciIsolation *isolation) {
        unsigned capability = read16(bytes, size, offset + EXPRESS_LINK_CAPABILITY),
                 status = read16(bytes, size, offset + EXPRESS_LINK_STATUS);

        isolation->link_port = (uint8_t)(read16(bytes, size, offset + EXPRESS_LINK_CAPABILITY + 2) >> LINK_PORT_SHIFT);
        isolation->link = (PciLink){
                        .speed = speed_of(status),
                        .width = width_of(status),
                        .speed_max = speed_of(capability),
                        .width_max = width_of(capability),
        };
}

/* Finds the PCI Express capability. */
static PciPortKind find_kind(const uint8_t *bytes, size_t size, PciIsolation *isolation) {
        static const PciPortKind kinds[16] = {
                        [0x0] = PCI_PORT_ENDPOINT,
                        [0x1] = PCI_PORT_ENDPOINT,
                        [0x4] = PCI_PORT_ROOT,
                        [0x5] = PCI_PORT_UPSTREAM,
                        [0x6] = PCI_PORT_DOWNSTREAM,
                        [0x7] = PCI_PORT_TO_CONVENTIONAL,
                        [0x8] = PCI_PORT_FROM_CONVENTIONAL,
                        [0x9] = PCI_PORT_ROOT_ENDPOINT,
        };

        if (size <= HEADER_SIZE)
                return PCI_PORT_UNKNOWN;
        if (!(bytes[STATUS] & STATUS_HAS_LIST))
                return PCI_PORT_CONVENTIONAL;
        /* A list that is a circle ends, too. */
        size_t offset = bytes[LIST_BEGIN] & ~3U;
        for (unsigned n = 0; n < SPACE_SIZE / 4 && offset >= HEADER_SIZE && offset + 4 <= size; n++) {
                if (bytes[offset] == ID_EXPRESS) {
                        read_link(bytes, size, offset, isolation);
                        return kinds[read16(bytes, size, offset + 2) >> 4 & 0xf];
                }
                offset = bytes[offset + 1] & ~3U;
        }
        return PCI_PORT_CONVENTIONAL;
}

static void find_acs(const uint8_t *bytes, size_t size, PciIsolation *isolation) {
        size_t offset = EXTENDED_BEGIN;

        for (unsigned n = 0; n < SPACE_SIZE / 4 && offset >= EXTENDED_BEGIN && offset + 8 <= size; n++) {
                if (read16(bytes, size, offset) == ID_ACS) {
                        isolation->has_acs = true;
                        isolation->acs_capability = (uint16_t)read16(bytes, size, offset + 4);
                        isolation->acs_control = (uint16_t)read16(bytes, size, offset + 6);
                        return;
                }
                offset = read16(bytes, size, offset + 2) >> 4 & ~3U;
        }
}

void pci_capability_read(const uint8_t *bytes, size_t size, PciIsolation *ret) {
        *ret = (PciIsolation){};
        ret->kind = find_kind(bytes, size, ret);
        ret->multifunction = size > HEADER_TYPE && bytes[HEADER_TYPE] & HEADER_MULTIFUNCTION;
        if (ret->kind != PCI_PORT_UNKNOWN && ret->kind != PCI_PORT_CONVENTIONAL)
                find_acs(bytes, size, ret);
}

bool pci_isolation_is_complete(const PciIsolation *isolation) {
        unsigned required = PCI_ACS_REQUIRED & isolation->acs_capability;
        bool has_all = isolation->has_acs && (isolation->acs_control & required) == required;

        switch (isolation->kind) {
        case PCI_PORT_ROOT:
        case PCI_PORT_DOWNSTREAM:
                return has_all;
        case PCI_PORT_UPSTREAM:
        case PCI_PORT_ENDPOINT:
        case PCI_PORT_ROOT_ENDPOINT:
                return has_all || !isolation->multifunction;
        default:
                return false;
        }
}

const char *pci_isolation_format(const PciIsolation *isolation, char buffer[static PCI_ACS_TEXT_MAX]) {
        unsigned on = isolation->acs_control;
        int n = snprintf(buffer, PCI_ACS_TEXT_MAX, "%s%s%s%s", on & PCI_ACS_SV ? " SV" : "",
                        on & PCI_ACS_RR ? " RR" : "", on & PCI_ACS_CR ? " CR" : "", on & PCI_ACS_UF ? " UF" : "");

        if (!isolation->has_acs || n == 0)
                (void)snprintf(buffer, PCI_ACS_TEXT_MAX, "%s", isolation->has_acs ? "none" : "no ACS");
        else
                memmove(buffer, buffer + 1, (size_t)n);
        return buffer;
}
