/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "usage/usage-report.h"
#include "base/text.h"

#include <stdarg.h>

int usage_report(usage_visit_t visit, void *userdata, UsageKind kind, const char *format, ...) {
        _cleanup_free_ char *evidence = NULL;
        va_list arguments;

        va_start(arguments, format);
        int length = vasprintf(&evidence, format, arguments);
        va_end(arguments);
        if (length < 0) {
                evidence = NULL;
                return -ENOMEM;
        }
        return text_escape_message(&evidence) < 0 ? -ENOMEM : visit(kind, evidence, userdata);
}
