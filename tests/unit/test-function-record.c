/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "job/function-job.h"
#include "journal-fixture.h"
#include "model.h"

#include <fcntl.h>

/* What is written down of virtual functions, and what the journal makes of it. */

#define PF "0000:07:00.0"
#define VF0 "0000:07:10.0"
#define VF1 "0000:07:10.1"

static void put_functions(Fixture *fixture, unsigned long number, FunctionPhase phase, const char *before) {
        _cleanup_(record_freep) Record *record = NULL;
        FunctionRecord functions = {
                        .physical = address_of(PF),
                        .ids = make_facts(PF, NULL, 1).ids,
                        .phase = phase,
                        .count = 2,
                        .autoprobe_known = true,
                        .autoprobe = true,
        };
        FunctionBefore one = {.address = address_of(VF0), .binding = {.driver = "vfio-pci", .override = "vfio-pci"}};

        one.binding.power = (PowerSettings){.control = "auto", .d3cold_known = true};
        one.link = (VirtualFunctionLink){.known = true, .mac = {2, 0, 0, 0, 0, 1}, .vlan = 7};
        if (before) {
                functions.before = &one;
                functions.n_before = 1;
        }
        g_assert_cmpint(record_new(number, -1, 0, &record), ==, 0);
        g_assert_cmpint(function_record_copy(&functions, &record->functions), ==, 0);
        g_assert_cmpint(record_write(fixture->journal->state_fd, record), ==, 0);
}

static void put_detached(Fixture *fixture, unsigned long number, const char *address) {
        DeviceOrigin origin = {.ids = make_facts(address, NULL, 1).ids, .any_driver = true, .virtual_function = true};
        _cleanup_(record_freep) Record *record = NULL;

        g_assert_cmpint(record_new(number, 20, 1, &record), ==, 0);
        g_assert_cmpint(record_add(record, address_of(address), RECORD_DETACHED, &origin), ==, 0);
        g_assert_cmpint(record_write(fixture->journal->state_fd, record), ==, 0);
}

static Inventory *with_card(void) {
        Inventory *inventory = make_inventory();

        put_device(inventory, PF, "igb", 14);
        return inventory;
}

static void test_round_trip(void) {
        _cleanup_fixture_ Fixture fixture = fixture_new();

        for (FunctionPhase phase = 0; phase < _FUNCTION_PHASE_MAX; phase++) {
                put_functions(&fixture, 5, phase, VF0);
                load(&fixture);
                const Record *record = journal_find_functions(fixture.journal, address_of(PF));
                g_assert_nonnull(record);
                const FunctionRecord *functions = record->functions;
                g_assert_cmpint(functions->phase, ==, phase);
                g_assert_cmpuint(functions->count, ==, 2);
                g_assert_true(functions->autoprobe_known && functions->autoprobe);
                g_assert_cmpuint(functions->n_before, ==, 1);
                g_assert_cmpstr(functions->before[0].binding.override, ==, "vfio-pci");
                g_assert_cmpstr(functions->before[0].binding.power.control, ==, "auto");
                g_assert_cmpuint(functions->before[0].link.vlan, ==, 7);
                g_assert_true(function_record_is_about(functions, address_of(VF0)));
                g_assert_false(function_record_is_about(functions, address_of(VF1)));
                /* Numbers for the new functions stay free. */
                g_assert_cmpuint(fixture.journal->next_number, ==, 8);
        }
        g_assert_null(journal_find_functions(fixture.journal, address_of(VF0)));
}

/* What is said of new functions counts when all of them are made. */
static void test_unfinished(void) {
        _cleanup_fixture_ Fixture fixture = fixture_new();

        put_detached(&fixture, 3, VF0);
        put_functions(&fixture, 5, FUNCTIONS_MAKING, VF0);
        put_detached(&fixture, 6, VF0);
        put_detached(&fixture, 7, VF1);
        load(&fixture);
        g_assert_cmpuint(journal_record_of(fixture.journal, address_of(VF0))->number, ==, 3);
        g_assert_null(journal_find(fixture.journal, address_of(VF1)));
        put_functions(&fixture, 5, FUNCTIONS_MADE, VF0);
        load(&fixture);
        g_assert_cmpuint(journal_record_of(fixture.journal, address_of(VF0))->number, ==, 6);
        g_assert_nonnull(journal_find(fixture.journal, address_of(VF1)));
}

static void test_settle(void) {
        _cleanup_fixture_ Fixture fixture = fixture_new();
        Inventory *inventory = with_card();

        put_detached(&fixture, 3, VF0);
        put_detached(&fixture, 4, "0000:09:10.0");
        put_functions(&fixture, 5, FUNCTIONS_DONE, VF0);
        put_detached(&fixture, 7, VF1);
        load(&fixture);
        g_assert_cmpint(function_job_settle(fixture.journal, inventory), ==, 0);
        g_assert_null(journal_find(fixture.journal, address_of(VF0)));
        g_assert_nonnull(journal_find(fixture.journal, address_of(VF1)));
        g_assert_nonnull(journal_find(fixture.journal, address_of("0000:09:10.0")));
        g_assert_null(journal_find_functions(fixture.journal, address_of(PF)));

        /* One that keeps the setting off stays until it is replaced, or the card is gone. */
        put_functions(&fixture, 8, FUNCTIONS_KEPT, NULL);
        load(&fixture);
        g_assert_cmpint(function_job_settle(fixture.journal, inventory), ==, 0);
        g_assert_nonnull(journal_find_functions(fixture.journal, address_of(PF)));
        put_functions(&fixture, 20, FUNCTIONS_MAKING, NULL);
        load(&fixture);
        g_assert_cmpuint(journal_find_functions(fixture.journal, address_of(PF))->number, ==, 20);
        g_assert_cmpint(function_job_settle(fixture.journal, inventory), ==, 0);
        g_assert_nonnull(journal_find_functions(fixture.journal, address_of(PF)));
        inventory_free(inventory);

        inventory = make_inventory();
        g_assert_cmpint(function_job_settle(fixture.journal, inventory), ==, 0);
        g_assert_null(journal_find_functions(fixture.journal, address_of(PF)));
        inventory_free(inventory);
}

/* A function that is gone is forgotten, unless it may come back with what is cut off. */
static void test_vanished(void) {
        _cleanup_fixture_ Fixture fixture = fixture_new();
        Inventory *inventory = with_card();

        put_detached(&fixture, 3, VF0);
        put_detached(&fixture, 4, VF1);
        put_functions(&fixture, 9, FUNCTIONS_MAKING, VF0);
        load(&fixture);
        g_assert_cmpint(journal_apply(fixture.journal, inventory), ==, 0);
        g_assert_cmpint(state_forget_settled(fixture.journal, inventory), ==, 0);
        g_assert_nonnull(journal_find(fixture.journal, address_of(VF0)));
        g_assert_null(journal_find(fixture.journal, address_of(VF1)));
        g_assert_null(inventory_find_device(inventory, address_of(VF1)));
        inventory_free(inventory);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/function-record/round-trip", test_round_trip);
        g_test_add_func("/function-record/unfinished", test_unfinished);
        g_test_add_func("/function-record/settle", test_settle);
        g_test_add_func("/function-record/vanished", test_vanished);
        return g_test_run();
}
