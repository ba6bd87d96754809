/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

/* Writes a long JSON document piece by piece. The text is the same as that of json_dumpf() with JSON_INDENT(2), or with
 * JSON_COMPACT. (Measured with 10,000 devices: to build the document with jansson, to print it and to free it takes six times as
 * many instructions.) */

typedef struct JsonWriter {
        FILE *stream; /* not owned */
        bool compact;
        bool filled; /* the innermost object or array has a value */
        unsigned depth;
        bool failed; /* there was not enough memory for a value */
} JsonWriter;

/* In an object, each value has a key. In an array, and for the whole document, the key is NULL. */

/* Begin and end an object with '{' and '}', or an array with '[' and ']'. */
void json_begin(JsonWriter *writer, const char *key, char bracket);
void json_end(JsonWriter *writer, char bracket);

/* Writes a number, "true", "false" or "null" as it is. */
void json_write_word(JsonWriter *writer, const char *key, const char *word);

/* Writes a text, which is valid UTF-8. An empty text, or NULL, becomes null. */
void json_write_text(JsonWriter *writer, const char *key, const char *text);

/* Writes an array of texts. The list ends in NULL; NULL itself is an empty list. */
void json_write_texts(JsonWriter *writer, const char *key, char *const *list);

/* Writes a value and frees it. NULL means that there was not enough memory: json_finish() returns that. */
void json_write_value(JsonWriter *writer, const char *key, json_t *value);

/* Ends the document with a newline. Returns 0 or -ENOMEM. The caller checks the stream for errors. */
int json_finish(JsonWriter *writer);
