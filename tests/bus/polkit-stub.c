/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "polkit-stub.h"

#define POLKIT_PATH "/org/freedesktop/PolicyKit1/Authority"

static const char interface_xml[] = "<node><interface name='org.freedesktop.PolicyKit1.Authority'>"
                                    "<method name='CheckAuthorization'>"
                                    "<arg type='(sa{sv})' direction='in'/><arg type='s' direction='in'/>"
                                    "<arg type='a{ss}' direction='in'/><arg type='u' direction='in'/>"
                                    "<arg type='s' direction='in'/><arg type='(bba{ss})' direction='out'/></method>"
                                    "<method name='CancelCheckAuthorization'><arg type='s' direction='in'/></method>"
                                    "</interface></node>";

static void query_free(void *data) {
        PolkitQuery *query = data;

        g_free(query->action);
        g_free(query->caller);
        g_free(query->cancellation_id);
        g_variant_unref(query->details);
        g_free(query);
}

/* Sends an answer of another type, which GDBus would not do by itself. */
static void send_nonsense(PolkitStub *stub, GDBusMethodInvocation *invocation) {
        g_autoptr(GDBusMessage) reply =
                        g_dbus_message_new_method_reply(g_dbus_method_invocation_get_message(invocation));

        g_dbus_message_set_body(reply, g_variant_new("(s)", "yes"));
        g_assert_true(g_dbus_connection_send_message(
                        stub->connection, reply, G_DBUS_SEND_MESSAGE_FLAGS_NONE, NULL, NULL));
        g_object_unref(invocation);
}

static void answer(PolkitStub *stub, GDBusMethodInvocation *invocation, PolkitVerdict verdict) {
        const char *dismissed = verdict == VERDICT_DISMISS ? "{'polkit.dismissed': 'true'}" : "@a{ss} {}";

        switch (verdict) {
        case VERDICT_HOLD:
                g_ptr_array_add(stub->held, invocation);
                break;
        case VERDICT_ERROR:
                g_dbus_method_invocation_return_dbus_error(
                                invocation, "org.freedesktop.PolicyKit1.Error.Failed", "It broke.");
                break;
        case VERDICT_NONSENSE:
                send_nonsense(stub, invocation);
                break;
        default:
                g_dbus_method_invocation_return_value(invocation,
                                g_variant_new("((bb@a{ss}))", verdict == VERDICT_AUTHORIZE,
                                                verdict == VERDICT_CHALLENGE, g_variant_new_parsed(dismissed)));
        }
}

static void check(PolkitStub *stub, GVariant *arguments, GDBusMethodInvocation *invocation) {
        g_autoptr(GVariant) subject = NULL;
        PolkitQuery *query = g_new0(PolkitQuery, 1);
        const char *kind;

        g_variant_get(arguments, "((&s@a{sv})s@a{ss}us)", &kind, &subject, &query->action, &query->details,
                        &query->flags, &query->cancellation_id);
        g_assert_cmpstr(kind, ==, "system-bus-name");
        g_assert_cmpuint(g_variant_n_children(subject), ==, 1);
        g_assert_true(g_variant_lookup(subject, "name", "s", &query->caller));
        g_ptr_array_add(stub->queries, query);
        answer(stub, invocation, stub->decide(query, stub->userdata));
}

static void on_call(GDBusConnection *connection, const char *sender, const char *path, const char *interface,
                const char *member, GVariant *arguments, GDBusMethodInvocation *invocation, void *userdata) {
        PolkitStub *stub = userdata;
        char *id;

        (void)connection, (void)sender, (void)path, (void)interface;
        if (g_str_equal(member, "CheckAuthorization")) {
                check(stub, arguments, invocation);
                return;
        }
        g_variant_get(arguments, "(s)", &id);
        g_ptr_array_add(stub->cancelled, id);
        g_dbus_method_invocation_return_value(invocation, NULL);
}

