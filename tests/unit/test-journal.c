/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "inventory-text.h"
#include "journal-fixture.h"
#include "model.h"

#define A "0000:03:00.0"
#define B "0000:03:00.1"
#define C "0000:04:00.0"

/* A record of these devices, "" for none; its writer is gone unless the record is kept. */
static Record *write_record(
                Fixture *fixture, unsigned long number, RecordPhase phase, const char *one, const char *two) {
        DeviceOrigin origin = {.driver = (char *)"e1000", .ids = make_facts(A, NULL, 1).ids};
        Record *record;

        g_assert_cmpint(record_new(number, (int)number, 2, &record), ==, 0);
        g_assert_cmpint(record_add(record, address_of(one), phase, &origin), ==, 0);
        if (two[0] != '\0')
                g_assert_cmpint(record_add(record, address_of(two), phase, &origin), ==, 0);
        g_assert_cmpint(record_write(fixture->journal->state_fd, record), ==, 0);
        return record;
}

static void put_record(Fixture *fixture, unsigned long number, RecordPhase phase, const char *one, const char *two) {
        record_free(write_record(fixture, number, phase, one, two));
}

static bool file_exists(Fixture *fixture, const char *name) {
        g_autofree char *path = temp_tree_path(fixture->tree, "state/%s", name);

        return g_file_test(path, G_FILE_TEST_EXISTS);
}

static void test_empty(void) {
        _cleanup_fixture_ Fixture fixture = fixture_new();
        Journal *journal = NULL;

        g_assert_cmpuint(fixture.journal->n_records, ==, 0);
        g_assert_cmpuint(fixture.journal->next_number, ==, 1);
        g_assert_null(journal_find(fixture.journal, address_of(A)));
        g_assert_null(journal_record_of(fixture.journal, address_of(A)));
        g_assert_cmpint(journal_new("/nonexistent/vfiod", &journal), ==, -ENOENT);
        g_assert_null(journal);
}

static void test_load(void) {
        _cleanup_fixture_ Fixture fixture = fixture_new();

        put_record(&fixture, 9, RECORD_DETACHED, A, B);
        put_record(&fixture, 10, RECORD_DETACHING, C, "");
        load(&fixture);
        g_assert_cmpuint(fixture.journal->n_records, ==, 2);
        g_assert_cmpuint(fixture.journal->records[0]->number, ==, 9);
        g_assert_cmpuint(fixture.journal->records[1]->number, ==, 10);
        g_assert_cmpuint(fixture.journal->next_number, ==, 11);
        g_assert_false(fixture.journal->locked[0]);
        g_assert_cmpint(journal_find(fixture.journal, address_of(B))->phase, ==, RECORD_DETACHED);
        g_assert_true(journal_record_of(fixture.journal, address_of(C)) == fixture.journal->records[1]);
        /* Loading anew gives the same. */
        g_assert_cmpint(journal_load(fixture.journal), ==, 0);
        g_assert_cmpuint(fixture.journal->n_records, ==, 2);
}

/* What is no record, or cannot be read, is left where it is, and the rest is read. */
static void test_junk(void) {
        static const char *const names[] = {"x.record", ".record", "record", "2.record~", "2.recor", "3.new",
                        "-1.record", "+4.record", "99999999999999999999.record", "18446744073709551615.record",
                        "1x.record", "notes"};
        _cleanup_fixture_ Fixture fixture = fixture_new();

        put_record(&fixture, 1, RECORD_DETACHED, A, "");
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                temp_tree_file(fixture.tree, "junk", "state/%s", names[i]);
        temp_tree_folder(fixture.tree, "state/5.record");
        temp_tree_file(fixture.tree, "torn", "state/6.record");
        load(&fixture);
        g_assert_cmpuint(fixture.journal->n_records, ==, 1);
        /* The number of a bad record is not given out again. */
        g_assert_cmpuint(fixture.journal->next_number, ==, 7);
        g_assert_nonnull(journal_find(fixture.journal, address_of(A)));
        for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
                g_assert_true(streq(names[i], "3.new") || file_exists(&fixture, names[i]));
        g_assert_true(file_exists(&fixture, "6.record"));
}

static void test_superseded(void) {
        _cleanup_fixture_ Fixture fixture = fixture_new();

        put_record(&fixture, 1, RECORD_DETACHED, A, B);
        put_record(&fixture, 2, RECORD_DETACHING, B, "");
        load(&fixture);
        g_assert_cmpuint(fixture.journal->n_records, ==, 2);
        g_assert_cmpint(journal_find(fixture.journal, address_of(A))->phase, ==, RECORD_DETACHED);
        g_assert_cmpint(journal_find(fixture.journal, address_of(B))->phase, ==, RECORD_DETACHING);
        g_assert_true(file_exists(&fixture, "1.record"));

        put_record(&fixture, 3, RECORD_REATTACHING, A, C);
        load(&fixture);
        g_assert_cmpuint(fixture.journal->n_records, ==, 2);
        g_assert_false(file_exists(&fixture, "1.record"));
        g_assert_cmpint(journal_find(fixture.journal, address_of(A))->phase, ==, RECORD_REATTACHING);
        /* Numbers count as such, not as text. */
        put_record(&fixture, 10, RECORD_DETACHED, B, C);
        load(&fixture);
        g_assert_cmpint(journal_find(fixture.journal, address_of(C))->phase, ==, RECORD_DETACHED);
        g_assert_false(file_exists(&fixture, "2.record"));
        g_assert_true(file_exists(&fixture, "3.record"));
}

