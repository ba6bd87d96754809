/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "random-call.h"

#include <string.h>

#define DEPTH_MAX 20
#define LONG_LIST 2000
#define LONG_TEXT 600

typedef struct Method {
        const char *path, *interface, *member;
        char *signature;
} Method;

struct CallBook {
        GPtrArray *nodes; /* GDBusNodeInfo, which own the names */
        GPtrArray *paths; /* of the objects */
        GPtrArray *properties;
        GArray *methods; /* those of the manager first */
        guint n_of_manager;
};

static guint below(guint n) {
        return (guint)g_test_rand_int_range(0, (gint32)n);
}

static bool one_in(guint n) {
        return below(n) == 0;
}

#define PICK(array) ((array)[below(G_N_ELEMENTS(array))])

/* Reading of the objects. */

static void add_interface(CallBook *book, const char *path, const GDBusInterfaceInfo *interface) {
        for (guint i = 0; interface->methods && interface->methods[i]; i++) {
                const GDBusMethodInfo *info = interface->methods[i];
                g_autoptr(GString) signature = g_string_new(NULL);

                for (guint n = 0; info->in_args && info->in_args[n]; n++)
                        g_string_append(signature, info->in_args[n]->signature);
                Method method = {path, interface->name, info->name, g_strdup(signature->str)};
                g_array_append_val(book->methods, method);
        }
        for (guint i = 0; interface->properties && interface->properties[i]; i++)
                g_ptr_array_add(book->properties, interface->properties[i]->name);
}

static void add_object(CallBook *book, Fixture *fixture, const char *path) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply =
                        fixture_call(fixture, path, "org.freedesktop.DBus.Introspectable", "Introspect", NULL, &error);
        g_assert_no_error(error);
        const char *xml;
        char *own_path = g_strdup(path);

        g_variant_get(reply, "(&s)", &xml);
        GDBusNodeInfo *node = g_dbus_node_info_new_for_xml(xml, &error);
        g_assert_no_error(error);
        g_ptr_array_add(book->nodes, node);
        g_ptr_array_add(book->paths, own_path);
        for (guint i = 0; node->interfaces && node->interfaces[i]; i++)
                add_interface(book, own_path, node->interfaces[i]);
}

static void method_clear(void *data) {
        g_free(((Method *)data)->signature);
}

CallBook *call_book_new(Fixture *fixture) {
        CallBook *book = g_new0(CallBook, 1);
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, OBJECT_MANAGER, "GetManagedObjects", NULL, &error);
        g_assert_no_error(error);
        g_autoptr(GVariantIter) objects = NULL;
        const char *path;

        book->nodes = g_ptr_array_new_with_free_func((GDestroyNotify)g_dbus_node_info_unref);
        book->paths = g_ptr_array_new_with_free_func(g_free);
        book->properties = g_ptr_array_new();
        book->methods = g_array_new(false, false, sizeof(Method));
        g_array_set_clear_func(book->methods, method_clear);
        add_object(book, fixture, BUS_PATH);
        book->n_of_manager = book->methods->len;
        g_variant_get(reply, "(a{oa{sa{sv}}})", &objects);
        while (g_variant_iter_next(objects, "{&o@a{sa{sv}}}", &path, NULL))
                if (!g_str_equal(path, BUS_PATH))
                        add_object(book, fixture, path);
        return book;
}

CallBook *call_book_free(CallBook *book) {
        g_array_unref(book->methods);
        g_ptr_array_unref(book->properties);
        g_ptr_array_unref(book->paths);
        g_ptr_array_unref(book->nodes);
        g_free(book);
        return NULL;
}

guint call_book_count_methods(const CallBook *book) {
        return book->methods->len;
}

/* Values. */

