/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease/lease-connection.h"
#include "process/child.h"

#include <fcntl.h>
#include <sys/socket.h>

/* Tells whether a packet is in the queue. An empty packet and the end of the connection have the same size, but only a packet has the
 * credentials of its sender. */
static bool has_packet(int fd) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(struct ucred))];
        } control;
        char byte;
        struct iovec data = {.iov_base = &byte, .iov_len = sizeof(byte)};

        if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &(int){1}, sizeof(int)) < 0)
                return true;
        /* The first attempt may return an error of the connection, such as ECONNRESET, although there are packets. */
        for (unsigned i = 0; i < 2; i++) {
                struct msghdr message = {.msg_iov = &data,
                                .msg_iovlen = 1,
                                .msg_control = &control,
                                .msg_controllen = sizeof(control)};
                ssize_t n = recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT);

                if (n >= 0)
                        return n > 0 || message.msg_controllen > 0;
                if (errno == EAGAIN)
                        return false;
        }
        return true;
}

/* From now on, the user cannot send any more. vfiod still notices when the user closes the connection. Returns whether packets are
 * left. */
static bool silence(int fd) {
        (void)shutdown(fd, SHUT_RD);
        return has_packet(fd);
}

ssize_t lease_connection_receive(int fd, void *buffer, size_t size) {
        struct iovec data = {.iov_base = buffer, .iov_len = size};
        struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1};

        /* Without a buffer for the descriptors, the kernel sets MSG_CTRUNC if the packet has any. */
        if (recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT) < 0)
                return -errno;
        if (message.msg_flags & MSG_CTRUNC)
                return -EBADMSG;
        ssize_t n = recv(fd, buffer, size, MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0)
                return -errno;
        return silence(fd) ? -EBADMSG : n;
}

/* Waits until vfiod has closed its copy of the connection, and exits. The exit closes the last copy. */
static _Noreturn void exit_last(int pipe_fd) {
        char byte;

        while (read(pipe_fd, &byte, sizeof(byte)) < 0 && errno == EINTR)
                ;
        _exit(EXIT_SUCCESS);
}

int lease_connection_close(sd_event *event, const Kernel *kernel, int fd) {
        int pipe_fds[2] = {-EBADF, -EBADF};

        if (!silence(fd)) {
                (void)close(fd);
                return 0;
        }
        pid_t pid = pipe2(pipe_fds, O_CLOEXEC) < 0 ? -errno : child_fork("close", kernel, (int[]){fd, pipe_fds[0]}, 2);
        if (pid == 0)
                exit_last(pipe_fds[0]);
        if (pid > 0)
                (void)close(fd);
        (void)safe_close(pipe_fds[0]);
        (void)safe_close(pipe_fds[1]);
        if (pid > 0)
                child_reap(event, pid);
        return pid < 0 ? (int)pid : 0;
}
