/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json-value.h"

#include "daemon/base/text.h"

#include <stdint.h>

static int give(json_t *value, json_t **ret) {
        if (!value)
                return -ENOMEM;
        *ret = value;
        return 0;
}

/* Escapes the text as decode-rows.c does. */
static int read_text(const char *text, json_t **ret) {
        _cleanup_free_ char *escaped = text_escape_new(text, TEXT_MESSAGE_ESCAPE);

        return escaped ? give(json_string(escaped), ret) : -ENOMEM;
}

static int read_basic(sd_bus_message *m, char type, json_t **ret) {
        union {
                const char *text;
                int boolean;
                uint8_t y;
                int16_t n;
                uint16_t q;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
                double d;
        } value;

        if (type == 'h')
                return -ENOTSUP;
        int r = sd_bus_message_read_basic(m, type, &value);
        if (r < 0)
                return r;
        switch (type) {
        case 'b':
                return give(json_boolean(value.boolean), ret);
        case 'y':
                return give(json_integer(value.y), ret);
        case 'n':
                return give(json_integer(value.n), ret);
        case 'q':
                return give(json_integer(value.q), ret);
        case 'i':
                return give(json_integer(value.i), ret);
        case 'u':
                return give(json_integer(value.u), ret);
        case 'x':
                return give(json_integer(value.x), ret);
        case 't':
                return give(json_integer(value.t > INT64_MAX ? INT64_MAX : (int64_t)value.t), ret);
        case 'd':
                return give(json_real(value.d), ret);
        default:
                return read_text(value.text, ret);
        }
}

/* Reads the remaining values of a container into an array. */
static int read_values(sd_bus_message *m, json_t **ret) {
        json_auto_t *array = json_array();
        int r;

        if (!array)
                return -ENOMEM;
        while ((r = sd_bus_message_at_end(m, 0)) == 0) {
                json_t *value = NULL;

                if ((r = json_value_read(m, &value)) < 0)
                        return r;
                if (json_array_append_new(array, value) < 0)
                        return -ENOMEM;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(array);
        return 0;
}

/* Reads the entries of a dictionary. A key that is not a string becomes its JSON text. */
static int read_entries(sd_bus_message *m, const char *contents, json_t **ret) {
        json_auto_t *object = json_object();
        _cleanup_free_ char *pair = strndup(contents + 1, strlen(contents) - 2);
        int r;

        if (!object || !pair)
                return -ENOMEM;
        while ((r = sd_bus_message_enter_container(m, 'e', pair)) > 0) {
                json_auto_t *key = NULL;
                _cleanup_free_ char *text = NULL;
                json_t *value = NULL;

                if ((r = json_value_read(m, &key)) < 0 || (r = json_value_read(m, &value)) < 0)
                        return r;
                text = json_is_string(key) ? strdup(json_string_value(key)) : json_dumps(key, JSON_ENCODE_ANY);
                if (!text) {
                        json_decref(value);
                        return -ENOMEM;
                }
                if (json_object_set_new(object, text, value) < 0)
                        return -ENOMEM;
                if ((r = sd_bus_message_exit_container(m)) < 0)
                        return r;
        }
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}

int json_value_read(sd_bus_message *m, json_t **ret) {
        json_auto_t *value = NULL;
        const char *contents;
        char type;

        int r = sd_bus_message_peek_type(m, &type, &contents);
        if (r <= 0)
                return r < 0 ? r : -EBADMSG;
        if (!contents)
                return read_basic(m, type, ret);
        /* contents points into the message, and is invalid as soon as the container is entered. */
        _cleanup_free_ char *inside = strdup(contents);
        if (!inside)
                return -ENOMEM;
        if ((r = sd_bus_message_enter_container(m, type, inside)) < 0)
                return r;
        if (type == 'v')
                r = json_value_read(m, &value);
        else if (type == 'a' && inside[0] == '{')
                r = read_entries(m, inside, &value);
        else
                r = read_values(m, &value);
        if (r < 0 || (r = sd_bus_message_exit_container(m)) < 0)
                return r;
        *ret = TAKE_PTR(value);
        return 0;
}
