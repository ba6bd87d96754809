/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

#include "base/util.h"

/* What is found of a device's use, and how it is told. */

typedef enum UsageKind {
        USAGE_STORAGE, /* a disk of it is mounted, swapped to, or part of something */
        USAGE_NETWORK, /* a network interface of it has addresses or routes, or is part of something */
        USAGE_DISPLAY, /* it shows the host's screen */
        USAGE_PROCESS, /* a process has one of its device nodes open */
        _USAGE_KIND_MAX,
} UsageKind;

/* Called for each use, with the evidence. A return other than 0 ends the search. A device can have thousands of uses: the visitor decides how many it keeps. */
typedef int (*usage_visit_t)(UsageKind kind, const char *evidence, void *userdata);

/* Formats the evidence, escapes it as a message (base/text.h) and calls the visitor. */
int usage_report(usage_visit_t visit, void *userdata, UsageKind kind, const char *format, ...) _printf_(4, 5);