static const char *random_text(void) {
        static const char *const texts[] = {"", "ens1", "ens3", "ens4", NIC, "05:00.0", "group:10", "group:11",
                        "group:12", "group:999", "0000:03:01.0", "nvme0n1", "driver:e1000e", "*",
                        "set-virtual-functions", "storage", "network", "display", "held", "name", "1", "-1",
                        "4294967296", "../../etc", "a/b", "\n", "\x1b[31m", "\xc3\xa4", "%s%n", "rule.conf",
                        "0123456789abcdef", MANAGER, DEVICE, GROUP, JOB, LEASE, "State"};
        static char long_text[LONG_TEXT + 1];

        if (one_in(4))
                return one_in(3) ? "reset" : one_in(2) ? "detach" : "reattach";
        if (!one_in(50))
                return PICK(texts);
        memset(long_text, 'a', LONG_TEXT);
        long_text[below(LONG_TEXT)] = '\0';
        return long_text;
}

static void put_basic(GByteArray *body, guint size) {
        static const guint64 numbers[] = {0, 1, 2, 64, 255, 1024, G_MAXINT32, G_MAXUINT32, G_MAXUINT64};
        guint64 number = one_in(3) ? ((guint64)below(G_MAXINT32) << 32) + below(G_MAXINT32) : PICK(numbers);

        raw_align(body, size);
        g_byte_array_append(body, (const guint8 *)&number, size);
}

static guint alignment_of(char type) {
        switch (type) {
        case 'y':
        case 'g':
        case 'v':
                return 1;
        case 'n':
        case 'q':
                return 2;
        case 'x':
        case 't':
        case 'd':
        case '(':
        case '{':
                return 8;
        default:
                return 4;
        }
}

/* The end of the first complete type. */
static const char *skip_type(const char *type) {
        guint depth = 0;

        while (*type == 'a')
                type++;
        do {
                depth += *type == '(' || *type == '{';
                depth -= *type == ')' || *type == '}';
                type++;
        } while (depth > 0);
        return type;
}

static const char *random_type(guint depth) {
        static const char *const simple[] = {"y", "b", "n", "q", "i", "u", "x", "t", "d", "s", "o", "g"};
        static const char *const all[] = {"s", "b", "u", "as", "v", "av", "a{sv}", "(sv)", "aas", "ay", "(ssa{sv})",
                        "a(sa{sv})", "a{s(uv)}"};

        return depth >= DEPTH_MAX || one_in(3) ? PICK(simple) : PICK(all);
}

static const char *put_value(GByteArray *body, const char *type, guint depth);

static void put_values(GByteArray *body, const char *types, const char *end, guint depth) {
        while (types < end)
                types = put_value(body, types, depth);
}

/* The type that an option has, or another type. */
static const char *type_of_option(const char *key, guint depth) {
        static const char *const types[][2] = {{"companions", "as"}, {"override", "as"}, {"plan", "s"}, {"name", "s"},
                        {"virtual-functions", "u"}};

        if (one_in(3))
                return random_type(depth);
        for (guint i = 0; i < G_N_ELEMENTS(types); i++)
                if (g_str_equal(types[i][0], key))
                        return types[i][1];
        return "b";
}

static void put_variant(GByteArray *body, const char *type, guint depth) {
        raw_put_signature(body, type);
        (void)put_value(body, type, depth + 1);
}

static void put_option(GByteArray *body, guint depth) {
        static const char *const keys[] = {"companions", "override", "plan", "force", "adopt", "detach", "driverless",
                        "name", "virtual-functions", "dry-run"};
        const char *key = one_in(8) ? random_text() : PICK(keys);

        raw_align(body, 8);
        raw_put_text(body, key);
        put_variant(body, type_of_option(key, depth), depth);
}

static guint random_length(guint depth) {
        if (depth > 2)
                return below(3);
        return one_in(400) ? LONG_LIST : one_in(40) ? 100 : below(4);
}

static void put_array(GByteArray *body, const char *element, guint depth) {
        guint alignment = alignment_of(*element), n = random_length(depth);

        guint begin = raw_begin_array(body, alignment);
        for (guint i = 0; i < n; i++)
                if (g_str_has_prefix(element, "{sv}"))
                        put_option(body, depth + 1);
                else
                        (void)put_value(body, element, depth + 1);
        raw_end_array(body, begin, alignment);
}

