/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "raw-bus.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

struct RawBus {
        int fd;
        char *name; /* on the bus */
        guint32 serial;
        bool is_lossy; /* it may be closed by the other end */
        bool is_lost;
};

static void write_all(RawBus *bus, const void *data, gsize size) {
        for (const guint8 *next = data; size > 0 && !bus->is_lost;) {
                ssize_t n = send(bus->fd, next, size, MSG_NOSIGNAL);

                bus->is_lost = n < 0 && bus->is_lossy && (errno == EPIPE || errno == ECONNRESET);
                if (bus->is_lost)
                        return;
                if (n < 0)
                        g_error("cannot send to the bus: %s", g_strerror(errno));
                next += n;
                size -= (gsize)n;
        }
}

static void read_all(RawBus *bus, void *buffer, gsize size) {
        for (guint8 *next = buffer; size > 0;) {
                struct pollfd poll_fd = {.fd = bus->fd, .events = POLLIN};

                g_assert_cmpint(poll(&poll_fd, 1, DEADLINE_MS), ==, 1);
                ssize_t n = recv(bus->fd, next, size, 0);
                if (n <= 0)
                        g_error("the bus ends the connection: %s", n < 0 ? g_strerror(errno) : "end of stream");
                next += n;
                size -= (gsize)n;
        }
}

static void read_line(RawBus *bus, const char *begin) {
        g_autoptr(GString) line = g_string_new(NULL);

        while (!g_str_has_suffix(line->str, "\r\n")) {
                char c;

                read_all(bus, &c, 1);
                g_string_append_c(line, c);
        }
        if (!g_str_has_prefix(line->str, begin))
                g_error("the bus sends: %s", line->str);
}

/* The bus uses the effective uid of the connecting thread. */
void raw_bus_set_effective_uid(uid_t uid) {
        g_assert_cmpint(syscall(SYS_setresuid, -1, uid, -1), ==, 0);
}

static void authenticate(RawBus *bus, uid_t uid) {
        g_autofree char *number = g_strdup_printf("%u", (unsigned)uid);
        g_autoptr(GString) text = g_string_new("AUTH EXTERNAL ");

        for (const char *c = number; *c; c++)
                g_string_append_printf(text, "%02x", (unsigned)*c);
        g_string_append(text, "\r\n");
        write_all(bus, "", 1);
        write_all(bus, text->str, text->len);
        read_line(bus, "OK ");
        write_all(bus, "BEGIN\r\n", strlen("BEGIN\r\n"));
}

void raw_align(GByteArray *body, guint alignment) {
        static const guint8 zero[8];

        g_byte_array_append(body, zero, (alignment - body->len % alignment) % alignment);
}

static void put_number(GByteArray *body, guint32 number) {
        raw_align(body, sizeof(number));
        g_byte_array_append(body, (const guint8 *)&number, sizeof(number));
}

GByteArray *raw_body(void) {
        return g_byte_array_new();
}

void raw_put_string(GByteArray *body, const char *text, gsize length) {
        put_number(body, (guint32)length);
        g_byte_array_append(body, (const guint8 *)text, (guint)length);
        g_byte_array_append(body, (const guint8 *)"", 1);
}

void raw_put_text(GByteArray *body, const char *text) {
        raw_put_string(body, text, strlen(text));
}

void raw_put_signature(GByteArray *body, const char *signature) {
        guint8 length = (guint8)strlen(signature);

        g_byte_array_append(body, &length, 1);
        g_byte_array_append(body, (const guint8 *)signature, length + 1U);
}

guint raw_begin_array(GByteArray *body, guint alignment) {
        put_number(body, 0);
        guint begin = body->len;
        raw_align(body, alignment);
        return begin;
}

void raw_end_array(GByteArray *body, guint begin, guint alignment) {
        guint first = begin + (alignment - begin % alignment) % alignment;
        guint32 size = body->len - first;

        memcpy(body->data + begin - sizeof(size), &size, sizeof(size));
}

