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

/* A format has at most so many sentences. */
#define SENTENCES_MAX 6

/* Longer texts are not translated: the search takes longer than in proportion. */
#define SENTENCE_MAX 4096

/* How many steps the search for the formats of one text may take, so that no text makes it slow. What is then left stays English. */
#define EFFORT_MAX 2000000

typedef struct Part {
        const char *text;
        size_t length;
} Part;

typedef struct Match {
        Part parts[PARTS_MAX];
        size_t n_parts;
} Match;

typedef struct Writer {
        FILE *stream;
        unsigned effort;       /* the steps so far */
        unsigned n_translated; /* formats so far */
} Writer;

/* A process has a name of so many bytes at most (TASK_COMM_LEN). */
#define COMMAND_MAX 15

static bool is_exhausted(const Writer *writer) {
        return writer->effort > EFFORT_MAX;
}

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

/* Divides "process 324 (qemu) of a.service" at the beginning of the text: the process chooses its name, which can look like a sentence, and
 * can have parentheses. The unit has no blanks. Returns the length; 0 if no process is there. */
static size_t find_process(const char *text, Match *ret) {
        static const char start[] = "process ", of[] = ") of ";
        size_t n_bytes = 0, end = 0;

        if (strncmp(text, start, strlen(start)) != 0)
                return 0;
        const char *pid = text + strlen(start), *name = pid + strspn(pid, "0123456789");
        if (name == pid || strncmp(name, " (", 2) != 0)
                return 0;
        *ret = (Match){{{pid, (size_t)(name - pid)}}, 1};
        name += 2;
        for (size_t i = 0; name[i] && n_bytes <= COMMAND_MAX; n_bytes++) {
                if (name[i] == ')')
                        end = i + 1;
                i += strncmp(name + i, "\\x", 2) == 0 ? strnlen(name + i, 4) : 1; /* an escaped byte */
        }
        if (end == 0)
                return 0;
        ret->parts[ret->n_parts++] = (Part){name, end - 1};
        const char *rest = name + end;
        if (strncmp(rest - 1, of, strlen(of)) != 0)
                return (size_t)(rest - text);
        const char *unit = rest - 1 + strlen(of);
        size_t length = strcspn(unit, " ");
        while (length > 0 && strchr(".,:;)", unit[length - 1]))
                length--;
        if (length == 0)
                return (size_t)(rest - text);
        ret->parts[ret->n_parts++] = (Part){unit, length};
        return (size_t)(unit + length - text);
}

/* Tries to divide the text as the format says. The first parts are as short as possible, but a process is in one part. */
static bool match(Writer *writer, const char *format, const char *text, Match *ret) {
        const char *rest;
        size_t position;

        writer->effort++;
        for (; *format && (*format != '%' || format[1] == '%'); text++) {
                format += *format == '%';
                if (*format++ != *text)
                        return false;
        }
        if (!*format)
                return !*text;
        char conversion = read_directive(format + 1, &rest, &position);
        if (ret->n_parts == PARTS_MAX)
                return false;
        size_t n = ret->n_parts++;
        Match process;
        size_t shortest = conversion == 's' ? find_process(text, &process) : conversion == 'c' ? 0 : 1;
        for (size_t length = shortest;; length++) {
                if (is_exhausted(writer) ||
                                (length > 0 && (!text[length - 1] || !is_part_of(conversion, text[length - 1]))))
                        break;
                ret->parts[n] = (Part){text, length};
                ret->n_parts = n + 1;
                if (match(writer, rest, text + length, ret))
                        return true;
        }
        ret->n_parts = n;
        return false;
}

static int write_translation(Writer *writer, const char *text, size_t length, int depth);

/* Returns the translated format, or the format itself. */
static const char *translate_format(Writer *writer, const char *format) {
        const char *translated = gettext(format);

        writer->n_translated += translated != format;
        return translated;
}

static void write_raw(Writer *writer, Part part) {
        fprintf(writer->stream, "%.*s", (int)part.length, part.text);
}

/* Tells which parts of the format are quoted ('%s', 'vfioctl plan %s') or in parentheses ((%s)): these are names. */
static uint32_t find_names(const char *format) {
        const char *rest;
        size_t position, n = 0;
        uint32_t names = 0;

        for (const char *c = format; *c; c = rest) {
                rest = c + 1;
                if (*c != '%' || c[1] == '%') {
                        rest += *c == '%';
                        continue;
                }
                (void)read_directive(c + 1, &rest, &position);
                char before = c > format ? c[-1] : ' ';
                if (before == '\'' || *rest == '\'' || (before == '(' && *rest == ')'))
                        names |= UINT32_C(1) << n;
                n++;
        }
        return names;
}

/* Writes the translated format with the parts. names: a bit for each part that has no translation. */
static int write_parts(Writer *writer, const char *format, const Match *parts, uint32_t names, int depth) {
        size_t next = 0, position;
        const char *rest;
        int r = 0;

        for (; *format && r >= 0; format = rest) {
                rest = format + 1;
                if (*format != '%' || format[1] == '%') {
                        fputc(*format, writer->stream);
                        rest += *format == '%';
                        continue;
                }
                (void)read_directive(format + 1, &rest, &position);
                size_t i = position > 0 ? position - 1 : next++;
                if (i < parts->n_parts && (names >> i & 1))
                        write_raw(writer, parts->parts[i]);
                else if (i < parts->n_parts)
                        r = write_translation(writer, parts->parts[i].text, parts->parts[i].length, depth + 1);
        }
        return r;
}

