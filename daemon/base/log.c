/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "base/text.h"

#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

/* The socket of the journal, or negative for stderr. This is the only global variable. */
static int journal_fd = -EBADF;

int log_open_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        (void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        journal_fd = TAKE_FD(fd);
        return 0;
}

void log_open(void) {
        struct stat status;

        if (journal_fd < 0 && fstat(STDERR_FILENO, &status) >= 0 && S_ISSOCK(status.st_mode))
                (void)log_open_at("/run/systemd/journal/socket");
}

/* Writes the text and a line break. The text may quote names that others chose. It is escaped, so that it cannot
 * forge a log line or a field, and cannot change a terminal. If there is not enough memory, the line is lost. */
static void put_one_line(FILE *stream, const char *text) {
        _cleanup_free_ char *escaped = text_escape_new(text, TEXT_MESSAGE_ESCAPE);

        if (escaped)
                fputs(escaped, stream);
        fputc('\n', stream);
}

/* Adds "NAME=value\n", the native protocol of the journal. Adds nothing if the value is NULL. */
static void append_field(FILE *record, const char *name, const char *value) {
        if (!value)
                return;
        fputs(name, record);
        fputc('=', record);
        put_one_line(record, value);
}

static void write_line(const LogEvent *event, const char *message) {
        if (journal_fd < 0) {
                put_one_line(stderr, message);
                return;
        }

        _cleanup_free_ char *buffer = NULL;
        size_t size = 0;
        FILE *record = open_memstream(&buffer, &size);
        if (!record)
                return;

        char priority[] = {(char)('0' + event->priority), '\0'};
        append_field(record, "PRIORITY", priority);
        append_field(record, "SYSLOG_IDENTIFIER", "vfiod");
        append_field(record, "MESSAGE", message);
        append_field(record, "MESSAGE_ID", event->message_id);
        for (size_t i = 0; event->fields && i < event->fields->n_texts; i++)
                put_one_line(record, event->fields->texts[i]);
        if (fclose(record) == 0)
                (void)send(journal_fd, buffer, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void log_event(const LogEvent *event, const char *format, ...) {
        _cleanup_free_ char *message = NULL;
        va_list arguments;

        va_start(arguments, format);
        int length = vasprintf(&message, format, arguments);
        va_end(arguments);
        if (length < 0) {
                message = NULL;
                return;
        }
        write_line(event, message);
}
