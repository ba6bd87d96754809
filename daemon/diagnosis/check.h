/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* The results of a diagnosis. */

typedef enum CheckSeverity {
        CHECK_OK,
        CHECK_INFO,    /* nothing is wrong, but it is good to know */
        CHECK_WARNING, /* something may fail, or is a risk */
        CHECK_ERROR,   /* a virtual machine cannot use a device */
        _CHECK_SEVERITY_MAX,
} CheckSeverity;

/* What a check is about, from the firmware to the virtual machine. */
typedef enum CheckArea {
        CHECK_FIRMWARE,
        CHECK_BOOT,
        CHECK_KERNEL,
        CHECK_VFIO,
        CHECK_PROGRAMS, /* other programs that bind devices */
        CHECK_MACHINE,  /* the virtual machine and its user */
        CHECK_DEVICE,
        _CHECK_AREA_MAX,
} CheckArea;

/* Return the names on the bus, for example "warning" and "firmware", static strings. */
const char *check_severity_to_string(CheckSeverity severity);
const char *check_area_to_string(CheckArea area);

typedef struct CheckDetail {
        char *key; /* in kebab-case */
        char *value;
} CheckDetail;

#define CHECK_DETAILS_MAX 8

typedef struct Check {
        char *code; /* in kebab-case: it never changes its meaning */
        CheckArea area;
        CheckSeverity severity;
        char *finding; /* a sentence, or several */
        char *cure;    /* a command or a sentence; NULL for none */
        CheckDetail details[CHECK_DETAILS_MAX];
        size_t n_details;
} Check;

/* Checks in the order in which they are shown. If there is not enough memory, error becomes -ENOMEM, and what is added later
 * is lost. So only the end of a diagnosis must look at it. */
typedef struct CheckList {
        Check *checks;
        size_t n_checks;
        int error;
} CheckList;

/* Adds a check. The text is escaped as a message (base/text.h), so it may quote names of the host. */
void check_add(CheckList *list, CheckArea area, const char *code, CheckSeverity severity, const char *format, ...)
                _printf_(5, 6);

/* Sets the cure of the check that was added last, or adds a detail to it. The text is escaped, too. A later cure replaces an earlier
 * one. */
void check_cure(CheckList *list, const char *format, ...) _printf_(2, 3);
void check_detail(CheckList *list, const char *key, const char *format, ...) _printf_(3, 4);

/* Removes the checks that are not worth mentioning beside those of a device: all of other areas that are no errors and no
 * warnings. */
void check_list_drop_minor(CheckList *list);

/* Tells whether a text may be part of a command: it means nothing to a shell, nor to sed as a regular expression, except that a dot
 * matches every character. more: further characters that are allowed, for example "/" in a path. */
bool check_text_is_plain(const char *text, const char *more);

/* Frees the checks. */
void check_list_done(CheckList *list);
#define _cleanup_check_list_ _cleanup_(check_list_done)
