/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client/claim.h"
#include "client/strv.h"

#include <errno.h>
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define TICKET "0123456789abcdef0123456789abcdef"

static int parse(const char *text, size_t size, size_t n, char **ret_joined, char **ret_refusal) {
        char **paths = NULL;
        int r = claim_parse_answer(text, size, n, &paths, ret_refusal);

        *ret_joined = g_strjoinv(" ", paths ?: (char *[]){NULL});
        strv_free(paths);
        return r;
}

static void test_answers(void) {
        static const struct {
                const char *text;
                size_t n;
                int r;
                const char *paths, *refusal;
        } cases[] = {
                        {"ok", 0, 0, "", NULL},
                        {"ok\n", 0, 0, "", NULL},
                        {"/dev/iommu\n/dev/vfio/devices/vfio3", 2, 0, "/dev/iommu /dev/vfio/devices/vfio3", NULL},
                        {"/dev/iommu\n/dev/vfio/devices/vfio3\n", 2, 0, "/dev/iommu /dev/vfio/devices/vfio3", NULL},
                        {"error: no such ticket", 0, -EACCES, "", "no such ticket"},
                        {"error: no such ticket\n", 0, -EACCES, "", "no such ticket"},
                        {"error: \x1b[31mred", 0, -EACCES, "", "\\x1b[31mred"},
                        {"", 0, -EPROTO, "", NULL},
                        {"okay", 0, -EPROTO, "", NULL},
                        {"ok", 1, -EPROTO, "", NULL},
                        {"/dev/iommu", 0, -EPROTO, "", NULL},
                        {"/dev/iommu", 2, -EPROTO, "", NULL},
                        {"/dev/iommu\n\n", 2, -EPROTO, "", NULL},
                        {"/dev/iommu\nvfio3", 2, -EPROTO, "", NULL},
                        {"/dev/iommu\n/dev/vfio/devices/vfio3", 1, -EPROTO, "", NULL},
        };

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *paths = NULL, *refusal = NULL;
                int r = parse(cases[i].text, strlen(cases[i].text), cases[i].n, &paths, &refusal);

                if (r != cases[i].r || !g_str_equal(paths, cases[i].paths) || g_strcmp0(refusal, cases[i].refusal) != 0)
                        g_error("'%s': %d '%s' '%s'", cases[i].text, r, paths, refusal);
        }
        g_autofree char *paths = NULL, *refusal = NULL;
        g_assert_cmpint(parse("ok\0", 3, 0, &paths, &refusal), ==, -EPROTO);
}

/* vfiod's end, for one client. */
typedef struct Server {
        const char *answer; /* NULL for none */
        unsigned n_dropped; /* so many connections are closed before, without an answer */
        int listener;
        int fds[2];
        unsigned n_fds;
        char *folder, *path;
        GThread *thread;
        int connection;
} Server;

static void *serve(void *userdata) {
        Server *server = userdata;
        char ticket[64] = "";
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(server->fds))];
        } control = {0};
        struct iovec vector;
        struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};

        for (unsigned i = 0; i < server->n_dropped + (server->answer ? 1 : 0); i++) {
                server->connection = accept(server->listener, NULL, NULL);
                g_assert_cmpint(recv(server->connection, ticket, sizeof(ticket), 0), ==, strlen(TICKET));
                g_assert_cmpstr(ticket, ==, TICKET);
                if (i < server->n_dropped)
                        (void)close(server->connection);
        }
        if (!server->answer)
                return NULL;
        vector = (struct iovec){(char *)server->answer, strlen(server->answer)};
        if (server->n_fds > 0) {
                message.msg_control = &control;
                message.msg_controllen = CMSG_SPACE(server->n_fds * sizeof(int));
                struct cmsghdr *part = CMSG_FIRSTHDR(&message);
                part->cmsg_level = SOL_SOCKET;
                part->cmsg_type = SCM_RIGHTS;
                part->cmsg_len = CMSG_LEN(server->n_fds * sizeof(int));
                memcpy(CMSG_DATA(part), server->fds, server->n_fds * sizeof(int));
        }
        g_assert_cmpint(sendmsg(server->connection, &message, 0), ==, strlen(server->answer));
        return NULL;
}

static void server_start(Server *server) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};

        server->folder = g_dir_make_tmp("vfiod-claim-XXXXXX", NULL);
        server->path = g_build_filename(server->folder, "lease", NULL);
        g_strlcpy(address.sun_path, server->path, sizeof(address.sun_path));
        server->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(server->listener, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(listen(server->listener, 5), ==, 0);
        server->thread = g_thread_new("server", serve, server);
}

static void server_stop(Server *server) {
        (void)close(server->listener);
        (void)g_unlink(server->path);
        (void)g_rmdir(server->folder);
        g_free(server->folder);
        g_free(server->path);
}

static int claim_from(Server *server, Claim *claim, char **ret_refusal) {
        server_start(server);
        int r = claim_ticket(server->path, TICKET, claim, ret_refusal);
        g_thread_join(server->thread);
        return r;
}

/* Whether the other end of the connection has been closed everywhere. */
static bool is_closed(int connection) {
        char byte;

        return recv(connection, &byte, 1, MSG_DONTWAIT) == 0;
}

