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

const char *command_line_find(const char *line, const char *name, char *buffer, size_t size) {
        const char *found = NULL;

        for (const char *word = line + strspn(line, separators); *word; word += strspn(word, separators)) {
                size_t length = strcspn(word, separators), key = strcspn(word, " \t\n=");

                if (key < length && equals(word, key, name)) {
                        (void)snprintf(buffer, size, "%.*s", (int)length, word);
                        found = buffer + (key + 1 < size ? key + 1 : size - 1);
                }
                word += length;
        }
        return found;
}

bool command_line_list_has(const char *list, const char *entry) {
        for (const char *word = list; *word;) {
                size_t length = strcspn(word, ",");

                if (equals(word, length, entry))
                        return true;
                word += length + (word[length] == ',');
        }
        return false;
}