static void test_locked(void) {
        _cleanup_fixture_ Fixture fixture = fixture_new();

        put_record(&fixture, 1, RECORD_DETACHED, A, "");
        _cleanup_(record_freep) Record *held = write_record(&fixture, 2, RECORD_DETACHING, B, "");
        put_record(&fixture, 3, RECORD_DETACHED, C, "");
        load(&fixture);
        g_assert_false(fixture.journal->locked[0]);
        g_assert_true(fixture.journal->locked[1]);
        g_assert_false(fixture.journal->locked[2]);
        record_freep(&held);
        g_assert_cmpint(journal_load(fixture.journal), ==, 0);
        g_assert_false(fixture.journal->locked[1]);
}

static void test_apply(void) {
        _cleanup_fixture_ Fixture fixture = fixture_new();
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_device(inventory, A, "vfio-pci", 25);
        put_device(inventory, B, "vfio-pci", 25);
        put_origin(inventory, B, "igb", NULL);
        put_record(&fixture, 1, RECORD_DETACHED, A, C);
        load(&fixture);
        g_assert_cmpint(journal_apply(fixture.journal, inventory), ==, 0);
        g_assert_cmpint(device_state(get_device(inventory, A)), ==, DEVICE_DETACHED);
        g_assert_cmpint(device_state(get_device(inventory, B)), ==, DEVICE_FOREIGN);
        g_assert_cmpint(device_state(get_device(inventory, C)), ==, DEVICE_ABSENT);
        g_free(inventory_take_changes_text(inventory));
        g_assert_cmpint(journal_apply(fixture.journal, inventory), ==, 0);
        g_autofree char *twice = inventory_take_changes_text(inventory);
        g_assert_cmpstr(twice, ==, "");

        g_assert_cmpint(record_delete(fixture.journal->state_fd, 1), ==, 0);
        g_assert_cmpint(journal_load(fixture.journal), ==, 0);
        g_assert_cmpint(journal_apply(fixture.journal, inventory), ==, 0);
        g_assert_cmpint(device_state(get_device(inventory, A)), ==, DEVICE_FOREIGN);
        g_assert_null(inventory_find_device(inventory, address_of(C)));
}

/* Devices that another hand gave a driver of the host are no more ours, once nobody is at work on them. */
static void test_rebound(void) {
        _cleanup_fixture_ Fixture fixture = fixture_new();
        _cleanup_(inventory_freep) Inventory *inventory = make_inventory();

        put_record(&fixture, 1, RECORD_DETACHED, A, B);
        put_record(&fixture, 2, RECORD_DETACHING, C, "");
        load(&fixture);
        put_device(inventory, A, "vfio-pci", 25);
        put_device(inventory, B, NULL, 25);
        put_device(inventory, C, "e1000", 26);
        g_assert_cmpint(journal_apply(fixture.journal, inventory), ==, 0);
        g_assert_cmpint(journal_forget_rebound(fixture.journal, inventory), ==, 0);
        g_assert_cmpuint(fixture.journal->n_records, ==, 2);

        put_device(inventory, A, "e1000", 25);
        /* The kernel bound it, since it was plugged in: that is no hand's doing. */
        g_assert_cmpint(journal_forget_rebound(fixture.journal, inventory), ==, 0);
        g_assert_nonnull(journal_find(fixture.journal, address_of(A)));
        inventory_clear_appeared(inventory, address_of(A));
        inventory_clear_appeared(inventory, address_of(B));
        g_assert_cmpint(inventory_set_activity(inventory, address_of(B), DEVICE_WORKED_ON), ==, 0);
        g_assert_cmpint(journal_forget_rebound(fixture.journal, inventory), ==, 0);
        g_assert_nonnull(journal_find(fixture.journal, address_of(A)));
        g_assert_cmpint(inventory_set_activity(inventory, address_of(B), DEVICE_QUIET), ==, 0);
        /* The link may belong to a probe that fails. */
        get_device(inventory, A)->driver_due_us = 1;
        g_assert_cmpint(journal_forget_rebound(fixture.journal, inventory), ==, 0);
        g_assert_nonnull(journal_find(fixture.journal, address_of(A)));
        get_device(inventory, A)->driver_due_us = 0;
        g_assert_cmpint(journal_forget_rebound(fixture.journal, inventory), >=, 0);
        g_assert_null(journal_find(fixture.journal, address_of(A)));
        g_assert_nonnull(journal_find(fixture.journal, address_of(B)));
        g_assert_null(get_device(inventory, A)->origin);

        /* On disk too, and what is left is not locked. */
        load(&fixture);
        g_assert_null(journal_find(fixture.journal, address_of(A)));
        g_assert_nonnull(journal_find(fixture.journal, address_of(B)));
        g_assert_false(fixture.journal->locked[0]);
        put_device(inventory, B, "e1000", 25);
        g_assert_cmpint(journal_forget_rebound(fixture.journal, inventory), >=, 0);
        g_assert_false(file_exists(&fixture, "1.record"));
        g_assert_true(file_exists(&fixture, "2.record"));
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/journal/empty", test_empty);
        g_test_add_func("/journal/load", test_load);
        g_test_add_func("/journal/junk", test_junk);
        g_test_add_func("/journal/superseded", test_superseded);
        g_test_add_func("/journal/locked", test_locked);
        g_test_add_func("/journal/apply", test_apply);
        g_test_add_func("/journal/rebound", test_rebound);
        return g_test_run();
}
