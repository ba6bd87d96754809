/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uses.h"

#define CXL "0000:35:00.0"
#define CXL_PATH "pci0000:34/0000:34:00.0/" CXL
#define OTHER "0000:36:00.0"
#define ROOT "platform/ACPI0017:00/root0"
#define ENDPOINT ROOT "/port1/endpoint2"
#define REGION ROOT "/decoder0.0/region0"

static Bed *make_bed(void) {
        Bed *bed = bed_new();

        temp_tree_device(bed->tree, CXL_PATH);
        temp_tree_attribute(bed->tree, CXL, "class", "0x050210");
        temp_tree_device(bed->tree, "pci0000:34/0000:34:01.0/" OTHER);
        return bed;
}

/* A device of a bus, with its folder below /sys/devices. */
static void put(Bed *bed, const char *bus, const char *parent, const char *name) {
        g_autofree char *target = g_strdup_printf("../../../devices/%s/%s", parent, name);

        temp_tree_folder(bed->tree, "sys/devices/%s/%s", parent, name);
        temp_tree_link(bed->tree, target, "sys/bus/%s/devices/%s", bus, name);
}

static void put_memory(Bed *bed) {
        put(bed, "cxl", CXL_PATH, "mem0");
        put(bed, "cxl", "pci0000:34/0000:34:01.0/" OTHER, "mem1");
}

/* The endpoints of both devices. That of OTHER always decodes addresses, so it must never count for CXL. */
static void put_endpoints(Bed *bed) {
        put(bed, "cxl", ROOT "/port1", "endpoint2");
        put(bed, "cxl", ROOT "/port1", "endpoint22");
        temp_tree_link(bed->tree, "../../../../../" CXL_PATH "/mem0", "sys/devices/" ENDPOINT "/uport");
        temp_tree_link(bed->tree, "../../../../../pci0000:34/0000:34:01.0/" OTHER "/mem1",
                        "sys/devices/" ROOT "/port1/endpoint22/uport");
        temp_tree_file(bed->tree, "0\n", "sys/devices/" ENDPOINT "/decoders_committed");
        temp_tree_file(bed->tree, "1\n", "sys/devices/" ROOT "/port1/endpoint22/decoders_committed");
        put(bed, "cxl", ENDPOINT, "decoder2.0");
        put(bed, "cxl", ROOT "/port1/endpoint22", "decoder22.0");
        temp_tree_file(bed->tree, "0x0\n", "sys/devices/" ENDPOINT "/decoder2.0/size");
        temp_tree_file(bed->tree, "0x10000000\n", "sys/devices/" ROOT "/port1/endpoint22/decoder22.0/size");
}

static int survey(Bed *bed, const char *address) {
        const FunctionList *list;

        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot =
                        snapshot_take(bed->tree->kernel, address, NULL, bed->uses);
        g_assert_cmpint(usage_snapshot_functions(snapshot, &list), ==, 0);
        return usage_of_memory(snapshot, list->functions);
}

#define assert_memory(bed, ...) \
        G_STMT_START { \
                g_assert_cmpint(survey(bed, CXL), ==, 0); \
                assert_uses((bed)->uses, __VA_ARGS__); \
        } \
        G_STMT_END

#define ACTIVE "memory: its memory mem0 is in the address space of the host"

static void test_idle(void) {
        g_autoptr(Bed) bed = make_bed();

        put_memory(bed);
        put_endpoints(bed);
        assert_memory(bed, NULL);
        /* A region of the other device. */
        put(bed, "cxl", ROOT "/decoder0.0", "region0");
        temp_tree_file(bed->tree, "decoder22.0\n", "sys/devices/" REGION "/target0");
        assert_memory(bed, NULL);
        /* Linux before 6.7 counts no decoders. */
        temp_tree_remove(bed->tree, "sys/devices/" ENDPOINT "/decoders_committed");
        assert_memory(bed, NULL);
}

