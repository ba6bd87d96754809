/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model.h"
#include "state-folder.h"
#include "state-input.h"
#include "state/first-edition.h"

#include <fcntl.h>

/* The input is the JSON of some records of the first edition, with lines "---" between them. The first part is also a whole
 * file. */

#define RECORDS_MAX 5
#define NAME_SIZE 32

static StateFolder *folder;
static State *state;
static Inventory *inventory;

static void open_state(void) {
        folder = state_folder_new();
        g_assert_cmpint(state_new(folder->path, true, &state), ==, 0);
        g_assert_cmpint(state->devices_fd, >=, 0);
        inventory = make_inventory();
        put_device(inventory, "0000:03:01.0", "vfio-pci", 10);
        put_device(inventory, "0000:07:00.0", "igb", 14);
        put_virtual_function(inventory, "0000:07:10.0", "0000:07:00.0", "igbvf", 20);
}

static size_t count_files(int folder_fd) {
        _cleanup_closedir_ DIR *entries = fdopendir(openat(folder_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        const struct dirent *entry;
        size_t n = 0;

        g_assert_nonnull(entries);
        while ((entry = readdir(entries)))
                n += !streq(entry->d_name, ".") && !streq(entry->d_name, "..");
        return n;
}

/* vfiod can read all that it wrote. */
static void check(void) {
        g_assert_cmpuint(count_files(state->devices_fd), ==, state->n_devices);
        g_assert_cmpuint(count_files(state->transactions_fd), ==, state->n_transactions);
        for (size_t i = 0; i < state->n_transactions; i++)
                g_assert_cmpint(state->transactions[i].owner, ==, 0);
        g_assert_cmpint(state_apply(state, inventory), ==, 0);
        g_assert_cmpint(state_forget_unneeded(state, inventory), ==, 0);
}

static const char *record_name(size_t i, char buffer[static NAME_SIZE]) {
        (void)snprintf(buffer, NAME_SIZE, "%zu.record", i + 1);
        return buffer;
}

static void clean(void) {
        char name[NAME_SIZE];

        for (size_t i = 0; i < state->n_devices; i++)
                g_assert_cmpint(device_file_remove(state->devices_fd, state->devices[i].address), ==, 0);
        for (size_t i = 0; i < state->n_transactions; i++)
                g_assert_cmpint(transaction_file_remove(state->transactions_fd, state->transactions[i].number), ==, 0);
        for (size_t i = 0; i <= RECORDS_MAX; i++)
                (void)unlinkat(state->folder_fd, record_name(i, name), 0);
        state->n_reported = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        g_autofree char *text = fuzz_text(data, size);
        g_auto(GStrv) records = g_strsplit(text, "\n---\n", RECORDS_MAX);
        size_t n = g_strv_length(records);
        char name[NAME_SIZE];

        if (!folder)
                open_state();
        if (n == 0)
                return 0;
        for (size_t i = 0; i < n; i++)
                state_input_write(folder->fd, record_name(i, name), "record", records[i], strlen(records[i]));
        state_input_write(folder->fd, record_name(RECORDS_MAX, name), NULL, records[0], strlen(records[0]));
        g_assert_cmpint(first_edition_take_over(state), ==, 0);
        check();
        clean();
        return 0;
}
