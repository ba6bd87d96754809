/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state-bed.h"
#include "state-text.h"
#include "state/first-edition.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define NIC "0000:03:01.0"
#define NIC2 "0000:03:02.0"
#define PF "0000:07:00.0"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.1"
#define NIC_IDS " 8086:100e/0000:0000/020000/03"

static void test_empty(void) {
        g_autoptr(StateBed) bed = state_bed_new();
        g_autofree char *text = state_to_text(bed->state);

        g_assert_cmpstr(text, ==, "");
        g_assert_null(state_find(bed->state, address_of(NIC)));
        g_assert_null(state_find_transaction(bed->state, 1));
        g_assert_null(state_find_transaction_of(bed->state, address_of(NIC)));
        g_assert_true(state_folder_has(bed->folder, "devices"));
        g_assert_true(state_folder_has(bed->folder, "transactions"));
        assert_kept(bed, "");
        g_assert_null(state_free(NULL));
}

static void test_load(void) {
        g_autoptr(StateBed) bed = state_bed_new();

        write_device(bed, NIC2, true, (DeviceOrigin){.binding = {.driver = "e1000"}});
        write_device(bed, NIC, true,
                        (DeviceOrigin){.binding = {.driver = "e1000"}, .degraded = true, .virtual_functions = 2});
        write_device(bed, PF, false, (DeviceOrigin){.autoprobe_known = true});
        write_transaction(bed, 10, NIC);
        write_transaction(bed, 9, NIC2);
        g_assert_cmpint(state_load(bed->state), ==, 0);
        g_autofree char *text = state_to_text(bed->state);
        g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
        g_assert_cmpstr(lines[0], ==, NIC NIC_IDS " driver=e1000 degraded vfs=2");
        g_assert_cmpstr(lines[1], ==, NIC2 NIC_IDS " driver=e1000");
        g_assert_cmpstr(lines[2], ==, PF " not-away" NIC_IDS " autoprobe=0");
        g_assert_true(g_str_has_prefix(lines[3], "9: detach group=10 selected=" NIC2));
        g_assert_cmpuint(bed->state->n_transactions, ==, 2);
        g_assert_cmpuint(state_find_transaction(bed->state, 10)->number, ==, 10);
        g_assert_null(state_find_transaction(bed->state, 11));
        g_assert_cmpuint(state_find_transaction_of(bed->state, address_of(NIC2))->number, ==, 9);
        g_assert_null(state_find_transaction_of(bed->state, address_of(PF)));
        g_assert_true(state_find(bed->state, address_of(NIC))->origin->degraded);

        /* A new daemon reads the same. */
        _cleanup_(state_freep) State *other = NULL;
        g_assert_cmpint(state_new(bed->folder->path, true, &other), ==, 0);
        g_autofree char *other_text = state_to_text(other);
        g_assert_cmpstr(other_text, ==, text);

        g_assert_cmpint(transaction_file_remove(bed->state->transactions_fd, 10), ==, 0);
        g_assert_cmpint(device_file_remove(bed->state->devices_fd, address_of(NIC)), ==, 0);
        g_assert_cmpint(state_load(bed->state), ==, 0);
        g_assert_cmpuint(bed->state->n_transactions, ==, 1);
        g_assert_null(state_find(bed->state, address_of(NIC)));
        g_assert_nonnull(state_find(bed->state, address_of(NIC2)));
}

