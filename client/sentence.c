/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sentence.h"

#include "language.h"

#include "daemon/base/util.h"
#include "po/sentences.h"

#include <ctype.h>
#include <stdio.h>

/* A format has at most so many directives. */
#define PARTS_MAX 12

/* A part of a sentence can be a sentence, which has parts, too. */
#define DEPTH_MAX 3

/* Longer texts are not translated: the search takes longer than in proportion. */
#define SENTENCE_MAX 4096

/* How often the search for one format may go on to the next character, so that no text makes it slow. */
#define EFFORT_MAX 100000

typedef struct Part {
        const char *text;
        size_t length;
} Part;

typedef struct Match {
        Part parts[PARTS_MAX];
        size_t n_parts;
        unsigned effort;
} Match;

/* Reads the directive after the '%'. Returns its conversion character, and the rest of the format; 0 for a '%' that is no directive. With
 * a position ("%2$s"), *ret_position is it; else 0. */
static char read_directive(const char *text, const char **ret_rest, size_t *ret_position) {
        size_t n_digits = strspn(text, "0123456789");

        *ret_position = 0;
        if (n_digits > 0 && text[n_digits] == '$') {
                *ret_position = strtoul(text, NULL, 10);
                text += n_digits + 1;
        }
        text += strspn(text, "0123456789.-+# *lhzjt");
        *ret_rest = *text ? text + 1 : text;
        return *text;
}

/* The characters that the directive can have printed. */
static bool is_part_of(char conversion, char c) {
        switch (conversion) {
        case 'i':
        case 'd':
        case 'u':
                return isdigit((unsigned char)c) || (c == '-' && conversion != 'u');
        case 'x':
                return isxdigit((unsigned char)c);
        default:
                return true;
        }
}

/* Tries to divide the text as the format says. The first parts are as short as possible. */
static bool match(const char *format, const char *text, Match *match_) {
        const char *rest;
        size_t position;

        for (; *format && (*format != '%' || format[1] == '%'); text++) {
                format += *format == '%';
                if (*format++ != *text)
                        return false;
        }
        if (!*format)
                return !*text;
        char conversion = read_directive(format + 1, &rest, &position);
        if (match_->n_parts == PARTS_MAX)
                return false;
        size_t n = match_->n_parts++;
        for (size_t length = conversion == 's' || conversion == 'c' ? 0 : 1;; length++) {
                if (++match_->effort > EFFORT_MAX ||
                                (length > 0 && (!text[length - 1] || !is_part_of(conversion, text[length - 1]))))
                        break;
                match_->parts[n] = (Part){text, length};
                match_->n_parts = n + 1;
                if (match(rest, text + length, match_))
                        return true;
        }
        match_->n_parts = n;
        return false;
}

static int write_translation(FILE *stream, const char *text, size_t length, int depth);

/* Writes the translated format with the parts. */
static int write_parts(FILE *stream, const char *format, const Match *match_, int depth) {
        size_t next = 0, position;
        const char *rest;
        int r = 0;

        for (; *format && r >= 0; format = rest) {
                rest = format + 1;
                if (*format != '%' || format[1] == '%') {
                        fputc(*format, stream);
                        rest += *format == '%';
                        continue;
                }
                (void)read_directive(format + 1, &rest, &position);
                size_t i = position > 0 ? position - 1 : next++;
                if (i < match_->n_parts)
                        r = write_translation(stream, match_->parts[i].text, match_->parts[i].length, depth + 1);
        }
        return r;
}

/* Writes the translation of a text that one format covers. Returns whether there is one, or -ENOMEM. */
static int write_known(FILE *stream, const char *text, int depth) {
        for (size_t i = 0; i < ELEMENTSOF(sentence_formats); i++) {
                Match found = {0};

                if (!match(sentence_formats[i], text, &found))
                        continue;
                int r = write_parts(stream, gettext(sentence_formats[i]), &found, depth);
                return r < 0 ? r : 1;
        }
        return 0;
}

/* Where the first sentence ends, and another begins; 0 if there is only one. */
static size_t first_sentence(const char *text, size_t from) {
        for (size_t i = from; text[i]; i++)
                if (text[i] == '.' && text[i + 1] == ' ' && isupper((unsigned char)text[i + 2]))
                        return i + 1;
        return 0;
}

/* Writes the text, translated if it is known: as a whole, or in parts, which are one or more sentences. */
static int write_translation(FILE *stream, const char *text, size_t length, int depth) {
        _cleanup_free_ char *copy = strndup(text, length);
        int r;

        if (!copy)
                return -ENOMEM;
        /* Names and numbers have no translation. */
        if (depth > DEPTH_MAX || length > SENTENCE_MAX || !strchr(copy, ' ')) {
                fputs(copy, stream);
                return 0;
        }
        if ((r = write_known(stream, copy, depth)) != 0)
                return r < 0 ? r : 0;
        for (size_t end = first_sentence(copy, 0); end > 0; end = first_sentence(copy, end)) {
                copy[end] = '\0';
                r = write_known(stream, copy, depth);
                copy[end] = ' ';
                if (r < 0)
                        return r;
                if (r == 0)
                        continue;
                fputc(' ', stream);
                return write_translation(stream, copy + end + 1, strlen(copy + end + 1), depth);
        }
        fputs(copy, stream);
        return 0;
}

char *sentence_translate(const char *text) {
        char *translated = NULL;
        size_t size;

        FILE *stream = open_memstream(&translated, &size);
        if (!stream)
                return NULL;
        int r = write_translation(stream, text, strlen(text), 0);
        if (fclose(stream) != 0 || r < 0) {
                free(translated);
                return NULL;
        }
        return translated;
}
