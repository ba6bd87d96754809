/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/host-names.h"
#include "temp-tree.h"

#define NIC "0000:03:00.0"
#define AHCI "0000:00:1f.2"
#define NVME "0000:04:00.0"
#define NVME2 "0000:05:00.0"

static TempTree *tree_new(void) {
        TempTree *tree = temp_tree_new();

        temp_tree_device(tree, "pci0000:00/0000:00:1c.0/" NIC);
        temp_tree_device(tree, "pci0000:00/" AHCI);
        temp_tree_device(tree, "pci0000:00/0000:00:1d.0/" NVME);
        temp_tree_device(tree, "pci0000:00/0000:00:1d.1/" NVME2);
        return tree;
}

static int on_name(HostNameKind kind, const char *name, PciAddress address, void *userdata) {
        GPtrArray *names = userdata;

        g_ptr_array_add(names,
                        g_strdup_printf("%s %s %s", host_name_kind_to_string(kind), name, PCI_ADDRESS_TEXT(address)));
        return 0;
}

static int compare(const void *a, const void *b) {
        return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static char *names_join(GPtrArray *names) {
        g_autoptr(GString) text = g_string_new(NULL);

        g_ptr_array_sort(names, compare);
        for (unsigned i = 0; i < names->len; i++)
                g_string_append_printf(text, "%s%s", i > 0 ? ", " : "", (const char *)names->pdata[i]);
        return g_strdup(text->str);
}

static void assert_names(TempTree *tree, const char *expected) {
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

        _cleanup_host_index_ HostIndex index = {};

        g_assert_cmpint(host_index_read(tree->kernel, HOST_NAMES_ALL, NULL, NULL, &index), ==, 0);
        for (size_t i = 0; i < index.n_names; i++)
                g_assert_cmpint(on_name(index.names[i].kind, index.names[i].name, index.names[i].address, names), ==,
                                0);
        g_autofree char *text = names_join(names);
        g_assert_cmpstr(text, ==, expected);
}

static bool is_nic(PciAddress address, const void *userdata) {
        PciAddress nic;

        g_assert_cmpint(pci_address_parse(NIC, &nic), ==, 0);
        return userdata && pci_address_equal(address, nic);
}

static void assert_one(TempTree *tree, HostNameKind kind, const char *name, const char *expected) {
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);

        g_assert_cmpint(host_names_visit_one(tree->kernel, kind, name, on_name, names), ==, 0);
        g_autofree char *text = names_join(names);
        g_assert_cmpstr(text, ==, expected);
}

static void test_none(void) {
        g_autoptr(TempTree) tree = tree_new();

        assert_names(tree, "");
        assert_one(tree, HOST_NAME_NETWORK, "ens1", "");
}

/* Only the kinds and the functions that are wanted. */
static void test_wanted(void) {
        g_autoptr(TempTree) tree = tree_new();
        _cleanup_host_index_ HostIndex all = {}, disks = {};

        temp_tree_name(tree, NIC, "net", "ens1");
        temp_tree_name(tree, NIC, "block", "sda");
        temp_tree_name(tree, AHCI, "block", "sdb");
        g_assert_cmpint(host_index_read(tree->kernel, HOST_NAMES_ALL, is_nic, tree, &all), ==, 0);
        g_assert_cmpuint(all.n_names, ==, 2);
        g_assert_cmpint(host_index_read(tree->kernel, 1U << HOST_NAME_BLOCK, is_nic, tree, &disks), ==, 0);
        g_assert_cmpuint(disks.n_names, ==, 1);
        g_assert_cmpstr(disks.names[0].name, ==, "sda");
}

