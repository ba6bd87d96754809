/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"
#include "model.h"
#include "policy/selector.h"

#define NIC "0000:3b:00.0"
#define NIC2 "0000:3b:00.1"
#define NVME "0000:04:00.0"
#define NVME2 "0000:05:00.0"
#define VMD "10000:01:00.0"

static Inventory *story(void) {
        Inventory *inventory = make_inventory();

        put_device(inventory, NIC, "e1000", 25);
        put_device(inventory, NIC2, "e1000", 25);
        put_device(inventory, NVME, "nvme", 26);
        put_device(inventory, NVME2, "nvme", 27);
        put_device(inventory, VMD, "nvme", -1);
        put_name(inventory, NIC, HOST_NAME_NETWORK, "enp59s0f0");
        put_name(inventory, NIC2, HOST_NAME_NETWORK, "enp59s0f1");
        put_name(inventory, NVME, HOST_NAME_BLOCK, "nvme0n1");
        put_name(inventory, NVME2, HOST_NAME_BLOCK, "sda");
        put_name(inventory, VMD, HOST_NAME_BLOCK, "nvme1n1");
        return inventory;
}

static void assert_selects(Inventory *inventory, const char *selector, const char *address) {
        _cleanup_problem_ Problem problem = {};
        Selection selection;

        int r = selector_resolve(inventory, selector, &selection, &problem);
        if (r != 0 || !selection.device || !pci_address_equal(selection.device->address, address_of(address)))
                g_error("'%s' is not %s: %s", selector, address, strempty(problem.message));
        g_assert_true(selection.group == selection.device->group);
}

static void assert_refused(Inventory *inventory, const char *selector, Outcome expected) {
        _cleanup_problem_ Problem problem = {};
        Selection selection = {};

        int r = selector_resolve(inventory, selector, &selection, &problem);
        if (r != (int)expected || problem.outcome != expected || isempty(problem.message))
                g_error("'%s' gives %d: %s", selector, r, strempty(problem.message));
        g_assert_null(selection.device);
        g_assert_null(selection.group);
}

static void test_forms(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        static const char *const nic[] = {NIC, "3b:00.0", "0000:3B:00.0", "3B:00.0", "enp59s0f0", "/dev/enp59s0f0",
                        /* libvirt, lshw, Mesa, nvidia-smi, lspci and QEMU, DPDK, the X server */
                        "pci_0000_3b_00_0", "PCI_0000_3B_00_0", "pci@0000:3b:00.0", "pci-0000_3b_00_0",
                        "00000000:3B:00.0", "0:3b:0.0", "3b:0.0", "pci:0000:3b:00.0", "pci:3b:00.0", "PCI:59:0:0",
                        "PCI:59@0:0:0",
                        /* sysfs, and links of udev */
                        "/sys/bus/pci/devices/0000:3b:00.0", "/sys/bus/pci/devices/0000:3b:00.0/",
                        "/sys/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0/net/enp59s0f0",
                        "/devices/pci0000:3a/0000:3a:00.0/0000:3b:00.0", "/sys/bus/pci/drivers/e1000/0000:3b:00.0",
                        "/sys/kernel/iommu_groups/25/devices/0000:3b:00.0", "/sys/class/net/enp59s0f0",
                        "/sys/class/net/enp59s0f0/device", "/dev/dri/by-path/pci-0000:3b:00.0-render",
                        /* copied with the blanks around it */
                        " 0000:3b:00.0", "0000:3b:00.0\n", "\t3B:00.0 \r\n", " enp59s0f0 "};
        static const char *const vmd[] = {VMD, "pci_10000_01_00_0", "nvme1n1", "/dev/nvme1n1", "nvme1n1p7",
                        "00010000:01:00.0", "/dev/disk/by-path/pci-0000:00:0e.0-pci-10000:01:00.0-nvme-1-part2",
                        "/sys/class/block/nvme1n1", "/sys/block/nvme1n1/nvme1n1p7"};

        for (size_t i = 0; i < G_N_ELEMENTS(nic); i++)
                assert_selects(inventory, nic[i], NIC);
        for (size_t i = 0; i < G_N_ELEMENTS(vmd); i++)
                assert_selects(inventory, vmd[i], VMD);
        assert_selects(inventory, "enp59s0f1", NIC2);
}