/* Each text in a device's file has a maximum length, and each number has a range. */
static void test_device_json(void) {
        static const char right[] =
                        "{\"ids\": [1, 2, 3, 4, 5, 6], \"binding\": {\"driver\": \"e1000\"}, \"names\": [[\"net\", "
                        "\"ens1\"]], "
                        "\"parent\": \"0000:07:00.0\", \"autoprobe\": true, \"virtual_functions\": 2, \"away\": true}";
        static const char *const wrong[][2] = {
                        {"[1, 2, 3, 4, 5, 6]", "[1, 2]"},
                        {"[1, 2, 3, 4, 5, 6]", "[1, 2, 3, 4, 5, 6, 7]"},
                        {"[1, 2, 3, 4, 5, 6]", "[1, 2, 3, 4, 5, -6]"},
                        {"[1, 2, 3, 4, 5, 6]", "[4294967297, 2, 3, 4, 5, 6]"},
                        {"[1, 2, 3, 4, 5, 6]", "[\"1\", 2, 3, 4, 5, 6]"},
                        {"\"ids\"", "\"id\""},
                        {"\"binding\"", "\"bound\""},
                        {"{\"driver\": \"e1000\"}", "\"e1000\""},
                        {"\"e1000\"", "null"},
                        {"\"e1000\"", "[0]"},
                        {"\"e1000\"", "[256]"},
                        {"\"e1000\"", "\"a\\u0000b\""},
                        {"[[\"net\", \"ens1\"]]", "[[\"usb\", \"x\"]]"},
                        {"[[\"net\", \"ens1\"]]", "[[\"net\"]]"},
                        {"[[\"net\", \"ens1\"]]", "[1]"},
                        {"\"0000:07:00.0\"", "\"0000:07:00\""},
                        {"\"0000:07:00.0\"", "1"},
                        {"\"autoprobe\": true", "\"autoprobe\": 1"},
                        {"\"virtual_functions\": 2", "\"virtual_functions\": 65536"},
                        {"\"virtual_functions\": 2", "\"virtual_functions\": 4294967297"},
                        {"\"virtual_functions\": 2", "\"virtual_functions\": true"},
                        {"\"away\": true", "\"away\": null"},
        };
        g_autoptr(StateBed) bed = state_bed_new();

        state_folder_write_json(bed->folder, "devices/" NIC, "device", right);
        g_assert_cmpint(state_load(bed->state), ==, 0);
        g_assert_nonnull(state_find(bed->state, address_of(NIC)));
        for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
                g_auto(GStrv) parts = g_strsplit(right, wrong[i][0], 2);
                g_autofree char *changed = g_strjoinv(wrong[i][1], parts);

                g_assert_nonnull(parts[1]);
                state_folder_write_json(bed->folder, "devices/" NIC, "device", changed);
                g_assert_cmpint(state_load(bed->state), ==, 0);
                if (state_find(bed->state, address_of(NIC)))
                        g_error("%s", changed);
        }
}

/* Names of the host may contain any byte. */
static void test_bytes(void) {
        g_autoptr(StateBed) bed = state_bed_new();
        DeviceOrigin origin = {.binding = {.driver = "\xff\x01\"\\", .override = "\xc3\xa4"}};

        g_assert_cmpint(host_name_list_add(&origin.names, HOST_NAME_NETWORK, "eth\xfe\x7f", 0), ==, 1);
        write_device(bed, NIC, true, origin);
        g_assert_cmpint(state_load(bed->state), ==, 0);
        const DeviceFile *file = state_find(bed->state, address_of(NIC));
        g_assert_nonnull(file);
        g_assert_cmpstr(file->origin->binding.driver, ==, "\xff\x01\"\\");
        g_assert_cmpstr(file->origin->binding.override, ==, "\xc3\xa4");
        g_assert_true(host_name_list_has(file->origin->names, HOST_NAME_NETWORK, "eth\xfe\x7f"));
        host_name_list_free(origin.names);
}

/* Far more than a start takes: a start that waits does not end at all. */
#define PATIENCE_S 60

static void put_junk(StateFolder *folder, const char *parent) {
        static const char *const names[] = {"999999999", "9999999999", "01", "0", "1.new", "x", "-1", NIC2, VF0 ".new",
                        "7.record", "99999999999999999999.record"};

        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autofree char *name = g_build_filename(parent, names[i], NULL);

                state_folder_write(folder, name, "junk", 4);
        }
        static const struct {
                const char *name;
                mode_t type;
        } nodes[] = {{VF0, S_IFIFO}, {"3", S_IFIFO}, {"3.record", S_IFIFO}, {"4.new", S_IFIFO}, {VF1, S_IFCHR},
                        {"5", S_IFCHR}};
        for (size_t i = 0; i < G_N_ELEMENTS(nodes); i++) {
                g_autofree char *name = g_build_filename(parent, nodes[i].name, NULL);

                g_assert_cmpint(mknodat(folder->fd, name, nodes[i].type | 0600, 0), ==, 0);
        }
        static const char *const others[] = {PF, "6", "6.record"};
        for (size_t i = 0; i < G_N_ELEMENTS(others); i++) {
                g_autofree char *name = g_build_filename(parent, others[i], NULL);
                g_autofree char *link = g_strconcat(parent, "/1", others[i], NULL);

                g_assert_cmpint(mkdirat(folder->fd, name, 0700), ==, 0);
                g_assert_cmpint(symlinkat("/dev/zero", folder->fd, link), ==, 0);
        }
}

