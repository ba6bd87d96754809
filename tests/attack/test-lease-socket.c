/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lessee.h"
#include "witness.h"

#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* What any local user can do with the socket of leases. */

#define OVER BUS_PATH " InterfacesRemoved ('" LEASE1 "'*"
/* of lease-socket.c */
#define STRANGERS_MAX 64

#define ONLY_TICKET "error: send only the ticket, without descriptors"
#define NO_TICKET "error: no such ticket"

/* Sends one packet with a descriptor. Returns 0 or a negative errno. */
static int pass(int socket_fd, const void *data, size_t size, int fd) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {0};
        struct iovec vector = {.iov_base = (void *)data, .iov_len = size};
        struct msghdr message = {.msg_iov = &vector,
                        .msg_iovlen = 1,
                        .msg_control = &control,
                        .msg_controllen = sizeof(control)};

        control.header = (struct cmsghdr){
                        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
        return sendmsg(socket_fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* A TCP connection. Who closes the last copy of its end waits for an hour, because nobody reads what was sent. */
typedef struct Lingerer {
        int end, other_end;
} Lingerer;

static Lingerer lingerer_new(void) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        static const char data[65536];
        socklen_t size = sizeof(address);
        Lingerer lingerer;

        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        lingerer.end = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(listener, (struct sockaddr *)&address, size), ==, 0);
        g_assert_cmpint(listen(listener, 1), ==, 0);
        g_assert_cmpint(getsockname(listener, (struct sockaddr *)&address, &size), ==, 0);
        g_assert_cmpint(connect(lingerer.end, (struct sockaddr *)&address, size), ==, 0);
        lingerer.other_end = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        g_assert_cmpint(lingerer.other_end, >=, 0);
        (void)close(listener);
        while (send(lingerer.end, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
                ;
        const struct linger linger = {.l_onoff = 1, .l_linger = 3600};
        g_assert_cmpint(setsockopt(lingerer.end, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), ==, 0);
        return lingerer;
}

/* The only copy of the descriptor is then in the queue of the connection. */
static void pass_lingerer(int socket_fd, const void *data, size_t size, const Lingerer *lingerer) {
        g_assert_cmpint(pass(socket_fd, data, size, lingerer->end), ==, 0);
        (void)close(lingerer->end);
}

/* vfiod does nothing until it is continued. */
static void stop_vfiod(Fixture *fixture) {
        pid_t pid = process_get_pid(fixture->daemon);
        siginfo_t info;

        g_assert_cmpint(kill(pid, SIGSTOP), ==, 0);
        g_assert_cmpint(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT), ==, 0);
}

static void continue_vfiod(Fixture *fixture) {
        g_assert_cmpint(kill(process_get_pid(fixture->daemon), SIGCONT), ==, 0);
}

/* Returns the next packet; NULL if the connection is closed. */
static char *receive(int fd) {
        char text[256];

        ssize_t n = recv(fd, text, sizeof(text), 0);
        /* vfiod did not read everything. The answer comes after this error. */
        if (n < 0 && errno == ECONNRESET)
                n = recv(fd, text, sizeof(text), 0);
        return n > 0 ? g_strndup(text, (gsize)n) : NULL;
}

static void expect_answer(int fd, const char *expected) {
        g_autofree char *answer = receive(fd);

        g_assert_cmpstr(answer, ==, expected);
        g_assert_null(receive(fd));
        (void)close(fd);
}

/* The system calls of a process that closes such a descriptor do not return. vfiod never closes the last copy. */
static void test_linger(void) {
        g_autofree char *large = g_strnfill(4000, 'x');
        Lingerer lingerers[4];
        Witness witness;
        Fixture *fixture = fixture_start(NULL);

        /* It is bound to this process, so it does not end while nobody claims it. */
        g_autofree char *options = g_strdup_printf("{'pid': <uint32 %d>}", (int)getpid());
        g_autofree char *ticket = lessee_start(fixture, NIC, options, LEASE1);
        for (size_t i = 0; i < G_N_ELEMENTS(lingerers); i++)
                lingerers[i] = lingerer_new();
        witness_begin(&witness, fixture, 0);

        /* vfiod is stopped until this process has closed its copy: the last copy must not be here. */
        stop_vfiod(fixture);
        int fd = lessee_connect(fixture);
        pass_lingerer(fd, ticket, strlen(ticket), &lingerers[0]);
        continue_vfiod(fixture);
        expect_answer(fd, ONLY_TICKET);
        witness_probe(&witness);

        /* without data: this looks like the end of the connection */
        stop_vfiod(fixture);
        fd = lessee_connect(fixture);
        pass_lingerer(fd, "", 0, &lingerers[1]);
        continue_vfiod(fixture);
        expect_answer(fd, ONLY_TICKET);
        witness_probe(&witness);

        /* in the second packet */
        for (size_t i = 2; i < G_N_ELEMENTS(lingerers); i++) {
                stop_vfiod(fixture);
                fd = lessee_connect(fixture);
                const char *first = i == 2 ? ticket : large;
                g_assert_cmpint(send(fd, first, strlen(first), MSG_NOSIGNAL), ==, strlen(first));
                pass_lingerer(fd, i == 2 ? "" : "x", i == 2 ? 0 : 1, &lingerers[i]);
                continue_vfiod(fixture);
                expect_answer(fd, ONLY_TICKET);
                witness_probe(&witness);
        }

        /* The ticket is still good. */
        (void)close(lessee_claim(fixture, ticket));
        fixture_expect(fixture, LEASE1, LEASE, "Release", "(" NO_OPTIONS ",)", "()");
        g_free(fixture_expect_signal(fixture, OVER));
        witness_end(&witness, G_USEC_PER_SEC * 5);
        for (size_t i = 0; i < G_N_ELEMENTS(lingerers); i++)
                (void)close(lingerers[i].other_end);
        fixture_stop(fixture);
}

/* A guard that waits in its own queue would never be closed. */
static void test_endless(void) {
        Fixture *fixture = fixture_start(NULL);

        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        stop_vfiod(fixture);
        int fd = lessee_connect(fixture);
        g_assert_cmpint(send(fd, ticket, strlen(ticket), MSG_NOSIGNAL), ==, strlen(ticket));
        g_assert_cmpint(pass(fd, "x", 1, fd), ==, 0);
        continue_vfiod(fixture);
        expect_answer(fd, ONLY_TICKET);

        int guard = lessee_claim(fixture, ticket);
        g_assert_cmpint(pass(guard, "x", 1, guard), ==, -EPIPE);
        g_assert_cmpint(send(guard, "x", 1, MSG_NOSIGNAL), <, 0);
        fixture_property(fixture, LEASE1, LEASE, "State", "'active'");
        (void)close(guard);
        g_free(fixture_expect_signal(fixture, OVER));
        fixture_stop(fixture);
}

/* Packets that are no ticket. */
static void test_packets(void) {
        static const size_t sizes[] = {1, 31, 33, 65536};
        g_autofree char *data = g_strnfill(65536, '0');
        Fixture *fixture = fixture_start(NULL);

        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
                int fd = lessee_connect(fixture);

                g_assert_cmpint(send(fd, data, sizes[i], MSG_NOSIGNAL), ==, sizes[i]);
                expect_answer(fd, NO_TICKET);
        }
        int fd = lessee_connect(fixture);
        g_assert_cmpint(send(fd, "", 0, MSG_NOSIGNAL), ==, 0);
        g_assert_null(receive(fd));
        (void)close(fd);
        fd = lessee_connect(fixture);
        g_assert_cmpint(shutdown(fd, SHUT_WR), ==, 0);
        g_assert_null(receive(fd));
        (void)close(fd);
        (void)close(lessee_claim(fixture, ticket));
        g_free(fixture_expect_signal(fixture, OVER));
        fixture_stop(fixture);
}

