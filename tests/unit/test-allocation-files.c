/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "allocation-faults.h"
#include "inventory-text.h"
#include "kernel/variant.h"
#include "model/follower.h"
#include "rule/boot-file.h"
#include "rule/early-file.h"
#include "state-bed.h"
#include "state-text.h"
#include "state/first-edition.h"
#include "usage/usage.h"
#include "uses.h"

#include <glib/gstdio.h>
#include <systemd/sd-id128.h>

/* No memory while a process reads sysfs, /proc, state files and rules, or writes files. The files must be whole afterwards. */

#define NIC "0000:03:01.0"
#define NIC2 "0000:03:02.0"
#define DISK "0000:04:00.0"
#define PF "0000:07:00.0"
#define RULE "[Match]\nAddress=" NIC "\nVendor=8086\nDevice=100e\n"
#define RELEASE "6.12.0-1-amd64"

/* State files. */

typedef struct DeviceBed {
        StateBed *bed;
        DeviceOrigin origin;
} DeviceBed;

/* A file that is only there in part is not read; the old one remains. */
static int write_and_read(void *userdata) {
        _cleanup_device_file_ DeviceFile file = {};
        const DeviceBed *device = userdata;
        int devices_fd = device->bed->state->devices_fd;

        int r = device_file_write(devices_fd, address_of(NIC), true, &device->origin);
        return r < 0 ? r : device_file_read(devices_fd, address_of(NIC), &file);
}

static void test_device_file(void) {
        g_autoptr(StateBed) bed = state_bed_new();
        DeviceBed device = {bed, {.binding = {.driver = "a\xff", .link = {.known = true}}, .module = (char *)"e1000"}};

        g_assert_cmpint(host_name_list_add(&device.origin.names, HOST_NAME_NETWORK, "ens1", 0), ==, 1);
        g_assert_cmpint(host_name_list_add(&device.origin.names, HOST_NAME_NETWORK, "ens\xff", 0), ==, 1);
        /* A name that is not written as a text for lack of memory is written as a list of bytes. */
        allocation_faults_check(write_and_read, &device, true);
        host_name_list_free(device.origin.names);
        g_assert_cmpint(state_load(bed->state), ==, 0);
        g_assert_cmpuint(bed->state->n_devices, ==, 1);
}

typedef struct TransactionBed {
        StateBed *bed;
        Plan *plan;
} TransactionBed;

static int write_transaction_file(void *userdata) {
        const TransactionBed *transaction = userdata;
        int fd = -EBADF;

        int r = transaction_file_write(transaction->bed->state->transactions_fd, 7, transaction->plan, &fd);
        (void)safe_close(fd);
        return r;
}

static int read_transaction(void *userdata) {
        _cleanup_(plan_freep) Plan *plan = NULL;
        const TransactionBed *transaction = userdata;
        pid_t owner;

        return transaction_file_read(transaction->bed->state->transactions_fd, 7, &plan, &owner);
}

static void test_transaction_file(void) {
        g_autoptr(StateBed) bed = state_bed_new();

        put_device(bed->inventory, NIC, "vfio-pci", 10);
        put_origin(bed->inventory, NIC, "e1000", "x");
        put_name(bed->inventory, NIC, HOST_NAME_NETWORK, "ens1");
        TransactionBed transaction = {bed, make_reattach_plan(bed->inventory, NIC, NULL)};
        /* As in test_device_file(). */
        allocation_faults_check(write_transaction_file, &transaction, true);
        allocation_faults_check(read_transaction, &transaction, false);
        plan_free(transaction.plan);
        g_assert_cmpint(transaction_file_remove(bed->state->transactions_fd, 7), ==, 0);
}

/* jansson would write behind a buffer: the process ends before. */
static void test_json(void) {
        if (g_test_subprocess()) {
                g_autoptr(StateBed) bed = state_bed_new();
                _cleanup_device_file_ DeviceFile file = {};

                write_device(bed, NIC, true, (DeviceOrigin){.binding = {.driver = "e1000"}});
                allocation_faults_spare_json(false);
                /* The first two are for the device and for the text of the file. */
                allocation_faults_begin(3);
                (void)device_file_read(bed->state->devices_fd, address_of(NIC), &file);
                (void)allocation_faults_end();
                return;
        }
        g_test_trap_subprocess(NULL, 0, G_TEST_SUBPROCESS_DEFAULT);
        g_test_trap_assert_failed();
        g_test_trap_assert_stderr_unmatched("*Sanitizer*");
}

