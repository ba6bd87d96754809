/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "state-bed.h"

StateBed *state_bed_new(void) {
        StateBed *bed = g_new0(StateBed, 1);

        bed->folder = state_folder_new();
        bed->inventory = make_inventory();
        g_assert_cmpint(state_new(bed->folder->path, true, &bed->state), ==, 0);
        return bed;
}

void state_bed_free(StateBed *bed) {
        state_free(bed->state);
        inventory_free(bed->inventory);
        state_folder_free(bed->folder);
        g_free(bed);
}

void write_device(StateBed *bed, const char *address, bool away, DeviceOrigin origin) {
        origin.ids = make_facts(address, NULL, -1).ids;
        g_assert_cmpint(device_file_write(bed->state->devices_fd, address_of(address), away, &origin), ==, 0);
}

int begin_transaction(StateBed *bed, unsigned long number, const char *address) {
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();
        int fd = -EBADF;

        put_device(inventory, address, "e1000", 10);
        _cleanup_(plan_freep) Plan *plan = make_detach_plan(inventory, address, 0);
        g_assert_cmpint(transaction_file_write(bed->state->transactions_fd, number, plan, &fd), ==, 0);
        return fd;
}

void write_transaction(StateBed *bed, unsigned long number, const char *address) {
        close(begin_transaction(bed, number, address));
}

void assert_kept(StateBed *bed, const char *expected) {
        g_autoptr(GString) text = g_string_new(NULL);

        g_assert_cmpint(state_load(bed->state), ==, 0);
        g_assert_cmpint(state_apply(bed->state, bed->inventory), ==, 0);
        g_assert_cmpint(state_forget_unneeded(bed->state, bed->inventory), ==, 0);
        for (size_t i = 0; i < bed->state->n_devices; i++)
                g_string_append_printf(
                                text, "%s%s", i > 0 ? " " : "", PCI_ADDRESS_TEXT(bed->state->devices[i].address));
        g_assert_cmpstr(text->str, ==, expected);
        /* The folder says the same. */
        g_assert_cmpint(state_load(bed->state), ==, 0);
        g_assert_cmpuint(
                        bed->state->n_devices, ==, text->len == 0 ? 0 : (text->len + 1) / (strlen("0000:00:00.0") + 1));
}
