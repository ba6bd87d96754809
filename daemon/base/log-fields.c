/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log-fields.h"

#include <stdarg.h>

/* Takes the text over. */
static void add_text(LogFields *fields, char *text) {
        if (text && fields->n_texts < LOG_FIELDS_MAX && ARRAY_GROW(fields->texts, fields->n_texts))
                fields->texts[fields->n_texts++] = text;
        else
                free(text);
}

void log_fields_add(LogFields *fields, const char *name, const char *format, ...) {
        _cleanup_free_ char *value = NULL;
        char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        int length = vasprintf(&value, format, arguments);
        va_end(arguments);
        if (length < 0)
                value = NULL;
        if (length > 0 && asprintf(&text, "%s=%s", name, value) >= 0)
                add_text(fields, text);
}

void log_fields_add_all(LogFields *fields, const LogFields *others) {
        for (size_t i = 0; i < others->n_texts; i++)
                add_text(fields, strdup(others->texts[i]));
}

const char *log_fields_find(const LogFields *fields, const char *name) {
        for (size_t i = 0; i < fields->n_texts; i++) {
                const char *rest = startswith(fields->texts[i], name);

                if (rest && *rest == '=')
                        return rest + 1;
        }
        return NULL;
}

void log_fields_done(LogFields *fields) {
        for (size_t i = 0; i < fields->n_texts; i++)
                free(fields->texts[i]);
        free(fields->texts);
        *fields = (LogFields){};
}