static void test_group(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        static const char *const junk[] = {"group:", "group:x", "group:-1", "group:+25", "group:25x", "group: 25",
                        "group:0x19", "group:9999999999", "group:99999999999999999999"};
        static const char *const paths[] = {" group:25 ", "/dev/vfio/25", "/dev/vfio/noiommu-25",
                        "/sys/kernel/iommu_groups/25", "/sys/devices/virtual/vfio/25"};
        _cleanup_problem_ Problem problem = {};
        Selection selection;

        g_assert_cmpint(selector_resolve(inventory, "group:25", &selection, &problem), ==, 0);
        g_assert_null(selection.device);
        g_assert_cmpint(selection.group->number, ==, 25);
        for (size_t i = 0; i < G_N_ELEMENTS(paths); i++) {
                g_assert_cmpint(selector_resolve(inventory, paths[i], &selection, &problem), ==, 0);
                g_assert_null(selection.device);
                g_assert_cmpint(selection.group->number, ==, 25);
        }
        assert_refused(inventory, "/dev/vfio/24", OUTCOME_NO_SUCH_GROUP);
        assert_refused(inventory, "/dev/vfio/vfio", OUTCOME_NO_SUCH_DEVICE);
        assert_refused(inventory, "group:24", OUTCOME_NO_SUCH_GROUP);
        assert_refused(inventory, "group:999999999", OUTCOME_NO_SUCH_GROUP);
        for (size_t i = 0; i < G_N_ELEMENTS(junk); i++)
                assert_refused(inventory, junk[i], OUTCOME_INVALID_SELECTOR);
        /* This is not the form of a group, but it could be a name. */
        assert_refused(inventory, "Group:25", OUTCOME_NO_SUCH_DEVICE);
}

static void test_partitions(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        static const char *const not [] = {
                        "nvme0n1p", "nvme0n2p1", "sda1x", "sdb1", "sd", "a1", "1", "p1", "enp59s0f01", "enp59s0f0p1"};

        assert_selects(inventory, "nvme0n1p1", NVME);
        assert_selects(inventory, "nvme0n1p15", NVME);
        assert_selects(inventory, "sda1", NVME2);
        assert_selects(inventory, "/dev/sda15", NVME2);
        for (size_t i = 0; i < G_N_ELEMENTS(not ); i++)
                assert_refused(inventory, not [i], OUTCOME_NO_SUCH_DEVICE);
}

/* The controller of a disk, which can have another number than the disk. */
static void test_controllers(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        static const char *const forms[] = {"nvme0", "/dev/nvme0", "/sys/class/nvme/nvme0"};

        put_name(inventory, NVME, HOST_NAME_CONTROLLER, "nvme0");
        for (size_t i = 0; i < G_N_ELEMENTS(forms); i++)
                assert_selects(inventory, forms[i], NVME);
        assert_refused(inventory, "nvme1", OUTCOME_NO_SUCH_DEVICE);
        put_origin(inventory, NVME, "nvme", NULL);
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_CONTROLLER, "nvme0", address_of(NVME)), ==, 0);
        assert_selects(inventory, "nvme0", NVME);
}

static void assert_explained(Inventory *inventory, const char *selector, Outcome outcome, const char *message) {
        _cleanup_problem_ Problem problem = {};
        Selection selection = {};

        g_assert_cmpint(selector_resolve(inventory, selector, &selection, &problem), ==, outcome);
        g_assert_cmpstr(problem.message, ==, message);
}

