/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"

/* Devices and groups: every combination that decides a state. */

static void test_device(void) {
        static const struct {
                const char *driver;
                bool present, origin, same_card;
                DeviceActivity activity;
                DeviceState state;
        } cases[] = {
                        {"e1000", true, false, true, DEVICE_QUIET, DEVICE_HOST},
                        {"e1000", true, true, true, DEVICE_QUIET, DEVICE_HOST}, /* reattached by hand */
                        {"pci-stub", true, false, true, DEVICE_QUIET, DEVICE_HOST},
                        {NULL, true, false, true, DEVICE_QUIET, DEVICE_DRIVERLESS},
                        {NULL, true, true, true, DEVICE_QUIET, DEVICE_DRIVERLESS},
                        {"vfio-pci", true, true, true, DEVICE_QUIET, DEVICE_DETACHED},
                        {"mlx5_vfio_pci", true, true, true, DEVICE_QUIET, DEVICE_DETACHED},
                        {"vfio-pci", true, false, true, DEVICE_QUIET, DEVICE_FOREIGN},
                        {"vfio-pci", true, true, false, DEVICE_QUIET, DEVICE_FOREIGN}, /* another card in the slot */
                        {"e1000", true, false, true, DEVICE_WORKED_ON, DEVICE_CHANGING},
                        {"vfio-pci", true, true, true, DEVICE_WORKED_ON, DEVICE_CHANGING},
                        {NULL, true, true, true, DEVICE_WORKED_ON, DEVICE_CHANGING},
                        {NULL, true, true, true, DEVICE_WAITED_FOR, DEVICE_STUCK},
                        {"vfio-pci", true, false, true, DEVICE_WAITED_FOR, DEVICE_STUCK},
                        {NULL, false, true, true, DEVICE_QUIET, DEVICE_ABSENT},
                        {NULL, false, true, true, DEVICE_WORKED_ON, DEVICE_CHANGING},
                        {NULL, false, true, true, DEVICE_WAITED_FOR, DEVICE_STUCK},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                DeviceOrigin origin = {.ids = {.vendor = cases[i].same_card ? 1 : 2}};
                Device device = {
                                .ids = {.vendor = 1},
                                .driver = (char *)cases[i].driver,
                                .present = cases[i].present,
                                .origin = cases[i].origin ? &origin : NULL,
                                .activity = cases[i].activity,
                };

                if (device_state(&device) != cases[i].state)
                        g_error("Case %zu is %s", i, device_state_to_string(device_state(&device)));
        }
        for (DeviceState state = 0; state < _DEVICE_STATE_MAX; state++)
                g_assert_nonnull(device_state_to_string(state));
}

/* The kernel's rule: no driver, or a driver that does no DMA through the kernel; also for a bridge. */
static void test_viable(void) {
        static const struct {
                const char *driver;
                bool bridge, blocks;
        } cases[] = {
                        {NULL, false, false},
                        {"vfio-pci", false, false},
                        {"pci-stub", false, false},
                        {"e1000", false, true},
                        {NULL, true, false},
                        {"pcieport", true, false},
                        {"shpchp", true, true},
                        {"pcieport", false, false},
                        {"mlx5_vfio_pci", false, false},
                        {"uio_pci_generic", false, true},
        };

        _cleanup_free_ Group *group = calloc(1, sizeof(Group) + 2 * sizeof(Device *));
        g_assert_nonnull(group);
        group->n_members = 2;
        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
                for (size_t k = 0; k < G_N_ELEMENTS(cases); k++) {
                        Device one = {.driver = (char *)cases[i].driver, .bridge = cases[i].bridge, .present = true},
                               two = {.driver = (char *)cases[k].driver, .bridge = cases[k].bridge, .present = true};

                        group->members[0] = &one;
                        group->members[1] = &two;
                        g_assert_cmpint(device_blocks_group(&one), ==, cases[i].blocks);
                        g_assert_cmpint(group_is_viable(group), ==, !cases[i].blocks && !cases[k].blocks);
                }
        Device absent = {.driver = (char *)"e1000"};
        g_assert_false(device_blocks_group(&absent));
        g_assert_true(group_is_viable(&(Group){}));
}

typedef enum Kind {
        KIND_HOST,
        KIND_DRIVERLESS,
        KIND_DETACHED,
        KIND_FOREIGN,
        KIND_CHANGING,
        KIND_STUCK,
        KIND_PORT, /* a bridge on pcieport */
        KIND_SHPC, /* a bridge on a driver that uses DMA */
        _KIND_MAX,
} Kind;

static void put_kind(Inventory *inventory, Kind kind, unsigned slot) {
        static const char *const drivers[_KIND_MAX] = {
                        [KIND_HOST] = "e1000",
                        [KIND_DETACHED] = "vfio-pci",
                        [KIND_FOREIGN] = "vfio-pci",
                        [KIND_CHANGING] = "e1000",
                        [KIND_STUCK] = NULL,
                        [KIND_PORT] = "pcieport",
                        [KIND_SHPC] = "shpchp",
        };
        g_autofree char *address = g_strdup_printf("0000:03:%02x.0", slot);

        (kind == KIND_PORT || kind == KIND_SHPC ? put_bridge : put_device)(inventory, address, drivers[kind], 1);
        if (kind == KIND_DETACHED)
                put_origin(inventory, address, "e1000", NULL);
        if (kind == KIND_CHANGING || kind == KIND_STUCK)
                g_assert_cmpint(inventory_set_activity(inventory, address_of(address),
                                                kind == KIND_STUCK ? DEVICE_WAITED_FOR : DEVICE_WORKED_ON),
                                ==, 0);
}

