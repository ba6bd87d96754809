/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json-fields.h"

#include <inttypes.h>

json_t *json_text(const char *text) {
        return isempty(text) ? json_null() : json_string(text);
}

json_t *json_append(json_t *array, json_t *value) {
        if (json_array_append_new(array, value) < 0) {
                json_decref(array);
                return NULL;
        }
        return array;
}

json_t *json_strings(char *const *list) {
        json_t *array = json_array();

        for (; array && list && *list; list++)
                array = json_append(array, json_string(*list));
        return array;
}

json_t *json_merge(json_t *object, json_t *other) {
        /* json_object_update_new() frees the other object, and fails for NULL. */
        if (json_object_update_new(object, other) < 0) {
                json_decref(object);
                return NULL;
        }
        return object;
}

#define WORD_MAX sizeof("18446744073709551615")

/* Makes the JSON of a member that is neither a text nor a list of texts. */
static const char *make_word(JsonKind kind, const void *member, char buffer[static WORD_MAX]) {
        switch (kind) {
        case JSON_KIND_FLAG:
                return *(const bool *)member ? "true" : "false";
        case JSON_KIND_NUMBER:
                if (*(const int32_t *)member < 0)
                        return "null";
                (void)snprintf(buffer, WORD_MAX, "%" PRIi32, *(const int32_t *)member);
                return buffer;
        case JSON_KIND_TIME:
                if (*(const uint64_t *)member == 0)
                        return "null";
                (void)snprintf(buffer, WORD_MAX, "%" PRIu64, *(const uint64_t *)member);
                return buffer;
        case JSON_KIND_ID:
                (void)snprintf(buffer, WORD_MAX, "\"0x%04x\"", (unsigned)*(const uint16_t *)member);
                return buffer;
        case JSON_KIND_CLASS:
                (void)snprintf(buffer, WORD_MAX, "\"0x%06x\"", (unsigned)*(const uint32_t *)member);
                return buffer;
        default:
                assert(false);
                return "null";
        }
}

void json_write_fields(JsonWriter *writer, const JsonField *fields, size_t n_fields, const void *object) {
        for (const JsonField *field = fields; field < fields + n_fields; field++) {
                const void *member = (const char *)object + field->offset;
                char buffer[WORD_MAX];

                if (field->kind == JSON_KIND_TEXT)
                        json_write_text(writer, field->key, *(char *const *)member);
                else if (field->kind == JSON_KIND_TEXTS)
                        json_write_texts(writer, field->key, *(char *const *const *)member);
                else
                        json_write_word(writer, field->key, make_word(field->kind, member, buffer));
        }
}

static json_t *make_value(JsonKind kind, const void *member) {
        char buffer[WORD_MAX];

        if (kind == JSON_KIND_TEXT)
                return json_text(*(char *const *)member);
        if (kind == JSON_KIND_TEXTS)
                return json_strings(*(char *const *const *)member);
        return json_loads(make_word(kind, member, buffer), JSON_DECODE_ANY, NULL);
}

json_t *json_from_fields(const JsonField *fields, size_t n_fields, const void *object) {
        json_auto_t *result = json_object();

        for (const JsonField *field = fields; field < fields + n_fields; field++)
                if (json_object_set_new(result, field->key,
                                    make_value(field->kind, (const char *)object + field->offset)) < 0)
                        return NULL;
        return TAKE_PTR(result);
}