/* Foreign files in the folder block neither the start, nor valid files, nor a new transaction. */
static void test_junk(void) {
        g_autoptr(StateBed) bed = state_bed_new();
        _cleanup_(state_freep) State *state = NULL;
        unsigned long number;

        write_device(bed, NIC, true, (DeviceOrigin){.binding = {.driver = "e1000"}});
        write_transaction(bed, 2, NIC);
        put_junk(bed->folder, ".");
        put_junk(bed->folder, "devices");
        put_junk(bed->folder, "transactions");
        alarm(PATIENCE_S);
        g_assert_cmpint(state_new(bed->folder->path, true, &state), ==, 0);
        g_assert_cmpint(first_edition_take_over(state), ==, 0);
        g_assert_cmpint(state_load(state), ==, 0);
        alarm(0);
        g_assert_cmpuint(state->n_devices, ==, 1);
        g_assert_nonnull(state_find(state, address_of(NIC)));
        g_assert_cmpuint(state->n_transactions, ==, 1);
        g_assert_nonnull(state_find_transaction(state, 2));
        g_assert_cmpint(transaction_file_find_number(state->transactions_fd, 1, &number), ==, 0);
        g_assert_cmpuint(number, ==, 1);
        /* Each file is reported once. */
        size_t n_reported = state->n_reported;
        g_assert_cmpuint(n_reported, >, 5);
        g_assert_cmpint(state_load(state), ==, 0);
        g_assert_cmpuint(state->n_reported, ==, n_reported);
        /* A foreign file at the path of a device's file is replaced. */
        g_assert_cmpint(device_file_write(state->devices_fd, address_of(VF0), true, state->devices[0].origin), ==, 0);
        g_assert_cmpint(state_load(state), ==, 0);
        g_assert_nonnull(state_find(state, address_of(VF0)));
}

/* Files that were not completely written are removed. */
static void test_unfinished(void) {
        g_autoptr(StateBed) bed = state_bed_new();
        _cleanup_(state_freep) State *state = NULL;

        state_folder_write(bed->folder, "devices/" NIC ".new", "torn", 4);
        state_folder_write(bed->folder, "transactions/3.new", "torn", 4);
        state_folder_write(bed->folder, "devices/.new", "torn", 4);
        g_assert_cmpint(mkdirat(bed->state->devices_fd, "folder.new", 0700), ==, 0);
        g_assert_cmpint(state_new(bed->folder->path, true, &state), ==, 0);
        g_assert_false(state_folder_has(bed->folder, "devices/" NIC ".new"));
        g_assert_false(state_folder_has(bed->folder, "transactions/3.new"));
        g_assert_true(state_folder_has(bed->folder, "devices/folder.new"));
}

