/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "json-writer.h"

#include "daemon/base/util.h"

/* Tables that say which members of a struct a JSON object has. One table serves for long lists, which are written at once,
 * and for documents of jansson. */

typedef enum JsonKind {
        JSON_KIND_TEXT,   /* char *: an empty text is null */
        JSON_KIND_TEXTS,  /* char **: an array */
        JSON_KIND_FLAG,   /* bool */
        JSON_KIND_NUMBER, /* int32_t: -1 is null */
        JSON_KIND_TIME,   /* uint64_t: 0 is null */
        JSON_KIND_ID,     /* uint16_t: "0x8086", as the kernel writes it */
        JSON_KIND_CLASS,  /* uint32_t: "0x020000" */
} JsonKind;

typedef struct JsonField {
        const char *key;
        JsonKind kind;
        size_t offset;
} JsonField;

#define JSON_FIELD(type, key, kind, member) \
        { key, kind, offsetof(type, member) }

/* Writes the fields of the struct into the object that was begun. */
void json_write_fields(JsonWriter *writer, const JsonField *fields, size_t n_fields, const void *object);

/* Makes an object with these fields. Returns NULL if there is not enough memory. */
json_t *json_from_fields(const JsonField *fields, size_t n_fields, const void *object);

/* JSON as in vfioctl(1): an empty text is null. These functions return NULL if there is not enough memory. */
json_t *json_text(const char *text);
json_t *json_strings(char *const *list);

/* Appends the value, takes over its reference, and returns the array. If that fails, frees both and returns NULL. */
json_t *json_append(json_t *array, json_t *value);

/* Adds the members of the other object, which is freed. If one of them is NULL, frees both and returns NULL. */
json_t *json_merge(json_t *object, json_t *other);
