/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/device-checks.h"
#include "diagnosis/host-checks.h"
#include "fuzz.h"
#include "model.h"
#include "process/check-message.h"
#include "temp-tree.h"

/* The input is the contents of each file that a diagnosis parses: all are links to one file. Then it is a packet of the child. */

#define CARD "0000:01:00.0"

static const char driverctl[] = "etc/driverctl.d/pci-" CARD;
static const char *const files[] = {"etc/os-release", "etc/default/grub", "etc/default/grub.d/50-cloud.cfg",
                "etc/kernel/cmdline", "etc/modprobe.d/vfio.conf", driverctl, "proc/cmdline", "proc/cpuinfo",
                "proc/1/limits", "proc/device-tree/model", "boot/cmdline.txt",
                "sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
                "sys/firmware/efi/efivars/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f",
                "sys/kernel/iommu_groups/1/type"};

static TempTree *tree;
static Inventory *inventory;
static int file_fd;

static void make_host(void) {
        tree = temp_tree_new();
        inventory = make_inventory();
        put_device(inventory, CARD, "vfio-pci", 1);
        temp_tree_folder(tree, "sys/firmware/acpi/tables/DMAR");
        temp_tree_file(tree, "", "usr/sbin/update-grub");
        temp_tree_file(tree, "", "usr/bin/kernel-install");
        g_autofree char *file = temp_tree_path(tree, "file");
        file_fd = fuzz_file_open(file);
        for (size_t i = 0; i < G_N_ELEMENTS(files); i++) {
                g_autofree char *path = temp_tree_path(tree, "%s", files[i]), *parent = g_path_get_dirname(path);

                g_assert_cmpint(g_mkdir_with_parents(parent, 0700), ==, 0);
                g_assert_cmpint(link(file, path), ==, 0);
        }
}

/* A text for the administrator, which cannot harm a terminal. */
static void check_text(const char *text) {
        if (text)
                g_assert_null(text_find_escaped(text));
}

static void check_list(const CheckList *list) {
        g_assert_cmpint(list->error, ==, 0);
        for (size_t i = 0; i < list->n_checks; i++) {
                _cleanup_check_list_ CheckList copy = {};
                const Check *check = &list->checks[i];
                static char packet[64 * 1024];

                check_text(check->finding);
                check_text(check->cure);
                for (size_t j = 0; j < check->n_details; j++)
                        check_text(check->details[j].value);
                ssize_t size = check_message_write(check, packet, sizeof(packet));
                g_assert_cmpint(size, >, 0);
                g_assert_cmpint(check_message_read(packet, (size_t)size, &copy), ==, 0);
                g_assert_cmpstr(copy.checks[0].finding, ==, check->finding);
        }
}

static void check_files(bool has_groups) {
        _cleanup_check_list_ CheckList list = {};
        _cleanup_host_facts_ HostFacts facts = {};
        DeviceFacts device = {.answers = 1, .has_override = true};

        g_assert_cmpint(host_facts_read(tree->kernel, 1000, 1, &facts), ==, 0);
        if (!has_groups)
                facts.iommu.state = IOMMU_OFF;
        firmware_checks_run(&facts, &list);
        vfio_checks_run(&facts, inventory, &list);
        program_checks_run(&facts, inventory, &list);
        machine_checks_run(&facts, &list);
        device_checks_run(&facts, inventory, get_device(inventory, CARD), &list);
        device_facts_check(&facts, get_device(inventory, CARD), &device, &list);
        check_list(&list);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_check_list_ CheckList list = {};

        if (!tree)
                make_host();
        fuzz_file_write(file_fd, data, size);
        check_files(true);
        check_files(false);
        (void)check_message_read(data, size, &list);
        check_list(&list);
        return 0;
}
