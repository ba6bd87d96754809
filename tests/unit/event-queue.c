/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "event-queue.h"

struct EventQueue {
        GQueue messages; /* GString, each in the kernel's format */
        unsigned capacity;
        bool congested, has_error;
        unsigned n_dropped, n_reports, sequence;
        GString *current; /* for the test's own source: holds the strings that were returned */
};

static EventQueue *queue_of_socket;
static int socket_fd = -1;

EventQueue *event_queue_new(unsigned capacity) {
        EventQueue *queue = g_new0(EventQueue, 1);

        queue->capacity = capacity;
        return queue;
}

static void message_free(void *message) {
        if (message)
                g_string_free(message, TRUE);
}

EventQueue *event_queue_free(EventQueue *queue) {
        if (!queue)
                return NULL;
        g_queue_clear_full(&queue->messages, message_free);
        message_free(queue->current);
        if (queue_of_socket == queue) {
                queue_of_socket = NULL;
                socket_fd = -1;
        }
        g_free(queue);
        return NULL;
}

static void emit_with(EventQueue *queue, const char *action, const char *path, const char *subsystem,
                const char *old_path, const char *variable) {
        if (queue->congested || queue->messages.length == queue->capacity) {
                queue->has_error |= !queue->congested;
                queue->congested = true;
                queue->n_dropped++;
                return;
        }
        GString *message = g_string_new(NULL);
        g_string_append_printf(message, "%s@/devices/%s%c", action, path, '\0');
        g_string_append_printf(message, "ACTION=%s%c", action, '\0');
        g_string_append_printf(message, "DEVPATH=/devices/%s%c", path, '\0');
        g_string_append_printf(message, "SUBSYSTEM=%s%c", subsystem, '\0');
        if (old_path)
                g_string_append_printf(message, "DEVPATH_OLD=/devices/%s%c", old_path, '\0');
        if (variable)
                g_string_append_printf(message, "%s%c", variable, '\0');
        g_string_append_printf(message, "SEQNUM=%u%c", ++queue->sequence, '\0');
        g_queue_push_tail(&queue->messages, message);
}

void event_queue_emit(
                EventQueue *queue, const char *action, const char *path, const char *subsystem, const char *old_path) {
        emit_with(queue, action, path, subsystem, old_path, NULL);
}

void event_queue_emit_malformed(EventQueue *queue, const char *subsystem) {
        emit_with(queue, "change", "platform/malformed", subsystem, NULL, "MALFORMED");
}

unsigned event_queue_dropped(const EventQueue *queue) {
        return queue->n_dropped;
}

unsigned event_queue_reports(const EventQueue *queue) {
        return queue->n_reports;
}

bool event_queue_is_readable(const EventQueue *queue) {
        return queue->has_error || queue->messages.length > 0;
}

EventQueue *event_queue_of_socket(int fd) {
        return fd >= 0 && fd == socket_fd ? queue_of_socket : NULL;
}

/* Takes the error, or peeks at the first message. */
static int queue_peek(EventQueue *queue, GString **ret) {
        if (queue->has_error) {
                queue->has_error = false;
                queue->n_reports++;
                return -ENOBUFS;
        }
        *ret = g_queue_peek_head(&queue->messages);
        if (!*ret)
                queue->congested = false;
        return *ret ? 0 : -EAGAIN;
}

static void queue_take(EventQueue *queue) {
        (void)g_queue_pop_head(&queue->messages);
        if (queue->messages.length == 0)
                queue->congested = false;
}

ssize_t event_queue_receive(EventQueue *queue, char *buffer, size_t size, bool peek) {
        GString *message;

        int r = queue_peek(queue, &message);
        if (r < 0)
                return r;
        size_t length = message->len;
        if (size > 0)
                memcpy(buffer, message->str, MIN(size, length));
        if (!peek) {
                queue_take(queue);
                message_free(message);
        }
        return (ssize_t)length;
}

typedef struct QueueSource {
        UeventSource source; /* must be the first member: a pointer to one is a pointer to the other */
        EventQueue *queue;
} QueueSource;

static int queue_source_get_fd(UeventSource *source) {
        (void)source;
        return -1; /* so the queue counts as empty */
}

static const char *find_property(const GString *message, const char *name) {
        for (const char *line = message->str; line < message->str + message->len; line += strlen(line) + 1)
                if (g_str_has_prefix(line, name))
                        return line + strlen(name);
        return NULL;
}

static int queue_source_receive(UeventSource *source, Uevent *ret) {
        static const char *const heard[] = {"pci", "net", "block", NULL};
        EventQueue *queue = ((QueueSource *)source)->queue;

        for (;;) {
                message_free(g_steal_pointer(&queue->current));
                GString *message;
                int r = queue_peek(queue, &message);
                if (r < 0)
                        return r == -EAGAIN ? 0 : r;
                queue_take(queue);
                queue->current = message;
                *ret = (Uevent){
                                .action = find_property(message, "ACTION="),
                                .devpath = find_property(message, "DEVPATH="),
                                .subsystem = find_property(message, "SUBSYSTEM="),
                                .devpath_old = find_property(message, "DEVPATH_OLD="),
                };
                if (g_strv_contains(heard, ret->subsystem))
                        return 1;
        }
}

static UeventSource *queue_source_destroy(UeventSource *source) {
        g_free(source);
        return NULL;
}

UeventSource *event_queue_listen(EventQueue *queue) {
        QueueSource *source = g_new0(QueueSource, 1);

        source->source = (UeventSource){
                        .get_fd = queue_source_get_fd,
                        .receive = queue_source_receive,
                        .destroy = queue_source_destroy,
        };
        source->queue = queue;
        return &source->source;
}

UeventSource *event_queue_listen_udev(EventQueue *queue) {
        UeventSource *source;

        g_assert_cmpint(uevent_source_new_udev(&source), ==, 0);
        g_assert_null(queue_of_socket);
        queue_of_socket = queue;
        socket_fd = source->get_fd(source);
        return source;
}