/* What could mean several devices is refused, with a list of them. */
static void test_partial(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        static const char *const slots[] = {"3b:00", "0000:3B:00", "3b:0", "pci@0000:3b:00", "pci_0000_3b_00"};
        static const char *const ids[] = {"8086:1521", "[8086:1521]", "0x8086:0x1521", "8086:1521\n"};

        for (size_t i = 0; i < G_N_ELEMENTS(slots); i++) {
                g_autofree char *expected =
                                g_strdup_printf("'%s' is a slot, which can have several functions. Give the "
                                                "address with its function: " NIC " (e1000), " NIC2 " (e1000).",
                                                slots[i]);

                assert_explained(inventory, slots[i], OUTCOME_INVALID_SELECTOR, expected);
        }
        assert_explained(inventory, "3b:01", OUTCOME_NO_SUCH_DEVICE,
                        "No PCI device is in the slot '3b:01'. 'vfioctl devices' lists all.");

        for (unsigned i = 0; i < 9; i++) {
                PciFacts facts = make_facts("0000:06:00.0", i == 0 ? NULL : "igb", -1);

                facts.address.slot = i;
                facts.ids.device = 0x1521;
                g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
                if (i == 0)
                        assert_explained(inventory, "8086:1521", OUTCOME_INVALID_SELECTOR,
                                        "'8086:1521' are ids, which several devices can have. Give an address: "
                                        "0000:06:00.0 (no driver).");
        }
        for (size_t i = 0; i < G_N_ELEMENTS(ids); i++) {
                _cleanup_problem_ Problem problem = {};
                Selection selection = {};

                g_assert_cmpint(selector_resolve(inventory, ids[i], &selection, &problem), ==,
                                OUTCOME_INVALID_SELECTOR);
                g_assert_nonnull(strstr(problem.message,
                                "are ids, which several devices can have. Give an address: "
                                "0000:06:00.0 (no driver), 0000:06:01.0 (igb), "));
                g_assert_nonnull(strstr(problem.message, "0000:06:07.0 (igb) and 1 more."));
        }
        assert_refused(inventory, "pci:v00008086d00001521sv00008086sd0000A03Cbc02sc00i00", OUTCOME_INVALID_SELECTOR);
        assert_explained(inventory, "10de:2484", OUTCOME_NO_SUCH_DEVICE,
                        "No PCI device has the ids '10de:2484'. 'vfioctl devices' lists all.");
}

/* A reattach has removed the origin, and udev has not renamed the interface yet: the old name selects the device until the job ends. */
static void test_names_during_job(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();

        put_origin(inventory, NIC, "e1000", NULL);
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_NETWORK, "enp59s0f0", address_of(NIC)), ==, 0);
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WORKED_ON), ==, 0);
        put_name(inventory, NIC, HOST_NAME_NETWORK, "eth0");
        g_assert_cmpint(inventory_set_origin(inventory, address_of(NIC), NULL), ==, 0);
        assert_selects(inventory, "enp59s0f0", NIC);
        assert_selects(inventory, "eth0", NIC);
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_QUIET), ==, 0);
        assert_refused(inventory, "enp59s0f0", OUTCOME_NO_SUCH_DEVICE);
        assert_selects(inventory, "eth0", NIC);
}

/* A detach is undone: the interface is there again, under the name that the kernel gives, and then udev renames it. */
static void test_new_names_during_job(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        const Device *nic = inventory_find_device(inventory, address_of(NIC));

        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WORKED_ON), ==, 0);
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_NETWORK, "enp59s0f0", address_of(NIC)), ==, 0);
        put_name(inventory, NIC, HOST_NAME_NETWORK, "eth0");
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_NETWORK, "eth0", address_of(NIC)), ==, 0);
        assert_refused(inventory, "eth0", OUTCOME_NO_SUCH_DEVICE);
        assert_selects(inventory, "enp59s0f0", NIC);
        put_name(inventory, NIC, HOST_NAME_NETWORK, "enp59s0f0");
        g_assert_null(nic->former_names);
        /* It loses this name again, and keeps that it had it before the job. */
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_NETWORK, "enp59s0f0", address_of(NIC)), ==, 0);
        assert_selects(inventory, "enp59s0f0", NIC);

        /* It vanishes with its parent and comes back. Another card has nothing to do with its names. */
        PciFacts facts = make_facts(NIC, "ixgbe", 14);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        facts.ids = nic->ids;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        assert_selects(inventory, "enp59s0f0", NIC);
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        facts.ids.device++;
        g_assert_cmpint(inventory_put_device(inventory, &facts), ==, 0);
        assert_refused(inventory, "enp59s0f0", OUTCOME_NO_SUCH_DEVICE);

        /* What it got during a job counts for the next job. */
        put_name(inventory, NIC, HOST_NAME_NETWORK, "enp60s0f0");
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_QUIET), ==, 0);
        g_assert_cmpint(inventory_set_activity(inventory, address_of(NIC), DEVICE_WORKED_ON), ==, 0);
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_NETWORK, "enp60s0f0", address_of(NIC)), ==, 0);
        assert_selects(inventory, "enp60s0f0", NIC);
}

