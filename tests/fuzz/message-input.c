/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "message-input.h"
#include "policy/plan.h"

#include <sys/socket.h>

uint8_t message_input_byte(MessageInput *input) {
        if (input->size == 0)
                return 0;
        input->size--;
        return *input->data++;
}

/* Mostly a small number; else any, or one at the end of a range. */
static uint64_t take_number(MessageInput *input) {
        static const uint64_t limits[] = {UINT8_MAX, UINT16_MAX, UINT16_MAX + 1, INT32_MAX, UINT32_MAX, INT64_MAX};
        uint8_t kind = message_input_byte(input);
        uint64_t number = 0;

        if (kind < 0xc0)
                return (uint64_t)(kind % 32) - 2;
        if (kind < 0xe0)
                return limits[kind % G_N_ELEMENTS(limits)];
        for (size_t i = 0; i < sizeof(number); i++)
                number = number << 8 | message_input_byte(input);
        return number;
}

/* Bytes up to a length that the input chooses. The caller frees them. */
static char *take_bytes(MessageInput *input, size_t *ret_length) {
        size_t length = message_input_byte(input);

        if (length > 0xf0) /* around the sizes of buffers */
                length = (length & 1 ? 4090 : 240) + message_input_byte(input) % 32;
        char *bytes = g_malloc(length + 1);
        for (size_t i = 0; i < length; i++)
                bytes[i] = (char)(input->size > 0 ? message_input_byte(input) : 'x');
        bytes[length] = '\0';
        *ret_length = length;
        return bytes;
}

/* A word that a parser knows, or any string. The caller frees it. */
static char *take_string(MessageInput *input) {
        static const char *const words[] = {
                        "0000:03:01.0", "0000:00:00.0", "0000:07:00.0", "ffffffff:ff:1f.7", "", "x", "/vfio/25"};
        uint8_t kind = message_input_byte(input), choice = message_input_byte(input);
        size_t length;

        switch (kind % 8) {
        case 0:
        case 1:
                return g_strdup(words[choice % 4]);
        case 2:
                return g_strdup(words[choice % G_N_ELEMENTS(words)]);
        case 3:
                return g_strdup(plan_verb_to_string(choice % _PLAN_VERB_MAX));
        case 4:
        case 5:
                return g_strdup(guard_to_string(choice % _GUARD_MAX));
        case 6:
                return g_strdup(outcome_to_string(choice % _OUTCOME_MAX));
        default:
                return take_bytes(input, &length);
        }
}

static void append_basic(sd_bus_message *message, MessageInput *input, char type) {
        uint64_t number = type == 's' ? 0 : take_number(input);
        int r;

        if (type == 's') {
                g_autofree char *text = take_string(input);

                if (!g_utf8_validate(text, -1, NULL)) /* sd-bus refuses it at one of the two ends */
                        text[0] = '\0';
                r = sd_bus_message_append_basic(message, 's', text);
        } else if (type == 't')
                r = sd_bus_message_append_basic(message, 't', &number);
        else if (type == 'y')
                r = sd_bus_message_append_basic(message, 'y', &(uint8_t){(uint8_t)number});
        else if (type == 'q')
                r = sd_bus_message_append_basic(message, 'q', &(uint16_t){(uint16_t)number});
        else if (type == 'b')
                r = sd_bus_message_append_basic(message, 'b', &(int){number & 1});
        else
                r = sd_bus_message_append_basic(message, type, &(uint32_t){(uint32_t)number});
        g_assert_cmpint(r, >=, 0);
}

/* Returns what follows the first complete type. */
static const char *skip_type(const char *types) {
        unsigned depth = 0;

        do {
                while (*types == 'a')
                        types++;
                depth += *types == '(';
                depth -= *types == ')';
                types++;
        } while (depth > 0);
        return types;
}

static void append_values(sd_bus_message *message, MessageInput *input, const char *types, size_t length);

static void append_array(sd_bus_message *message, MessageInput *input, const char *type, size_t length) {
        g_autofree char *contents = g_strndup(type, length);

        if (streq(contents, "y")) {
                g_autofree char *bytes = take_bytes(input, &length);

                g_assert_cmpint(sd_bus_message_append_array(message, 'y', bytes, length), >=, 0);
                return;
        }
        g_assert_cmpint(sd_bus_message_open_container(message, 'a', contents), >=, 0);
        for (unsigned n = message_input_byte(input) % 8; n > 0; n--)
                append_values(message, input, type, length);
        g_assert_cmpint(sd_bus_message_close_container(message), >=, 0);
}

static void append_values(sd_bus_message *message, MessageInput *input, const char *types, size_t length) {
        for (const char *type = types, *next; type < types + length; type = next) {
                next = skip_type(type);
                if (*type == 'a')
                        append_array(message, input, type + 1, (size_t)(next - type) - 1);
                else if (*type == '(') {
                        g_autofree char *contents = g_strndup(type + 1, (gsize)(next - type) - 2);

                        g_assert_cmpint(sd_bus_message_open_container(message, 'r', contents), >=, 0);
                        append_values(message, input, contents, strlen(contents));
                        g_assert_cmpint(sd_bus_message_close_container(message), >=, 0);
                } else
                        append_basic(message, input, *type);
        }
}

sd_bus_message *message_input_new_call(const char *path, const char *interface, const char *member) {
        static sd_bus *bus;
        sd_bus_message *message = NULL;
        int ends[2];

        if (!bus) {
                g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends), ==, 0);
                g_assert_cmpint(peer_open_client(ends[0], NULL, &bus), ==, 0);
        }
        g_assert_cmpint(sd_bus_message_new_method_call(bus, &message, NULL, path, interface, member), >=, 0);
        return message;
}

sd_bus_message *message_input_new(void) {
        return message_input_new_call(PEER_PATH, "org.vfiod1.Fuzz1", "Fuzz");
}

void message_input_seal(sd_bus_message *message) {
        g_assert_cmpint(sd_bus_message_seal(message, 1, 0), >=, 0);
        g_assert_cmpint(sd_bus_message_rewind(message, true), >=, 0);
}

sd_bus_message *message_input_make(MessageInput *input, const char *types) {
        static const char basic_types[] = "sutbyiq";
        g_autofree char *changed = g_strdup(types);
        sd_bus_message *message = message_input_new();

        if (message_input_byte(input) % 32 == 31) {
                char *type = changed + message_input_byte(input) % strlen(changed);

                if (strchr(basic_types, *type))
                        *type = basic_types[message_input_byte(input) % strlen(basic_types)];
        }
        append_values(message, input, changed, strlen(changed));
        message_input_seal(message);
        return message;
}
