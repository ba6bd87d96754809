/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-uevents.h"

#include <sys/socket.h>
#include <sys/un.h>

typedef struct FakeSource {
        UeventSource source; /* must be the first member: a pointer to one is a pointer to the other */
        int fd;
        size_t length, consumed;
        char buffer[8192];
} FakeSource;

static int fake_source_get_fd(UeventSource *source) {
        return ((FakeSource *)source)->fd;
}

/* The next complete line in the buffer, as a string; NULL if there is none. */
static char *next_line(FakeSource *fake) {
        char *line = fake->buffer + fake->consumed;
        char *end = memchr(line, '\n', fake->length - fake->consumed);
        if (!end)
                return NULL;
        *end = '\0';
        fake->consumed = (size_t)(end + 1 - fake->buffer);
        return line;
}

/* "ACTION DEVPATH SUBSYSTEM [DEVPATH_OLD]", or "lost" */
static int parse_line(char *line, Uevent *ret) {
        char *state;

        if (streq(line, "lost"))
                return -ENOBUFS;
        *ret = (Uevent){
                        .action = strtok_r(line, " ", &state),
                        .devpath = strtok_r(NULL, " ", &state),
                        .subsystem = strtok_r(NULL, " ", &state),
                        .devpath_old = strtok_r(NULL, " ", &state),
        };
        return ret->subsystem ? 1 : -EPROTO;
}

static int fake_source_receive(UeventSource *source, Uevent *ret) {
        FakeSource *fake = (FakeSource *)source;

        for (;;) {
                char *line = next_line(fake);
                if (line)
                        return parse_line(line, ret);

                memmove(fake->buffer, fake->buffer + fake->consumed, fake->length - fake->consumed);
                fake->length -= fake->consumed;
                fake->consumed = 0;
                if (fake->length == sizeof(fake->buffer))
                        return -EPROTO;
                ssize_t n = recv(fake->fd, fake->buffer + fake->length, sizeof(fake->buffer) - fake->length,
                                MSG_DONTWAIT);
                if (n < 0)
                        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
                if (n == 0)
                        return -EPIPE;
                fake->length += (size_t)n;
        }
}

static UeventSource *fake_source_destroy(UeventSource *source) {
        FakeSource *fake = (FakeSource *)source;

        (void)safe_close(fake->fd);
        free(fake);
        return NULL;
}

int fake_control_connect(const char *control_socket) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        if (strlen(control_socket) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        strcpy(address.sun_path, control_socket);
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
                return -errno;
        return TAKE_FD(fd);
}

/* Reads the answer to the subscription byte by byte, because events follow it. */
static int subscribe(int fd) {
        static const char command[] = "uevents\n";
        char answer[64];

        if (send(fd, command, strlen(command), MSG_NOSIGNAL) < 0)
                return -errno;
        for (size_t n = 0; n < sizeof(answer); n++) {
                if (recv(fd, answer + n, 1, 0) != 1)
                        return -EPIPE;
                if (answer[n] == '\n')
                        return n >= 2 && strncmp(answer, "ok", 2) == 0 ? 0 : -EPROTO;
        }
        return -EPROTO;
}

int uevent_source_new_fake(const char *control_socket, UeventSource **ret) {
        int fd = fake_control_connect(control_socket);
        if (fd < 0)
                return fd;
        int r = subscribe(fd);
        FakeSource *fake = r >= 0 ? calloc(1, sizeof(FakeSource)) : NULL;
        if (!fake) {
                (void)safe_close(fd);
                return r < 0 ? r : -ENOMEM;
        }
        fake->fd = fd;
        fake->source = (UeventSource){
                        .get_fd = fake_source_get_fd,
                        .receive = fake_source_receive,
                        .destroy = fake_source_destroy,
        };
        *ret = &fake->source;
        return 0;
}