void raw_put_true(GByteArray *body) {
        put_number(body, 1);
}

void raw_put_key(GByteArray *body, const char *key, const char *signature) {
        raw_align(body, 8);
        raw_put_text(body, key);
        raw_put_signature(body, signature);
}

static void put_field(GByteArray *header, guint8 code, const char *signature, const char *value) {
        raw_align(header, 8);
        g_byte_array_append(header, &code, 1);
        raw_put_signature(header, signature);
        if (*signature == 'g')
                raw_put_signature(header, value);
        else
                raw_put_text(header, value);
}

#define NO_REPLY_EXPECTED 1

static guint32 send_flagged_call(RawBus *bus, guint8 flags, const char *destination, const char *path,
                const char *interface, const char *member, const char *signature, GByteArray *body) {
        const guint8 begin[] = {G_BYTE_ORDER == G_LITTLE_ENDIAN ? 'l' : 'B', 1, flags, 1};
        GByteArray *header = g_byte_array_new();

        g_byte_array_append(header, begin, sizeof(begin));
        put_number(header, body ? body->len : 0);
        put_number(header, ++bus->serial);
        guint fields = raw_begin_array(header, 8);
        put_field(header, 1, "o", path);
        if (interface)
                put_field(header, 2, "s", interface);
        put_field(header, 3, "s", member);
        put_field(header, 6, "s", destination);
        if (signature)
                put_field(header, 8, "g", signature);
        raw_end_array(header, fields, 8);
        raw_align(header, 8);
        write_all(bus, header->data, header->len);
        if (body)
                write_all(bus, body->data, body->len);
        g_byte_array_unref(header);
        if (body)
                g_byte_array_unref(body);
        return bus->serial;
}

static guint32 send_call(RawBus *bus, const char *destination, const char *path, const char *interface,
                const char *member, const char *signature, GByteArray *body) {
        return send_flagged_call(bus, 0, destination, path, interface, member, signature, body);
}

static int connect_as(const char *path, uid_t uid) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        g_assert_cmpint(fd, >=, 0);
        g_strlcpy(address.sun_path, path, sizeof(address.sun_path));
        raw_bus_set_effective_uid(uid);
        int r = connect(fd, (const struct sockaddr *)&address, sizeof(address));
        raw_bus_set_effective_uid(0);
        g_assert_cmpint(r, ==, 0);
        return fd;
}

RawBus *raw_bus_connect(uid_t uid) {
        const char *path = g_getenv("DBUS_SYSTEM_BUS_ADDRESS");
        RawBus *bus = g_new0(RawBus, 1);

        g_assert_true(g_str_has_prefix(path, "unix:path="));
        bus->fd = connect_as(path + strlen("unix:path="), uid);
        authenticate(bus, uid);
        (void)send_call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "Hello", NULL,
                        NULL);
        g_auto(RawAnswer) answer = raw_bus_receive(bus);
        g_assert_null(answer.error);
        g_auto(GStrv) parts = g_strsplit(answer.text, "'", 3); /* ":1.7" in quotes and parentheses */
        bus->name = g_strdup(parts[1]);
        return bus;
}

const char *raw_bus_get_name(const RawBus *bus) {
        return bus->name;
}

RawBus *raw_bus_connect_directly(const char *path) {
        RawBus *bus = g_new0(RawBus, 1);

        bus->fd = connect_as(path, 0);
        authenticate(bus, 0);
        return bus;
}

bool raw_bus_is_refused(const char *path, uid_t uid) {
        int fd = connect_as(path, uid);
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        char c;

        /* The other end waits for the authentication, or it closes the connection. */
        int n = poll(&poll_fd, 1, 5000);
        bool refused = n > 0 && recv(fd, &c, 1, 0) <= 0;
        (void)close(fd);
        return refused;
}

bool raw_bus_send_until_lost(RawBus *bus, const char *member, guint n) {
        bus->is_lossy = true;
        for (guint i = 0; i < n && !bus->is_lost; i++)
                (void)raw_bus_send(bus, member, NULL, NULL);
        return bus->is_lost;
}

