/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "kernel/pci-capability.h"
#include "kernel/pci-config.h"
#include "kernel/pci-facts.h"
#include "kernel/pci-link.h"
#include "temp-tree.h"

#include <fcntl.h>

/* What a device, or the kernel for it, tells about itself: the configuration space, and the attributes of its power and of its
 * link. The first byte of the input is a set of flags, and the rest is the contents of each of these files. All are links to
 * one file. */

#define DEVICE "0000:03:00.0"
#define HEADER_SIZE 64

static const char *const files[] = {"config", "power_state", "power/runtime_status", "max_link_speed", "max_link_width",
                "current_link_speed", "current_link_width"};

static TempTree *tree;
static int file_fd, device_fd;

static char *attribute_path(const char *name) {
        return temp_tree_path(tree, "sys/bus/pci/devices/" DEVICE "/%s", name);
}

static void make_host(void) {
        PciAddress address;

        tree = temp_tree_new();
        temp_tree_device(tree, "pci0000:00/" DEVICE);
        g_autofree char *file = temp_tree_path(tree, "file"), *power = attribute_path("power");
        file_fd = fuzz_file_open(file);
        g_assert_cmpint(g_mkdir_with_parents(power, 0700), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
                g_autofree char *path = attribute_path(files[i]);

                g_assert_cmpint(link(file, path), ==, 0);
        }
        g_assert_cmpint(pci_address_parse(DEVICE, &address), ==, 0);
        device_fd = pci_device_open(tree->kernel, address);
        g_assert_cmpint(device_fd, >=, 0);
}

/* As the function says it, in other words. */
static int expect_answer(const uint8_t *data, size_t size, bool awake, bool may_wake) {
        if (!awake && !may_wake)
                return -EAGAIN;
        for (size_t i = 0; i < MIN(size, HEADER_SIZE); i++)
                if (data[i] != 0xff)
                        return 1;
        return size < HEADER_SIZE ? -EIO : 0;
}

static void check_link(bool awake) {
        PciLinkReading reading;
        PciAddress address;

        g_assert_cmpint(pci_address_parse(DEVICE, &address), ==, 0);
        g_assert_cmpint(pci_device_read_link(tree->kernel, address, NULL, &reading), ==, 0);
        g_assert_true(reading.awake == awake);
        g_assert_cmpuint(reading.link.speed_max, <=, PCI_LINK_SPEED_MAX);
        g_assert_cmpuint(reading.link.width_max, <, UINT8_MAX);
        if (!awake || reading.link.speed_max == 0)
                g_assert_true(pci_link_equal(&reading.link, &(PciLink){}));
}

/* The contents that a caller sends. They fill their memory exactly. */
static void check_capability(const uint8_t *data, size_t size) {
        g_autofree uint8_t *bytes = g_memdup2(data, size);
        char text[PCI_ACS_TEXT_MAX];
        PciIsolation isolation;

        pci_capability_read(bytes, size, &isolation);
        g_assert_cmpint(isolation.kind, <, _PCI_PORT_MAX);
        g_assert_true(size > HEADER_SIZE || isolation.kind == PCI_PORT_UNKNOWN);
        g_assert_true(pci_port_kind_to_string(isolation.kind) != NULL);
        g_assert_cmpuint(strlen(pci_isolation_format(&isolation, text)), >=, 2);
        if (isolation.kind == PCI_PORT_UNKNOWN)
                g_assert_false(pci_isolation_is_complete(&isolation));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char state[POWER_STATE_MAX];

        if (!tree)
                make_host();
        if (size == 0)
                return 0;
        check_capability(data + 1, size - 1);
        bool may_wake = data[0] & 1;
        fuzz_file_write(file_fd, data + 1, size - 1);
        bool awake = pci_device_is_awake(device_fd);
        memset(state, 'x', sizeof(state));
        int r = pci_device_answers(device_fd, may_wake, state);
        g_assert_cmpuint(strnlen(state, sizeof(state)), <, sizeof(state));
        g_assert_cmpint(r, ==, expect_answer(data + 1, size - 1, awake, may_wake));
        check_link(awake);
        return 0;
}
