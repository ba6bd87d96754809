/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"

#include "daemon/base/text.h"

#include <sys/ioctl.h>

#define LINE_START "\r"
#define ERASE_TO_END "\x1b[K"

bool progress_is_possible(void) {
        const char *terminal = getenv("TERM");

        return isatty(STDERR_FILENO) && !isempty(terminal) && !streq(terminal, "dumb");
}

/* Returns how many characters fit into the line. The last column stays free, because some terminals then start a
 * new line. */
static size_t line_length(void) {
        struct winsize size;

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) < 0 || size.ws_col == 0)
                return 79;
        return size.ws_col - 1;
}

void progress_show(Progress *progress, const char *text) {
        size_t length = line_length();
        char line[256];

        /* The text has names of processes, which can contain any bytes. In ASCII each byte takes one column. */
        (void)text_escape(text, TEXT_ASCII_ESCAPE, line, length < sizeof(line) ? length + 1 : sizeof(line));
        fprintf(stderr, LINE_START "%s" ERASE_TO_END, line);
        progress->shown = true;
}

void progress_clear(Progress *progress) {
        if (progress->shown)
                fputs(LINE_START ERASE_TO_END, stderr);
        progress->shown = false;
}