/* Writes a process. Returns whether the whole text is one. */
static bool write_process(Writer *writer, const char *text) {
        Match parts = {0};

        if (find_process(text, &parts) != strlen(text) || !*text)
                return false;
        /* formats of vfiod, which po/sentences.h has, too */
        const char *format = parts.n_parts == 2 ? "process %d (%s)" : "process %d (%s) of %s";
        (void)write_parts(writer, translate_format(writer, format), &parts, UINT32_MAX, 0);
        return true;
}

/* Writes the translation of a text that one format covers. Returns whether there is one, or -ENOMEM. */
static int write_known(Writer *writer, const char *text, int depth) {
        if (write_process(writer, text))
                return 1;
        for (size_t i = 0; i < ELEMENTSOF(sentence_formats) && !is_exhausted(writer); i++) {
                Match found = {0};

                if (!match(writer, sentence_formats[i], text, &found))
                        continue;
                const char *translated = translate_format(writer, sentence_formats[i]);
                int r = write_parts(writer, translated, &found, find_names(sentence_formats[i]), depth);
                return r < 0 ? r : 1;
        }
        return 0;
}

/* Where a sentence ends, and another begins; 0 if there is only one. */
static size_t find_end(const char *text, size_t from) {
        for (size_t i = from; text[i]; i++)
                if (text[i] == '.' && text[i + 1] == ' ' && isupper((unsigned char)text[i + 2]))
                        return i + 1;
        return 0;
}

/* Translates the first sentences, as many as one format covers. Returns their length with the blank behind them; 0 if no format does; or
 * -ENOMEM. */
static ssize_t write_first(Writer *writer, char *text, int depth) {
        size_t end = find_end(text, 0);

        for (size_t n = 0; end > 0 && n < SENTENCES_MAX; n++, end = find_end(text, end)) {
                text[end] = '\0';
                int r = write_known(writer, text, depth);
                text[end] = ' ';
                if (r < 0)
                        return r;
                if (r > 0) {
                        fputc(' ', writer->stream);
                        return (ssize_t)end + 1;
                }
        }
        return 0;
}

/* Translates a text that no format covers: several sentences, a list with semicolons, or a name with what is said about it. */
static int write_pieces(Writer *writer, char *text, int depth) {
        size_t length = strlen(text), trimmed = length;
        while (trimmed > 0 && text[trimmed - 1] == ' ')
                trimmed--;
        if (trimmed > 0 && trimmed < length) {
                int r = write_translation(writer, text, trimmed, depth);

                fprintf(writer->stream, "%*s", (int)(length - trimmed), "");
                return r;
        }
        ssize_t n = write_first(writer, text, depth);
        if (n != 0)
                return n < 0 ? (int)n : write_translation(writer, text + n, strlen(text + n), depth);
        size_t end = find_end(text, 0);
        const char *semicolon = strstr(text, "; "), *blank = strchr(text, ' ');
        if (end == 0 && semicolon)
                end = (size_t)(semicolon - text) + 1;
        if (end > 0) {
                int r = write_translation(writer, text, end - (semicolon && text[end - 1] == ';'), depth);

                fputs(text[end - 1] == ';' ? "; " : " ", writer->stream);
                return r < 0 ? r : write_translation(writer, text + end + 1, strlen(text + end + 1), depth);
        }
        if (text[strlen(text) - 1] == '.') {
                unsigned n_before = writer->n_translated;
                int r = write_translation(writer, text, strlen(text) - 1, depth);

                /* TRANSLATORS: the full stop at the end of a sentence */
                fputs(writer->n_translated > n_before ? _(".") : ".", writer->stream);
                return r;
        }
        fprintf(writer->stream, "%.*s", (int)(blank - text) + 1, text);
        /* A device, and what is said about it: that can begin with a name again. */
        if (blank > text && blank[-1] == ':')
                return write_translation(writer, blank + 1, strlen(blank + 1), depth + 1);
        int r = write_known(writer, blank + 1, depth);
        if (r == 0)
                fputs(blank + 1, writer->stream);
        return r < 0 ? r : 0;
}

/* Writes the text, translated as far as it is known. */
static int write_translation(Writer *writer, const char *text, size_t length, int depth) {
        assert(text);
        _cleanup_free_ char *copy = strndup(text, length);
        if (!copy)
                return -ENOMEM;
        /* Names, numbers and commands have no translation. */
        if (startswith(copy, "vfioctl ") || startswith(copy, "sudo ") || depth > DEPTH_MAX || length > SENTENCE_MAX ||
                        !strchr(copy, ' ') || is_exhausted(writer)) {
                fputs(copy, writer->stream);
                return 0;
        }
        int r = write_known(writer, copy, depth);
        if (r == 0)
                r = write_pieces(writer, copy, depth);
        return r < 0 ? r : 0;
}

char *sentence_translate(const char *text) {
        char *translated = NULL;
        size_t size;

        Writer writer = {.stream = open_memstream(&translated, &size)};
        if (!writer.stream)
                return NULL;
        int r = write_translation(&writer, text, strlen(text), 0);
        if (fclose(writer.stream) != 0 || r < 0) {
                free(translated);
                return NULL;
        }
        return translated;
}