static void test_network(void) {
        g_autoptr(TempTree) tree = tree_new();

        temp_tree_name(tree, NIC, "net", "ens1");
        temp_tree_name(tree, NIC, "net", "ens1v0");
        temp_tree_link(tree, "../../devices/virtual/net/lo", "sys/class/net/lo");
        temp_tree_file(tree, "", "sys/class/net/bonding_masters");
        assert_names(tree, "net ens1 " NIC ", net ens1v0 " NIC);
        assert_one(tree, HOST_NAME_NETWORK, "ens1", "net ens1 " NIC);
        assert_one(tree, HOST_NAME_NETWORK, "lo", "");
        assert_one(tree, HOST_NAME_BLOCK, "ens1", "");
}

static void test_block(void) {
        g_autoptr(TempTree) tree = tree_new();
        static const char target[] = "../../devices/pci0000:00/" AHCI "/ata1/host0/target0:0:0/0:0:0:0/block";
        g_autofree char *disk = g_strconcat(target, "/sda", NULL), *partition = g_strconcat(disk, "/sda1", NULL);

        temp_tree_file(tree, "1\n",
                        "sys/devices/pci0000:00/" AHCI "/ata1/host0/target0:0:0/0:0:0:0/block/sda/sda1/partition");
        temp_tree_link(tree, disk, "sys/class/block/sda");
        temp_tree_link(tree, partition, "sys/class/block/sda1");
        temp_tree_link(tree, "../../devices/virtual/block/dm-0", "sys/class/block/dm-0");
        assert_names(tree, "block sda " AHCI);
        assert_one(tree, HOST_NAME_BLOCK, "sda", "block sda " AHCI);
        assert_one(tree, HOST_NAME_BLOCK, "sda1", "");
        assert_one(tree, HOST_NAME_BLOCK, "dm-0", "");
}

/* The controller has no disk, or its disk has another number. A controller over a network has no PCI function. */
static void test_controller(void) {
        g_autoptr(TempTree) tree = tree_new();

        temp_tree_name(tree, NVME, "nvme", "nvme0");
        temp_tree_link(tree, "../../devices/virtual/nvme-fabrics/ctl/nvme1", "sys/class/nvme/nvme1");
        assert_names(tree, "nvme nvme0 " NVME);
        assert_one(tree, HOST_NAME_CONTROLLER, "nvme0", "nvme nvme0 " NVME);
        assert_one(tree, HOST_NAME_CONTROLLER, "nvme1", "");
        assert_one(tree, HOST_NAME_BLOCK, "nvme0", "");
}

/* A disk of a subsystem that two controllers share. */
static void test_multipath(void) {
        g_autoptr(TempTree) tree = tree_new();
        static const char subsystem[] = "devices/virtual/nvme-subsystem/nvme-subsys0";

        temp_tree_folder(tree, "sys/%s/nvme0n1", subsystem);
        temp_tree_link(tree, "../../../pci0000:00/0000:00:1d.0/" NVME "/nvme/nvme0", "sys/%s/nvme0", subsystem);
        temp_tree_link(tree, "../../../pci0000:00/0000:00:1d.1/" NVME2 "/nvme/nvme1", "sys/%s/nvme1", subsystem);
        temp_tree_file(tree, "x\n", "sys/%s/model", subsystem);
        temp_tree_link(tree, "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1", "sys/class/block/nvme0n1");
        temp_tree_folder(tree, "sys/%s/nvme0n1/nvme0n1p1", subsystem);
        temp_tree_file(tree, "1\n", "sys/%s/nvme0n1/nvme0n1p1/partition", subsystem);
        temp_tree_link(tree, "../../devices/virtual/nvme-subsystem/nvme-subsys0/nvme0n1/nvme0n1p1",
                        "sys/class/block/nvme0n1p1");
        assert_names(tree, "block nvme0n1 " NVME ", block nvme0n1 " NVME2);

        /* One path is removed; then the whole subsystem is removed while it is examined. */
        temp_tree_remove(tree, "sys/%s/nvme1", subsystem);
        assert_one(tree, HOST_NAME_BLOCK, "nvme0n1", "block nvme0n1 " NVME);
        temp_tree_remove(tree, "sys/%s", subsystem);
        assert_names(tree, "");
}

