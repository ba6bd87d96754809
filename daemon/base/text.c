/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"

#include <stdint.h>

/* Reads one character of UTF-8. Returns its length, or 0 for what is none; never looks behind the final NUL. */
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

/* D-Bus takes no surrogates and none of what Unicode says is no character. */
static bool is_printable(uint32_t value) {
        return value >= 0x20 && (value < 0x7f || value >= 0xa0) && (value < 0xd800 || value > 0xdfff) &&
                        (value < 0xfdd0 || value > 0xfdef) && (value & 0xfffe) != 0xfffe && value <= 0x10ffff;
}

char *text_make_printable(char *text) {
        uint32_t value = 0;

        for (char *c = text; *c;) {
                size_t length = read_character(c, &value);

                if (length == 0 || !is_printable(value)) {
                        memset(c, '?', length > 0 ? length : 1);
                        c += length > 0 ? length : 1;
                } else
                        c += length;
        }
        return text;
}

const char *text_excerpt(const char *text, char *buffer, size_t size) {
        size_t length = strnlen(text, size);

        assert(size >= sizeof("..."));
        if (length < size) {
                memcpy(buffer, text, length + 1);
                return text_make_printable(buffer);
        }
        memcpy(buffer, text, size - sizeof("..."));
        memcpy(buffer + size - sizeof("..."), "...", sizeof("..."));
        return text_make_printable(buffer);
}
