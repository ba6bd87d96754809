/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

struct Terminal {
        int fd;
        char *path;      /* path of the programs' side */
        GString *output; /* output that no wait has consumed yet */
};

Terminal *terminal_open(unsigned columns) {
        const struct winsize size = {.ws_row = 24, .ws_col = (unsigned short)columns};
        Terminal *terminal = g_new0(Terminal, 1);

        terminal->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
        g_assert_cmpint(terminal->fd, >=, 0);
        g_assert_cmpint(grantpt(terminal->fd), ==, 0);
        g_assert_cmpint(unlockpt(terminal->fd), ==, 0);
        g_assert_cmpint(ioctl(terminal->fd, TIOCSWINSZ, &size), ==, 0);
        terminal->path = g_strdup(ptsname(terminal->fd));
        terminal->output = g_string_new(NULL);
        return terminal;
}

Terminal *terminal_close(Terminal *terminal) {
        (void)close(terminal->fd);
        g_string_free(terminal->output, true);
        g_free(terminal->path);
        g_free(terminal);
        return NULL;
}

/* Runs in the child: the first terminal that a session leader opens becomes its controlling terminal. */
static void become_foreground(void *userdata) {
        const Terminal *terminal = userdata;

        if (setsid() < 0)
                _exit(125);
        int fd = open(terminal->path, O_RDWR);
        if (fd < 0 || dup2(fd, STDIN_FILENO) < 0 || dup2(fd, STDERR_FILENO) < 0)
                _exit(125);
        if (fd > STDERR_FILENO)
                (void)close(fd);
        (void)signal(SIGINT, SIG_DFL);
}

/* The same with stdout. */
static void become_foreground_with_output(void *userdata) {
        become_foreground(userdata);
        if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
                _exit(125);
}

Process *terminal_start_all(Terminal *terminal, const char *const *argv, const char *const *environment) {
        return process_start(argv,
                        &(ProcessOptions){
                                        .environment = environment,
                                        .setup = become_foreground_with_output,
                                        .userdata = terminal,
                        });
}

Process *terminal_start(Terminal *terminal, const char *const *argv, const char *const *environment) {
        return process_start(argv,
                        &(ProcessOptions){
                                        .environment = environment,
                                        .setup = become_foreground,
                                        .userdata = terminal,
                        });
}

/* Reads the available output, or waits for it. Returns false at the end: no program has the terminal open any more. */
static bool read_more(Terminal *terminal, gint64 deadline, const char *awaited) {
        struct pollfd poll_fd = {.fd = terminal->fd, .events = POLLIN};
        gint64 left = MAX(deadline - g_get_monotonic_time(), 0) / 1000;
        char buffer[4096];

        int n = poll(&poll_fd, 1, (int)left);
        if (n < 0 && errno == EINTR)
                return true;
        if (n == 0)
                g_error("the terminal does not show \"%s\"; its output is \"%s\"", awaited, terminal->output->str);
        g_assert_cmpint(n, ==, 1);
        ssize_t length = read(terminal->fd, buffer, sizeof(buffer));
        if (length <= 0)
                return false;
        g_string_append_len(terminal->output, buffer, length);
        return true;
}

char *terminal_expect(Terminal *terminal, const char *text) {
        gint64 deadline = g_get_monotonic_time() + DEADLINE_MS * 1000LL;
        const char *found;

        while (!(found = strstr(terminal->output->str, text)))
                if (!read_more(terminal, deadline, text))
                        g_error("the program ended before \"%s\" appeared; the output is \"%s\"", text,
                                        terminal->output->str);
        size_t length = (size_t)(found - terminal->output->str) + strlen(text);
        char *shown = g_strndup(terminal->output->str, length);
        g_string_erase(terminal->output, 0, (gssize)length);
        return shown;
}

char *terminal_read_rest(Terminal *terminal) {
        gint64 deadline = g_get_monotonic_time() + DEADLINE_MS * 1000LL;

        while (read_more(terminal, deadline, "the end"))
                continue;
        char *rest = g_strdup(terminal->output->str);
        g_string_truncate(terminal->output, 0);
        return rest;
}

void terminal_type(Terminal *terminal, const char *keys) {
        g_assert_cmpint(write(terminal->fd, keys, strlen(keys)), ==, (ssize_t)strlen(keys));
}
