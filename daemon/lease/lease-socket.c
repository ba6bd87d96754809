/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"
#include "lease/lease-connection.h"
#include "lease/lease-internal.h"

#include <sys/socket.h>

/* The socket of leases. Everybody may connect. vfiod reads one packet from a connection, which must be a ticket without descriptors:
 * see lease-connection.h. Until then the connection is a stranger. The number of strangers is limited, and so is the time that each has. */

#define STRANGERS_MAX 64
#define STRANGER_US (10 * UINT64_C(1000000))

/* A connection that cannot be closed now, because there is no child process for it, stays open, and vfiod tries again after this time.
 * While there are many of them, vfiod accepts no others. */
#define UNCLOSED_MAX 64
#define UNCLOSED_US UINT64_C(1000000)

typedef struct Stranger Stranger;
struct Stranger {
        Stranger *next; /* an older one */
        LeaseSocket *lease_socket;
        int fd;
        bool is_root;
        sd_event_source *source, *timer;
};

struct LeaseSocket {
        LeaseTable *table;
        int fd;
        sd_event_source *source;
        Stranger *strangers; /* the newest first */
        size_t n_strangers;
        int unclosed[UNCLOSED_MAX + STRANGERS_MAX]; /* strangers that were accepted before may still come */
        size_t n_unclosed;
        sd_event_source *unclosed_timer;
};

static int on_unclosed(sd_event_source *source, uint64_t time, void *userdata);

static int close_later(LeaseSocket *lease_socket) {
        lease_socket->unclosed_timer = sd_event_source_disable_unref(lease_socket->unclosed_timer);
        return sd_event_add_time_relative(lease_socket->table->parts.event, &lease_socket->unclosed_timer,
                        CLOCK_MONOTONIC, UNCLOSED_US, 0, on_unclosed, lease_socket);
}

/* Accepts connections unless too many are not closed. */
static void limit_connections(const LeaseSocket *lease_socket) {
        bool on = lease_socket->n_unclosed < UNCLOSED_MAX;

        (void)sd_event_source_set_enabled(lease_socket->source, on ? SD_EVENT_ON : SD_EVENT_OFF);
}

static int on_unclosed(sd_event_source *source, uint64_t time, void *userdata) {
        LeaseSocket *lease_socket = userdata;
        const LeaseParts *parts = &lease_socket->table->parts;

        (void)source, (void)time;
        while (lease_socket->n_unclosed > 0 &&
                        lease_connection_close(parts->event, parts->kernel,
                                        lease_socket->unclosed[lease_socket->n_unclosed - 1]) >= 0)
                lease_socket->n_unclosed--;
        limit_connections(lease_socket);
        return lease_socket->n_unclosed > 0 ? close_later(lease_socket) : 0;
}

static void close_connection(LeaseSocket *lease_socket, int fd) {
        const LeaseParts *parts = &lease_socket->table->parts;

        int r = lease_connection_close(parts->event, parts->kernel, fd);
        if (r >= 0)
                return;
        if (lease_socket->n_unclosed == 0)
                log_error_errno(r, "Cannot start a process that closes a connection to the socket of leases");
        assert(lease_socket->n_unclosed < ELEMENTSOF(lease_socket->unclosed));
        lease_socket->unclosed[lease_socket->n_unclosed++] = fd;
        limit_connections(lease_socket);
        if (!lease_socket->unclosed_timer || lease_socket->n_unclosed == 1)
                (void)close_later(lease_socket);
}

/* Closes the connection, unless its descriptor was taken. */
static void stranger_free(Stranger *stranger) {
        for (Stranger **link = &stranger->lease_socket->strangers; *link; link = &(*link)->next)
                if (*link == stranger) {
                        *link = stranger->next;
                        stranger->lease_socket->n_strangers--;
                        break;
                }
        sd_event_source_disable_unref(stranger->source);
        sd_event_source_disable_unref(stranger->timer);
        if (stranger->fd >= 0)
                close_connection(stranger->lease_socket, stranger->fd);
        free(stranger);
}

/* The time does not depend on how much of the ticket is right. */
static bool ticket_is(const Lease *lease, const char *ticket) {
        unsigned difference = 0;

        for (size_t i = 0; i < TICKET_LENGTH; i++)
                difference |= (unsigned char)(lease->ticket[i] ^ ticket[i]);
        return difference == 0 && lease->ticket[0] != '\0';
}

static Lease *find_by_ticket(const LeaseTable *table, const char *ticket) {
        for (Lease *lease = table->leases; lease; lease = lease->next)
                if ((lease->state == LEASE_UNCLAIMED || lease->state == LEASE_ACTIVE) && ticket_is(lease, ticket))
                        return lease;
        return NULL;
}