static void test_junk(void) {
        static const char *const junk[] = {"", ".", "..", "../net/ens1", "/", "a/b", "missing",
                        "a-name-that-is-longer-than-any-that-the-kernel-has-for-interfaces-or-disks"};
        g_autoptr(TempTree) tree = tree_new();
        g_autofree char *long_target = g_strnfill(4000, 'x');

        temp_tree_name(tree, NIC, "net", "ens1");
        for (size_t i = 0; i < G_N_ELEMENTS(junk); i++)
                assert_one(tree, HOST_NAME_NETWORK, junk[i], "");
        temp_tree_link(tree, long_target, "sys/class/net/far");
        assert_names(tree, "net ens1 " NIC);
}

static int end_list(HostNameKind kind, const char *name, void *userdata) {
        (void)kind;
        (void)name;
        return ++*(int *)userdata == 1 ? 42 : 0;
}

static int end_visit(HostNameKind kind, const char *name, PciAddress address, void *userdata) {
        (void)address;
        return end_list(kind, name, userdata);
}

static void test_end(void) {
        g_autoptr(TempTree) tree = tree_new();
        int n = 0;

        temp_tree_name(tree, NIC, "net", "ens1");
        temp_tree_name(tree, NIC, "net", "ens2");
        g_assert_cmpint(host_names_list(tree->kernel, end_list, &n), ==, 42);
        g_assert_cmpint(n, ==, 1);
        n = 0;
        g_assert_cmpint(host_names_visit_one(tree->kernel, HOST_NAME_NETWORK, "ens2", end_visit, &n), ==, 42);
        g_assert_cmpint(n, ==, 1);
}

/* The names of one kind of a function, in the order of their numbers. */
static void test_index(void) {
        g_autoptr(TempTree) tree = tree_new();
        _cleanup_host_index_ HostIndex index = {};
        const PciAddress nic = {.bus = 3}, nvme = {.bus = 4};

        temp_tree_name(tree, NIC, "net", "ens10");
        temp_tree_name(tree, NVME, "net", "ens5");
        temp_tree_name(tree, NIC, "net", "ens9");
        temp_tree_name(tree, NIC, "block", "ens1");
        g_assert_cmpint(host_index_read(tree->kernel, HOST_NAMES_ALL, NULL, NULL, &index), ==, 0);
        const HostIndexName *name = host_index_next(&index, HOST_NAME_NETWORK, nic, NULL);
        g_assert_cmpstr(name->name, ==, "ens9");
        name = host_index_next(&index, HOST_NAME_NETWORK, nic, name);
        g_assert_cmpstr(name->name, ==, "ens10");
        g_assert_null(host_index_next(&index, HOST_NAME_NETWORK, nic, name));
        g_assert_null(host_index_next(&index, HOST_NAME_BLOCK, nvme, NULL));
}

static void test_kinds(void) {
        for (HostNameKind kind = 0; kind < _HOST_NAME_KIND_MAX; kind++)
                g_assert_cmpint(host_name_kind_from_string(host_name_kind_to_string(kind)), ==, kind);
        g_assert_cmpint(host_name_kind_from_string("pci"), <, 0);
        g_assert_null(host_name_kind_to_string(_HOST_NAME_KIND_MAX));
        g_assert_null(host_name_kind_to_string(_HOST_NAME_KIND_INVALID));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/host-names/none", test_none);
        g_test_add_func("/host-names/wanted", test_wanted);
        g_test_add_func("/host-names/network", test_network);
        g_test_add_func("/host-names/block", test_block);
        g_test_add_func("/host-names/controller", test_controller);
        g_test_add_func("/host-names/multipath", test_multipath);
        g_test_add_func("/host-names/junk", test_junk);
        g_test_add_func("/host-names/end", test_end);
        g_test_add_func("/host-names/index", test_index);
        g_test_add_func("/host-names/kinds", test_kinds);
        return g_test_run();
}
