/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/peer.h"

#include <sys/socket.h>
#include <sys/un.h>

#define PEER_PRIORITY (SD_EVENT_PRIORITY_NORMAL - 1)

int peer_connect(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

static int open_peer(int fd, bool is_server, sd_event *event, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        _cleanup_close_ int owned_fd = fd;
        sd_id128_t id;
        int r;

        if ((r = sd_bus_new(&peer)) < 0 || (r = sd_bus_set_fd(peer, fd, fd)) < 0)
                return r;
        TAKE_FD(owned_fd);
        if ((r = sd_bus_negotiate_fds(peer, true)) < 0)
                return r;
        if (is_server && ((r = sd_id128_randomize(&id)) < 0 || (r = sd_bus_set_server(peer, true, id)) < 0))
                return r;
        if ((r = sd_bus_start(peer)) < 0)
                return r;
        /* The owner of the connection decides when it is closed, and not the event loop. What a helper has told comes before later
         * calls on the bus: their answers would be out of date. */
        if (event &&
                        ((r = sd_bus_set_close_on_exit(peer, false)) < 0 ||
                                        (r = sd_bus_attach_event(peer, event, PEER_PRIORITY)) < 0))
                return r;
        *ret = TAKE_PTR(peer);
        return 0;
}

/* Ends the connection of a helper that sends what no helper sends. sd-bus would answer each call with an error, and keep the
 * answers that the other end does not read. Messages without an end would delay other sources of the event loop. Filters
 * that are added later come first. */
static int refuse_message(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        uint8_t type = 0;

        (void)userdata, (void)error;
        (void)sd_bus_message_get_type(message, &type);
        if (type != SD_BUS_MESSAGE_METHOD_CALL && type != SD_BUS_MESSAGE_SIGNAL)
                return 0;
        int fd = sd_bus_get_fd(sd_bus_message_get_bus(message));
        if (fd >= 0)
                (void)shutdown(fd, SHUT_RDWR);
        return type == SD_BUS_MESSAGE_METHOD_CALL;
}

int peer_open_client(int fd, sd_event *event, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *peer = NULL;
        int r;

        if ((r = open_peer(fd, false, event, &peer)) < 0 ||
                        (r = sd_bus_add_filter(peer, NULL, refuse_message, NULL)) < 0)
                return r;
        *ret = TAKE_PTR(peer);
        return 0;
}

int peer_open_server(int fd, sd_bus **ret) {
        return open_peer(fd, true, NULL, ret);
}

int peer_make_call(sd_bus *peer, const char *interface, const char *member, sd_bus_message **ret) {
        return sd_bus_message_new_method_call(peer, ret, NULL, PEER_PATH, interface, member);
}

static int await_ready(sd_bus *peer, uint64_t end_us) {
        int r;

        while ((r = sd_bus_is_ready(peer)) == 0) {
                uint64_t now_us = clock_us(CLOCK_MONOTONIC);

                if (now_us >= end_us)
                        return -ETIMEDOUT;
                if ((r = sd_bus_process(peer, NULL)) < 0 || (r == 0 && (r = sd_bus_wait(peer, end_us - now_us)) < 0))
                        return r;
        }
        return r;
}

int peer_call(sd_bus *peer, sd_bus_message *call, uint64_t timeout_us, sd_bus_message **ret_reply) {
        uint64_t end_us = clock_us(CLOCK_MONOTONIC) + timeout_us, now_us;

        int r = await_ready(peer, end_us);
        if (r < 0)
                return r;
        if ((now_us = clock_us(CLOCK_MONOTONIC)) >= end_us)
                return -ETIMEDOUT;
        r = sd_bus_call(peer, call, end_us - now_us, NULL, ret_reply);
        return r < 0 ? r : 0;
}

bool peer_is_lost(int error) {
        return error == -EPIPE || error == -ECONNRESET || error == -ENOTCONN;
}

int peer_append_bytes(sd_bus_message *message, const char *text) {
        return sd_bus_message_append_array(message, 'y', strempty(text), strlen(strempty(text)));
}

int peer_read_bytes(sd_bus_message *message, char *buffer, size_t max) {
        const void *bytes;
        size_t size;

        int r = sd_bus_message_read_array(message, 'y', &bytes, &size);
        if (r < 0)
                return r;
        if (size >= max || memchr(bytes, '\0', size))
                return -EBADMSG;
        if (size > 0)
                memcpy(buffer, bytes, size);
        buffer[size] = '\0';
        return 0;
}

int peer_serve(int fd, const char *interface, const sd_bus_vtable *vtable, void *userdata) {
        _cleanup_(sd_bus_flush_close_unrefp) sd_bus *peer = NULL;

        int r = peer_open_server(fd, &peer);
        if (r >= 0)
                r = sd_bus_add_object_vtable(peer, NULL, PEER_PATH, interface, vtable, userdata);
        while (r >= 0) {
                r = sd_bus_process(peer, NULL);
                if (r == 0)
                        r = sd_bus_wait(peer, UINT64_MAX);
        }
        return peer_is_lost(r) ? 0 : r;
}
