/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus-text.h"

static void append_basic(sd_bus_message *message, char type, GString *text) {
        union {
                const char *text;
                int flag;
                uint8_t byte;
                uint16_t word;
                int32_t number;
                uint32_t natural;
                int64_t large_number;
                uint64_t large;
                double real;
        } value = {};

        g_assert_cmpint(sd_bus_message_read_basic(message, type, &value), >, 0);
        switch (type) {
        case 's':
        case 'o':
        case 'g':
                g_string_append(text, value.text);
                break;
        case 'b':
                g_string_append(text, value.flag ? "yes" : "no");
                break;
        case 'y':
                g_string_append_printf(text, "%u", value.byte);
                break;
        case 'q':
                g_string_append_printf(text, "%u", value.word);
                break;
        case 'i':
                g_string_append_printf(text, "%d", value.number);
                break;
        case 'u':
                g_string_append_printf(text, "%u", value.natural);
                break;
        case 'x':
                g_string_append_printf(text, "%" G_GINT64_FORMAT, value.large_number);
                break;
        case 't':
                g_string_append_printf(text, "%" G_GUINT64_FORMAT, value.large);
                break;
        case 'd':
                g_string_append_printf(text, "%g", value.real);
                break;
        default:
                g_error("a value of type '%c'", type);
        }
}

void bus_text_append(sd_bus_message *message, GString *text) {
        const char *contents;
        char type;

        g_assert_cmpint(sd_bus_message_peek_type(message, &type, &contents), >, 0);
        if (!contents) {
                append_basic(message, type, text);
                return;
        }
        g_assert_cmpint(sd_bus_message_enter_container(message, type, contents), >, 0);
        for (bool first = true; sd_bus_message_at_end(message, false) == 0; first = false) {
                if (!first)
                        g_string_append_c(text, type == 'a' ? ',' : ' ');
                bus_text_append(message, text);
        }
        g_assert_cmpint(sd_bus_message_exit_container(message), >, 0);
}
