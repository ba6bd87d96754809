/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/root-socket.h"
#include "base/log.h"
#include "bus/connection.h"
#include "bus/publish.h"

#include <fcntl.h>
#include <sys/socket.h>

#define PEERS_MAX 64

/* Limits for the messages that wait until the peer reads: a call is refused above the first one, and signals end the
 * connection above the second one. */
#define QUEUE_FOR_CALLS_MAX 64
#define QUEUE_MAX 4096

struct RootSocket {
        Service *service;
        sd_event *event;
        int fd;
        sd_event_source *source;
        sd_event_source *post_source; /* at the end of each turn: frees the peers that are gone */
        size_t n_peers;
};

static void peer_free(Peer *peer) {
        sd_event_source_disable_unref(peer->first_turn);
        connection_close(peer->bus);
        free(peer);
}

static bool is_disconnected(sd_bus_message *message) {
        return sd_bus_message_is_signal(message, "org.freedesktop.DBus.Local", "Disconnected") > 0;
}

/* sd-bus calls this for each message of the peer, before its method handlers. */
static int on_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Peer *peer = userdata;

        if (is_disconnected(message))
                peer->gone = true;
        if (!sd_bus_message_is_method_call(message, NULL, NULL) ||
                        connection_queue_length(peer->bus) <= QUEUE_FOR_CALLS_MAX)
                return 0;
        return sd_bus_error_set(error, BUS_ERROR_PREFIX "LimitsExceeded",
                        "Too many answers wait until this program reads them: read them, then try again.");
}

/* sd-bus can read the first calls together with the end of the authentication. Then no event of the socket follows, and
 * they would wait for the next call. */
#define FIRST_CALLS_MAX 16

static int on_first_turn(sd_event_source *source, void *userdata) {
        Peer *peer = userdata;
        int r = 1;

        (void)source;
        for (unsigned i = 0; i < FIRST_CALLS_MAX && r > 0; i++)
                r = sd_bus_process(peer->bus, NULL);
        peer->gone = peer->gone || r < 0;
        return 0;
}

/* Arranges the first turn of a peer that has just authenticated itself. */
static void check_ready(RootSocket *root, Peer *peer) {
        if (!peer->first_turn && sd_bus_is_ready(peer->bus) > 0 &&
                        sd_event_add_defer(root->event, &peer->first_turn, on_first_turn, peer) < 0)
                peer->gone = true;
}

/* Frees the peers that are gone, or that do not read. */
static int on_turn_end(sd_event_source *source, void *userdata) {
        RootSocket *root = userdata;

        (void)source;
        for (Peer **link = &root->service->peers; *link;) {
                Peer *peer = *link;

                if (!peer->gone && connection_queue_length(peer->bus) > QUEUE_MAX) {
                        log_warning("Process %d of root does not read the signals that it asked for: vfiod ends its "
                                    "connection.",
                                        (int)peer->pid);
                        peer->gone = true;
                }
                check_ready(root, peer);
                if (!peer->gone) {
                        link = &peer->next;
                        continue;
                }
                *link = peer->next;
                root->n_peers--;
                peer_free(peer);
        }
        return 0;
}

/* Makes the server's end of the connection. Takes the descriptor over, also on failure. */
static int make_bus(RootSocket *root, Peer *peer, int fd) {
        _cleanup_close_ int owned_fd = fd;
        sd_id128_t id;
        int r;

        if ((r = sd_id128_randomize(&id)) < 0 || (r = sd_bus_new(&peer->bus)) < 0 ||
                        (r = sd_bus_set_fd(peer->bus, fd, fd)) < 0)
                return r;
        TAKE_FD(owned_fd);
        /* The name as the sender makes the signals look like those on the system bus. */
        if ((r = sd_bus_set_server(peer->bus, true, id)) < 0 || (r = sd_bus_negotiate_fds(peer->bus, false)) < 0 ||
                        (r = sd_bus_set_sender(peer->bus, BUS_NAME)) < 0 || (r = sd_bus_start(peer->bus)) < 0 ||
                        (r = sd_bus_add_filter(peer->bus, NULL, on_message, peer)) < 0 ||
                        (r = service_add_objects(root->service, peer->bus)) < 0 ||
                        (r = sd_bus_set_close_on_exit(peer->bus, false)) < 0)
                return r;
        return sd_bus_attach_event(peer->bus, root->event, SD_EVENT_PRIORITY_NORMAL);
}

/* Takes the descriptor over, also on failure. */
static int add_peer(RootSocket *root, int fd, pid_t pid) {
        Peer *peer = calloc(1, sizeof(Peer));
        if (!peer) {
                (void)close(fd);
                return -ENOMEM;
        }
        peer->service = root->service;
        peer->pid = pid;
        int r = make_bus(root, peer, fd);
        if (r < 0) {
                peer_free(peer);
                return r;
        }
        peer->next = root->service->peers;
        root->service->peers = peer;
        root->n_peers++;
        return 0;
}

static int on_connection(sd_event_source *source, int listening_fd, uint32_t events, void *userdata) {
        struct ucred credentials;
        socklen_t size = sizeof(credentials);
        RootSocket *root = userdata;

        (void)source, (void)events;
        _cleanup_close_ int fd = accept4(listening_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
                if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
                        log_error_errno(-errno, "Cannot accept a connection on root's socket");
                return 0;
        }
        if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0 || credentials.uid != 0)
                return 0;
        if (root->n_peers >= PEERS_MAX) {
                log_warning("Process %d of root cannot connect: root's socket has %d connections already.",
                                (int)credentials.pid, PEERS_MAX);
                return 0;
        }
        int r = add_peer(root, TAKE_FD(fd), credentials.pid);
        if (r < 0)
                log_error_errno(r, "Cannot serve process %d of root on root's socket", (int)credentials.pid);
        return 0;
}

int root_socket_new(Service *service, sd_event *event, int fd, RootSocket **ret) {
        RootSocket *root = calloc(1, sizeof(RootSocket));
        if (!root) {
                (void)close(fd);
                return -ENOMEM;
        }
        *root = (RootSocket){.service = service, .event = event, .fd = fd};
        int flags = fcntl(fd, F_GETFL), r;
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                r = -errno;
        else
                r = sd_event_add_io(event, &root->source, fd, EPOLLIN, on_connection, root);
        if (r >= 0)
                r = sd_event_add_post(event, &root->post_source, on_turn_end, root);
        if (r < 0) {
                root_socket_free(root);
                return r;
        }
        *ret = root;
        return 0;
}

void root_socket_stop(RootSocket *root) {
        if (root)
                root->source = sd_event_source_disable_unref(root->source);
}

RootSocket *root_socket_free(RootSocket *root) {
        if (!root)
                return NULL;
        sd_event_source_disable_unref(root->source);
        sd_event_source_disable_unref(root->post_source);
        while (root->service->peers) {
                Peer *peer = root->service->peers;

                root->service->peers = peer->next;
                peer_free(peer);
        }
        (void)close(root->fd);
        free(root);
        return NULL;
}
