/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease-bed.h"
#include "process/child.h"

#include <glib/gstdio.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Connections to the socket of leases that only a child process may close, while vfiod cannot start one. The test is linked with
 * --wrap=child_fork. */

/* of lease-socket.c */
#define UNCLOSED_MAX 64

/* How long a close of such a descriptor takes; vfiod must not wait for it. */
#define LINGER_SECONDS 20

static bool has_no_children;
static unsigned n_closers;

pid_t __real_child_fork(const char *name, const Kernel *kernel, const int *keep, size_t n_keep);
pid_t __wrap_child_fork(const char *name, const Kernel *kernel, const int *keep, size_t n_keep);

pid_t __wrap_child_fork(const char *name, const Kernel *kernel, const int *keep, size_t n_keep) {
        bool closes = g_str_equal(name, "close");

        if (closes && has_no_children)
                return -EAGAIN;
        n_closers += closes;
        return __real_child_fork(name, kernel, keep, n_keep);
}

typedef struct Scene {
        Host *host;
        Daemon *daemon;
        LeaseTable *table;
        struct sockaddr_un address;
} Scene;

static void scene_begin(Scene *scene) {
        *scene = (Scene){.host = host_new(), .address = {.sun_family = AF_UNIX}};
        g_autofree char *path = g_build_filename(scene->host->folder, "lease", NULL);

        (void)g_strlcpy(scene->address.sun_path, path, sizeof(scene->address.sun_path));
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        g_assert_cmpint(bind(fd, (struct sockaddr *)&scene->address, sizeof(scene->address)), ==, 0);
        g_assert_cmpint(listen(fd, SOMAXCONN), ==, 0);
        scene->daemon = daemon_start(scene->host, &patient);
        scene->table = lease_bed_start_socket(scene->daemon, fd);
        has_no_children = true;
        n_closers = 0;
}

static void scene_end(Scene *scene) {
        lease_table_free(scene->table);
        daemon_stop(scene->daemon);
        (void)g_unlink(scene->address.sun_path);
        host_free(scene->host);
}

static int connect_stranger(const Scene *scene) {
        int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

        g_assert_cmpint(connect(fd, (const struct sockaddr *)&scene->address, sizeof(scene->address)), ==, 0);
        return fd;
}

static void pass(int socket_fd, int fd) {
        union {
                struct cmsghdr header;
                char space[CMSG_SPACE(sizeof(int))];
        } control = {0};
        struct iovec vector = {.iov_base = (void *)"x", .iov_len = 1};
        struct msghdr message = {.msg_iov = &vector,
                        .msg_iovlen = 1,
                        .msg_control = &control,
                        .msg_controllen = sizeof(control)};

        control.header = (struct cmsghdr){
                        .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
        g_assert_cmpint(sendmsg(socket_fd, &message, MSG_NOSIGNAL), ==, 1);
}

/* A TCP connection. Who closes the last copy of *ret_end waits, because nobody reads what was sent. Returns the other end. */
static int make_lingerer(int *ret_end) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
        const struct linger linger = {.l_onoff = 1, .l_linger = LINGER_SECONDS};
        static const char data[65536];
        socklen_t size = sizeof(address);

        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
            end = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        g_assert_cmpint(bind(listener, (struct sockaddr *)&address, size), ==, 0);
        g_assert_cmpint(listen(listener, 1), ==, 0);
        g_assert_cmpint(getsockname(listener, (struct sockaddr *)&address, &size), ==, 0);
        g_assert_cmpint(connect(end, (struct sockaddr *)&address, size), ==, 0);
        int other_end = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        (void)close(listener);
        while (send(end, data, sizeof(data), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
                ;
        g_assert_cmpint(setsockopt(end, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), ==, 0);
        *ret_end = end;
        return other_end;
}

/* vfiod has answered the packet, after which it closes the connection. */
static bool is_refused(Daemon *daemon, const void *what) {
        const int *fd = what;
        char text[256];

        (void)daemon;
        ssize_t n = recv(*fd, text, sizeof(text), MSG_DONTWAIT | MSG_PEEK);
        /* vfiod did not read everything. The answer comes after this error. */
        if (n < 0 && errno == ECONNRESET)
                n = recv(*fd, text, sizeof(text), MSG_DONTWAIT | MSG_PEEK);
        return n > 0;
}

static bool has_closer(Daemon *daemon, const void *what) {
        (void)daemon, (void)what;
        return n_closers > 0;
}

/* The descriptor would block who closes it. vfiod keeps the connection open until there is a child process. */
static void test_linger(void) {
        Scene scene;
        int end;

        scene_begin(&scene);
        int other_end = make_lingerer(&end), stranger = connect_stranger(&scene);
        pass(stranger, end);
        (void)close(end);
        gint64 begin = g_get_monotonic_time();
        daemon_run_until(scene.daemon, is_refused, &stranger);
        g_assert_cmpint(sd_event_run(scene.daemon->event, 0), >=, 0);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, LINGER_SECONDS / 2 * G_USEC_PER_SEC);
        g_assert_cmpuint(n_closers, ==, 0);
        has_no_children = false;
        daemon_run_until(scene.daemon, has_closer, NULL);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, LINGER_SECONDS / 2 * G_USEC_PER_SEC);
        g_assert_cmpuint(n_closers, ==, 1);
        (void)close(stranger);
        (void)close(other_end);
        scene_end(&scene);
}

static bool is_idle(Daemon *daemon, const void *what) {
        (void)what;
        return sd_event_run(daemon->event, 0) == 0;
}

static bool are_closed(Daemon *daemon, const void *what) {
        const unsigned *n = what;

        (void)daemon;
        return n_closers >= *n;
}

/* The number of such connections is limited: vfiod does not accept more until it could close them. */
static void test_many(void) {
        int strangers[UNCLOSED_MAX + 2];
        Scene scene;

        scene_begin(&scene);
        for (size_t i = 0; i < G_N_ELEMENTS(strangers); i++) {
                strangers[i] = connect_stranger(&scene);
                pass(strangers[i], STDERR_FILENO);
                daemon_run_until(scene.daemon, is_idle, NULL);
                g_assert_cmpint(is_refused(scene.daemon, &strangers[i]), ==, i < UNCLOSED_MAX);
        }
        has_no_children = false;
        daemon_run_until(scene.daemon, are_closed, &(unsigned){G_N_ELEMENTS(strangers)});
        for (size_t i = 0; i < G_N_ELEMENTS(strangers); i++) {
                g_assert_true(is_refused(scene.daemon, &strangers[i]));
                (void)close(strangers[i]);
        }
        scene_end(&scene);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/lease-unclosed/linger", test_linger);
        g_test_add_func("/lease-unclosed/many", test_many);
        return g_test_run();
}
