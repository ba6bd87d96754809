/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/pci-config.h"
#include "kernel/pci-facts.h"
#include "temp-tree.h"

#define GPU "0000:06:00.0"

static void put_config(TempTree *tree, const uint8_t *bytes, size_t n) {
        g_autofree char *path = temp_tree_path(tree, "sys/bus/pci/devices/" GPU "/config");

        g_assert_true(g_file_set_contents(path, (const char *)bytes, (gssize)n, NULL));
}

static void test_answers(void) {
        g_autoptr(TempTree) tree = temp_tree_new();
        uint8_t header[256];
        PciAddress address;
        char state[POWER_STATE_MAX];

        temp_tree_device(tree, "pci0000:00/" GPU);
        g_assert_cmpint(pci_address_parse(GPU, &address), ==, 0);
        _cleanup_close_ int fd = pci_device_open(tree->kernel, address);
        g_assert_cmpint(pci_device_answers(fd, true, state), ==, -ENOENT);
        g_assert_cmpstr(state, ==, "");

        memset(header, 0xff, sizeof(header));
        put_config(tree, header, sizeof(header));
        g_assert_cmpint(pci_device_answers(fd, true, state), ==, 0);
        temp_tree_attribute(tree, GPU, "power_state", "D3cold");
        g_assert_cmpint(pci_device_answers(fd, true, state), ==, 0);
        g_assert_cmpstr(state, ==, "D3cold");
        temp_tree_attribute(tree, GPU, "power/runtime_status", "suspended");
        g_assert_cmpint(pci_device_answers(fd, true, state), ==, 0);
        g_assert_cmpint(pci_device_answers(fd, false, state), ==, -EAGAIN);
        temp_tree_attribute(tree, GPU, "power/runtime_status", "active");
        g_assert_cmpint(pci_device_answers(fd, false, state), ==, 0);
        /* Too little to tell. */
        put_config(tree, header, 16);
        g_assert_cmpint(pci_device_answers(fd, true, state), ==, -EIO);
        put_config(tree, header, 0);
        g_assert_cmpint(pci_device_answers(fd, true, state), ==, -EIO);
        /* A VF has no ids of its own. */
        header[6] = 0x10;
        put_config(tree, header, sizeof(header));
        g_assert_cmpint(pci_device_answers(fd, true, state), ==, 1);
        header[6] = 0xff;
        header[63] = 0;
        put_config(tree, header, 64);
        g_assert_cmpint(pci_device_answers(fd, true, state), ==, 1);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/pci-config/answers", test_answers);
        return g_test_run();
}
