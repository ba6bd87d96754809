/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "json-writer.h"

#include "daemon/base/util.h"

#define INDENT 2

static void write_string(FILE *stream, const char *text) {
        static const char names[] = {['\b'] = 'b',
                        ['\t'] = 't',
                        ['\n'] = 'n',
                        ['\f'] = 'f',
                        ['\r'] = 'r',
                        ['"'] = '"',
                        ['\\'] = '\\'};

        putc_unlocked('"', stream);
        for (const char *c = text; *c; c++) {
                unsigned char byte = (unsigned char)*c;

                if (byte >= ' ' && byte != '"' && byte != '\\')
                        putc_unlocked(byte, stream);
                else if (names[byte])
                        fprintf(stream, "\\%c", names[byte]);
                else
                        fprintf(stream, "\\u%04X", byte);
        }
        putc_unlocked('"', stream);
}

/* A new line with the indentation of the depth. */
static void write_line_break(const JsonWriter *writer) {
        if (writer->compact)
                return;
        putc_unlocked('\n', writer->stream);
        for (unsigned i = 0; i < writer->depth * INDENT; i++)
                putc_unlocked(' ', writer->stream);
}

/* Writes what comes before a value: the comma, the indentation and the key. */
static void begin_value(JsonWriter *writer, const char *key) {
        if (writer->filled)
                putc_unlocked(',', writer->stream);
        if (writer->depth > 0)
                write_line_break(writer);
        writer->filled = true;
        if (!key)
                return;
        write_string(writer->stream, key);
        fputs_unlocked(writer->compact ? ":" : ": ", writer->stream);
}

void json_begin(JsonWriter *writer, const char *key, char bracket) {
        begin_value(writer, key);
        putc_unlocked(bracket, writer->stream);
        writer->depth++;
        writer->filled = false;
}

void json_end(JsonWriter *writer, char bracket) {
        writer->depth--;
        if (writer->filled)
                write_line_break(writer);
        putc_unlocked(bracket, writer->stream);
        writer->filled = true;
}

void json_write_word(JsonWriter *writer, const char *key, const char *word) {
        begin_value(writer, key);
        fputs_unlocked(word, writer->stream);
}

void json_write_text(JsonWriter *writer, const char *key, const char *text) {
        begin_value(writer, key);
        if (isempty(text))
                fputs_unlocked("null", writer->stream);
        else
                write_string(writer->stream, text);
}

void json_write_texts(JsonWriter *writer, const char *key, char *const *list) {
        json_begin(writer, key, '[');
        for (; list && *list; list++) {
                begin_value(writer, NULL);
                write_string(writer->stream, *list);
        }
        json_end(writer, ']');
}

static void write_borrowed(JsonWriter *writer, const char *key, const json_t *value) {
        const char *name;
        json_t *element;
        size_t i;

        if (json_is_object(value)) {
                json_begin(writer, key, '{');
                json_object_foreach((json_t *)value, name, element)
                        write_borrowed(writer, name, element);
                json_end(writer, '}');
        } else if (json_is_array(value)) {
                json_begin(writer, key, '[');
                json_array_foreach(value, i, element)
                        write_borrowed(writer, NULL, element);
                json_end(writer, ']');
        } else {
                begin_value(writer, key);
                writer->failed |= json_dumpf(value, writer->stream, JSON_ENCODE_ANY) < 0;
        }
}

void json_write_value(JsonWriter *writer, const char *key, json_t *value) {
        if (value)
                write_borrowed(writer, key, value);
        else
                writer->failed = true;
        json_decref(value);
}

int json_finish(JsonWriter *writer) {
        putc_unlocked('\n', writer->stream);
        return writer->failed ? -ENOMEM : 0;
}
