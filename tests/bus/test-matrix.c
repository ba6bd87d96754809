/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "contract.h"
#include "lessee.h"
#include "matrix-case.h"
#include "polkit-stub.h"

#include "bus/action.h"

#include <string.h>
#include <unistd.h>

/* Who may call what: each method of the contract, without options and with each of its options, in each situation. The
 * contract says what a call needs; the table of the daemon must agree with it. */

typedef enum Situation {
        ROOT_BY_BUS,
        ROOT_BY_SOCKET,
        ACTIVE_USER,   /* has a session and an agent of polkit: an administrator authenticates */
        INACTIVE_USER, /* may be asked, but has no agent */
        NOBODY,        /* may not be asked */
        GROUP_MEMBER,  /* a rule of polkit permits exactly what the call needs, and nothing else */
        POLKIT_DENIES,
        POLKIT_ERRS,
        POLKIT_ABSENT,
        SENDER_GONE,
        PLAN_CHANGED,
        POLKIT_SILENT, /* the last one: it needs a daemon with a short deadline */
        _SITUATION_MAX,
} Situation;

static const char *const situation_names[] = {"root by bus", "root by socket", "active user", "inactive user", "nobody",
                "member of a permitted group", "polkit denies", "polkit errs", "polkit is absent", "sender gone",
                "plan changed during the prompt", "polkit never answers"};

/* Patterns of errors, as GDBus writes them. */
#define DENIED "*" ACCESS_DENIED ": *"
#define CHALLENGED "*org.freedesktop.DBus.Error.InteractiveAuthorizationRequired: *"
#define CHANGED "*.PlanStale: *changed while polkit decided*"

typedef struct Matrix {
        Fixture *fixture;
        PolkitStub *polkit;
        GPtrArray *interfaces; /* of the contract */
        const MatrixCase *mcase;
        char **actions; /* that the case needs */
        Situation situation;
        const char *denied; /* of POLKIT_DENIES: only this action */
        GDBusConnection *alice, *bob, *nobody, *socket;
        unsigned n_cells, n_cases;
} Matrix;

/* Polkit. */

static PolkitVerdict decide(const PolkitQuery *query, void *userdata) {
        const Matrix *matrix = userdata;
        bool may_ask = query->flags & 1;

        switch (matrix->situation) {
        case ACTIVE_USER:
                return may_ask ? VERDICT_AUTHORIZE : VERDICT_CHALLENGE;
        case INACTIVE_USER:
        case NOBODY:
                return VERDICT_CHALLENGE;
        case GROUP_MEMBER:
                return g_strv_contains((const char *const *)matrix->actions, query->action) ? VERDICT_AUTHORIZE
                                                                                            : VERDICT_DENY;
        case POLKIT_DENIES:
                return g_str_equal(query->action, matrix->denied) ? VERDICT_DENY : VERDICT_AUTHORIZE;
        case POLKIT_ERRS:
                return VERDICT_ERROR;
        case SENDER_GONE:
        case PLAN_CHANGED:
        case POLKIT_SILENT:
                return VERDICT_HOLD;
        default:
                g_error("polkit is asked for %s although %s", query->action, situation_names[matrix->situation]);
                return VERDICT_DENY;
        }
}

/* A cell. */

static Pending *start_call(Matrix *matrix, GDBusConnection *connection, bool may_ask) {
        g_autofree char *arguments = matrix_case_arguments(matrix->mcase);

        return connection_call_start(connection,
                        may_ask ? G_DBUS_CALL_FLAGS_ALLOW_INTERACTIVE_AUTHORIZATION : G_DBUS_CALL_FLAGS_NONE,
                        matrix_case_path(matrix->mcase), matrix->mcase->interface, matrix->mcase->method->name,
                        arguments);
}

static void fail(const Matrix *matrix, const char *what, const char *got) {
        g_autofree char *name = matrix_case_name(matrix->mcase);

        g_error("%s, %s: %s: %s", name, situation_names[matrix->situation], what, got);
}

/* The call ends with an error that matches the pattern; NULL: it succeeds. */
static void expect_end(Matrix *matrix, Pending *pending, const char *pattern) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = pending_finish(pending, &error);

        if (pattern ? !error || !g_pattern_match_simple(pattern, error->message) : !reply)
                fail(matrix, "the call ends with", error ? error->message : "success");
}

