/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "witness.h"

#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

/* A large or malformed call by any user: the daemon refuses it quickly with a short message, and nobody else waits. */

#define CPU_MAX_US (150 * 1000)
/* dbus-daemon counts such a call as one that waits for its answer, and allows 128. */
#define N_DESCRIPTORS 100

typedef struct Bomb {
        uid_t uid;
        const char *path; /* NULL: the path of the manager */
        GByteArray *body;
        const char *error, *pattern;
} Bomb;

static void send_bomb(void *userdata) {
        const Bomb *bomb = userdata;
        g_autoptr(RawBus) attacker = raw_bus_connect(bomb->uid);

        (void)raw_bus_send_to(attacker, bomb->path ?: BUS_PATH, "Plan", "ssa{sv}", bomb->body);
        g_auto(RawAnswer) answer = raw_bus_receive(attacker);
        if (g_strcmp0(answer.error, bomb->error) != 0 || !g_pattern_match_simple(bomb->pattern, answer.text))
                g_error("the answer is %s: %.300s", answer.error ?: "a success", answer.text);
        g_assert_cmpuint(strlen(answer.text), <, 400);
}

static void check_refusal(uid_t uid, GByteArray *body, const char *pattern) {
        Fixture *fixture = fixture_start(NULL);
        Bomb bomb = {.uid = uid, .body = body, .error = INVALID_ARGS, .pattern = pattern};
        Witness witness;

        witness_begin(&witness, fixture, uid);
        witness_during(&witness, send_bomb, &bomb);
        witness_end(&witness, CPU_MAX_US);
        fixture_stop(fixture);
}

/* The first arguments of Plan, without its options. */
static GByteArray *plan_of(const char *selector, const char *verb) {
        GByteArray *body = raw_body();

        raw_put_text(body, selector);
        raw_put_text(body, verb);
        return body;
}

/* An option whose value is a list of n strings. */
static void put_list(GByteArray *body, const char *key, guint n, const char *entry) {
        raw_put_key(body, key, "as");
        guint list = raw_begin_array(body, 4);
        for (guint i = 0; i < n; i++)
                raw_put_text(body, entry);
        raw_end_array(body, list, 4);
}

static void check_list_refusal(uid_t uid, const char *key, guint n, const char *entry, const char *pattern) {
        GByteArray *body = plan_of("group:11", "detach");

        guint options = raw_begin_array(body, 8);
        put_list(body, key, n, entry);
        raw_end_array(body, options, 8);
        check_refusal(uid, body, pattern);
}

static void test_companions(uid_t uid) {
        check_list_refusal(uid, "companions", 1025, "", "Option 'companions' may have at most 1024 entries.");
        check_list_refusal(uid, "companions", 200000, "", "Option 'companions' may have at most 1024 entries.");
        check_list_refusal(uid, "companions", 3000000, "", "Option 'companions' may have at most 1024 entries.");
}

static void test_overrides(uid_t uid) {
        check_list_refusal(uid, "override", 200000, "storage", "Option 'override' may have at most 1024 entries.");
}

static void test_long_entry(uid_t uid) {
        g_autofree char *entry = g_strnfill(1 << 20, 'a');

        check_list_refusal(uid, "companions", 1, entry, "*at most 511 characters*");
        check_list_refusal(uid, "override", 1, entry, "*at most 511 characters*");
}

static void test_long_names(uid_t uid) {
        g_autofree char *name = g_strnfill(1 << 20, 'a');

        check_list_refusal(uid, name, 1, "", "Detach has no option 'aaa*...'.");
        GByteArray *body = plan_of("group:11", name);
        raw_end_array(body, raw_begin_array(body, 8), 8);
        check_refusal(uid, body, "There is no verb 'aaa*...' to plan*");

        body = plan_of("group:11", "detach");
        guint options = raw_begin_array(body, 8);
        raw_put_key(body, "plan", "s");
        raw_put_text(body, name);
        raw_end_array(body, options, 8);
        check_refusal(uid, body, "'aaa*...' is no fingerprint of a plan*");

        body = plan_of(name, "detach");
        raw_end_array(body, raw_begin_array(body, 8), 8);
        check_refusal(uid, body, "A selector is *at most 511 characters.");
}