/* A network card, on a host with and without CXL. */
static void test_other_class(void) {
        g_autoptr(Bed) bed = make_bed();

        g_assert_cmpint(survey(bed, OTHER), ==, 0);
        assert_uses(bed->uses, NULL);
        put(bed, "cxl", CXL_PATH, "mem0");
        g_assert_cmpint(survey(bed, OTHER), ==, 0);
        assert_uses(bed->uses, NULL);
}

static void test_active(void) {
        g_autoptr(Bed) bed = make_bed();

        put_memory(bed);
        put_endpoints(bed);
        /* By the firmware: there is no region. */
        temp_tree_file(bed->tree, "1\n", "sys/devices/" ENDPOINT "/decoders_committed");
        assert_memory(bed, ACTIVE ": it may be RAM of the host", NULL);
        put(bed, "cxl", ROOT "/decoder0.0", "region0");
        temp_tree_file(bed->tree, "decoder22.0\n", "sys/devices/" REGION "/target0");
        temp_tree_file(bed->tree, "decoder2.0\n", "sys/devices/" REGION "/target1");
        assert_memory(bed, ACTIVE " as region0: it may be RAM of the host", NULL);
        /* A program may use the dax device itself; another one is RAM of another region. */
        put(bed, "dax", REGION "/dax_region0", "dax0.0");
        put(bed, "dax", ROOT "/decoder0.0/region00/dax_region1", "dax1.0");
        temp_tree_link(bed->tree, "../../../bus/dax/drivers/device_dax",
                        "sys/devices/" REGION "/dax_region0/dax0.0/driver");
        temp_tree_link(bed->tree, "../../../bus/dax/drivers/kmem",
                        "sys/devices/" ROOT "/decoder0.0/region00/dax_region1/dax1.0/driver");
        assert_memory(bed, ACTIVE " as region0: it may be RAM of the host", NULL);
        temp_tree_remove(bed->tree, "sys/devices/" REGION "/dax_region0/dax0.0/driver");
        temp_tree_link(bed->tree, "../../../bus/dax/drivers/kmem", "sys/devices/" REGION "/dax_region0/dax0.0/driver");
        assert_memory(bed, "memory: its memory mem0 is RAM of the host (dax0.0 in region0)", NULL);

        temp_tree_remove(bed->tree, "sys/devices/" ENDPOINT "/decoders_committed");
        assert_memory(bed, NULL);
        temp_tree_file(bed->tree, "0x10000000\n", "sys/devices/" ENDPOINT "/decoder2.0/size");
        assert_memory(bed, "memory: its memory mem0 is RAM of the host (dax0.0 in region0)", NULL);
}

/* What cannot be determined counts as in use. */
static void test_unknown(void) {
        g_autoptr(Bed) bed = make_bed();

        assert_memory(bed,
                        "memory: it is CXL memory, but not on its driver cxl_pci: vfiod cannot find out whether it is "
                        "RAM of "
                        "the host",
                        NULL);
        put_memory(bed);
        assert_memory(bed, "memory: the kernel does not show whether mem0 is RAM of the host: it has no endpoint",
                        NULL);
        put_endpoints(bed);
        temp_tree_file(bed->tree, "x\n", "sys/devices/" ENDPOINT "/decoders_committed");
        assert_memory(bed, "memory: " CXL " cannot be examined: Invalid argument", NULL);
        temp_tree_remove(bed->tree, "sys/devices/" ENDPOINT "/decoders_committed");
        temp_tree_file(bed->tree, "x\n", "sys/devices/" ENDPOINT "/decoder2.0/size");
        assert_memory(bed, "memory: " CXL " cannot be examined: Invalid argument", NULL);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/memory-usage/idle", test_idle);
        g_test_add_func("/memory-usage/other-class", test_other_class);
        g_test_add_func("/memory-usage/active", test_active);
        g_test_add_func("/memory-usage/unknown", test_unknown);
        return g_test_run();
}
