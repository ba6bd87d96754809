/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "terminal.h"

#include "daemon/base/text.h"

#include <langinfo.h>
#include <signal.h>
#include <stdarg.h>

bool terminal_takes_utf8(void) {
        return streq(nl_langinfo(CODESET), "UTF-8");
}

bool terminal_ignores(int signal) {
        struct sigaction action;

        return sigaction(signal, NULL, &action) >= 0 && action.sa_handler == SIG_IGN;
}

char *terminal_text(const char *text) {
        return text_escape_new(text, terminal_takes_utf8() ? TEXT_MESSAGE_ESCAPE : TEXT_ASCII_ESCAPE);
}

void terminal_say_lines(const char *lines) {
        while (*lines) {
                size_t length = strcspn(lines, "\n");

                terminal_say("%.*s", (int)length, lines);
                lines += length + (lines[length] == '\n');
        }
}

void terminal_say(const char *format, ...) {
        _cleanup_free_ char *text = NULL, *escaped = NULL;
        va_list arguments;

        va_start(arguments, format);
        if (vasprintf(&text, format, arguments) < 0)
                text = NULL;
        va_end(arguments);
        escaped = text ? terminal_text(text) : NULL;
        fprintf(stderr, "%s\n", escaped ? escaped : "vfioctl: out of memory");
}
