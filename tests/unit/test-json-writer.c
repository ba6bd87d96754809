/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/json-fields.h"

#include <glib.h>

/* The writer must write the same text as jansson, and a table of fields must mean the same for both. */

typedef struct Written {
        char *text;
        size_t size;
        JsonWriter writer;
} Written;

static void begin(Written *written, bool compact) {
        written->writer = (JsonWriter){.stream = open_memstream(&written->text, &written->size), .compact = compact};
        g_assert_nonnull(written->writer.stream);
}

static void finish(Written *written, int result) {
        g_assert_cmpint(json_finish(&written->writer), ==, result);
        g_assert_cmpint(fclose(written->writer.stream), ==, 0);
}

/* Frees the document. */
static void expect(Written *written, json_t *document) {
        g_autofree char *line = NULL;
        char *text = json_dumps(document, written->writer.compact ? JSON_COMPACT : JSON_INDENT(2));

        g_assert_nonnull(text);
        finish(written, 0);
        line = g_strconcat(text, "\n", NULL);
        g_assert_cmpstr(written->text, ==, line);
        free(text);
        free(written->text);
        json_decref(document);
}

static const char *const documents[] = {
                "{}",
                "[]",
                "[[]]",
                "{\"a\": {}, \"b\": [], \"c\": [{}, [], 1]}",
                "{\"a\": [1, -2, 3.5, true, false, null], \"b\": {\"c\": {\"d\": [\"x\", {\"e\": null}]}}}",
                "{\"text\": \"quote \\\" backslash \\\\ slash / tab \\t line \\n \\r \\b \\f bell \\u0007 last \\u001f "
                "delete "
                "\\u007f\"}",
                "{\"\\\"key\\\"\\n\": \"Gr\\u00fc\\u00dfe \\u20ac \\ud83d\\ude00\"}",
};

static void test_documents(void) {
        for (size_t i = 0; i < G_N_ELEMENTS(documents); i++)
                for (unsigned compact = 0; compact < 2; compact++) {
                        json_t *document = json_loads(documents[i], 0, NULL);
                        Written written = {0};

                        g_assert_nonnull(document);
                        begin(&written, compact);
                        json_write_value(&written.writer, NULL, json_incref(document));
                        expect(&written, document);
                }
}

typedef struct Object {
        char *text, *empty, *none;
        char **texts, **no_texts;
        bool yes, no;
        int32_t number, no_number;
        uint64_t time, no_time;
        uint16_t id;
        uint32_t class;
} Object;

static const JsonField fields[] = {
                JSON_FIELD(Object, "text", JSON_KIND_TEXT, text),
                JSON_FIELD(Object, "empty", JSON_KIND_TEXT, empty),
                JSON_FIELD(Object, "none", JSON_KIND_TEXT, none),
                JSON_FIELD(Object, "texts", JSON_KIND_TEXTS, texts),
                JSON_FIELD(Object, "no-texts", JSON_KIND_TEXTS, no_texts),
                JSON_FIELD(Object, "yes", JSON_KIND_FLAG, yes),
                JSON_FIELD(Object, "no", JSON_KIND_FLAG, no),
                JSON_FIELD(Object, "number", JSON_KIND_NUMBER, number),
                JSON_FIELD(Object, "no-number", JSON_KIND_NUMBER, no_number),
                JSON_FIELD(Object, "time", JSON_KIND_TIME, time),
                JSON_FIELD(Object, "no-time", JSON_KIND_TIME, no_time),
                JSON_FIELD(Object, "id", JSON_KIND_ID, id),
                JSON_FIELD(Object, "class", JSON_KIND_CLASS, class),
};

static char *texts[] = {(char *)"one", (char *)"", (char *)"three \"3\"", NULL};

static const Object object = {
                .text = (char *)"a \\x07 \"text\"",
                .empty = (char *)"",
                .texts = texts,
                .yes = true,
                .number = INT32_MAX,
                .no_number = -1,
                .time = INT64_MAX,
                .id = 0x8a,
                .class = 0x20000,
};

static json_t *make_document(void) {
        return json_pack("{s:s, s:n, s:n, s:[s, s, s], s:[], s:b, s:b, s:I, s:n, s:I, s:n, s:s, s:s}", "text",
                        "a \\x07 \"text\"", "empty", "none", "texts", "one", "", "three \"3\"", "no-texts", "yes", 1,
                        "no", 0, "number", (json_int_t)INT32_MAX, "no-number", "time", (json_int_t)INT64_MAX, "no-time",
                        "id", "0x008a", "class", "0x020000");
}

static void test_fields(void) {
        json_t *made = json_from_fields(fields, G_N_ELEMENTS(fields), &object), *expected = make_document();

        g_assert_nonnull(expected);
        g_assert_true(json_equal(made, expected));
        for (unsigned compact = 0; compact < 2; compact++) {
                Written written = {0};

                begin(&written, compact);
                json_begin(&written.writer, NULL, '{');
                json_write_fields(&written.writer, fields, G_N_ELEMENTS(fields), &object);
                json_end(&written.writer, '}');
                expect(&written, json_incref(expected));
        }
        json_decref(made);
        json_decref(expected);
}

/* Pieces of all kinds, in each other. */
static void test_pieces(void) {
        for (unsigned compact = 0; compact < 2; compact++) {
                Written written = {0};

                begin(&written, compact);
                json_begin(&written.writer, NULL, '{');
                json_begin(&written.writer, "empty", '[');
                json_end(&written.writer, ']');
                json_begin(&written.writer, "rows", '[');
                for (unsigned i = 0; i < 2; i++) {
                        json_begin(&written.writer, NULL, '{');
                        json_write_word(&written.writer, "word", "12");
                        json_write_value(&written.writer, "value", json_pack("{s:[i]}", "a", 1));
                        json_write_text(&written.writer, "text", "x");
                        json_end(&written.writer, '}');
                }
                json_end(&written.writer, ']');
                json_end(&written.writer, '}');
                expect(&written,
                                json_pack("{s:[], s:[{s:i, s:{s:[i]}, s:s}, {s:i, s:{s:[i]}, s:s}]}", "empty", "rows",
                                                "word", 12, "value", "a", 1, "text", "x", "word", 12, "value", "a", 1,
                                                "text", "x"));
        }
}

/* A value that could not be made. */
static void test_no_memory(void) {
        Written written = {0};

        begin(&written, false);
        json_begin(&written.writer, NULL, '[');
        json_write_value(&written.writer, NULL, NULL);
        json_end(&written.writer, ']');
        finish(&written, -ENOMEM);
        free(written.text);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/json-writer/documents", test_documents);
        g_test_add_func("/json-writer/fields", test_fields);
        g_test_add_func("/json-writer/pieces", test_pieces);
        g_test_add_func("/json-writer/no-memory", test_no_memory);
        return g_test_run();
}
