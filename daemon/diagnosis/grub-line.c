/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/grub-line.h"

static const char blanks[] = " \t";

/* Finds the variable at the beginning of the line, which may be "export VARIABLE=...". Returns what follows "="; NULL for
 * another line. */
static const char *find_value(const char *line, const char *variable, bool *ret_is_plain) {
        const char *c = line + strspn(line, blanks), *rest;

        if ((rest = startswith(c, "export ")))
                c = rest + strspn(rest, blanks);
        rest = startswith(c, variable);
        if (!rest || (*rest != '=' && strncmp(rest, "+=", 2) != 0))
                return NULL;
        *ret_is_plain = c == line && *rest == '=';
        return strchr(rest, '=') + 1;
}

/* Reads a value in quotes. */
static void read_value(GrubLine *line, const char *value) {
        const char *end = line->text + line->length, *close;

        if (value >= end || (*value != '"' && *value != '\''))
                return;
        close = memchr(value + 1, *value, (size_t)(end - value - 1));
        if (!close || memchr(value, '\\', (size_t)(close - value)))
                return;
        const char *rest = close + 1 + strspn(close + 1, " \t\r");
        if (rest < end && *rest != '#')
                return;
        line->quote = *value;
        line->value = (size_t)(value + 1 - line->text);
        line->value_length = (size_t)(close - value - 1);
        line->is_simple = true;
}

static void find_in_file(const BootText *file, const char *variable, GrubLine *ret) {
        unsigned number = 1;

        for (const char *line = file->text; line; number++) {
                size_t length = strcspn(line, "\n");
                bool is_plain = false;
                const char *value = find_value(line, variable, &is_plain);

                if (value) {
                        *ret = (GrubLine){file, number, variable, line, length, 0, 0, 0, false};
                        if (is_plain)
                                read_value(ret, value);
                }
                line = line[length] ? line + length + 1 : NULL;
        }
}

void grub_line_find(const BootFacts *facts, GrubLine *ret) {
        static const char *const variables[] = {"GRUB_CMDLINE_LINUX_DEFAULT", "GRUB_CMDLINE_LINUX"};

        *ret = (GrubLine){.variable = variables[0]};
        for (size_t i = 0; i < ELEMENTSOF(variables) && !ret->file; i++)
                for (size_t j = 0; j < facts->n_grub; j++)
                        find_in_file(&facts->grub[j], variables[i], ret);
}

/* Tells whether the text before c is "VARIABLE=", so that an unquoted value begins at c. */
static bool is_behind_variable(const char *line, const char *c) {
        const char *name = line + strspn(line, blanks), *rest = startswith(name, "export ");

        if (rest)
                name = rest + strspn(rest, blanks);
        size_t length = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_");
        return length > 0 && name + length + (name[length] == '+') == c - 1;
}

static bool line_has(const char *line, size_t length, const char *parameter) {
        static const char separators[] = " \t\"'\n";
        size_t n = strlen(parameter);

        if (line[strspn(line, blanks)] == '#')
                return false;
        for (const char *c = line; (c = memmem(c, (size_t)(line + length - c), parameter, n)); c += n)
                if ((c == line || strchr(separators, c[-1]) || (c[-1] == '=' && is_behind_variable(line, c))) &&
                                (c[n] == '\0' || strchr(" \t\"'\n", c[n])))
                        return true;
        return false;
}

const BootText *grub_find_parameter(const BootFacts *facts, const char *parameter) {
        const BootText *found = NULL;

        for (size_t i = 0; i < facts->n_grub; i++)
                for (const char *line = facts->grub[i].text; line;) {
                        size_t length = strcspn(line, "\n");

                        if (line_has(line, length, parameter))
                                found = &facts->grub[i];
                        line = line[length] ? line + length + 1 : NULL;
                }
        return found;
}

char *grub_line_add(const GrubLine *line, const char *parameter) {
        size_t end = line->value + line->value_length;
        char *text;

        if (asprintf(&text, "%.*s%s%s%.*s", (int)end, line->text, line->value_length > 0 ? " " : "", parameter,
                            (int)(line->length - end), line->text + end) < 0)
                return NULL;
        return text;
}
