/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"

#include <stdint.h>

/* Reads one character of UTF-8. Returns its length, or 0 for invalid bytes. Does not read beyond the final NUL byte. */
static size_t read_character(const char *text, uint32_t *ret) {
        static const uint32_t minimum[] = {0, 0, 0x80, 0x800, 0x10000};
        const uint8_t *bytes = (const uint8_t *)text;
        size_t length = bytes[0] < 0x80   ? 1
                        : bytes[0] < 0xc0 ? 0
                        : bytes[0] < 0xe0 ? 2
                        : bytes[0] < 0xf0 ? 3
                        : bytes[0] < 0xf8 ? 4
                                          : 0;
        uint32_t value = length <= 1 ? bytes[0] : bytes[0] & (0x7fU >> length);

        for (size_t i = 1; i < length; i++) {
                if ((bytes[i] & 0xc0) != 0x80)
                        return 0;
                value = value << 6 | (bytes[i] & 0x3f);
        }
        *ret = value;
        return length > 0 && value >= minimum[length] ? length : 0;
}

/* Control characters, characters that D-Bus refuses (surrogates, noncharacters), and characters that would disturb or
 * hide a text. */
static const struct {
        uint32_t first, last;
} escaped_ranges[] = {
                {0x0000, 0x001f},
                {0x007f, 0x009f},
                {0x061c, 0x061c},
                {0x200b, 0x200b},
                {0x200e, 0x200f},
                {0x2028, 0x202e},
                {0x2060, 0x206f},
                {0xd800, 0xdfff},
                {0xfdd0, 0xfdef},
                {0xfeff, 0xfeff},
                {0xfff9, 0xfffb},
                {0xe0000, 0xe007f},
                {0x110000, UINT32_MAX},
};

static bool is_shown(uint32_t value, TextEscape kind) {
        if (value < 0x7f)
                return value >= 0x20 && (value != '\\' || kind != TEXT_NAME_ESCAPE);
        if (kind == TEXT_ASCII_ESCAPE || (value & 0xfffe) == 0xfffe)
                return false;
        for (size_t i = 0; i < ELEMENTSOF(escaped_ranges); i++)
                if (value >= escaped_ranges[i].first && value <= escaped_ranges[i].last)
                        return false;
        return true;
}

/* Returns the length of the first character if it needs no escape; else 0. *ret_escaped is the number of bytes that an
 * escape stands for. */
static size_t shown_length(const char *text, TextEscape kind, size_t *ret_escaped) {
        uint32_t value = 0;

        size_t length = read_character(text, &value);
        *ret_escaped = length > 0 ? length : 1;
        return length > 0 && is_shown(value, kind) ? length : 0;
}

/* Returns the number of characters at the beginning that are ASCII and need no escape: most texts have no others. */
static size_t plain_length(const char *text, TextEscape kind) {
        size_t n = 0;

        while (text[n] >= ' ' && text[n] < 0x7f && (text[n] != '\\' || kind != TEXT_NAME_ESCAPE))
                n++;
        return n;
}

/* Escapes as much of the text as fits into the buffer. Returns the rest of the text. */
static const char *escape(const char *text, TextEscape kind, char *buffer, size_t size) {
        size_t n = 0, bytes;

        for (;; text += bytes) {
                size_t plain = plain_length(text, kind);

                if (plain >= size - n)
                        plain = size - n - 1;
                memcpy(buffer + n, text, plain);
                n += plain;
                text += plain;
                if (!*text)
                        break;
                size_t shown = shown_length(text, kind, &bytes);
                if (n + (shown > 0 ? shown : 4 * bytes) >= size)
                        break;
                memcpy(buffer + n, text, shown);
                n += shown;
                for (size_t i = 0; shown == 0 && i < bytes; i++)
                        n += (size_t)snprintf(buffer + n, size - n, "\\x%02x", (uint8_t)text[i]);
        }
        buffer[n] = '\0';
        return text;
}

const char *text_escape(const char *text, TextEscape kind, char *buffer, size_t size) {
        (void)escape(text, kind, buffer, size);
        return buffer;
}

char *text_escape_new(const char *text, TextEscape kind) {
        size_t plain = plain_length(text, kind);

        if (!text[plain])
                return strndup(text, plain);
        size_t size = TEXT_ESCAPED_MAX(strlen(text));

        char *escaped = malloc(size);
        if (escaped)
                (void)text_escape(text, kind, escaped, size);
        return escaped;
}

const char *text_find_escaped(const char *text) {
        size_t bytes;

        for (text += plain_length(text, TEXT_MESSAGE_ESCAPE); *text; text += bytes)
                if (shown_length(text, TEXT_MESSAGE_ESCAPE, &bytes) == 0)
                        return text;
        return NULL;
}

int text_escape_message(char **text) {
        if (!text_find_escaped(*text))
                return 0;
        char *escaped = text_escape_new(*text, TEXT_MESSAGE_ESCAPE);
        if (!escaped)
                return -ENOMEM;
        free(*text);
        *text = escaped;
        return 0;
}

int text_format_message(char **ret, const char *format, va_list arguments) {
        char *text;

        if (vasprintf(&text, format, arguments) < 0)
                return -ENOMEM;
        int r = text_escape_message(&text);
        if (r < 0)
                free(text);
        else
                *ret = text;
        return r;
}

static int digit_value(char digit) {
        return digit >= '0' && digit <= '9'            ? digit - '0'
                        : digit >= 'a' && digit <= 'f' ? digit - 'a' + 10
                        : digit >= 'A' && digit <= 'F' ? digit - 'A' + 10
                                                       : -1;
}

int text_unescape(const char *escaped, char **ret) {
        _cleanup_free_ char *name = malloc(strlen(escaped) + 1);
        size_t n = 0;

        if (!name)
                return -ENOMEM;
        for (const char *c = escaped; *c; c++) {
                if (*c != '\\') {
                        name[n++] = *c;
                        continue;
                }
                int high = c[1] == 'x' ? digit_value(c[2]) : -1, low = high >= 0 ? digit_value(c[3]) : -1;
                if (low < 0 || (high == 0 && low == 0))
                        return -EINVAL;
                name[n++] = (char)(high << 4 | low);
                c += 3;
        }
        name[n] = '\0';
        *ret = TAKE_PTR(name);
        return 0;
}

const char *text_excerpt(const char *text, char *buffer, size_t size) {
        assert(size >= sizeof("..."));
        if (*escape(text, TEXT_MESSAGE_ESCAPE, buffer, size)) {
                (void)escape(text, TEXT_MESSAGE_ESCAPE, buffer, size - strlen("..."));
                (void)strcat(buffer, "...");
        }
        return buffer;
}