/* The call is permitted. */
static void expect_permitted(Matrix *matrix, Pending *pending) {
        expect_end(matrix, pending, matrix_case_end(matrix->mcase));
}

static int compare_texts(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* polkit was asked for each action that the call needs, once. */
static void expect_all_asked(const Matrix *matrix) {
        g_autoptr(GPtrArray) asked = g_ptr_array_new();

        for (guint i = 0; i < matrix->polkit->queries->len; i++)
                g_ptr_array_add(asked, polkit_stub_get_query(matrix->polkit, i)->action);
        g_ptr_array_sort(asked, compare_texts);
        g_ptr_array_add(asked, NULL);
        if (!g_strv_equal((const char *const *)asked->pdata, (const char *const *)matrix->actions)) {
                g_autofree char *text = g_strjoinv(", ", (char **)asked->pdata);
                fail(matrix, "polkit is asked for", text);
        }
}

static void expect_asked(const Matrix *matrix, guint n) {
        g_autofree char *number = matrix->polkit ? g_strdup_printf("%u", matrix->polkit->queries->len) : NULL;

        if (matrix->polkit && matrix->polkit->queries->len != n)
                fail(matrix, "number of questions to polkit", number);
}

/* Nothing was written while the call was denied. */
static void expect_no_writes(const Matrix *matrix) {
        g_auto(GStrv) writes = fake_kernel_writes(matrix->fixture->kernel);

        if (g_strv_length(writes) > 0)
                fail(matrix, "although it is denied, it writes", writes[0]);
}

/* polkit denies one of the actions. */
static void check_denied(Matrix *matrix) {
        guint n = g_strv_length(matrix->actions);

        for (guint i = 0; i < n; i++) {
                matrix->denied = matrix->actions[i];
                polkit_stub_clear(matrix->polkit);
                expect_end(matrix, start_call(matrix, matrix->alice, true), DENIED);
                if (matrix->polkit->queries->len == 0 || matrix->polkit->queries->len > n)
                        fail(matrix, "polkit is not asked for", matrix->denied);
        }
        if (n == 0) {
                matrix->denied = "";
                expect_permitted(matrix, start_call(matrix, matrix->alice, true));
                expect_asked(matrix, 0);
        }
}

/* The caller leaves while polkit decides, and then polkit permits the call. */
static void check_sender_gone(Matrix *matrix, bool is_guarded) {
        GDBusConnection *carol = private_bus_connect_as(ALICE_UID);
        g_autoptr(GError) error = NULL;

        Pending *pending = start_call(matrix, carol, true);
        if (is_guarded)
                polkit_stub_await_queries(matrix->polkit, 1);
        (void)g_dbus_connection_close_sync(carol, NULL, &error);
        g_assert_no_error(error);
        if (is_guarded) {
                polkit_stub_await_cancelled(matrix->polkit, 1);
                polkit_stub_release(matrix->polkit, VERDICT_AUTHORIZE);
        }
        GVariant *reply = pending_finish(pending, NULL);
        if (reply)
                g_variant_unref(reply);
        g_object_unref(carol);
        /* vfiod handles this call after the answer of polkit. */
        fixture_property(matrix->fixture, BUS_PATH, MANAGER, "Version", "'" VFIOD_VERSION "'");
        expect_asked(matrix, is_guarded ? 1 : 0);
}

static void check_changed(Matrix *matrix, bool is_guarded) {
        Pending *pending = start_call(matrix, matrix->alice, true);

        if (!is_guarded) {
                expect_permitted(matrix, pending);
                expect_asked(matrix, 0);
                return;
        }
        polkit_stub_await_queries(matrix->polkit, 1);
        if (matrix_case_can_change(matrix->mcase))
                matrix_case_change(matrix->fixture, matrix->mcase);
        fake_kernel_do(matrix->fixture->kernel, "reset-writes");
        /* polkit permits all that follows */
        matrix->situation = GROUP_MEMBER;
        polkit_stub_release(matrix->polkit, VERDICT_AUTHORIZE);
        expect_end(matrix, pending, matrix_case_can_change(matrix->mcase) ? CHANGED : NULL);
        matrix->situation = PLAN_CHANGED;
        expect_all_asked(matrix);
}

static void check_absent(Matrix *matrix, bool is_guarded) {
        matrix->polkit = polkit_stub_stop(matrix->polkit);
        expect_end(matrix, start_call(matrix, matrix->alice, true), is_guarded ? DENIED : NULL);
        matrix->polkit = polkit_stub_start(decide, matrix);
}

/* Whether the call needs polkit, and does not change anything if polkit does not permit it. */
static void check_cell(Matrix *matrix, Situation situation) {
        bool is_guarded = matrix->actions[0], permitted = !is_guarded;
        const char *denial = is_guarded ? DENIED : NULL, *challenge = is_guarded ? CHALLENGED : NULL;

        matrix->situation = situation;
        polkit_stub_clear(matrix->polkit);
        fake_kernel_do(matrix->fixture->kernel, "reset-writes");
        switch (situation) {
        case ROOT_BY_BUS:
        case ROOT_BY_SOCKET:
                permitted = true;
                expect_permitted(matrix,
                                start_call(matrix,
                                                situation == ROOT_BY_BUS ? matrix->fixture->connection : matrix->socket,
                                                false));
                expect_asked(matrix, 0);
                break;
        case ACTIVE_USER:
        case GROUP_MEMBER:
                permitted = true;
                expect_permitted(matrix, start_call(matrix, matrix->alice, situation == ACTIVE_USER));
                expect_all_asked(matrix);
                break;
        case INACTIVE_USER:
                expect_end(matrix, start_call(matrix, matrix->bob, true), challenge);
                expect_asked(matrix, is_guarded ? 1 : 0);
                break;
        case NOBODY:
                expect_end(matrix, start_call(matrix, matrix->nobody, false), challenge);
                expect_asked(matrix, is_guarded ? 1 : 0);
                break;
        case POLKIT_DENIES:
                check_denied(matrix);
                break;
        case POLKIT_ERRS:
                expect_end(matrix, start_call(matrix, matrix->alice, true), denial);
                expect_asked(matrix, is_guarded ? 1 : 0);
                break;
        case POLKIT_ABSENT:
                check_absent(matrix, is_guarded);
                break;
        case SENDER_GONE:
                check_sender_gone(matrix, is_guarded);
                break;
        case PLAN_CHANGED:
                check_changed(matrix, is_guarded);
                break;
        default:
                assert(situation == POLKIT_SILENT);
                expect_end(matrix, start_call(matrix, matrix->alice, true), denial);
                expect_asked(matrix, is_guarded ? 1 : 0);
                polkit_stub_release(matrix->polkit, VERDICT_AUTHORIZE);
        }
        if (!permitted)
                expect_no_writes(matrix);
        matrix->n_cells++;
}

/* The cases. */

static void check_case(Matrix *matrix, const MatrixCase *mcase, Situation first, Situation end) {
        g_auto(GStrv) actions = matrix_case_actions(mcase);

        matrix->mcase = mcase;
        matrix->actions = actions;
        matrix->n_cases++;
        g_autofree char *name = matrix_case_name(mcase);
        g_test_message("%s", name);
        for (Situation situation = first; situation < end; situation++) {
                matrix_case_prepare(matrix->fixture, mcase);
                check_cell(matrix, situation);
        }
}

/* The table of the daemon has the same options as the contract, and the same actions. */
static void check_table(const char *interface, const GDBusMethodInfo *method) {
        const MethodAccess *access = action_find(action_table, interface, method->name);
        g_auto(GStrv) options = contract_options(method);
        unsigned n = 0;

        g_assert_nonnull(access);
        const char *action = access->action == ACTION_NONE ? "none"
                        : access->action == ACTION_OWNER   ? "owner"
                                                           : action_to_string(access->action);
        if (!g_str_equal(action, contract_action(method)))
                g_error("%s.%s needs %s by the table, and %s by the contract", interface, method->name, action,
                                contract_action(method));
        for (const OptionAccess *option = access->options; option && option->name; option++, n++) {
                const char *expected = contract_option_action(method, option->name);
                const char *of_option = option->action == ACTION_NONE ? "none" : action_to_string(option->action);

                if (g_strcmp0(of_option, expected) != 0)
                        g_error("the option %s of %s.%s needs %s by the table, and %s by the contract", option->name,
                                        interface, method->name, of_option, expected);
        }
        g_assert_cmpuint(n, ==, g_strv_length(options));
}

static void check_method(
                Matrix *matrix, const char *interface, const GDBusMethodInfo *method, Situation first, Situation end) {
        g_auto(GStrv) options = contract_options(method);

        check_case(matrix, &(MatrixCase){interface, method, NULL, NULL}, first, end);
        for (unsigned i = 0; options[i]; i++)
                check_case(matrix, &(MatrixCase){interface, method, options[i], NULL}, first, end);
}

/* All methods but those of a job and of a lease, which need one. */
static void check_methods(Matrix *matrix, Situation first, Situation end) {
        for (guint i = 0; i < matrix->interfaces->len; i++) {
                const GDBusInterfaceInfo *interface = matrix->interfaces->pdata[i];

                bool has_owner = g_str_equal(interface->name, JOB) || g_str_equal(interface->name, LEASE);

                for (unsigned m = 0; !has_owner && interface->methods && interface->methods[m]; m++)
                        check_method(matrix, interface->name, interface->methods[m], first, end);
        }
}

static GDBusConnection *connect_socket(Fixture *fixture) {
        g_autofree char *address = g_strdup_printf("unix:path=%s.root", fixture->state_folder);
        g_autoptr(GError) error = NULL;

        GDBusConnection *socket = g_dbus_connection_new_for_address_sync(
                        address, G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT, NULL, NULL, &error);
        g_assert_no_error(error);
        return socket;
}

static void matrix_begin(Matrix *matrix, const FixtureOptions *options) {
        *matrix = (Matrix){.fixture = fixture_start(options), .interfaces = contract_interfaces()};
        matrix->polkit = polkit_stub_start(decide, matrix);
        matrix->alice = private_bus_connect_as(ALICE_UID);
        matrix->bob = private_bus_connect_as(BOB_UID);
        matrix->nobody = private_bus_connect_as(NOBODY_UID);
        matrix->socket = connect_socket(matrix->fixture);
        fake_kernel_do(matrix->fixture->kernel, "modprobe vfio-pci");
}

static void matrix_end(Matrix *matrix) {
        g_object_unref(matrix->alice);
        g_object_unref(matrix->bob);
        g_object_unref(matrix->nobody);
        g_object_unref(matrix->socket);
        (void)polkit_stub_stop(matrix->polkit);
        g_ptr_array_unref(matrix->interfaces);
        fixture_stop(matrix->fixture);
        g_test_message("%u calls in %u cells", matrix->n_cases, matrix->n_cells);
}

static void test_table(void) {
        g_autoptr(GPtrArray) interfaces = contract_interfaces();
        unsigned n = 0, n_entries = 0;

        for (guint i = 0; i < interfaces->len; i++) {
                const GDBusInterfaceInfo *interface = interfaces->pdata[i];

                for (unsigned m = 0; interface->methods && interface->methods[m]; m++, n++)
                        check_table(interface->name, interface->methods[m]);
        }
        while (action_table[n_entries].interface)
                n_entries++;
        g_assert_cmpuint(n, ==, n_entries);
}

static void test_cells(void) {
        Matrix matrix;

        matrix_begin(&matrix, NULL);
        check_methods(&matrix, 0, POLKIT_SILENT);
        g_assert_cmpuint(matrix.n_cells, ==, matrix.n_cases * POLKIT_SILENT);
        matrix_end(&matrix);
}

/* polkit never answers: a daemon with a short deadline. */
static void test_silence(void) {
        Matrix matrix;

        matrix_begin(&matrix, &(FixtureOptions){.polkit_deadline_ms = 100});
        check_methods(&matrix, POLKIT_SILENT, _SITUATION_MAX);
        g_assert_cmpuint(matrix.n_cells, ==, matrix.n_cases);
        matrix_end(&matrix);
}

/* The only method of an interface whose objects belong to a user. */
static const GDBusMethodInfo *find_owned(const Matrix *matrix, const char *name) {
        const GDBusInterfaceInfo *interface = contract_find_interface(matrix->interfaces, name);

        g_assert_true(interface->methods[0] && !interface->methods[1]);
        g_assert_cmpstr(contract_action(interface->methods[0]), ==, "owner");
        return interface->methods[0];
}

/* Root started the object. So root may call the method, and nobody else; polkit is not asked. */
static void check_owned_cell(Matrix *matrix, const MatrixCase *mcase, Situation situation) {
        GDBusConnection *callers[_SITUATION_MAX] = {[ROOT_BY_BUS] = matrix->fixture->connection,
                        [ROOT_BY_SOCKET] = matrix->socket,
                        [INACTIVE_USER] = matrix->bob,
                        [NOBODY] = matrix->nobody};
        bool is_root = situation == ROOT_BY_BUS || situation == ROOT_BY_SOCKET;
        g_auto(GStrv) actions = g_new0(char *, 1);

        matrix->mcase = mcase;
        matrix->actions = actions;
        matrix->situation = situation;
        if (situation == POLKIT_ABSENT) {
                matrix->polkit = polkit_stub_stop(matrix->polkit);
                expect_end(matrix, start_call(matrix, matrix->alice, true), DENIED);
                matrix->polkit = polkit_stub_start(decide, matrix);
        } else if (situation == SENDER_GONE)
                check_sender_gone(matrix, false);
        else
                expect_end(matrix, start_call(matrix, callers[situation] ?: matrix->alice, true),
                                is_root ? NULL : DENIED);
        expect_asked(matrix, 0);
        matrix->n_cells++;
        matrix->actions = NULL;
}

static void test_job(void) {
        Matrix matrix;

        matrix_begin(&matrix, NULL);
        MatrixCase mcase = {JOB, find_owned(&matrix, JOB), NULL, NULL};
        Pending *job = fixture_detach_stalled(matrix.fixture, 1);
        matrix.n_cases = 1;
        /* the other users first: then nothing is cancelled */
        for (Situation situation = _SITUATION_MAX; situation-- > 0;) {
                bool is_root = situation == ROOT_BY_BUS || situation == ROOT_BY_SOCKET;

                check_owned_cell(&matrix, &mcase, situation);
                fixture_property(matrix.fixture, JOB1, JOB, "Cancelled", is_root ? "true" : "false");
        }
        fake_kernel_do(matrix.fixture->kernel, "resume");
        pending_refused(job, "Cancelled", "*");
        matrix_end(&matrix);
}

/* The lease lives until root releases it, so each call of root has a lease of its own. */
static void check_leases(Matrix *matrix, const MatrixCase *mcase, unsigned *number) {
        g_autofree char *path = NULL;
        int guard = -1;

        for (Situation situation = _SITUATION_MAX; situation-- > 0;) {
                bool is_root = situation == ROOT_BY_BUS || situation == ROOT_BY_SOCKET;

                if (guard < 0) {
                        g_free(path);
                        path = g_strdup_printf(BUS_PATH "/leases/%u", ++*number);
                        g_autofree char *ticket = lessee_start(matrix->fixture, NIC, NO_OPTIONS, path);
                        guard = lessee_claim(matrix->fixture, ticket);
                        fixture_wait_property(matrix->fixture, path, LEASE, "State", "'active'");
                }
                check_owned_cell(matrix, &(MatrixCase){LEASE, mcase->method, mcase->option, path}, situation);
                if (is_root) {
                        g_autofree char *over = g_strdup_printf(BUS_PATH " InterfacesRemoved ('%s'*", path);

                        g_free(fixture_expect_signal(matrix->fixture, over));
                        (void)close(guard);
                        guard = -1;
                } else
                        fixture_property(matrix->fixture, path, LEASE, "State", "'active'");
        }
}

static void test_lease(void) {
        unsigned number = 0;
        Matrix matrix;

        matrix_begin(&matrix, NULL);
        const GDBusMethodInfo *method = find_owned(&matrix, LEASE);
        g_auto(GStrv) options = contract_options(method);
        check_leases(&matrix, &(MatrixCase){LEASE, method, NULL, NULL}, &number);
        for (matrix.n_cases = 1; options[matrix.n_cases - 1]; matrix.n_cases++)
                check_leases(&matrix, &(MatrixCase){LEASE, method, options[matrix.n_cases - 1], NULL}, &number);
        matrix_end(&matrix);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/matrix/table", test_table);
        g_test_add_func("/bus/matrix/cells", test_cells);
        g_test_add_func("/bus/matrix/silence", test_silence);
        g_test_add_func("/bus/matrix/job", test_job);
        g_test_add_func("/bus/matrix/lease", test_lease);
        return g_test_run();
}
