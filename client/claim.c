/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "claim.h"

#include "strv.h"

#include "daemon/base/text.h"
#include "daemon/base/util.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#define ANSWER_WITHIN_SEC 30
#define ANSWER_MAX 16384
#define DESCRIPTORS_MAX 253 /* SCM_MAX_FD of the kernel */
#define REFUSAL "error: "

void claim_clear(Claim *claim) {
        claim->connection = safe_close(claim->connection);
        for (size_t i = 0; i < claim->n_descriptors; i++)
                (void)safe_close(claim->descriptors[i]);
        free(claim->descriptors);
        strv_free(claim->paths);
        *claim = (Claim)CLAIM_NONE;
}

int claim_parse_answer(const char *text, size_t size, size_t n_descriptors, char ***ret_paths, char **ret_refusal) {
        _cleanup_(strv_freep) char **lines = NULL;
        _cleanup_free_ char *copy = strndup(text, size);
        char *rest = copy;
        int r;

        if (!copy)
                return -ENOMEM;
        if (strlen(copy) != size || size == 0)
                return -EPROTO;
        if (copy[size - 1] == '\n')
                copy[size - 1] = '\0';
        if (startswith(copy, REFUSAL)) {
                *ret_refusal = text_escape_new(startswith(copy, REFUSAL), TEXT_MESSAGE_ESCAPE);
                return *ret_refusal ? -EACCES : -ENOMEM;
        }
        if (n_descriptors == 0)
                return streq(copy, "ok") ? 0 : -EPROTO;
        for (char *line; (line = strsep(&rest, "\n"));) {
                if (line[0] != '/')
                        return -EPROTO;
                r = strv_push(&lines, line);
                if (r < 0)
                        return r;
        }
        if (strv_length(lines) != n_descriptors)
                return -EPROTO;
        *ret_paths = TAKE_PTR(lines);
        return 0;
}

/* A socket reports with EAGAIN that its time limit is over. Returns the negative errno. */
static int timed_out(int error) {
        return error == EAGAIN ? -ETIMEDOUT : -error;
}

/* Replaces the descriptor with a copy that a new program inherits, and that is none of the first three. */
static int make_inherited(int *fd) {
        int copy = fcntl(*fd, F_DUPFD, STDERR_FILENO + 1);

        if (copy < 0)
                return -errno;
        (void)safe_close(*fd);
        *fd = copy;
        return 0;
}

/* Connects. The connection waits at most ANSWER_WITHIN_SEC for anything. Returns the descriptor or a negative errno. */
static int connect_to(const char *path) {
        struct timeval limit = {.tv_sec = ANSWER_WITHIN_SEC};
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_close_ int fd = -EBADF;

        if (strlen(path) >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        memcpy(address.sun_path, path, strlen(path));
        fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0 ||
                        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
                        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                return timed_out(errno);
        return TAKE_FD(fd);
}

/* Takes the descriptors out of the message. */
static int take_descriptors(struct msghdr *message, Claim *claim) {
        for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
                size_t n = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);

                if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS || n == 0)
                        continue;
                int *grown = reallocarray(claim->descriptors, claim->n_descriptors + n, sizeof(int));
                if (!grown) /* the end of this process closes them */
                        return -ENOMEM;
                memcpy(grown + claim->n_descriptors, CMSG_DATA(part), n * sizeof(int));
                claim->descriptors = grown;
                claim->n_descriptors += n;
        }
        return 0;
}

/* Waits for the answer, and takes its descriptors. Returns its size or a negative errno. */
static ssize_t receive(Claim *claim, char *text, size_t size) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(DESCRIPTORS_MAX * sizeof(int))];
        } control;
        struct iovec vector = {.iov_base = text, .iov_len = size};
        struct msghdr message = {.msg_iov = &vector,
                        .msg_iovlen = 1,
                        .msg_control = &control,
                        .msg_controllen = sizeof(control)};
        ssize_t n;
        int r;

        while ((n = recvmsg(claim->connection, &message, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
                ;
        if (n < 0)
                return timed_out(errno);
        r = take_descriptors(&message, claim);
        if (r < 0)
                return r;
        if (n == 0)
                return -ECONNRESET;
        return message.msg_flags & (MSG_TRUNC | MSG_CTRUNC) ? -EPROTO : n;
}

static int claim_once(const char *socket_path, const char *ticket, Claim *ret_claim, char **ret_refusal) {
        _cleanup_(claim_clear) Claim claim = CLAIM_NONE;
        char text[ANSWER_MAX];
        ssize_t n;
        int r;

        claim.connection = connect_to(socket_path);
        if (claim.connection < 0)
                return claim.connection;
        if (send(claim.connection, ticket, strlen(ticket), MSG_NOSIGNAL) < 0)
                return timed_out(errno);
        n = receive(&claim, text, sizeof(text));
        if (n < 0)
                return (int)n;
        r = claim_parse_answer(text, (size_t)n, claim.n_descriptors, &claim.paths, ret_refusal);
        if (r >= 0)
                r = make_inherited(&claim.connection);
        for (size_t i = 0; r >= 0 && i < claim.n_descriptors; i++)
                r = make_inherited(&claim.descriptors[i]);
        if (r < 0)
                return r;
        *ret_claim = TAKE_GENERIC(claim, Claim, (Claim)CLAIM_NONE);
        return 0;
}

int claim_ticket(const char *socket_path, const char *ticket, Claim *ret_claim, char **ret_refusal) {
        int r = -ECONNRESET;

        /* If too many programs connect, vfiod closes the oldest connection, and the ticket is still valid. */
        for (unsigned i = 0; i < CLAIM_ATTEMPTS_MAX && (r == -ECONNRESET || r == -EPIPE); i++)
                r = claim_once(socket_path, ticket, ret_claim, ret_refusal);
        return r;
}