static int drop_transactions(void *userdata) {
        StateBed *bed = userdata;
        _cleanup_(plan_freep) Plan *plan = NULL;

        int r = plan_release(get_device(bed->inventory, NIC2), false, &plan);
        return r < 0 ? r : transaction_files_drop(bed->state->devices_fd, bed->state->transactions_fd, plan);
}

/* After a failure, the state has what it had before: a device without a file would look as if it was not detached. */
static int load_state(void *userdata) {
        StateBed *bed = userdata;

        int r = state_load(bed->state);
        g_assert_cmpuint(bed->state->n_devices, ==, 2);
        g_assert_cmpuint(bed->state->n_transactions, ==, 1);
        return r;
}

static int apply_state(void *userdata) {
        _cleanup_(inventory_freep) Inventory *inventory = NULL;
        StateBed *bed = userdata;

        int r = inventory_new(&inventory);
        if (r < 0 || (r = state_apply(bed->state, inventory)) < 0)
                return r;
        return state_forget_unneeded(bed->state, inventory);
}

static int open_state(void *userdata) {
        _cleanup_(state_freep) State *state = NULL;
        const StateBed *bed = userdata;

        int r = state_new(bed->folder->path, true, &state);
        if (r < 0)
                return r;
        g_assert_cmpuint(state->n_devices, ==, 2);
        return 0;
}

static void test_state(void) {
        g_autoptr(StateBed) bed = state_bed_new();

        put_device(bed->inventory, NIC, "vfio-pci", 10);
        put_device(bed->inventory, NIC2, "vfio-pci", 11);
        write_device(bed, NIC, true, (DeviceOrigin){.binding = {.driver = "e1000"}});
        write_device(bed, NIC2, true,
                        (DeviceOrigin){.binding = {.driver = "e1000"}, .vfio_driver = (char *)"vfio-pci"});
        write_transaction(bed, 3, NIC);
        allocation_faults_check(load_state, bed, false);
        allocation_faults_check(apply_state, bed, false);
        /* Incomplete files may remain until the next start. */
        allocation_faults_check(open_state, bed, true);
        allocation_faults_check(drop_transactions, bed, false);
        assert_kept(bed, NIC " " NIC2);
}