/* A worker of an earlier daemon may still write its files. */
static void test_worker(void) {
        g_autoptr(StateBed) bed = state_bed_new();
        _cleanup_(state_freep) State *state = NULL, *later = NULL;
        int ready[2], status;
        char byte;

        state_folder_write(bed->folder, "devices/" NIC ".new", "half", 4);
        g_assert_cmpint(pipe2(ready, O_CLOEXEC), ==, 0);
        pid_t pid = fork();
        if (pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                if (begin_transaction(bed, 4, NIC) >= 0 && write(ready[1], "r", 1) == 1)
                        for (;;)
                                pause();
                _exit(1);
        }
        g_assert_cmpint(read(ready[0], &byte, 1), ==, 1);
        g_assert_cmpint(state_new(bed->folder->path, true, &state), ==, 0);
        g_assert_cmpint(state_find_transaction(state, 4)->owner, ==, pid);
        g_assert_true(state_folder_has(bed->folder, "devices/" NIC ".new"));
        g_assert_cmpint(kill(pid, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_cmpint(state_new(bed->folder->path, true, &later), ==, 0);
        g_assert_cmpint(state_find_transaction(later, 4)->owner, ==, 0);
        g_assert_false(state_folder_has(bed->folder, "devices/" NIC ".new"));
        close(ready[0]);
        close(ready[1]);
}

static void assert_unusable(const char *folder) {
        _cleanup_(state_freep) State *state = NULL;
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        g_assert_cmpint(state_new(folder, true, &state), ==, 0);
        g_assert_cmpint(state->folder_fd, <, 0);
        g_assert_cmpint(state->devices_fd, <, 0);
        g_assert_cmpint(state->transactions_fd, <, 0);
        g_assert_cmpint(state_load(state), ==, 0);
        g_assert_cmpint(state_apply(state, inventory), ==, 0);
        g_assert_cmpint(state_forget_unneeded(state, inventory), ==, 0);
        g_assert_null(state_find(state, address_of(NIC)));
}

/* The daemon starts anyway, and only refuses jobs. */
static void test_unusable(void) {
        static const char *const names[] = {"devices", "transactions"};

        assert_unusable("/nonexistent/vfiod");
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
                g_autoptr(StateFolder) file = state_folder_new(), link = state_folder_new(), fifo = state_folder_new();

                state_folder_write(file, names[i], "junk", 4);
                assert_unusable(file->path);
                g_assert_cmpint(symlinkat("/tmp", link->fd, names[i]), ==, 0);
                assert_unusable(link->path);
                g_assert_cmpint(mkfifoat(fifo->fd, names[i], 0600), ==, 0);
                alarm(PATIENCE_S);
                assert_unusable(fifo->path);
                alarm(0);
        }
}

static void test_apply(void) {
        g_autoptr(StateBed) bed = state_bed_new();

        put_device(bed->inventory, NIC, "vfio-pci", 10);
        put_device(bed->inventory, PF, "igb", 14);
        put_device(bed->inventory, "0000:08:00.0", "vfio-pci", 15);
        put_origin(bed->inventory, "0000:08:00.0", "e1000", NULL);
        write_device(bed, NIC, true, (DeviceOrigin){.binding = {.driver = "e1000"}});
        write_device(bed, NIC2, true, (DeviceOrigin){.binding = {.driver = "e1000"}});
        write_device(bed, PF, false, (DeviceOrigin){.autoprobe_known = true});
        g_assert_cmpint(state_load(bed->state), ==, 0);
        g_assert_cmpint(state_apply(bed->state, bed->inventory), ==, 0);
        g_assert_cmpint(device_state(get_device(bed->inventory, NIC)), ==, DEVICE_DETACHED);
        g_assert_cmpint(device_state(get_device(bed->inventory, NIC2)), ==, DEVICE_ABSENT);
        /* Only the setting of the PF is stored. */
        g_assert_cmpint(device_state(get_device(bed->inventory, PF)), ==, DEVICE_HOST);
        g_assert_null(get_device(bed->inventory, PF)->origin);
        g_assert_cmpint(device_state(get_device(bed->inventory, "0000:08:00.0")), ==, DEVICE_FOREIGN);

        /* Without its file, an absent device is removed from the list. */
        g_assert_cmpint(device_file_remove(bed->state->devices_fd, address_of(NIC2)), ==, 0);
        g_assert_cmpint(device_file_remove(bed->state->devices_fd, address_of(NIC)), ==, 0);
        g_assert_cmpint(state_load(bed->state), ==, 0);
        g_assert_cmpint(state_apply(bed->state, bed->inventory), ==, 0);
        g_assert_cmpint(device_state(get_device(bed->inventory, NIC)), ==, DEVICE_FOREIGN);
        g_assert_null(inventory_find_device(bed->inventory, address_of(NIC2)));
}

/* systemd-tmpfiles makes the folders, so that only the daemon can open the files: a worker does not change that. */
static void test_folder_mode(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        g_autofree char *path = g_build_filename(folder->path, "leases", NULL),
                        *other = g_build_filename(folder->path, "devices", NULL);
        struct stat status;
        State *state;

        g_assert_cmpint(mkdir(path, 0750), ==, 0);
        g_assert_cmpint(state_new(folder->path, true, &state), ==, 0);
        g_assert_cmpint(stat(path, &status), ==, 0);
        g_assert_cmpuint(status.st_mode & 07777, ==, 0750);
        g_assert_cmpint(stat(other, &status), ==, 0);
        g_assert_cmpuint(status.st_mode & 07777, ==, 0755);
        state_free(state);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/state/empty", test_empty);
        g_test_add_func("/state/load", test_load);
        g_test_add_func("/state/device-json", test_device_json);
        g_test_add_func("/state/bytes", test_bytes);
        g_test_add_func("/state/junk", test_junk);
        g_test_add_func("/state/unfinished", test_unfinished);
        g_test_add_func("/state/worker", test_worker);
        g_test_add_func("/state/unusable", test_unusable);
        g_test_add_func("/state/apply", test_apply);
        g_test_add_func("/state/folder-mode", test_folder_mode);
        return g_test_run();
}
