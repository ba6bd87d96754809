/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "wrap.h"

/* The following bytes of a character in UTF-8 do not count. */
static size_t count_characters(const char *text, const char *end) {
        size_t n = 0;

        for (; text < end; text++)
                n += ((unsigned char)*text & 0xc0) != 0x80;
        return n;
}

void wrap_words(char *text, size_t width) {
        char *line = text, *blank = NULL;

        for (char *c = text;; c++) {
                if (*c != ' ' && *c != '\0')
                        continue;
                /* The word that ends here does not fit into the line. */
                if (blank && count_characters(line, c) > width) {
                        *blank = '\n';
                        line = blank + 1;
                }
                if (*c == '\0')
                        return;
                blank = c;
        }
}

size_t wrap_longest_line(const char *text) {
        const char *line = text;
        size_t longest = 0;

        for (const char *c = text; c; c++) {
                if (*c != '\n' && *c != '\0')
                        continue;
                size_t length = count_characters(line, c);
                longest = length > longest ? length : longest;
                line = c + 1;
                if (*c == '\0')
                        break;
        }
        return longest;
}
