/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wrap.h"

#include "daemon/base/util.h"

#include <limits.h>
#include <wchar.h>

/* No line begins with one of these, if a wide character is before it; and no line ends with one of the others. */
static const wchar_t closing[] = L"，。、；：！？）】」』”’》…—,.;:!?)]}'\"%/", opening[] = L"（【「『“‘《([{";

typedef struct Character {
        size_t n_bytes;
        size_t width; /* in columns */
        wchar_t value;
} Character;

/* Reads the first character, which is not the end of the text. What is no character of this locale has one column. */
static Character read_character(const char *text) {
        Character character = {.width = 1};
        mbstate_t state = {0};

        size_t n_available = strnlen(text, MB_LEN_MAX);

        character.n_bytes = mbrtowc(&character.value, text, n_available, &state);
        if (character.n_bytes == 0 || character.n_bytes > n_available) {
                character.value = 0;
                character.n_bytes = 1;
                /* the following bytes of a character in UTF-8 */
                while (((unsigned char)text[character.n_bytes] & 0xc0) == 0x80)
                        character.n_bytes++;
                return character;
        }
        int width = wcwidth(character.value);
        character.width = width < 0 ? 1 : (size_t)width;
        return character;
}

static size_t width_until(const char *text, const char *end) {
        size_t width = 0;

        while (text < end) {
                Character character = read_character(text);

                width += character.width;
                text += character.n_bytes;
        }
        return width;
}

size_t wrap_width(const char *text) {
        return width_until(text, text + strlen(text));
}

/* Whether a line can end between these two characters, neither of which is a blank. */
static bool is_break(const Character *before, const Character *after) {
        return (before->width == 2 || after->width == 2) && before->value != L' ' && before->n_bytes > 0 &&
                        !wcschr(opening, before->value) && !wcschr(closing, after->value);
}

/* The lines, while they are made. */
typedef struct Lines {
        char *text;
        size_t length;
        size_t line;       /* where the last line begins */
        size_t width;      /* of the last line */
        size_t last_break; /* where it can be broken; 0 for nowhere */
} Lines;

static void break_line(Lines *lines) {
        if (lines->text[lines->last_break] == ' ')
                lines->text[lines->last_break] = '\n';
        else {
                memmove(lines->text + lines->last_break + 1, lines->text + lines->last_break,
                                lines->length - lines->last_break);
                lines->text[lines->last_break] = '\n';
                lines->text[++lines->length] = '\0';
        }
        lines->line = lines->last_break + 1;
        lines->last_break = 0;
        lines->width = width_until(lines->text + lines->line, lines->text + lines->length);
}

static void append(Lines *lines, const char *text, const Character *character) {
        memcpy(lines->text + lines->length, text, character->n_bytes);
        lines->length += character->n_bytes;
        lines->text[lines->length] = '\0';
        lines->width += character->width;
}

char *wrap_words(const char *text, size_t width) {
        /* Each character can get a line break. */
        Lines lines = {.text = malloc(2 * strlen(text) + 1)};
        Character before = {0};

        if (!lines.text)
                return NULL;
        while (*text) {
                Character character = read_character(text);
                bool is_blank = *text == ' ';

                if (is_blank || (is_break(&before, &character) && lines.length > lines.line))
                        lines.last_break = lines.length;
                append(&lines, text, &character);
                if (!is_blank && lines.width > width && lines.last_break > 0)
                        break_line(&lines);
                text += character.n_bytes;
                before = character;
        }
        /* blanks at the end */
        if (lines.width > width && lines.last_break > 0)
                break_line(&lines);
        lines.text[lines.length] = '\0';
        return lines.text;
}

size_t wrap_longest_line(const char *text) {
        const char *line = text;
        size_t longest = 0;

        for (const char *c = text; c; c++) {
                if (*c != '\n' && *c != '\0')
                        continue;
                size_t width = width_until(line, c);
                longest = width > longest ? width : longest;
                line = c + 1;
                if (*c == '\0')
                        break;
        }
        return longest;
}
