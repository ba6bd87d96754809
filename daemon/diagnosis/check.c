/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "diagnosis/check.h"
#include "base/text.h"

#include <stdarg.h>

/* Longer texts make no readable command. */
#define PLAIN_MAX 256

const char *check_severity_to_string(CheckSeverity severity) {
        static const char *const names[_CHECK_SEVERITY_MAX] = {
                        [CHECK_OK] = "ok",
                        [CHECK_INFO] = "info",
                        [CHECK_WARNING] = "warning",
                        [CHECK_ERROR] = "error",
        };
        return names[severity];
}

const char *check_area_to_string(CheckArea area) {
        static const char *const names[_CHECK_AREA_MAX] = {
                        [CHECK_FIRMWARE] = "firmware",
                        [CHECK_BOOT] = "boot",
                        [CHECK_KERNEL] = "kernel",
                        [CHECK_VFIO] = "vfio",
                        [CHECK_PROGRAMS] = "programs",
                        [CHECK_MACHINE] = "machine",
                        [CHECK_DEVICE] = "device",
        };
        return names[area];
}

static void check_done(Check *check) {
        for (size_t i = 0; i < check->n_details; i++) {
                free(check->details[i].key);
                free(check->details[i].value);
        }
        free(check->code);
        free(check->finding);
        free(check->cure);
}

void check_add(CheckList *list, CheckArea area, const char *code, CheckSeverity severity, const char *format, ...) {
        Check check = {.code = strdup(code), .area = area, .severity = severity};
        va_list arguments;

        if (list->error >= 0) {
                va_start(arguments, format);
                list->error = check.code ? text_format_message(&check.finding, format, arguments) : -ENOMEM;
                va_end(arguments);
        }
        if (list->error >= 0 && !ARRAY_GROW(list->checks, list->n_checks))
                list->error = -ENOMEM;
        if (list->error < 0)
                check_done(&check);
        else
                list->checks[list->n_checks++] = check;
}

void check_cure(CheckList *list, const char *format, ...) {
        va_list arguments;
        char *text = NULL;

        if (list->error < 0 || list->n_checks == 0)
                return;
        va_start(arguments, format);
        list->error = text_format_message(&text, format, arguments);
        va_end(arguments);
        if (list->error < 0)
                return;
        Check *check = &list->checks[list->n_checks - 1];
        free(check->cure);
        check->cure = text;
}

void check_detail(CheckList *list, const char *key, const char *format, ...) {
        va_list arguments;
        char *text = NULL;

        if (list->error < 0 || list->n_checks == 0)
                return;
        va_start(arguments, format);
        list->error = text_format_message(&text, format, arguments);
        va_end(arguments);
        if (list->error < 0)
                return;
        Check *check = &list->checks[list->n_checks - 1];
        assert(check->n_details < CHECK_DETAILS_MAX);
        CheckDetail *detail = &check->details[check->n_details++];
        *detail = (CheckDetail){strdup(key), text};
        if (!detail->key)
                list->error = -ENOMEM;
}

bool check_text_is_plain(const char *text, const char *more) {
        static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:=@-";
        size_t length = 0;

        for (; text[length]; length++)
                if (!strchr(plain, text[length]) && !strchr(more, text[length]))
                        return false;
        /* Not an option. */
        return length > 0 && length < PLAIN_MAX && text[0] != '-';
}

void check_list_drop_minor(CheckList *list) {
        size_t n = 0;

        for (size_t i = 0; i < list->n_checks; i++)
                if (list->checks[i].area == CHECK_DEVICE || list->checks[i].severity >= CHECK_WARNING)
                        list->checks[n++] = list->checks[i];
                else
                        check_done(&list->checks[i]);
        list->n_checks = n;
}

void check_list_done(CheckList *list) {
        for (size_t i = 0; i < list->n_checks; i++)
                check_done(&list->checks[i]);
        free(list->checks);
        *list = (CheckList){};
}
