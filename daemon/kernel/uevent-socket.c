/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kernel/uevent-socket.h"
#include "kernel/uevent-filter.h"

#include <linux/netlink.h>
#include <sys/socket.h>

/* The kernel writes at most 2048 bytes of variables (UEVENT_BUFFER_SIZE), and the path before them. */
#define MESSAGE_MAX 8192

/* More events than the buffer of the socket takes. */
#define QUEUED_MAX 1000000

/* The multicast group of the kernel, as opposed to that of udevd. */
#define KERNEL_GROUP 1

typedef struct SocketSource {
        UeventSource source; /* must be first: a pointer to it is cast to SocketSource */
        int fd;
        char buffer[MESSAGE_MAX + 1];
} SocketSource;

static int socket_source_get_fd(UeventSource *source) {
        return ((SocketSource *)source)->fd;
}

int uevent_parse(const char *text, size_t length, Uevent *ret) {
        static const struct {
                const char *prefix;
                size_t offset;
        } variables[] = {
                        {"ACTION=", offsetof(Uevent, action)},
                        {"DEVPATH=", offsetof(Uevent, devpath)},
                        {"SUBSYSTEM=", offsetof(Uevent, subsystem)},
                        {"DEVPATH_OLD=", offsetof(Uevent, devpath_old)},
        };

        *ret = (Uevent){};
        /* The first string repeats action and path. */
        for (const char *end = text + length, *line = text; line < end; line += strlen(line) + 1)
                for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                        const char *value = startswith(line, variables[i].prefix);

                        if (value)
                                *(const char **)((char *)ret + variables[i].offset) = value;
                }
        return ret->action && ret->devpath && ret->subsystem ? 1 : -EBADMSG;
}

/* Any process with the right to do so can send to the socket, but only the kernel has the port 0 and no process id. */
static bool is_from_kernel(const struct msghdr *message, const struct sockaddr_nl *sender) {
        const struct cmsghdr *header = CMSG_FIRSTHDR(message);
        struct ucred credentials;

        if (sender->nl_family != AF_NETLINK || sender->nl_pid != 0 || sender->nl_groups != KERNEL_GROUP)
                return false;
        if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_CREDENTIALS)
                return false;
        memcpy(&credentials, CMSG_DATA(header), sizeof(credentials));
        return credentials.uid == 0;
}

static int socket_source_receive(UeventSource *source, Uevent *ret) {
        SocketSource *socket_source = (SocketSource *)source;
        char control[CMSG_SPACE(sizeof(struct ucred))] __attribute__((aligned(16)));
        struct iovec part = {socket_source->buffer, MESSAGE_MAX};
        struct sockaddr_nl sender;
        struct msghdr message = {
                        .msg_name = &sender,
                        .msg_namelen = sizeof(sender),
                        .msg_iov = &part,
                        .msg_iovlen = 1,
                        .msg_control = control,
                        .msg_controllen = sizeof(control),
        };

        ssize_t n = recvmsg(socket_source->fd, &message, MSG_DONTWAIT);
        if (n < 0)
                return errno == EAGAIN || errno == EINTR ? 0 : errno == ENOMEM ? -ENOBUFS : -errno;
        socket_source->buffer[n] = '\0';
        if ((message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) || !is_from_kernel(&message, &sender))
                return -EBADMSG;
        return uevent_parse(socket_source->buffer, (size_t)n, ret);
}

static UeventSource *socket_source_destroy(UeventSource *source) {
        SocketSource *socket_source = (SocketSource *)source;

        (void)safe_close(socket_source->fd);
        free(socket_source);
        return NULL;
}

static void discard_queued(int fd) {
        char byte;

        for (unsigned i = 0; i < QUEUED_MAX && (recv(fd, &byte, 1, MSG_DONTWAIT) >= 0 || errno == ENOBUFS); i++)
                continue;
}

int uevent_source_new_socket(int fd, UeventSource **ret) {
        SocketSource *source = malloc(sizeof(SocketSource));
        if (!source) {
                (void)safe_close(fd);
                return -ENOMEM;
        }
        *source = (SocketSource){
                        .source =
                                        {
                                                        .get_fd = socket_source_get_fd,
                                                        .receive = socket_source_receive,
                                                        .destroy = socket_source_destroy,
                                        },
                        .fd = fd,
        };
        /* Without the filter, vfiod wakes up more often. */
        (void)uevent_filter_attach(fd);
        discard_queued(fd);
        *ret = &source->source;
        return 0;
}
