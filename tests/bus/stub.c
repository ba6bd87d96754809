/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stub.h"

#include <string.h>

struct Stub {
        PrivateBus *bus;
        GDBusConnection *connection;
        unsigned filter;
        GMutex lock;         /* for the following fields: calls arrive in a thread of GDBus */
        GHashTable *answers; /* method -> text */
        GPtrArray *calls;    /* GDBusMessage, all calls */
        GPtrArray *expected; /* calls that a test has waited for */
        GCond came;
};

static GVariant *parse(const char *text) {
        g_autoptr(GError) error = NULL;
        GVariant *value = g_variant_parse(NULL, text, NULL, NULL, &error);

        if (!value)
                g_error("%s: %s", text, error->message);
        return value;
}

static void reply(GDBusConnection *connection, GDBusMessage *call, const char *answer) {
        g_autoptr(GDBusMessage) message = NULL;
        g_autoptr(GError) error = NULL;

        if (answer[0] == '!') {
                g_auto(GStrv) parts = g_strsplit(answer + 1, " ", 2);

                message = g_dbus_message_new_method_error_literal(call, parts[0], parts[1]);
        } else {
                message = g_dbus_message_new_method_reply(call);
                g_dbus_message_set_body(message, parse(answer));
        }
        (void)g_dbus_connection_send_message(connection, message, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, &error);
        g_assert_no_error(error);
}

static GDBusMessage *on_message(GDBusConnection *connection, GDBusMessage *message, gboolean incoming, void *userdata) {
        Stub *stub = userdata;

        if (!incoming || g_dbus_message_get_message_type(message) != G_DBUS_MESSAGE_TYPE_METHOD_CALL)
                return message;

        const char *member = g_dbus_message_get_member(message), *argument = g_dbus_message_get_arg0(message);
        g_autofree char *special = g_strdup_printf("%s %s", member, argument ?: "");

        g_mutex_lock(&stub->lock);
        const char *answer = g_hash_table_lookup(stub->answers, special);
        if (!answer)
                answer = g_hash_table_lookup(stub->answers, member);
        g_ptr_array_add(stub->calls, g_object_ref(message));
        if (answer)
                reply(connection, message, answer);
        g_cond_broadcast(&stub->came);
        g_mutex_unlock(&stub->lock);
        g_object_unref(message);
        return NULL;
}

Stub *stub_start(void) {
        Stub *stub = g_new0(Stub, 1);
        g_autoptr(GError) error = NULL;

        g_mutex_init(&stub->lock);
        g_cond_init(&stub->came);
        stub->answers = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, g_free);
        stub->calls = g_ptr_array_new_with_free_func(g_object_unref);
        stub->expected = g_ptr_array_new_with_free_func(g_object_unref);
        stub->bus = private_bus_start(false);
        stub->connection = private_bus_connect();
        stub->filter = g_dbus_connection_add_filter(stub->connection, on_message, stub, NULL);
        g_autoptr(GVariant) G_GNUC_UNUSED owner =
                        g_dbus_connection_call_sync(stub->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", "RequestName", g_variant_new("(su)", "org.vfiod1", 0),
                                        NULL, G_DBUS_CALL_FLAGS_NONE, DEADLINE_MS, NULL, &error);
        g_assert_no_error(error);
        return stub;
}

Stub *stub_stop(Stub *stub) {
        g_dbus_connection_remove_filter(stub->connection, stub->filter);
        (void)g_dbus_connection_close_sync(stub->connection, NULL, NULL);
        g_object_unref(stub->connection);
        private_bus_stop(stub->bus);
        g_hash_table_unref(stub->answers);
        g_ptr_array_unref(stub->calls);
        g_ptr_array_unref(stub->expected);
        g_mutex_clear(&stub->lock);
        g_cond_clear(&stub->came);
        g_free(stub);
        return NULL;
}

void stub_answer(Stub *stub, const char *method, const char *answer) {
        g_mutex_lock(&stub->lock);
        (void)g_hash_table_insert(stub->answers, g_strdup(method), g_strdup(answer));
        g_mutex_unlock(&stub->lock);
}

static GDBusMessage *find_call(Stub *stub, const char *member) {
        for (unsigned i = 0; i < stub->calls->len; i++)
                if (g_str_equal(g_dbus_message_get_member(stub->calls->pdata[i]), member) &&
                                !g_ptr_array_find(stub->expected, stub->calls->pdata[i], NULL))
                        return stub->calls->pdata[i];
        return NULL;
}

char *stub_expect_call(Stub *stub, const char *member) {
        gint64 deadline = g_get_monotonic_time() + DEADLINE_MS * 1000LL;
        GDBusMessage *call;

        g_mutex_lock(&stub->lock);
        while (!(call = find_call(stub, member)))
                if (!g_cond_wait_until(&stub->came, &stub->lock, deadline))
                        g_error("%s is not called", member);
        g_ptr_array_add(stub->expected, g_object_ref(call));
        char *path = g_strdup(g_dbus_message_get_path(call));
        g_mutex_unlock(&stub->lock);
        return path;
}

void stub_finish(Stub *stub, const char *member, const char *answer) {
        GDBusMessage *last = NULL;

        for (unsigned i = 0; i < stub->expected->len; i++)
                if (g_str_equal(g_dbus_message_get_member(stub->expected->pdata[i]), member))
                        last = stub->expected->pdata[i];
        g_assert_nonnull(last);
        reply(stub->connection, last, answer);
}

unsigned stub_count_calls(Stub *stub, const char *member) {
        unsigned n = 0;

        g_mutex_lock(&stub->lock);
        for (unsigned i = 0; i < stub->calls->len; i++)
                n += g_str_equal(g_dbus_message_get_member(stub->calls->pdata[i]), member);
        g_mutex_unlock(&stub->lock);
        return n;
}

char *stub_get_arguments(Stub *stub, const char *member) {
        char *text = NULL;

        g_mutex_lock(&stub->lock);
        for (unsigned i = stub->calls->len; i > 0 && !text; i--) {
                GDBusMessage *call = stub->calls->pdata[i - 1];

                if (g_str_equal(g_dbus_message_get_member(call), member))
                        text = g_variant_print(g_dbus_message_get_body(call), false);
        }
        g_mutex_unlock(&stub->lock);
        g_assert_nonnull(text);
        return text;
}

void stub_emit(Stub *stub, const char *path, const char *interface, const char *member, const char *arguments) {
        g_autoptr(GError) error = NULL;

        (void)g_dbus_connection_emit_signal(stub->connection, NULL, path, interface, member, parse(arguments), &error);
        g_assert_no_error(error);
}
