/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fuzz.h"
#include "base/log.h"
#include "base/text.h"

#include <fcntl.h>
#include <stdarg.h>

char *fuzz_text(const uint8_t *data, size_t size) {
        return g_strndup((const char *)data, size);
}

int fuzz_file_open(const char *path) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

        g_assert_cmpint(fd, >=, 0);
        return fd;
}

void fuzz_file_write(int fd, const void *data, size_t size) {
        g_assert_cmpint(ftruncate(fd, 0), ==, 0);
        g_assert_cmpint(pwrite(fd, data, size, 0), ==, (ssize_t)size);
}

void fuzz_assert_message(const char *message) {
        g_assert_false(isempty(message));
        g_assert_true(g_utf8_validate(message, -1, NULL));
        g_assert_null(text_find_escaped(message));
}

/* Instead of the function in base/log.c: a line for each refused file would take most of the time. */
void log_event(const LogEvent *event, const char *format, ...) {
        g_autofree char *message = NULL;
        va_list arguments;

        (void)event;
        va_start(arguments, format);
        message = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        g_assert_nonnull(message);
}