/* A guard whose owner only shuts down one direction is still open. */
static void test_half_closed(void) {
        Fixture *fixture = fixture_start(NULL);

        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        int guard = lessee_claim(fixture, ticket);
        g_assert_cmpint(shutdown(guard, SHUT_WR), ==, 0);
        fixture_wait_property(fixture, LEASE1, LEASE, "State", "'active'");
        g_free(fixture_get(fixture, BUS_PATH, MANAGER, "Version"));
        fixture_property(fixture, LEASE1, LEASE, "State", "'active'");
        g_assert_cmpint(shutdown(guard, SHUT_RDWR), ==, 0);
        g_free(fixture_expect_signal(fixture, OVER));
        (void)close(guard);
        fixture_stop(fixture);
}

#define CLAIMS 32

/* Many connections send the same ticket at once: one of them becomes the guard. */
static void test_raced(void) {
        Fixture *fixture = fixture_start(NULL);
        int fds[CLAIMS], guard = -1;

        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        stop_vfiod(fixture);
        for (size_t i = 0; i < CLAIMS; i++) {
                fds[i] = lessee_connect(fixture);
                g_assert_cmpint(send(fds[i], ticket, strlen(ticket), MSG_NOSIGNAL), ==, strlen(ticket));
        }
        continue_vfiod(fixture);
        for (size_t i = 0; i < CLAIMS; i++) {
                g_autofree char *answer = receive(fds[i]);

                if (g_strcmp0(answer, "ok") == 0) {
                        g_assert_cmpint(guard, <, 0);
                        guard = fds[i];
                        continue;
                }
                g_assert_cmpstr(answer, ==, NO_TICKET);
                (void)close(fds[i]);
        }
        g_assert_cmpint(guard, >=, 0);
        fixture_wait_property(fixture, LEASE1, LEASE, "State", "'active'");
        (void)close(guard);
        g_free(fixture_expect_signal(fixture, OVER));
        fixture_stop(fixture);
}

