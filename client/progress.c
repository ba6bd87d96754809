/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "progress.h"

#include "daemon/base/util.h"

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
        char line[256];
        size_t n = 0, length = line_length();

        /* The text has names of processes, which can contain any bytes. Each character must take one column and
         * must not move the cursor: what is not printable ASCII becomes '?'. The second and later bytes of a UTF-8
         * character are skipped. */
        for (; *text && n < length && n < sizeof(line) - 1; text++)
                if (((unsigned char)*text & 0xc0) != 0x80)
                        line[n++] = *text >= ' ' && *text <= '~' ? *text : '?';
        line[n] = '\0';
        fprintf(stderr, LINE_START "%s" ERASE_TO_END, line);
        progress->shown = true;
}

void progress_clear(Progress *progress) {
        if (progress->shown)
                fputs(LINE_START ERASE_TO_END, stderr);
        progress->shown = false;
}