static GroupState expected_state(const unsigned n[_KIND_MAX]) {
        bool viable = n[KIND_HOST] + n[KIND_CHANGING] + n[KIND_SHPC] == 0;

        if (n[KIND_STUCK] > 0)
                return GROUP_STUCK;
        if (n[KIND_CHANGING] > 0)
                return GROUP_CHANGING;
        if (n[KIND_DETACHED] + n[KIND_FOREIGN] == 0)
                return GROUP_HOST;
        if (!viable)
                return GROUP_PARTIAL;
        return n[KIND_DETACHED] > 0 ? GROUP_DETACHED : GROUP_FOREIGN;
}

/* All triples. */
static void test_group(void) {
        for (unsigned code = 0; code < _KIND_MAX * _KIND_MAX * _KIND_MAX; code++) {
                _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
                unsigned n[_KIND_MAX] = {};

                for (unsigned i = 0, rest = code; i < 3; i++, rest /= _KIND_MAX) {
                        put_kind(inventory, rest % _KIND_MAX, i);
                        n[rest % _KIND_MAX]++;
                }
                const Group *group = inventory_find_group(inventory, 1);
                g_assert_cmpstr(group_state_to_string(group_state(group)), ==,
                                group_state_to_string(expected_state(n)));
                g_assert_cmpint(group_has_node(group), ==, n[KIND_DETACHED] + n[KIND_FOREIGN] > 0);
                g_assert_cmpuint(group_count_endpoints(group), ==, 3 - n[KIND_PORT] - n[KIND_SHPC]);
        }
        for (GroupState state = 0; state < _GROUP_STATE_MAX; state++)
                g_assert_nonnull(group_state_to_string(state));
}

static void test_names(void) {
        _cleanup_(host_name_list_freep) HostName *list = NULL;

        g_assert_cmpint(host_name_list_add(&list, HOST_NAME_NETWORK, "b", 1), ==, 1);
        g_assert_cmpint(host_name_list_add(&list, HOST_NAME_BLOCK, "a", 1), ==, 1);
        g_assert_cmpint(host_name_list_add(&list, HOST_NAME_NETWORK, "a", 1), ==, 1);
        g_assert_cmpint(host_name_list_add(&list, HOST_NAME_NETWORK, "c", 2), ==, 1);
        g_assert_cmpint(host_name_list_add(&list, HOST_NAME_NETWORK, "b", 2), ==, 0);
        g_assert_cmpstr(list->name, ==, "a");
        g_assert_cmpstr(list->next->name, ==, "b");
        g_assert_cmpstr(list->next->next->name, ==, "c");
        g_assert_cmpint(list->next->next->next->kind, ==, HOST_NAME_BLOCK);

        g_assert_true(host_name_list_drop_older(&list, 2));
        g_assert_false(host_name_list_drop_older(&list, 2));
        g_assert_true(host_name_list_has(list, HOST_NAME_NETWORK, "b"));
        g_assert_false(host_name_list_has(list, HOST_NAME_NETWORK, "a"));
        g_assert_false(host_name_list_has(list, HOST_NAME_BLOCK, "b"));
        g_assert_true(host_name_list_remove(&list, HOST_NAME_NETWORK, "b"));
        g_assert_false(host_name_list_remove(&list, HOST_NAME_NETWORK, "b"));
        g_assert_true(host_name_list_remove(&list, HOST_NAME_NETWORK, "c"));
        g_assert_null(list);
}

static void test_origin(void) {
        DeviceOrigin origin = {.ids = {.vendor = 1}, .binding = {.driver = "d"}, .module = (char *)"m"};
        _cleanup_(device_origin_freep) DeviceOrigin *copy = NULL;

        g_assert_cmpint(host_name_list_add(&origin.names, HOST_NAME_NETWORK, "n", 7), ==, 1);
        g_assert_cmpint(device_origin_copy(&origin, &copy), ==, 0);
        g_assert_true(device_origin_equal(&origin, copy));
        g_assert_true(copy->module != origin.module);
        g_assert_true(device_origin_equal(NULL, NULL));
        g_assert_false(device_origin_equal(NULL, copy));
        g_assert_false(device_origin_equal(copy, NULL));
        binding_set_override(&copy->binding, "o");
        g_assert_false(device_origin_equal(&origin, copy));
        binding_set_override(&copy->binding, NULL);
        g_assert_true(device_origin_equal(&origin, copy));
        g_assert_cmpint(host_name_list_add(&copy->names, HOST_NAME_NETWORK, "o", 0), ==, 1);
        g_assert_false(device_origin_equal(&origin, copy));
        g_assert_true(host_name_list_remove(&copy->names, HOST_NAME_NETWORK, "o"));
        copy->ids.revision = 1;
        g_assert_false(device_origin_equal(&origin, copy));
        host_name_list_free(origin.names);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/device/state", test_device);
        g_test_add_func("/device/names", test_names);
        g_test_add_func("/device/origin", test_origin);
        g_test_add_func("/group/viable", test_viable);
        g_test_add_func("/group/state", test_group);
        return g_test_run();
}