/* A name that a device had when it was detached selects it, unless another device has the name now. */
static void test_former_names(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();

        put_origin(inventory, NIC, "e1000", NULL);
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_NETWORK, "enp59s0f0", address_of(NIC)), ==, 0);
        put_origin(inventory, NVME, "nvme", NULL);
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_BLOCK, "nvme0n1", address_of(NVME)), ==, 0);
        assert_selects(inventory, "enp59s0f0", NIC);
        assert_selects(inventory, "nvme0n1p1", NVME);
        put_name(inventory, NVME2, HOST_NAME_BLOCK, "nvme0n1");
        assert_selects(inventory, "nvme0n1", NVME2);
        assert_selects(inventory, "nvme0n1p1", NVME2);

        /* This also works while it is absent. */
        g_assert_cmpint(inventory_drop_device(inventory, address_of(NIC)), ==, 0);
        assert_selects(inventory, "enp59s0f0", NIC);
        assert_selects(inventory, NIC, NIC);
}

static void test_ambiguous(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();

        put_name(inventory, NVME2, HOST_NAME_BLOCK, "nvme0n1");
        assert_explained(inventory, "nvme0n1", OUTCOME_INVALID_SELECTOR,
                        "'nvme0n1' belongs to more than one PCI device. Give the address of one of them: " NVME
                        " (nvme), " NVME2 " (nvme).");
        assert_refused(inventory, "nvme0n1p1", OUTCOME_INVALID_SELECTOR);
        /* Two devices had the name. */
        put_origin(inventory, NVME, "nvme", NULL);
        put_origin(inventory, NVME2, "nvme", NULL);
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_BLOCK, "nvme0n1", address_of(NVME)), ==, 0);
        g_assert_cmpint(inventory_drop_name(inventory, HOST_NAME_BLOCK, "nvme0n1", address_of(NVME2)), ==, 0);
        assert_refused(inventory, "nvme0n1", OUTCOME_INVALID_SELECTOR);
}

/* A name with any bytes is found by its raw form and by its escaped form. */
static void test_escaped(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        static const char *const raw[] = {"b\377\376c", "a\033[31mred", "l\xe2\x80\xaer", "back\\slash", "\xc3\xa4"};
        static const char *const shown[] = {
                        "b\\xff\\xfec", "a\\x1b[31mred", "l\\xe2\\x80\\xaer", "back\\x5cslash", "\xc3\xa4"};
        static const char disk[] = "\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377"
                                   "\377\377\377\377\377\377\377\377\377\377\377\377\377\377\377";
        char escaped[TEXT_ESCAPED_MAX(sizeof(disk)) + 8] = "/dev/";

        for (size_t i = 0; i < G_N_ELEMENTS(raw); i++) {
                put_name(inventory, NVME, HOST_NAME_NETWORK, raw[i]);
                assert_selects(inventory, raw[i], NVME);
                assert_selects(inventory, shown[i], NVME);
        }
        /* The longest name of a disk, followed by the number of a partition. */
        put_name(inventory, NVME, HOST_NAME_BLOCK, disk);
        (void)text_escape(disk, TEXT_NAME_ESCAPE, escaped + strlen(escaped), sizeof(escaped) - strlen(escaped));
        assert_selects(inventory, escaped, NVME);
        /* One name equals the escaped form of another: the user must decide. */
        put_name(inventory, NVME2, HOST_NAME_NETWORK, "b\\xff\\xfec");
        assert_refused(inventory, "b\\xff\\xfec", OUTCOME_INVALID_SELECTOR);
        assert_selects(inventory, "b\\x5cxff\\x5cxfec", NVME2);
}

