/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "event-queue.h"

#include <dlfcn.h>
#include <linux/netlink.h>
#include <linux/poll.h>
#include <sys/socket.h>

/* These definitions override the C library's, also for libudev: what libudev receives from its socket comes from the
 * queue instead. */

#define REAL(function, ...) \
        G_STMT_START { \
                static typeof(&function) real; \
\
                if (!real) \
                        real = (typeof(&function))dlsym(RTLD_NEXT, #function); \
                return real(__VA_ARGS__); \
        } \
        G_STMT_END

static ssize_t as_call(ssize_t r) {
        if (r >= 0)
                return r;
        errno = (int)-r;
        return -1;
}

ssize_t recv(int fd, void *buffer, size_t size, int flags) {
        EventQueue *queue = event_queue_of_socket(fd);

        if (!queue)
                REAL(recv, fd, buffer, size, flags);
        return as_call(event_queue_receive(queue, buffer, size, flags & MSG_PEEK));
}

/* The kernel sends to group 1, as root and without a process id. Others can send there too, and their messages must
 * be ignored. */
ssize_t recvmsg(int fd, struct msghdr *message, int flags) {
        static const struct ucred kernel = {};
        EventQueue *queue = event_queue_of_socket(fd);

        if (!queue)
                REAL(recvmsg, fd, message, flags);
        ssize_t r = event_queue_receive(queue, message->msg_iov->iov_base, message->msg_iov->iov_len, false);
        if (r < 0)
                return as_call(r);
        message->msg_flags = (size_t)r > message->msg_iov->iov_len ? MSG_TRUNC : 0;
        *(struct sockaddr_nl *)message->msg_name = (struct sockaddr_nl){
                        .nl_family = AF_NETLINK,
                        .nl_groups = 1,
                        .nl_pid = g_str_has_prefix(message->msg_iov->iov_base, "change@/devices/forged") ? 4711 : 0,
        };
        message->msg_namelen = sizeof(struct sockaddr_nl);
        struct cmsghdr *control = CMSG_FIRSTHDR(message);
        *control = (struct cmsghdr){
                        .cmsg_len = CMSG_LEN(sizeof(kernel)),
                        .cmsg_level = SOL_SOCKET,
                        .cmsg_type = SCM_CREDENTIALS,
        };
        memcpy(CMSG_DATA(control), &kernel, sizeof(kernel));
        message->msg_controllen = CMSG_SPACE(sizeof(kernel));
        return r;
}

/* The C library's header declares that these never read the pointed-to memory; the kernel's interface does not. */
int poll(struct pollfd *fds, unsigned long n_fds, int timeout);
int ppoll(struct pollfd *fds, unsigned long n_fds, const struct timespec *timeout, const sigset_t *signals);

static int answer_poll(EventQueue *queue, struct pollfd *poll_fd) {
        poll_fd->revents = event_queue_is_readable(queue) ? POLLIN : 0;
        return poll_fd->revents != 0;
}

int poll(struct pollfd *fds, unsigned long n_fds, int timeout) {
        EventQueue *queue = n_fds == 1 ? event_queue_of_socket(fds->fd) : NULL;

        if (!queue)
                REAL(poll, fds, n_fds, timeout);
        return answer_poll(queue, fds);
}

int ppoll(struct pollfd *fds, unsigned long n_fds, const struct timespec *timeout, const sigset_t *signals) {
        EventQueue *queue = n_fds == 1 ? event_queue_of_socket(fds->fd) : NULL;

        if (!queue)
                REAL(ppoll, fds, n_fds, timeout, signals);
        return answer_poll(queue, fds);
}
