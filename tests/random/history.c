/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "history.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define N_KEPT 30
#define LINE_MAX_LENGTH 1000
#define LOG_TAIL 6000

/* Static buffers, so that they can be printed while the program aborts. */
static char lines[N_KEPT][LINE_MAX_LENGTH];
static char title[200], log_path[400];
static unsigned n_lines;
static bool is_verbose;

static void say(const char *text, size_t length) {
        (void)!write(STDERR_FILENO, text, length);
}

static void say_log(void) {
        char buffer[LOG_TAIL];
        int fd = open(log_path, O_RDONLY | O_CLOEXEC);
        off_t size = fd >= 0 ? lseek(fd, 0, SEEK_END) : -1;

        if (size < 0)
                return;
        ssize_t n = pread(fd, buffer, sizeof(buffer), size > LOG_TAIL ? size - LOG_TAIL : 0);
        if (n > 0)
                say(buffer, (size_t)n);
        (void)close(fd);
}

static void on_abort(int number) {
        static const char log_title[] = "The end of the daemon's log:\n";

        say(title, strlen(title));
        for (unsigned i = n_lines > N_KEPT ? n_lines - N_KEPT : 0; i < n_lines; i++) {
                say(lines[i % N_KEPT], strlen(lines[i % N_KEPT]));
                say("\n", 1);
        }
        say(log_title, strlen(log_title));
        say_log();
        (void)signal(number, SIG_DFL);
        (void)raise(number);
}

void history_begin(guint32 seed, unsigned n_operations, const char *log, bool verbose) {
        n_lines = 0;
        is_verbose = verbose;
        (void)snprintf(title, sizeof(title),
                        "\nTo replay: test-random --seed=%u --operations=%u. The last operations, with their "
                        "numbers:\n",
                        seed, n_operations);
        (void)g_strlcpy(log_path, log, sizeof(log_path));
        (void)signal(SIGABRT, on_abort);
        (void)signal(SIGTRAP, on_abort); /* g_error() raises it */
}

static void append(const char *format, va_list arguments) G_GNUC_PRINTF(1, 0);

static void append(const char *format, va_list arguments) {
        char *line = lines[(n_lines - 1) % N_KEPT];
        size_t length = strlen(line);

        (void)vsnprintf(line + length, LINE_MAX_LENGTH - length, format, arguments);
}

void history_add(const char *format, ...) {
        va_list arguments;

        if (is_verbose && n_lines > 0)
                g_test_message("%s", lines[(n_lines - 1) % N_KEPT]);
        (void)snprintf(lines[n_lines % N_KEPT], LINE_MAX_LENGTH, "%5u  ", n_lines + 1);
        n_lines++;
        va_start(arguments, format);
        append(format, arguments);
        va_end(arguments);
}

void history_note(const char *format, ...) {
        va_list arguments;

        if (n_lines == 0)
                history_add("(start)");
        char *line = lines[(n_lines - 1) % N_KEPT];
        if (!g_str_has_suffix(line, "  ") && !g_str_has_suffix(line, ": "))
                (void)g_strlcat(line, "; ", LINE_MAX_LENGTH);
        va_start(arguments, format);
        append(format, arguments);
        va_end(arguments);
}

unsigned history_count(void) {
        return n_lines;
}
