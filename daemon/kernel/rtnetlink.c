/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/rtnetlink.h"
#include "base/util.h"

#include <sys/socket.h>

/* One message describes an interface with all its VFs, of which there can be 256. */
#define ANSWER_MAX (256 * 1024)

struct nlmsghdr *rtnetlink_begin(void *buffer, uint16_t type, uint16_t flags, size_t header_size, void **ret_header) {
        memset(buffer, 0, RTNETLINK_REQUEST_MAX);
        struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
        request->nlmsg_type = type;
        request->nlmsg_flags = NLM_F_REQUEST | flags;
        request->nlmsg_seq = 1;
        *ret_header = mnl_nlmsg_put_extra_header(request, header_size);
        return request;
}

static void closep_socket(struct mnl_socket **socket) {
        if (*socket)
                (void)mnl_socket_close(*socket);
}

int rtnetlink_ask(struct nlmsghdr *request, mnl_cb_t callback, void *userdata) {
        _cleanup_free_ char *buffer = malloc(ANSWER_MAX);
        _cleanup_(closep_socket) struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
        int state = MNL_CB_OK;

        if (!buffer)
                return -ENOMEM;
        if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
                        mnl_socket_sendto(socket, request, request->nlmsg_len) < 0)
                return -errno;
        unsigned port = mnl_socket_get_portid(socket);
        while (state > MNL_CB_STOP) {
                ssize_t n = mnl_socket_recvfrom(socket, buffer, ANSWER_MAX);
                if (n < 0 && errno == EINTR)
                        continue;
                state = n < 0 ? MNL_CB_ERROR
                              : mnl_cb_run(buffer, (size_t)n, request->nlmsg_seq, port, callback, userdata);
        }
        return state == MNL_CB_ERROR ? -errno : 0;
}
