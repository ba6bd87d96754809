/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "log-socket.h"

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

/* Without a journal, only the message is written. */
static void test_lines(void) {
        _cleanup_log_fields_ LogFields fields = {};
        Capture capture = capture_begin();

        log_open(); /* a file is no journal stream of systemd */
        log_notice("plain %d", 1);
        log_fields_add(&fields, "VFIOD_DEVICE", "0000:03:00.0");
        log_event(&(LogEvent){.priority = LOG_ERR, .message_id = MESSAGE_STUCK, .fields = &fields}, "event %s", "two");
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

static void test_fields(void) {
        _cleanup_log_fields_ LogFields fields = {}, copy = {};
        LogSocket *log = log_socket_start();

        log_fields_add(&fields, "VFIOD_DEVICE", "%s", "0000:03:00.0");
        log_fields_add(&fields, "VFIOD_DEVICE", "%s", "0000:03:00.1");
        log_fields_add(&fields, "VFIOD_EMPTY", "%s", "");
        /* A value cannot add a field, and a blank at its end counts. */
        log_fields_add(&fields, "VFIOD_CALLER_COMMAND", "%s", "x\nVFIOD_CALLER_UID=0\xff ");
        log_fields_add_all(&copy, &fields);
        log_fields_done(&fields);
        g_assert_cmpint(log_open_at("/nonexistent/socket"), ==, -ENOENT);
        g_assert_cmpint(log_open_at(log_socket_get_path(log)), ==, 0);
        log_event(&(LogEvent){.priority = LOG_ERR, .message_id = MESSAGE_STUCK, .fields = &copy}, "event %s", "two");
        const char *entry = log_socket_expect(log, MESSAGE_STUCK);
        g_assert_cmpstr(entry, ==,
                        "PRIORITY=3\nSYSLOG_IDENTIFIER=vfiod\nMESSAGE=event two\nMESSAGE_ID=" MESSAGE_STUCK
                        "\nVFIOD_DEVICE=0000:03:00.0\nVFIOD_DEVICE=0000:03:00.1\n"
                        "VFIOD_CALLER_COMMAND=x\\x0aVFIOD_CALLER_UID=0\\xff \n");
        log_socket_stop(log);
}

/* The journal drops an entry with more fields. */
static void test_fields_max(void) {
        _cleanup_log_fields_ LogFields fields = {};

        for (unsigned i = 0; i < LOG_FIELDS_MAX + 10; i++)
                log_fields_add(&fields, "VFIOD_DEVICE", "%u", i);
        g_assert_cmpuint(fields.n_texts, ==, LOG_FIELDS_MAX);
        g_assert_cmpstr(fields.texts[LOG_FIELDS_MAX - 1], ==, "VFIOD_DEVICE=999");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/log/lines", test_lines);
        g_test_add_func("/log/line-break", test_line_break);
        g_test_add_func("/log/fields-max", test_fields_max);
        g_test_add_func("/log/fields", test_fields);
        return g_test_run();
}
