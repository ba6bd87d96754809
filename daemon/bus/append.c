/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/append.h"

static int append_escaped(sd_bus_message *message, const char *text, TextEscape kind) {
        _cleanup_free_ char *escaped = text_escape_new(strempty(text), kind);

        return escaped ? sd_bus_message_append_basic(message, 's', escaped) : -ENOMEM;
}

int bus_append_name(sd_bus_message *message, const char *name) {
        return append_escaped(message, name, TEXT_NAME_ESCAPE);
}

int bus_append_text(sd_bus_message *message, const char *text) {
        return append_escaped(message, text, TEXT_MESSAGE_ESCAPE);
}