static void put_bool(GByteArray *body) {
        guint32 value = below(2);

        raw_align(body, sizeof(value));
        g_byte_array_append(body, (const guint8 *)&value, sizeof(value));
}

/* Adds a value of the first type, and returns the rest of the types. */
static const char *put_value(GByteArray *body, const char *type, guint depth) {
        const char *end = skip_type(type);

        switch (*type) {
        case 's':
                raw_put_text(body, random_text());
                break;
        case 'o':
                raw_put_text(body, one_in(2) ? NIC_PATH : GROUP12);
                break;
        case 'g':
                raw_put_signature(body, random_type(depth));
                break;
        case 'b':
                put_bool(body);
                break;
        case 'v':
                put_variant(body, random_type(depth), depth);
                break;
        case 'a':
                put_array(body, type + 1, depth);
                break;
        case '(':
        case '{':
                raw_align(body, 8);
                put_values(body, type + 1, end - 1, depth + 1);
                break;
        default:
                put_basic(body, alignment_of(*type));
        }
        return end;
}

/* Calls. */

static char *random_signature(void) {
        g_autoptr(GString) signature = g_string_new(NULL);

        for (guint i = 0, n = below(5); i < n; i++)
                g_string_append(signature, random_type(0));
        return g_string_free(g_steal_pointer(&signature), false);
}

static const char *any_path(const CallBook *book) {
        static const char *const strange[] = {"/", "/org", BUS_PATH "/devices", BUS_PATH "/devices/_2e", JOB1, LEASE1,
                        BUS_PATH "/groups/4294967296", BUS_PATH "/groups/012", "/org/freedesktop/DBus"};

        return one_in(2) ? PICK(strange) : book->paths->pdata[below(book->paths->len)];
}

static void put_property_call(const CallBook *book, RandomCall *call) {
        static const char *const interfaces[] = {MANAGER, DEVICE, GROUP, JOB, LEASE, "", "org.vfiod1", "no interface"};
        static const char *const members[] = {"Get", "Set", "GetAll"};

        call->path = any_path(book);
        call->interface = PROPERTIES;
        call->member = PICK(members);
        call->signature = g_strdup(g_str_equal(call->member, "GetAll")     ? "s"
                                        : g_str_equal(call->member, "Get") ? "ss"
                                                                           : "ssv");
        raw_put_text(call->body, PICK(interfaces));
        if (call->signature[1] == 's')
                raw_put_text(call->body,
                                one_in(5) ? random_text() : book->properties->pdata[below(book->properties->len)]);
        if (call->signature[1] == 's' && call->signature[2] == 'v')
                put_variant(call->body, random_type(0), 0);
}

RandomCall random_call(const CallBook *book) {
        static const char *const members[] = {"Detach", "Reattach", "Reset", "Plan", "Nothing", "Get", "Cancel"};
        static const char *const interfaces[] = {
                        MANAGER, DEVICE, GROUP, JOB, LEASE, "org.vfiod1", "a.b", PROPERTIES, NULL};
        guint n = one_in(2) ? book->n_of_manager : book->methods->len;
        const Method *method = &g_array_index(book->methods, Method, below(n));
        RandomCall call = {
                        .path = method->path,
                        .interface = method->interface,
                        .member = method->member,
                        .body = raw_body(),
        };

        if (one_in(8)) {
                put_property_call(book, &call);
                return call;
        }
        if (one_in(16))
                call.path = any_path(book);
        if (one_in(16))
                call.interface = PICK(interfaces);
        if (one_in(16))
                call.member = PICK(members);
        call.signature = one_in(8) ? random_signature() : g_strdup(method->signature);
        put_values(call.body, call.signature, call.signature + strlen(call.signature), 0);
        return call;
}
