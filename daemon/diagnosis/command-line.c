/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/command-line.h"

static const char separators[] = " \t\n";

static bool is_dash(char c) {
        return c == '-' || c == '_';
}

/* Tells whether the n bytes are the name. */
static bool equals(const char *text, size_t n, const char *name) {
        if (strlen(name) != n)
                return false;
        for (size_t i = 0; i < n; i++)
                if (text[i] != name[i] && !(is_dash(text[i]) && is_dash(name[i])))
                        return false;
        return true;
}

/* Tells whether a list of this length has exactly this entry. */
static bool list_has(const char *list, size_t length, const char *entry) {
        size_t wanted = strlen(entry);

        for (const char *word = list, *end = list + length; word < end; word++) {
                const char *comma = memchr(word, ',', (size_t)(end - word));
                size_t n = (size_t)((comma ? comma : end) - word);

                if (n == wanted && memcmp(word, entry, n) == 0)
                        return true;
                word += n;
        }
        return false;
}

/* entry: NULL finds a word with any value. */
static const char *find_word(const char *line, const char *name, const char *entry, char *buffer, size_t size) {
        const char *found = NULL;

        for (const char *word = line + strspn(line, separators); *word; word += strspn(word, separators)) {
                size_t length = strcspn(word, separators), key = strcspn(word, " \t\n=");

                if (key < length && equals(word, key, name) &&
                                (!entry || list_has(word + key + 1, length - key - 1, entry))) {
                        (void)snprintf(buffer, size, "%.*s", (int)length, word);
                        found = buffer + (key + 1 < size ? key + 1 : size - 1);
                }
                word += length;
        }
        return found;
}

const char *command_line_find(const char *line, const char *name, char *buffer, size_t size) {
        return find_word(line, name, NULL, buffer, size);
}

const char *command_line_find_entry(const char *line, const char *name, const char *entry, char *buffer, size_t size) {
        return find_word(line, name, entry, buffer, size);
}

bool command_line_list_has(const char *list, const char *entry) {
        return list_has(list, strlen(list), entry);
}
