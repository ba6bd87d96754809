/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease-socket.h"
#include "process.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define DESCRIPTORS_MAX 8

struct LeaseSocket {
        char *answer;
        int descriptors[DESCRIPTORS_MAX];
        unsigned n_descriptors;
        char *folder, *path;
        int listener;
        GThread *thread;
        GAsyncQueue *tickets;
        GMutex lock; /* for the connection */
        int connection;
};

static void answer(LeaseSocket *lease, int connection) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(lease->descriptors))];
        } control = {0};
        struct iovec vector = {lease->answer, strlen(lease->answer)};
        struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
        size_t size = lease->n_descriptors * sizeof(int);

        if (size > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(size);
                struct cmsghdr *part = CMSG_FIRSTHDR(&message);
                part->cmsg_level = SOL_SOCKET;
                part->cmsg_type = SCM_RIGHTS;
                part->cmsg_len = CMSG_LEN(size);
                memcpy(CMSG_DATA(part), lease->descriptors, size);
        }
        g_assert_cmpint(sendmsg(connection, &message, MSG_NOSIGNAL), ==, vector.iov_len);
}

static void *serve(void *userdata) {
        LeaseSocket *lease = userdata;

        for (;;) {
                char ticket[64] = "";
                int connection = accept4(lease->listener, NULL, NULL, SOCK_CLOEXEC);

                if (connection < 0) /* shut down */
                        return NULL;
                g_assert_cmpint(recv(connection, ticket, sizeof(ticket) - 1, 0), >, 0);
                g_mutex_lock(&lease->lock);
                if (lease->connection >= 0)
                        (void)close(lease->connection);
                lease->connection = connection;
                g_mutex_unlock(&lease->lock);
                answer(lease, connection);
                g_async_queue_push(lease->tickets, g_strdup(ticket));
        }
}

LeaseSocket *lease_socket_start(const char *answer_text, const int *descriptors) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        LeaseSocket *lease = g_new0(LeaseSocket, 1);

        lease->answer = g_strdup(answer_text);
        for (; descriptors && *descriptors >= 0; descriptors++)
                lease->descriptors[lease->n_descriptors++] = *descriptors;
        lease->connection = -1;
        lease->tickets = g_async_queue_new_full(g_free);
        g_mutex_init(&lease->lock);
        lease->folder = g_dir_make_tmp("vfiod-lease-XXXXXX", NULL);
        lease->path = g_build_filename(lease->folder, "lease", NULL);
        g_assert_cmpuint(g_strlcpy(address.sun_path, lease->path, sizeof(address.sun_path)), <,
                        sizeof(address.sun_path));
        lease->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(lease->listener, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(g_chmod(lease->folder, 0755), ==, 0);
        g_assert_cmpint(g_chmod(lease->path, 0666), ==, 0);
        g_assert_cmpint(listen(lease->listener, 5), ==, 0);
        lease->thread = g_thread_new("lease-socket", serve, lease);
        return lease;
}

LeaseSocket *lease_socket_stop(LeaseSocket *lease) {
        (void)shutdown(lease->listener, SHUT_RDWR);
        g_thread_join(lease->thread);
        (void)close(lease->listener);
        if (lease->connection >= 0)
                (void)close(lease->connection);
        (void)g_unlink(lease->path);
        (void)g_rmdir(lease->folder);
        g_async_queue_unref(lease->tickets);
        g_mutex_clear(&lease->lock);
        g_free(lease->folder);
        g_free(lease->path);
        g_free(lease->answer);
        g_free(lease);
        return NULL;
}

const char *lease_socket_get_path(const LeaseSocket *lease) {
        return lease->path;
}

char *lease_socket_expect_ticket(LeaseSocket *lease) {
        char *ticket = g_async_queue_timeout_pop(lease->tickets, DEADLINE_MS * 1000ULL);

        g_assert_nonnull(ticket);
        return ticket;
}

static gboolean ends_within(LeaseSocket *lease, int timeout_ms) {
        g_mutex_lock(&lease->lock);
        struct pollfd poll_fd = {.fd = lease->connection, .events = POLLIN};
        int n = poll(&poll_fd, 1, timeout_ms);
        g_mutex_unlock(&lease->lock);
        return n == 1 && (poll_fd.revents & POLLHUP);
}

gboolean lease_socket_is_open(LeaseSocket *lease) {
        return !ends_within(lease, 0);
}

void lease_socket_expect_end(LeaseSocket *lease) {
        g_assert_true(ends_within(lease, DEADLINE_MS));
}
