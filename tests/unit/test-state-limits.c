/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "planning.h"
#include "state-folder.h"
#include "state/state.h"

/* How much a state file, and the state folder, may hold. */

#define NIC "0000:03:01.0"
#define NIC2 "0000:03:02.0"

static State *open_state(StateFolder *folder) {
        State *state = NULL;

        g_assert_cmpint(state_new(folder->path, true, &state), ==, 0);
        return state;
}

static HostName *make_names(unsigned n) {
        HostName *names = NULL;

        /* Backwards: each goes to the front of the list. */
        for (unsigned i = n; i > 0; i--) {
                char name[HOST_NAME_TEXT_MAX];

                (void)snprintf(name, sizeof(name), "ens%05u", i);
                g_assert_cmpint(host_name_list_add(&names, HOST_NAME_NETWORK, name, 0), ==, 1);
        }
        return names;
}

/* What could not be read back is not written, and what is written can be read back. */
static void test_many_names(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        _cleanup_(state_freep) State *state = open_state(folder);
        DeviceOrigin origin = {.names = make_names(18000)}, fewer = {.names = make_names(4096)};

        g_assert_cmpint(device_file_write(state->devices_fd, address_of(NIC), true, &origin), ==, -E2BIG);
        g_assert_false(state_folder_has(folder, "devices/" NIC));
        g_assert_cmpint(device_file_write(state->devices_fd, address_of(NIC), true, &fewer), ==, 0);
        g_assert_cmpint(state_load(state), ==, 0);
        g_assert_true(host_name_list_has(
                        state_find(state, address_of(NIC))->origin->names, HOST_NAME_NETWORK, "ens04096"));
        host_name_list_free(origin.names);
        host_name_list_free(fewer.names);
}

static void write_transaction(const State *state, unsigned long number, const char *address) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        int fd = -EBADF;

        put_device(inventory, address, "e1000", 10);
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, address, 0);
        g_assert_cmpint(transaction_file_write(state->transactions_fd, number, plan, &fd), ==, 0);
        close(fd);
}

/* There is a limit for the files of each kind. vfiod reports it once if there are more. */
static void test_too_many_files(void) {
        g_autoptr(StateFolder) folder = state_folder_new();
        _cleanup_(state_freep) State *state = open_state(folder);
        DeviceOrigin origin = {};

        g_assert_cmpint(device_file_write(state->devices_fd, address_of(NIC), true, &origin), ==, 0);
        g_assert_cmpint(device_file_write(state->devices_fd, address_of(NIC2), true, &origin), ==, 0);
        write_transaction(state, 1, NIC);
        write_transaction(state, 2, NIC2);
        state->files_max = 2;
        g_assert_cmpint(state_load(state), ==, 0);
        g_assert_cmpuint(state->n_devices, ==, 2);
        g_assert_cmpuint(state->n_transactions, ==, 2);
        g_assert_false(state->has_too_many);
        state->files_max = 1;
        g_assert_cmpint(state_load(state), ==, 0);
        g_assert_cmpuint(state->n_devices, ==, 1);
        g_assert_cmpuint(state->n_transactions, ==, 1);
        g_assert_true(state->has_too_many);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/state-limits/many-names", test_many_names);
        g_test_add_func("/state-limits/too-many-files", test_too_many_files);
        return g_test_run();
}
