/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log-socket.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DEADLINE_US (60 * G_USEC_PER_SEC)

/* An entry has at most 256 devices with three short fields each. */
#define ENTRY_SIZE_MAX (256 * 1024)

/* The entry of log_socket_count(). */
#define LAST "LAST=1\n"

struct LogSocket {
        char *folder, *path;
        int fd;
        GThread *thread;
        GAsyncQueue *queue;
        GPtrArray *entries; /* that were taken out of the queue */
};

/* Returns at the end of the socket. */
static void *read_entries(void *userdata) {
        g_autofree char *buffer = g_malloc(ENTRY_SIZE_MAX);
        LogSocket *log = userdata;
        ssize_t size;

        while ((size = recv(log->fd, buffer, ENTRY_SIZE_MAX, 0)) > 0 || (size < 0 && errno == EINTR))
                if (size > 0)
                        g_async_queue_push(log->queue, g_strndup(buffer, (gsize)size));
        return NULL;
}

LogSocket *log_socket_start(void) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        LogSocket *log = g_new0(LogSocket, 1);
        g_autoptr(GError) error = NULL;

        log->folder = g_dir_make_tmp("vfiod-log-XXXXXX", &error);
        g_assert_no_error(error);
        log->path = g_build_filename(log->folder, "journal", NULL);
        g_assert_cmpuint(g_strlcpy(address.sun_path, log->path, sizeof(address.sun_path)), <, sizeof(address.sun_path));
        log->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(log->fd, >=, 0);
        g_assert_cmpint(bind(log->fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        log->queue = g_async_queue_new_full(g_free);
        log->entries = g_ptr_array_new_with_free_func(g_free);
        log->thread = g_thread_new("log", read_entries, log);
        return log;
}

LogSocket *log_socket_stop(LogSocket *log) {
        if (!log)
                return NULL;
        g_assert_cmpint(shutdown(log->fd, SHUT_RD), ==, 0);
        (void)g_thread_join(log->thread);
        g_async_queue_unref(log->queue);
        g_ptr_array_unref(log->entries);
        close(log->fd);
        (void)g_unlink(log->path);
        (void)g_rmdir(log->folder);
        g_free(log->path);
        g_free(log->folder);
        g_free(log);
        return NULL;
}

const char *log_socket_get_path(const LogSocket *log) {
        return log->path;
}

static bool has_line(const char *entry, const char *pattern) {
        g_auto(GStrv) lines = g_strsplit(entry, "\n", -1);

        for (char **line = lines; *line; line++)
                if (g_pattern_match_simple(pattern, *line))
                        return true;
        return false;
}

static bool is_about(const char *entry, const char *message_id) {
        g_autofree char *line = g_strdup_printf("MESSAGE_ID=%s", message_id);

        return has_line(entry, line);
}

/* Waits for the next entry; NULL after the deadline. */
static const char *next(LogSocket *log) {
        char *entry = g_async_queue_timeout_pop(log->queue, DEADLINE_US);

        if (entry)
                g_ptr_array_add(log->entries, entry);
        return entry;
}

const char *log_socket_expect(LogSocket *log, const char *message_id) {
        const char *entry;

        while ((entry = next(log)))
                if (is_about(entry, message_id))
                        return entry;
        g_error("there is no entry with MESSAGE_ID=%s", message_id);
}

/* Sends an entry itself, and waits until it arrives. */
static void pass_all(LogSocket *log) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        g_assert_cmpint(fd, >=, 0);
        (void)g_strlcpy(address.sun_path, log->path, sizeof(address.sun_path));
        g_assert_cmpint(sendto(fd, LAST, sizeof(LAST) - 1, 0, (const struct sockaddr *)&address, sizeof(address)), ==,
                        sizeof(LAST) - 1);
        close(fd);
        for (const char *entry = NULL; g_strcmp0(entry, LAST) != 0;) {
                entry = next(log);
                g_assert_nonnull(entry);
        }
}

unsigned log_socket_count(LogSocket *log, const char *message_id) {
        unsigned n = 0;

        pass_all(log);
        for (unsigned i = 0; i < log->entries->len; i++)
                n += is_about(log->entries->pdata[i], message_id);
        return n;
}

void log_entry_check(const char *entry, const char *const *patterns) {
        for (; *patterns; patterns++) {
                bool wanted = **patterns != '!';

                if (has_line(entry, *patterns + !wanted) != wanted)
                        g_error("the entry has %s line \"%s\":\n%s", wanted ? "no" : "a", *patterns + !wanted, entry);
        }
}
