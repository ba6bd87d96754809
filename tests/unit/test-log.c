/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>

/* The text that is written to stderr meanwhile. */
typedef struct Capture {
        char *path;
        int saved_fd;
} Capture;

static Capture capture_begin(void) {
        Capture capture = {.saved_fd = dup(STDERR_FILENO)};
        int fd = g_file_open_tmp("vfiod-log-XXXXXX", &capture.path, NULL);

        g_assert_cmpint(fd, >=, 0);
        (void)fflush(stderr);
        g_assert_cmpint(dup2(fd, STDERR_FILENO), >=, 0);
        close(fd);
        return capture;
}

static char *capture_end(Capture *capture) {
        char *text = NULL;

        (void)fflush(stderr);
        g_assert_cmpint(dup2(capture->saved_fd, STDERR_FILENO), >=, 0);
        close(capture->saved_fd);
        g_assert_true(g_file_get_contents(capture->path, &text, NULL, NULL));
        (void)g_unlink(capture->path);
        g_free(capture->path);
        return text;
}

static void test_lines(void) {
        Capture capture = capture_begin();

        log_open(); /* a file is no journal stream of systemd */
        log_notice("plain %d", 1);
        log_event(&(LogEvent){.priority = LOG_ERR, .message_id = MESSAGE_STUCK, .address = "0000:03:00.0"}, "event %s",
                        "two");
        g_assert_cmpint(log_error_errno(-EIO, "cannot %s", "read"), ==, -EIO);
        g_autofree char *text = capture_end(&capture);
        g_assert_cmpstr(text, ==, "plain 1\nevent two\ncannot read: Input/output error\n");
}

/* A foreign name cannot look like a line of vfiod's log. */
static void test_line_break(void) {
        Capture capture = capture_begin();

        log_warning("held by %s", "qemu\nvfiod: all is well\n");
        g_autofree char *text = capture_end(&capture);
        g_assert_cmpstr(text, ==, "held by qemu\\x0avfiod: all is well\\x0a\n");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/log/lines", test_lines);
        g_test_add_func("/log/line-break", test_line_break);
        return g_test_run();
}