/* Sends one packet. Returns 0 or a negative errno. */
static int send_packet(int fd, const char *text, const int *fds, size_t n_fds) {
        union {
                struct cmsghdr header;
                char buffer[CMSG_SPACE(LEASE_DESCRIPTORS_MAX * sizeof(int))];
        } control = {};
        struct iovec data = {.iov_base = (char *)text, .iov_len = strlen(text)};
        struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

        if (n_fds > LEASE_DESCRIPTORS_MAX)
                return -E2BIG;
        if (n_fds > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
                control.header.cmsg_level = SOL_SOCKET;
                control.header.cmsg_type = SCM_RIGHTS;
                control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
                memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
        }
        return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* One line for each descriptor. The caller frees *ret. */
static int describe_descriptors(const Lease *lease, char **ret) {
        _cleanup_fclose_ FILE *stream = NULL;
        size_t size;

        if (lease->n_fds == 0)
                return (*ret = strdup("ok")) ? 0 : -ENOMEM;
        stream = open_memstream(ret, &size);
        if (!stream)
                return -ENOMEM;
        for (size_t i = 0; i < lease->n_fds; i++)
                if (fprintf(stream, "%s\n", lease->nodes[i]) < 0)
                        return -ENOMEM;
        return fflush(stream) == 0 ? 0 : -ENOMEM;
}

/* Gives the user its descriptors. The connection becomes the guard, unless the lease is bound to a process. */
static int claim(Lease *lease, Stranger *stranger) {
        _cleanup_free_ char *text = NULL;
        int r;

        if ((r = describe_descriptors(lease, &text)) < 0 ||
                        (r = send_packet(stranger->fd, text, lease->fds, lease->n_fds)) < 0)
                return r;
        lease_drop_descriptors(lease);
        memset(lease->ticket, 0, sizeof(lease->ticket));
        if (lease->pid > 0)
                return 0;
        lease->timer = sd_event_source_disable_unref(lease->timer);
        if ((r = lease_watch_guard(lease, TAKE_FD(stranger->fd), true)) < 0)
                return r;
        lease_set_state(lease, LEASE_ACTIVE);
        return 0;
}

static int on_packet(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        char ticket[TICKET_LENGTH + 2] = {};
        Stranger *stranger = userdata;

        (void)source, (void)events;
        ssize_t n = lease_connection_receive(fd, ticket, TICKET_LENGTH + 1);
        if (n == -EAGAIN || n == -EINTR)
                return 0;
        Lease *lease = n == TICKET_LENGTH ? find_by_ticket(stranger->lease_socket->table, ticket) : NULL;
        /* The source belongs to the stranger, and must not watch the guard. */
        stranger->source = sd_event_source_disable_unref(stranger->source);
        if (lease) {
                int r = claim(lease, stranger);
                if (r < 0) {
                        log_error_errno(r, "Cannot hand over lease %u, so it ends", lease->number);
                        lease_end(lease);
                }
        } else if (n > 0)
                (void)send_packet(fd, "error: no such ticket", NULL, 0);
        else if (n == -EBADMSG)
                (void)send_packet(fd, "error: send only the ticket, without descriptors", NULL, 0);
        stranger_free(stranger);
        return 0;
}

static int on_late(sd_event_source *source, uint64_t time, void *userdata) {
        (void)source, (void)time;
        stranger_free(userdata);
        return 0;
}

/* Ends the oldest connection, but one of root only if all are of root. */
static void make_room(LeaseSocket *lease_socket) {
        Stranger *oldest = NULL;

        for (Stranger *stranger = lease_socket->strangers; stranger; stranger = stranger->next)
                if (!oldest || !stranger->is_root || oldest->is_root)
                        oldest = stranger;
        if (oldest)
                stranger_free(oldest);
}

/* Takes the descriptor over, also on failure. */
static int add_stranger(LeaseSocket *lease_socket, int fd) {
        sd_event *event = lease_socket->table->parts.event;
        struct ucred peer = {.uid = (uid_t)-1};
        socklen_t size = sizeof(peer);
        Stranger *stranger = malloc(sizeof(Stranger));
        int r;

        if (!stranger) {
                (void)close(fd);
                return -ENOMEM;
        }
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size);
        *stranger = (Stranger){
                        .next = lease_socket->strangers,
                        .lease_socket = lease_socket,
                        .fd = fd,
                        .is_root = peer.uid == 0,
        };
        lease_socket->strangers = stranger;
        lease_socket->n_strangers++;
        if ((r = sd_event_add_io(event, &stranger->source, fd, EPOLLIN, on_packet, stranger)) < 0 ||
                        (r = sd_event_add_time_relative(event, &stranger->timer, CLOCK_MONOTONIC, STRANGER_US, 0,
                                         on_late, stranger)) < 0)
                stranger_free(stranger);
        return r;
}

static int on_connection(sd_event_source *source, int listening_fd, uint32_t events, void *userdata) {
        LeaseSocket *lease_socket = userdata;

        (void)source, (void)events;
        int fd = accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
                if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                        log_error_errno(-errno, "Cannot accept a connection on the socket of leases");
                return 0;
        }
        if (lease_socket->n_strangers >= STRANGERS_MAX)
                make_room(lease_socket);
        int r = add_stranger(lease_socket, fd);
        if (r < 0)
                log_error_errno(r, "Cannot accept a connection on the socket of leases");
        return 0;
}

int lease_socket_new(LeaseTable *table, int fd, LeaseSocket **ret) {
        LeaseSocket *lease_socket = malloc(sizeof(LeaseSocket));
        int r;

        if (!lease_socket) {
                (void)close(fd);
                return -ENOMEM;
        }
        *lease_socket = (LeaseSocket){.table = table, .fd = fd};
        if ((r = sd_event_add_io(table->parts.event, &lease_socket->source, fd, EPOLLIN, on_connection, lease_socket)) <
                        0) {
                lease_socket_free(lease_socket);
                return r;
        }
        *ret = lease_socket;
        return 0;
}

LeaseSocket *lease_socket_free(LeaseSocket *lease_socket) {
        if (!lease_socket)
                return NULL;
        while (lease_socket->strangers)
                stranger_free(lease_socket->strangers);
        sd_event_source_disable_unref(lease_socket->source);
        sd_event_source_disable_unref(lease_socket->unclosed_timer);
        /* Connections that are not closed end with this process, which then does not wait. */
        (void)safe_close(lease_socket->fd);
        free(lease_socket);
        return NULL;
}
