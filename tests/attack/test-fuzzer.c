/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "random-call.h"
#include "witness.h"

#include <string.h>

/* Random calls by users without rights: each gets an answer, none changes anything, and root does not wait.
 * test-fuzzer NUMBER: so many calls for both users together. */

#define N_CONNECTIONS 4
#define WINDOW 16         /* calls of a connection that wait for an answer */
#define PROBE_INTERVAL 50 /* calls between two probes of root */

/* Processor time of the daemon for a call; a generous limit. */
#ifdef __SANITIZE_ADDRESS__
#define CALL_CPU_US 5000
#else
#define CALL_CPU_US 1000
#endif

#define NO_REPLY "org.freedesktop.DBus.Error.NoReply"

static guint n_calls_max;

static int compare_lines(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Everything that must stay as it is: all objects except jobs, and the rules. */
static char *take_state(Fixture *fixture) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, OBJECT_MANAGER, "GetManagedObjects", NULL, &error);
        g_assert_no_error(error);
        g_autoptr(GVariant) rules = fixture_call(fixture, BUS_PATH, MANAGER, "ListRules", NULL, &error);
        g_assert_no_error(error);
        g_autoptr(GVariantIter) objects = NULL;
        g_autoptr(GPtrArray) lines = g_ptr_array_new_with_free_func(g_free);
        GVariant *interfaces;
        const char *path;

        g_variant_get(reply, "(a{oa{sa{sv}}})", &objects);
        while (g_variant_iter_next(objects, "{&o@a{sa{sv}}}", &path, &interfaces)) {
                g_autofree char *text = g_variant_print(interfaces, false);

                if (!g_str_has_prefix(path, BUS_PATH "/jobs/"))
                        g_ptr_array_add(lines, g_strdup_printf("%s %s", path, text));
                g_variant_unref(interfaces);
        }
        g_ptr_array_sort(lines, compare_lines);
        g_ptr_array_add(lines, g_variant_print(rules, false));
        g_ptr_array_add(lines, NULL);
        return g_strjoinv("\n", (char **)lines->pdata);
}

typedef struct Fuzzer {
        CallBook *book;
        RawBus *connections[N_CONNECTIONS];
        GHashTable *waiting[N_CONNECTIONS]; /* serial -> description of the call */
        GHashTable *outcomes;               /* name of the error -> number */
} Fuzzer;

static void send_random(Fuzzer *fuzzer, guint i) {
        RandomCall call = random_call(fuzzer->book);
        char *text = g_strdup_printf("%s %s.%s(%s), %u bytes", call.path, call.interface, call.member, call.signature,
                        call.body->len);

        guint32 serial = raw_bus_send_call(fuzzer->connections[i], call.path, call.interface, call.member,
                        *call.signature ? call.signature : NULL, call.body);
        (void)g_hash_table_insert(fuzzer->waiting[i], GUINT_TO_POINTER(serial), text);
        g_free(call.signature);
}

static void check_answer(Fuzzer *fuzzer, guint i) {
        g_autofree char *error = NULL;

        guint32 serial = raw_bus_receive_error(fuzzer->connections[i], &error);
        const char *call = g_hash_table_lookup(fuzzer->waiting[i], GUINT_TO_POINTER(serial));
        g_assert_nonnull(call);
        if (error &&
                        (g_str_equal(error, NO_REPLY) ||
                                        (!g_str_has_prefix(error, BUS_NAME ".Error.") &&
                                                        !g_str_has_prefix(error, "org.freedesktop.DBus.Error."))))
                g_error("%s: %s", call, error);
        g_assert_true(g_hash_table_remove(fuzzer->waiting[i], GUINT_TO_POINTER(serial)));

        const char *outcome = error ?: "success";
        guint n = GPOINTER_TO_UINT(g_hash_table_lookup(fuzzer->outcomes, outcome));
        (void)g_hash_table_insert(fuzzer->outcomes, g_strdup(outcome), GUINT_TO_POINTER(n + 1));
}

static guint count_outcome(const Fuzzer *fuzzer, const char *name) {
        return GPOINTER_TO_UINT(g_hash_table_lookup(fuzzer->outcomes, name));
}

static void check_outcomes(const Fuzzer *fuzzer, guint n_calls) {
        GHashTableIter iter;
        void *name, *number;
        guint sum = 0;

        g_hash_table_iter_init(&iter, fuzzer->outcomes);
        while (g_hash_table_iter_next(&iter, &name, &number)) {
                g_test_message("%u: %s", GPOINTER_TO_UINT(number), (const char *)name);
                sum += GPOINTER_TO_UINT(number);
        }
        g_assert_cmpuint(sum, ==, n_calls);
        /* The calls reach the methods, the checks of arguments, and the checks of rights. vfiod checks rights last, and few
         * random calls name a device that exists with options that fit: about one in a hundred. */
        g_assert_cmpuint(count_outcome(fuzzer, "success"), >, n_calls / 100);
        g_assert_cmpuint(count_outcome(fuzzer, INVALID_ARGS), >, n_calls / 100);
        g_assert_cmpuint(count_outcome(fuzzer, ACCESS_DENIED), >, n_calls / 1000);
}

static void run(Fuzzer *fuzzer, Witness *witness, guint n_calls) {
        for (guint n = 0; n < n_calls; n++) {
                guint i = n % N_CONNECTIONS;

                if (g_hash_table_size(fuzzer->waiting[i]) >= WINDOW)
                        check_answer(fuzzer, i);
                send_random(fuzzer, i);
                if (n % PROBE_INTERVAL == 0)
                        witness_probe(witness);
        }
        for (guint i = 0; i < N_CONNECTIONS; i++)
                while (g_hash_table_size(fuzzer->waiting[i]) > 0)
                        check_answer(fuzzer, i);
}

/* The bus permits everything, so vfiod alone refuses what the users may not do. */
static void test_calls(uid_t uid) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.permissive_bus = true});
        Fuzzer fuzzer = {
                        .book = call_book_new(fixture),
                        .outcomes = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL),
        };
        g_autofree char *before = take_state(fixture);
        guint n_calls = n_calls_max / 2;
        Witness witness;

        for (guint i = 0; i < N_CONNECTIONS; i++) {
                fuzzer.connections[i] = raw_bus_connect(uid);
                fuzzer.waiting[i] = g_hash_table_new_full(NULL, NULL, NULL, g_free);
        }
        witness_begin(&witness, fixture, uid);
        run(&fuzzer, &witness, n_calls);
        witness_end(&witness, (gint64)n_calls * CALL_CPU_US);
        g_autofree char *after = take_state(fixture);
        g_assert_cmpstr(after, ==, before);
        fixture_driver(fixture, NIC, "e1000e");
        g_test_message("%u methods", call_book_count_methods(fuzzer.book));
        check_outcomes(&fuzzer, n_calls);

        for (guint i = 0; i < N_CONNECTIONS; i++) {
                raw_bus_close(fuzzer.connections[i]);
                g_hash_table_unref(fuzzer.waiting[i]);
        }
        g_hash_table_unref(fuzzer.outcomes);
        call_book_free(fuzzer.book);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_assert_cmpint(argc, ==, 2);
        n_calls_max = (guint)g_ascii_strtoull(argv[1], NULL, 10);
        attack_add("/attack/fuzzer/calls", test_calls);
        return g_test_run();
}