/* The connection is the lease: it stays open until the claim is cleared. */
static void test_guard(void) {
        Server server = {.answer = "ok"};
        g_autofree char *refusal = NULL;
        Claim claim = CLAIM_NONE;

        g_assert_cmpint(claim_from(&server, &claim, &refusal), ==, 0);
        g_assert_cmpint(claim.connection, >, 2);
        g_assert_cmpint(fcntl(claim.connection, F_GETFD), ==, 0);
        g_assert_cmpuint(claim.n_descriptors, ==, 0);
        g_assert_false(is_closed(server.connection));
        claim_clear(&claim);
        g_assert_true(is_closed(server.connection));
        (void)close(server.connection);
        server_stop(&server);
}

static void test_descriptors(void) {
        Server server = {.answer = "/dev/iommu\n/dev/vfio/devices/vfio3", .n_fds = 2};
        g_autofree char *refusal = NULL;
        Claim claim = CLAIM_NONE;
        int ends[2];

        g_assert_cmpint(pipe2(ends, O_CLOEXEC), ==, 0);
        server.fds[0] = ends[0];
        server.fds[1] = ends[1];
        g_assert_cmpint(claim_from(&server, &claim, &refusal), ==, 0);
        g_assert_cmpuint(claim.n_descriptors, ==, 2);
        g_assert_cmpstr(claim.paths[0], ==, "/dev/iommu");
        g_assert_cmpstr(claim.paths[1], ==, "/dev/vfio/devices/vfio3");
        /* the two ends of the pipe, in this order, and inherited */
        for (unsigned i = 0; i < 2; i++) {
                g_assert_cmpint(fcntl(claim.descriptors[i], F_GETFD), ==, 0);
                g_assert_cmpint(fcntl(claim.descriptors[i], F_GETFL) & O_ACCMODE, ==, i == 0 ? O_RDONLY : O_WRONLY);
        }
        (void)close(ends[0]);
        (void)close(ends[1]);
        int reader = fcntl(claim.descriptors[0], F_DUPFD_CLOEXEC, 3);
        char byte;
        claim_clear(&claim);
        g_assert_cmpint(read(reader, &byte, 1), ==, 0); /* no other copy is open */
        (void)close(reader);
        (void)close(server.connection);
        server_stop(&server);
}

/* If stdin, stdout and stderr are closed, the connection does not become one of them. */
static void test_closed_stdio(void) {
        Server server = {.answer = "ok"};
        g_autofree char *refusal = NULL;
        Claim claim = CLAIM_NONE;
        int saved[3];

        server_start(&server);
        for (int fd = 0; fd < 3; fd++) {
                saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 3);
                (void)close(fd);
        }
        int r = claim_ticket(server.path, TICKET, &claim, &refusal);
        g_thread_join(server.thread);
        /* The stub's end may have one of these numbers now. */
        if (server.connection < 3)
                server.connection = fcntl(server.connection, F_DUPFD_CLOEXEC, 3);
        for (int fd = 0; fd < 3; fd++) {
                if (saved[fd] >= 0)
                        (void)dup2(saved[fd], fd);
                (void)close(saved[fd]);
        }
        g_assert_cmpint(r, ==, 0);
        g_assert_cmpint(claim.connection, >, 2);
        g_assert_false(is_closed(server.connection));
        claim_clear(&claim);
        g_assert_true(is_closed(server.connection));
        (void)close(server.connection);
        server_stop(&server);
}

/* vfiod closes a connection if too many programs connect. */
static void test_retry(void) {
        Server server = {.answer = "ok", .n_dropped = CLAIM_ATTEMPTS_MAX - 1};
        g_autofree char *refusal = NULL;
        Claim claim = CLAIM_NONE;

        g_assert_cmpint(claim_from(&server, &claim, &refusal), ==, 0);
        claim_clear(&claim);
        g_assert_true(is_closed(server.connection));
        (void)close(server.connection);
        server_stop(&server);
}

static void test_refusals(void) {
        static const struct {
                const char *answer;
                int r;
        } cases[] = {{"error: no such ticket", -EACCES}, {"hello", -EPROTO}, {NULL, -ECONNRESET}};

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                Server server = {.answer = cases[i].answer, .n_dropped = cases[i].answer ? 0 : CLAIM_ATTEMPTS_MAX};
                g_autofree char *refusal = NULL;
                Claim claim = CLAIM_NONE;

                g_assert_cmpint(claim_from(&server, &claim, &refusal), ==, cases[i].r);
                g_assert_cmpstr(refusal, ==, cases[i].r == -EACCES ? "no such ticket" : NULL);
                g_assert_cmpint(claim.connection, ==, -EBADF);
                if (server.answer) {
                        g_assert_true(is_closed(server.connection));
                        (void)close(server.connection);
                }
                server_stop(&server);
        }
        g_autofree char *refusal = NULL;
        Claim claim = CLAIM_NONE;
        g_assert_cmpint(claim_ticket("/nowhere/lease", TICKET, &claim, &refusal), ==, -ENOENT);
        g_assert_cmpint(claim_ticket("", TICKET, &claim, &refusal), <, 0);
        g_autofree char *path = g_strnfill(200, 'a');
        g_assert_cmpint(claim_ticket(path, TICKET, &claim, &refusal), ==, -ENAMETOOLONG);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/claim/answers", test_answers);
        g_test_add_func("/claim/guard", test_guard);
        g_test_add_func("/claim/descriptors", test_descriptors);
        g_test_add_func("/claim/closed-stdio", test_closed_stdio);
        g_test_add_func("/claim/retry", test_retry);
        g_test_add_func("/claim/refusals", test_refusals);
        return g_test_run();
}