static int connect_as(Fixture *fixture, uid_t uid) {
        raw_bus_set_effective_uid(uid);
        int fd = lessee_connect(fixture);
        raw_bus_set_effective_uid(0);
        return fd;
}

/* vfiod must close the connection long before the time of a stranger is over. */
static void expect_closed(int fd) {
        const struct timeval patience = {.tv_sec = 5};
        char byte;

        g_assert_cmpint(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), ==, 0);
        ssize_t n = recv(fd, &byte, 1, 0);
        g_assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
}

/* vfiod accepts a limited number of connections. Those of other users do not end a connection of root. */
static void test_crowd(void) {
        int crowd[300];
        Fixture *fixture = fixture_start(NULL);

        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        int fd = connect_as(fixture, 0);
        for (size_t i = 0; i < G_N_ELEMENTS(crowd); i++)
                crowd[i] = connect_as(fixture, NOBODY_UID);
        g_autofree char *answer = lessee_send(fd, ticket);
        g_assert_cmpstr(answer, ==, "ok");
        for (size_t i = 0; i < G_N_ELEMENTS(crowd) - STRANGERS_MAX; i++)
                expect_closed(crowd[i]);
        for (size_t i = 0; i < G_N_ELEMENTS(crowd); i++)
                (void)close(crowd[i]);
        fixture_wait_property(fixture, LEASE1, LEASE, "State", "'active'");
        (void)close(fd);
        g_free(fixture_expect_signal(fixture, OVER));
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/attack/lease-socket/linger", test_linger);
        g_test_add_func("/attack/lease-socket/endless", test_endless);
        g_test_add_func("/attack/lease-socket/packets", test_packets);
        g_test_add_func("/attack/lease-socket/half-closed", test_half_closed);
        g_test_add_func("/attack/lease-socket/raced", test_raced);
        g_test_add_func("/attack/lease-socket/crowd", test_crowd);
        return g_test_run();
}