RawBus *raw_bus_close(RawBus *bus) {
        (void)close(bus->fd);
        g_free(bus->name);
        g_free(bus);
        return NULL;
}

guint32 raw_bus_send_to(RawBus *bus, const char *path, const char *member, const char *signature, GByteArray *body) {
        return send_call(bus, BUS_NAME, path, MANAGER, member, signature, body);
}

guint32 raw_bus_send(RawBus *bus, const char *member, const char *signature, GByteArray *body) {
        return raw_bus_send_to(bus, BUS_PATH, member, signature, body);
}

guint32 raw_bus_send_call(RawBus *bus, const char *path, const char *interface, const char *member,
                const char *signature, GByteArray *body) {
        return send_call(bus, BUS_NAME, path, interface, member, signature, body);
}

guint32 raw_bus_send_managed_objects(RawBus *bus) {
        return send_call(bus, BUS_NAME, BUS_PATH, OBJECT_MANAGER, "GetManagedObjects", NULL, NULL);
}

static void send_mark(RawBus *bus, const RawBus *receiver) {
        (void)send_flagged_call(bus, NO_REPLY_EXPECTED, receiver->name, BUS_PATH, MANAGER, "Mark", NULL, NULL);
}

void raw_bus_await_calls(RawBus **buses, guint n, RawBus *observer) {
        for (guint i = 0; i < n; i++)
                send_mark(buses[i], observer);
        for (guint i = 0; i < n; i++)
                raw_bus_expect(observer, NULL, "");
}

static GDBusMessage *receive_message(RawBus *bus) {
        g_autofree guint8 *data = g_malloc(16);
        g_autoptr(GError) error = NULL;

        read_all(bus, data, 16);
        gssize size = g_dbus_message_bytes_needed(data, 16, &error);
        g_assert_no_error(error);
        data = g_realloc(data, (gsize)size);
        read_all(bus, data + 16, (gsize)size - 16);
        GDBusMessage *message = g_dbus_message_new_from_blob(data, (gsize)size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
        g_assert_no_error(error);
        return message;
}

guint32 raw_bus_receive_error(RawBus *bus, char **ret_error) {
        for (;;) {
                g_autoptr(GDBusMessage) message = receive_message(bus);

                if (g_dbus_message_get_message_type(message) == G_DBUS_MESSAGE_TYPE_SIGNAL)
                        continue;
                *ret_error = g_strdup(g_dbus_message_get_error_name(message));
                return g_dbus_message_get_reply_serial(message);
        }
}

RawAnswer raw_bus_receive(RawBus *bus) {
        for (;;) {
                g_autoptr(GDBusMessage) message = receive_message(bus);
                GDBusMessageType type = g_dbus_message_get_message_type(message);
                const char *text = NULL;

                if (type == G_DBUS_MESSAGE_TYPE_SIGNAL)
                        continue;
                GVariant *body = g_dbus_message_get_body(message);
                if (type == G_DBUS_MESSAGE_TYPE_ERROR && body && g_variant_is_of_type(body, G_VARIANT_TYPE("(s)")))
                        g_variant_get(body, "(&s)", &text);
                return (RawAnswer){
                                .error = g_strdup(g_dbus_message_get_error_name(message)),
                                .text = text           ? g_strdup(text)
                                                : body ? g_variant_print(body, false)
                                                       : g_strdup(""),
                };
        }
}

void raw_answer_clear(RawAnswer *answer) {
        g_clear_pointer(&answer->error, g_free);
        g_clear_pointer(&answer->text, g_free);
}

void raw_bus_expect(RawBus *bus, const char *error, const char *pattern) {
        g_auto(RawAnswer) answer = raw_bus_receive(bus);

        if (g_strcmp0(answer.error, error) != 0 || !g_pattern_match_simple(pattern, answer.text))
                g_error("the answer is %s: %.300s; expected %s: %s", answer.error ?: "a success", answer.text,
                                error ?: "a success", pattern);
}