/* Copies the files of vfiod's first edition into the folder. */
static void copy_first_edition(const StateFolder *folder, const char *name) {
        g_autofree char *path = g_test_build_filename(G_TEST_DIST, "first-edition", name, NULL);
        g_autoptr(GDir) files = g_dir_open(path, 0, NULL);
        char boot[SD_ID128_STRING_MAX];
        const char *file;
        sd_id128_t id;

        g_assert_nonnull(files);
        g_assert_cmpint(sd_id128_get_boot(&id), >=, 0);
        sd_id128_to_string(id, boot);
        while ((file = g_dir_read_name(files))) {
                g_autofree char *source = g_build_filename(path, file, NULL), *text = NULL,
                                *target = g_build_filename(folder->path, file, NULL);
                g_autoptr(GString) contents = NULL;

                g_assert_true(g_file_get_contents(source, &text, NULL, NULL));
                contents = g_string_new(text);
                (void)g_string_replace(contents, "BOOT-ID", boot, 1);
                g_assert_true(g_file_set_contents_full(
                                target, contents->str, -1, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
        }
}

static int take_over(void *userdata) {
        _cleanup_(state_freep) State *state = NULL;
        const StateFolder *folder = userdata;
        int r;

        copy_first_edition(folder, "detaching");
        if ((r = state_new(folder->path, true, &state)) < 0 || (r = first_edition_take_over(state)) < 0)
                return r;
        g_assert_cmpuint(state->n_devices, ==, 2);
        /* The test puts the record back that an earlier run took over. */
        g_assert_cmpuint(state->n_transactions, >=, 1);
        for (size_t i = 0; i < state->n_transactions; i++)
                (void)transaction_file_remove(state->transactions_fd, state->transactions[i].number);
        return 0;
}

static void test_first_edition(void) {
        g_autoptr(StateFolder) folder = state_folder_new();

        /* As in test_device_file(). */
        allocation_faults_check(take_over, folder, true);
}

/* The model. */

static TempTree *make_tree(void) {
        TempTree *tree = temp_tree_new();

        temp_tree_device(tree, "pci0000:00/0000:00:1c.0");
        temp_tree_attribute(tree, "0000:00:1c.0", "class", "0x060400");
        temp_tree_device(tree, "pci0000:00/0000:00:1c.0/" NIC);
        temp_tree_driver(tree, NIC, "e1000");
        temp_tree_group(tree, NIC, 25);
        temp_tree_name(tree, NIC, "net", "ens1");
        temp_tree_device(tree, "pci0000:00/" DISK);
        temp_tree_driver(tree, DISK, "nvme");
        temp_tree_name(tree, DISK, "block", "nvme0n1");
        temp_tree_device(tree, "pci0000:00/" PF);
        temp_tree_attribute(tree, PF, "sriov_totalvfs", "7");
        return tree;
}

static int scan(void *userdata) {
        _cleanup_(inventory_freep) Inventory *inventory = NULL;
        const TempTree *tree = userdata;
        size_t n;

        int r = inventory_new(&inventory);
        if (r < 0 || (r = follower_read_all(tree->kernel, inventory)) < 0)
                return r;
        (void)inventory_devices(inventory, &n);
        return (int)n;
}

static void set_card(TempTree *tree, const char *driver, const char *name) {
        temp_tree_driver(tree, NIC, driver);
        temp_tree_remove(tree, "sys/bus/pci/devices/" NIC "/net");
        temp_tree_name(tree, NIC, "net", name);
}

/* An event of a device that has another driver and another name by now. */
static int scan_change(void *userdata) {
        _cleanup_(inventory_freep) Inventory *inventory = NULL;
        Uevent event = {.action = "change", .devpath = "/devices/pci0000:00/0000:00:1c.0/" NIC, .subsystem = "pci"};
        TempTree *tree = userdata;
        int r;

        set_card(tree, "e1000", "ens1");
        if ((r = inventory_new(&inventory)) < 0 || (r = follower_read_all(tree->kernel, inventory)) < 0)
                return r;
        set_card(tree, "a-long-name-of-a-driver", "ens2");
        if ((r = scan_event(tree->kernel, inventory, &event)) < 0 ||
                        (r = scan_name(tree->kernel, inventory, HOST_NAME_NETWORK, "ens2")) < 0)
                return r;
        g_assert_cmpstr(get_device(inventory, NIC)->driver, ==, "a-long-name-of-a-driver");
        g_assert_true(host_name_list_has(get_device(inventory, NIC)->names, HOST_NAME_NETWORK, "ens2"));
        return 0;
}

static void test_scan(void) {
        g_autoptr(TempTree) tree = make_tree();

        allocation_faults_check(scan, tree, false);
        allocation_faults_check(scan_change, tree, false);
}

/* A scan that failed is repeated: the model is then that of a new scan. */
static void test_scan_again(void) {
        g_autoptr(TempTree) tree = make_tree();
        _cleanup_(inventory_freep) Inventory *fresh = make_inventory();
        g_autofree char *expected = NULL;

        g_assert_cmpint(follower_read_all(tree->kernel, fresh), ==, 0);
        expected = inventory_to_text(fresh);
        for (unsigned k = 1;; k++) {
                _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

                allocation_faults_begin(k);
                int r = follower_read_all(tree->kernel, inventory);
                if (allocation_faults_end() == 0) {
                        g_assert_cmpint(r, ==, 0);
                        break;
                }
                g_assert_cmpint(r, ==, -ENOMEM);
                g_assert_cmpint(follower_read_all(tree->kernel, inventory), ==, 0);
                g_autofree char *found = inventory_to_text(inventory);
                g_assert_cmpstr(found, ==, expected);
        }
}

/* Modules. */

static int read_variants(void *userdata) {
        _cleanup_variants_ VariantList list = {};
        const TempTree *tree = userdata;

        int r = variant_list_read(tree->kernel, &list);
        return r < 0 ? r : (int)list.n_variants;
}

static void test_variants(void) {
        g_autoptr(TempTree) tree = temp_tree_new();

        temp_tree_file(tree, RELEASE "\n", "proc/sys/kernel/osrelease");
        temp_tree_file(tree,
                        "alias pci:v000010DEd00002342sv*sd*bc*sc*i* nvidia\n"
                        "alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\n"
                        "alias vfio_pci:v000010DEd00002342sv*sd*bc*sc*i* nvgrace_gpu_vfio_pci\n"
                        "alias vfio_pci:v00001AF4d00001041sv*sd*bc*sc*i* virtio_vfio_pci\n",
                        "lib/modules/" RELEASE "/modules.alias");
        g_assert_cmpint(read_variants(tree), ==, 3);
        allocation_faults_check(read_variants, tree, false);
}

/* Rules. */

typedef struct Rules {
        TempTree *tree;
        char *folder, *early, *boot;
        const char *folders[3];
        int devices_fd;
} Rules;

static int load_rules(void *userdata) {
        _cleanup_(rule_book_freep) RuleBook *book = NULL;
        const Rules *rules = userdata;

        int r = rule_book_new(rules->folders, &book);
        if (r < 0 || (r = rule_book_load(book, false)) < 0)
                return r;
        g_assert_true(rule_book_find(book, "nic"));
        g_assert_cmpint(rule_book_find(book, "nic")->state, ==, RULE_FILE_VALID);
        return (int)book->n_files;
}

static int add_rule(void *userdata) {
        _cleanup_(rule_book_freep) RuleBook *book = NULL;
        const Rules *rules = userdata;

        int r = rule_book_new(rules->folders, &book);
        if (r < 0 || (r = rule_book_check_add(book, "new")) < 0 || (r = rule_book_add(book, "new", RULE)) < 0)
                return r;
        while ((r = rule_book_remove(book, "new")) == -ENOMEM)
                ;
        return r;
}

static int write_early_file(void *userdata) {
        _cleanup_(rule_book_freep) RuleBook *book = NULL;
        const Rules *rules = userdata;

        _cleanup_close_ int folder_fd = -EBADF, lock_fd = early_file_lock(rules->early, &folder_fd);
        if (lock_fd < 0)
                return lock_fd;
        int r = rule_book_new(rules->folders, &book);
        if (r < 0 || (r = rule_book_load(book, false)) < 0)
                return r;
        return early_file_write(rules->tree->kernel, book, folder_fd, rules->early);
}

static int write_boot_file(void *userdata) {
        _cleanup_(boot_file_done) BootFile file = {.folder_fd = -EBADF, .lock_fd = -EBADF};
        _cleanup_boot_list_ BootList list = {};
        const Rules *rules = userdata;

        int r = boot_file_open(rules->boot, rules->folders, &file);
        if (r < 0)
                return r;
        r = boot_file_add(&file, rules->tree->kernel, rules->devices_fd, address_of(NIC), "nic", &list);
        return r < 0 ? r : boot_file_write(&file, &list);
}

static void test_rules(void) {
        g_autoptr(StateBed) bed = state_bed_new();
        TempTree *tree = bed->folder->tree;
        g_autofree char *folder = temp_tree_path(tree, "etc/rules.d"), *other = temp_tree_path(tree, "lib/rules.d"),
                        *early = temp_tree_path(tree, "udev/05-vfiod.rules"),
                        *boot = temp_tree_path(tree, "udev/10-vfiod.rules"), *text = NULL;
        Rules rules = {tree, folder, early, boot, {folder, other, NULL}, bed->state->devices_fd};

        temp_tree_file(tree, RULE, "etc/rules.d/nic.conf");
        temp_tree_file(tree, "nonsense\n", "lib/rules.d/bad.conf");
        temp_tree_file(tree, "", "lib/rules.d/masked.conf");
        temp_tree_device(tree, "pci0000:00/" NIC);
        temp_tree_driver(tree, NIC, "vfio-pci");
        /* As make_facts() has them. */
        temp_tree_attribute(tree, NIC, "subsystem_vendor", "0x0000");
        temp_tree_attribute(tree, NIC, "subsystem_device", "0x0000");
        write_device(bed, NIC, true, (DeviceOrigin){.binding = {.driver = "e1000"}});
        allocation_faults_check(load_rules, &rules, false);
        allocation_faults_check(add_rule, &rules, false);
        allocation_faults_check(write_early_file, &rules, false);
        allocation_faults_check(write_boot_file, &rules, false);
        g_assert_true(g_file_get_contents(boot, &text, NULL, NULL));
        g_assert_nonnull(strstr(text, NIC));
}

/* The survey: what it cannot find out counts as in use, so each kind of use is still reported. */

static bool has_use(const Bed *bed, const char *kind) {
        for (guint i = 0; i < bed->uses->lines->len; i++)
                if (g_str_has_prefix(bed->uses->lines->pdata[i], kind))
                        return true;
        return false;
}

static int survey(void *userdata) {
        _cleanup_(usage_snapshot_freep) UsageSnapshot *snapshot = NULL;
        PciAddress addresses[] = {address_of(DISK), address_of(NIC)};
        const Bed *bed = userdata;

        g_ptr_array_set_size(bed->uses->lines, 0);
        int r = usage_snapshot_new(bed->tree->kernel, addresses, G_N_ELEMENTS(addresses), on_use, bed->uses, &snapshot);
        for (size_t i = 0; i < G_N_ELEMENTS(addresses) && r == 0; i++)
                r = usage_of_device(snapshot, addresses[i]);
        if (r == 0)
                g_assert_true(has_use(bed, "storage") && has_use(bed, "process") && has_use(bed, "network"));
        return r;
}

static void test_survey(const void *what) {
        Bed *bed = bed_new();

        bed->tree->kernel->has_own_network = true;
        temp_tree_device(bed->tree, "pci0000:00/" DISK);
        temp_tree_device(bed->tree, "pci0000:00/" NIC);
        temp_tree_driver(bed->tree, NIC, "e1000");
        temp_tree_name(bed->tree, NIC, "net", "ens1");
        put_block(bed->tree, "pci0000:00/" DISK "/nvme/nvme0/nvme0n1", "259:0");
        put_partition(bed->tree, "pci0000:00/" DISK "/nvme/nvme0/nvme0n1/nvme0n1p1", "259:1");
        bool is_mount = g_str_equal(what, "mount");
        put_process(bed->tree, 5000001, "x", 1, is_mount ? "2 1 259:1 / /var rw - ext4 /dev/nvme0n1p1 rw\n" : "");
        temp_tree_file(bed->tree, "1:3\n", "sys/bus/pci/devices/" DISK "/nvme/nvme0/ng0n1/dev");
        temp_tree_link(bed->tree, "/dev/null", "proc/5000001/fd/3");
        temp_tree_file(bed->tree, is_mount ? "" : "Filename Type\n/dev/nvme0n1p1 partition\n", "proc/swaps");
        allocation_faults_check(survey, bed, true);
        bed_free(bed);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/allocation/device-file", test_device_file);
        g_test_add_func("/allocation/transaction-file", test_transaction_file);
        g_test_add_func("/allocation/state", test_state);
        g_test_add_func("/allocation/json", test_json);
        g_test_add_func("/allocation/first-edition", test_first_edition);
        g_test_add_func("/allocation/scan", test_scan);
        g_test_add_func("/allocation/scan-again", test_scan_again);
        g_test_add_func("/allocation/variants", test_variants);
        g_test_add_func("/allocation/rules", test_rules);
        g_test_add_data_func("/allocation/survey/mount", "mount", test_survey);
        g_test_add_data_func("/allocation/survey/swap", "swap", test_survey);
        return g_test_run();
}