static void test_repeated_option(uid_t uid) {
        GByteArray *body = plan_of("group:11", "detach");

        guint options = raw_begin_array(body, 8);
        for (guint i = 0; i < 200000; i++)
                put_list(body, "override", 1, "storage");
        raw_end_array(body, options, 8);
        check_refusal(uid, body, "Option 'override' is given twice.");
}

/* sd-bus examines each prefix of a path with all its characters. */
static void test_long_path(uid_t uid) {
        g_autoptr(GString) path = g_string_new(NULL);
        Fixture *fixture = fixture_start(NULL);
        GByteArray *body = plan_of("group:11", "detach");
        Witness witness;

        for (guint i = 0; i < 32000; i++)
                g_string_append(path, "/a");
        raw_end_array(body, raw_begin_array(body, 8), 8);
        Bomb bomb = {
                        .uid = uid,
                        .path = path->str,
                        .body = body,
                        .error = UNKNOWN_OBJECT,
                        .pattern = "There is no such object: *more than 255 characters.",
        };
        witness_begin(&witness, fixture, uid);
        witness_during(&witness, send_bomb, &bomb);
        witness_end(&witness, CPU_MAX_US);
        fixture_stop(fixture);
}

static guint count_descriptors(Fixture *fixture) {
        g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)process_get_pid(fixture->daemon));
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        guint n = 0;

        g_assert_nonnull(folder);
        while (g_dir_read_name(folder))
                n++;
        return n;
}

static void send_descriptor(GDBusConnection *attacker) {
        g_autoptr(GUnixFDList) list = g_unix_fd_list_new();
        g_autoptr(GError) error = NULL;

        g_assert_cmpint(g_unix_fd_list_append(list, STDOUT_FILENO, &error), ==, 0);
        g_assert_no_error(error);
        g_autoptr(GVariant) reply = g_dbus_connection_call_with_unix_fd_list_sync(attacker, BUS_NAME, BUS_PATH, MANAGER,
                        "ListGroups", NULL, NULL, G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, list, NULL, NULL, &error);
        g_assert_null(reply);
        error_expect(error,
                        private_bus_is_broker() ? "org.freedesktop.DBus.Error.Failed"
                                                : "org.freedesktop.DBus.Error.NotSupported",
                        "*");
}

static void send_descriptors(void *userdata) {
        for (guint i = 0; i < N_DESCRIPTORS; i++)
                send_descriptor(userdata);
}

/* A file descriptor in a call would stay open as long as the daemon keeps the call. */
static void test_descriptors(uid_t uid) {
        Fixture *fixture = fixture_start(NULL);
        Witness witness;

        raw_bus_set_effective_uid(uid);
        GDBusConnection *attacker = private_bus_connect();
        raw_bus_set_effective_uid(0);
        witness_begin(&witness, fixture, uid);
        guint n = count_descriptors(fixture);
        witness_during(&witness, send_descriptors, attacker);
        g_assert_cmpuint(count_descriptors(fixture), ==, n);
        witness_end(&witness, CPU_MAX_US);
        g_object_unref(attacker);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        attack_add("/attack/bombs/companions", test_companions);
        attack_add("/attack/bombs/overrides", test_overrides);
        attack_add("/attack/bombs/long-entry", test_long_entry);
        attack_add("/attack/bombs/long-names", test_long_names);
        attack_add("/attack/bombs/repeated-option", test_repeated_option);
        attack_add("/attack/bombs/long-path", test_long_path);
        attack_add("/attack/bombs/descriptors", test_descriptors);
        return g_test_run();
}