/* RequestName or ReleaseName; the result is 1 for success. */
static void call_bus(PolkitStub *stub, const char *member, GVariant *arguments) {
        g_autoptr(GError) error = NULL;
        guint32 result;

        g_autoptr(GVariant) reply = g_dbus_connection_call_sync(stub->connection, "org.freedesktop.DBus", "/",
                        "org.freedesktop.DBus", member, arguments, G_VARIANT_TYPE("(u)"), G_DBUS_CALL_FLAGS_NONE,
                        DEADLINE_MS, NULL, &error);
        g_assert_no_error(error);
        g_variant_get(reply, "(u)", &result);
        g_assert_cmpuint(result, ==, 1);
}

PolkitStub *polkit_stub_start(polkit_decide_t decide, void *userdata) {
        static const GDBusInterfaceVTable vtable = {.method_call = on_call};
        PolkitStub *stub = g_new0(PolkitStub, 1);
        g_autoptr(GError) error = NULL;

        stub->queries = g_ptr_array_new_with_free_func(query_free);
        stub->cancelled = g_ptr_array_new_with_free_func(g_free);
        stub->held = g_ptr_array_new();
        stub->decide = decide;
        stub->userdata = userdata;
        stub->connection = private_bus_connect();
        g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(interface_xml, &error);
        g_assert_no_error(error);
        stub->object = g_dbus_connection_register_object(
                        stub->connection, POLKIT_PATH, node->interfaces[0], &vtable, stub, NULL, &error);
        g_assert_no_error(error);
        call_bus(stub, "RequestName", g_variant_new("(su)", POLKIT_NAME, 0U));
        return stub;
}

PolkitStub *polkit_stub_stop(PolkitStub *stub) {
        g_autoptr(GError) error = NULL;

        if (!stub)
                return NULL;
        call_bus(stub, "ReleaseName", g_variant_new("(s)", POLKIT_NAME));
        for (guint i = 0; i < stub->held->len; i++)
                g_object_unref(stub->held->pdata[i]);
        g_assert_true(g_dbus_connection_unregister_object(stub->connection, stub->object));
        (void)g_dbus_connection_close_sync(stub->connection, NULL, &error);
        g_assert_no_error(error);
        g_object_unref(stub->connection);
        g_ptr_array_unref(stub->queries);
        g_ptr_array_unref(stub->cancelled);
        g_ptr_array_unref(stub->held);
        g_free(stub);
        return NULL;
}

static gboolean on_deadline(void *userdata) {
        g_error("vfiod does not %s", (const char *)userdata);
        return G_SOURCE_REMOVE;
}

static void await(const GPtrArray *array, guint n, const char *what) {
        guint deadline = g_timeout_add(DEADLINE_MS, on_deadline, (void *)what);

        while (array->len < n)
                (void)g_main_context_iteration(NULL, true);
        (void)g_source_remove(deadline);
}

void polkit_stub_await_queries(PolkitStub *stub, guint n) {
        await(stub->queries, n, "ask polkit");
}

void polkit_stub_await_cancelled(PolkitStub *stub, guint n) {
        await(stub->cancelled, n, "cancel its question");
}

const PolkitQuery *polkit_stub_get_query(PolkitStub *stub, guint i) {
        g_assert_cmpuint(i, <, stub->queries->len);
        return stub->queries->pdata[i];
}

void polkit_stub_clear(PolkitStub *stub) {
        g_ptr_array_set_size(stub->queries, 0);
        g_ptr_array_set_size(stub->cancelled, 0);
}

void polkit_stub_release(PolkitStub *stub, PolkitVerdict verdict) {
        g_autoptr(GPtrArray) held = g_steal_pointer(&stub->held);

        stub->held = g_ptr_array_new();
        for (guint i = 0; i < held->len; i++)
                answer(stub, held->pdata[i], verdict);
}

void polkit_query_expect(const PolkitQuery *query, const char *key, const char *expected) {
        const char *value = NULL;

        (void)g_variant_lookup(query->details, key, "&s", &value);
        if (g_strcmp0(value, expected) != 0)
                g_error("detail %s of %s is \"%s\" instead of \"%s\"", key, query->action, value, expected);
}