static void test_junk(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        g_autofree char *too_long = g_strnfill(SELECTOR_MAX, 'x'), *longest = g_strnfill(SELECTOR_MAX - 1, 'x'),
                        *digits = g_strnfill(SELECTOR_MAX - 1, '1');
        static const char *const invalid[] = {"", " ", "a b", "a\nb", "\t", "0000: 3b:00.0"};
        static const char *const unknown[] = {"0000:3b:00.2", "3c:00.0", "10001:01:00.0", "pci_0000_3b_00_2", "ens1 ",
                        "pci_0000_3c_00", "pci_", "pci_0000:3b:00.0", "/dev/", "/", "/sys", "/sys/", "/dev/vfio/",
                        "../../etc", "3b_00_0", "PCI:59:0", "PCI:300:0:0", "PCI:59:0:10", "pci:v00008086", "[8086:100e",
                        "8086:100e:03", "/dev/disk/by-path/xpci-0000:3b:00.0", "/dev/disk/by-id/nvme-0000:3b:00.0",
                        "52:54:00:00:00:03", "*", "%s%n", "pci_123456789_3b_00_0", "x_3b_00_0", "\033[2J", "\xc3\xa4",
                        "\\", "\\x", "\\xf", "\\x00"};

        for (size_t i = 0; i < G_N_ELEMENTS(invalid); i++)
                assert_refused(inventory, invalid[i], OUTCOME_INVALID_SELECTOR);
        assert_refused(inventory, too_long, OUTCOME_INVALID_SELECTOR);
        for (size_t i = 0; i < G_N_ELEMENTS(unknown); i++)
                assert_refused(inventory, unknown[i], OUTCOME_NO_SUCH_DEVICE);
        assert_refused(inventory, longest, OUTCOME_NO_SUCH_DEVICE);
        assert_refused(inventory, digits, OUTCOME_NO_SUCH_DEVICE);
}

/* A list of selectors gives the same as each selector alone; the first unknown selector is reported. */
static void test_all(void) {
        _cleanup_(inventory_freep) Inventory *inventory = story();
        static const char *const selectors[] = {"sda", "enp59s0f1", "nvme0n1p3", NIC, "sda1", "group:25", "sda",
                        "nvme0n1p1", "/dev/nvme0n1", "3b:00.1", "enp59s0f0"};
        static const char *const wrong[] = {"sda", "", "wlan9", "group:99"};
        Selection selected[G_N_ELEMENTS(selectors)] = {};
        _cleanup_problem_ Problem problem = {};

        g_assert_cmpint(selector_resolve_all(inventory, selectors, G_N_ELEMENTS(selectors), selected, &problem), ==, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(selectors); i++) {
                Selection single = {};

                g_assert_cmpint(selector_resolve(inventory, selectors[i], &single, &problem), ==, 0);
                g_assert_true(single.device == selected[i].device);
                g_assert_true(single.group == selected[i].group);
        }
        g_assert_cmpint(selector_resolve_all(inventory, wrong, G_N_ELEMENTS(wrong), selected, &problem), ==,
                        OUTCOME_INVALID_SELECTOR);
        g_assert_cmpint(selector_resolve_all(inventory, wrong + 2, 2, selected, &problem), ==, OUTCOME_NO_SUCH_DEVICE);
        g_assert_nonnull(strstr(problem.message, "wlan9"));
        g_assert_cmpint(selector_resolve_all(inventory, wrong, 0, selected, &problem), ==, 0);
}

/* Any bytes are resolved or refused. */
static void test_random(void) {
        static const char alphabet[] = "0123456789abcdef:._pnvmesgrou/-\\x\n\xff";
        _cleanup_(inventory_freep) Inventory *inventory = story();

        for (unsigned i = 0; i < 100000; i++) {
                _cleanup_problem_ Problem problem = {};
                char text[SELECTOR_MAX + 4] = {};
                Selection selection;

                for (int k = g_test_rand_int_range(0, i % 10 ? 20 : sizeof(text)); k > 0; k--)
                        text[k - 1] = alphabet[g_test_rand_int_range(0, sizeof(alphabet) - 1)];
                int r = selector_resolve(inventory, text, &selection, &problem);
                g_assert_cmpint(r, >=, 0);
                g_assert_true(r == 0 || problem.message);
        }
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/selector/forms", test_forms);
        g_test_add_func("/selector/group", test_group);
        g_test_add_func("/selector/partitions", test_partitions);
        g_test_add_func("/selector/controllers", test_controllers);
        g_test_add_func("/selector/partial", test_partial);
        g_test_add_func("/selector/former-names", test_former_names);
        g_test_add_func("/selector/names-during-job", test_names_during_job);
        g_test_add_func("/selector/new-names-during-job", test_new_names_during_job);
        g_test_add_func("/selector/ambiguous", test_ambiguous);
        g_test_add_func("/selector/escaped", test_escaped);
        g_test_add_func("/selector/junk", test_junk);
        g_test_add_func("/selector/all", test_all);
        g_test_add_func("/selector/random", test_random);
        return g_test_run();
}
