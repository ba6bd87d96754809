/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process/listener.h"
#include "process/peer.h"
#include "temp-tree.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

/* A helper in a child process of the test. Its own children tell their process ids, and then send back what they get. */

#define NOBODY 65534

/* For what must happen, and for what must not. */
#define LONG_MS 60000
#define SHORT_MS 300
/* The first connection must come earlier, on a busy machine, too. */
#define IDLE_MS 5000

#define NEVER_US (UINT64_C(3600) * 1000000)

typedef struct Helper {
        TempTree *tree;
        char *path;
        pid_t pid;
} Helper;

static void serve(int fd, void *userdata) {
        pid_t pid = getpid();
        char byte;

        g_assert_cmpstr(userdata, ==, "userdata");
        if (send(fd, &pid, sizeof(pid), MSG_NOSIGNAL) == sizeof(pid))
                while (recv(fd, &byte, 1, 0) == 1 && send(fd, &byte, 1, MSG_NOSIGNAL) == 1)
                        ;
        close(fd);
}

static int listen_at(const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpuint(g_strlcpy(address.sun_path, path, sizeof(address.sun_path)), <, sizeof(address.sun_path));
        g_assert_cmpint(bind(fd, (struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(chmod(path, 0666), ==, 0);
        g_assert_cmpint(listen(fd, 16), ==, 0);
        return fd;
}

static Helper helper_start(uid_t client, size_t children_max, uint64_t idle_us) {
        Helper helper = {.tree = temp_tree_new()};

        g_assert_cmpint(chmod(helper.tree->root, 0755), ==, 0);
        helper.path = temp_tree_path(helper.tree, "socket");
        int listen_fd = listen_at(helper.path);
        helper.pid = fork();
        g_assert_cmpint(helper.pid, >=, 0);
        if (helper.pid == 0) {
                (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
                int r = listener_run(&(ListenerParts){
                                .child_name = "test-helper",
                                .kernel = helper.tree->kernel,
                                .listen_fd = listen_fd,
                                .client = client,
                                .children_max = children_max,
                                .idle_us = idle_us,
                                .keep = {-EBADF, -EBADF, -EBADF, -EBADF},
                                .serve = serve,
                                .userdata = (void *)"userdata",
                });
                _exit(r < 0 ? 1 : 0);
        }
        close(listen_fd);
        return helper;
}

/* Waits for the end of the helper. Returns its status. */
static int helper_await(Helper *helper) {
        struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, helper->pid, 0), .events = POLLIN};
        int status = 0;

        g_assert_cmpint(end.fd, >=, 0);
        g_assert_cmpint(poll(&end, 1, LONG_MS), ==, 1);
        close(end.fd);
        g_assert_cmpint(waitpid(helper->pid, &status, 0), ==, helper->pid);
        helper->pid = 0;
        return status;
}

static void assert_runs(const Helper *helper) {
        g_assert_cmpint(waitpid(helper->pid, NULL, WNOHANG), ==, 0);
}

static void helper_clear(Helper *helper) {
        if (helper->pid > 0) {
                g_assert_cmpint(kill(helper->pid, SIGKILL), ==, 0);
                (void)helper_await(helper);
        }
        g_free(helper->path);
        temp_tree_free(helper->tree);
}
#define _cleanup_helper_ _cleanup_(helper_clear)

static bool has_input(int fd, int timeout_ms) {
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};

        int r = poll(&poll_fd, 1, timeout_ms);
        g_assert_cmpint(r, >=, 0);
        return r > 0;
}

static int connect_to(const Helper *helper) {
        int fd = peer_connect(helper->path);

        g_assert_cmpint(fd, >=, 0);
        return fd;
}

/* Returns the process that serves the connection. */
static pid_t read_pid(int fd) {
        pid_t pid = 0;

        g_assert_true(has_input(fd, LONG_MS));
        g_assert_cmpint(recv(fd, &pid, sizeof(pid), 0), ==, sizeof(pid));
        return pid;
}

static void check_served(int fd) {
        char byte = 'x';

        g_assert_cmpint(send(fd, &byte, 1, MSG_NOSIGNAL), ==, 1);
        byte = '\0';
        g_assert_true(has_input(fd, LONG_MS));
        g_assert_cmpint(recv(fd, &byte, 1, 0), ==, 1);
        g_assert_cmpint(byte, ==, 'x');
}

static void assert_closed(int fd) {
        char byte;

        g_assert_true(has_input(fd, LONG_MS));
        g_assert_cmpint(recv(fd, &byte, 1, 0), ==, 0);
}

/* Each connection has a child of its own. */
static void test_served(void) {
        _cleanup_helper_ Helper helper = helper_start(NOBODY, 16, NEVER_US);
        int fds[3];
        pid_t pids[3];

        for (unsigned i = 0; i < 3; i++) {
                fds[i] = connect_to(&helper);
                pids[i] = read_pid(fds[i]);
                g_assert_cmpint(pids[i], !=, helper.pid);
                for (unsigned j = 0; j < i; j++)
                        g_assert_cmpint(pids[i], !=, pids[j]);
        }
        for (unsigned i = 0; i < 3; i++)
                check_served(fds[2 - i]);
        /* A child that dies closes only its connection. */
        g_assert_cmpint(kill(pids[1], SIGKILL), ==, 0);
        assert_closed(fds[1]);
        check_served(fds[0]);
        check_served(fds[2]);
        for (unsigned i = 0; i < 3; i++)
                close(fds[i]);
        assert_runs(&helper);
}

static void test_idle(void) {
        _cleanup_helper_ Helper helper = helper_start(NOBODY, 16, IDLE_MS * 1000);

        int fd = connect_to(&helper);
        (void)read_pid(fd);
        g_usleep((IDLE_MS + SHORT_MS) * 1000);
        assert_runs(&helper);
        check_served(fd);
        close(fd);
        g_assert_cmpint(helper_await(&helper), ==, 0);
        g_assert_cmpint(peer_connect(helper.path), ==, -ECONNREFUSED);

        /* Also without any connection. */
        _cleanup_helper_ Helper unused = helper_start(NOBODY, 16, 1000);
        g_assert_cmpint(helper_await(&unused), ==, 0);
}

/* Two children may run: the other connections wait, and none is lost. */
static void test_children_max(void) {
        _cleanup_helper_ Helper helper = helper_start(NOBODY, 2, NEVER_US);
        int fds[4];

        for (unsigned i = 0; i < 4; i++)
                fds[i] = connect_to(&helper);
        (void)read_pid(fds[0]);
        (void)read_pid(fds[1]);
        g_assert_false(has_input(fds[2], SHORT_MS));
        g_assert_false(has_input(fds[3], 0));
        close(fds[1]);
        (void)read_pid(fds[2]);
        check_served(fds[2]);
        g_assert_false(has_input(fds[3], SHORT_MS));
        close(fds[0]);
        (void)read_pid(fds[3]);
        check_served(fds[3]);
        close(fds[2]);
        close(fds[3]);
}

/* The children do not notice the end of the helper. */
static void check_end(int signal_number, int status) {
        _cleanup_helper_ Helper helper = helper_start(NOBODY, 16, NEVER_US);

        int fd = connect_to(&helper);
        pid_t pid = read_pid(fd);
        g_assert_cmpint(kill(helper.pid, signal_number), ==, 0);
        g_assert_cmpint(helper_await(&helper), ==, status);
        check_served(fd);
        g_usleep(SHORT_MS / 3 * 1000);
        check_served(fd);
        g_assert_cmpint(kill(pid, 0), ==, 0);
        /* The socket is not among what the child has kept. */
        g_assert_cmpint(peer_connect(helper.path), ==, -ECONNREFUSED);
        close(fd);
}

static void test_killed(void) {
        check_end(SIGKILL, SIGKILL);
}

static void test_ended(void) {
        check_end(SIGTERM, 0);
        check_end(SIGINT, 0);
}

/* Connects as this user. Returns 0 if the connection is served, 1 if it is closed. */
static int try_as(const Helper *helper, uid_t uid) {
        int status = 0;
        pid_t pid = fork();

        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
                if (setresuid(uid, uid, uid) < 0)
                        _exit(2);
                int fd = peer_connect(helper->path);
                char byte;
                _exit(fd < 0 || !has_input(fd, LONG_MS) ? 3 : recv(fd, &byte, 1, 0) == 1 ? 0 : 1);
        }
        g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
        g_assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

/* Only the client, root and the helper's own user are served. */
static void test_users(void) {
        _cleanup_helper_ Helper helper = helper_start(NOBODY, 16, NEVER_US);

        g_assert_cmpint(try_as(&helper, NOBODY), ==, 0);
        g_assert_cmpint(try_as(&helper, 0), ==, 0);
        g_assert_cmpint(try_as(&helper, NOBODY - 1), ==, 1);
        g_assert_cmpint(try_as(&helper, 1), ==, 1);
        /* The helper goes on. */
        g_assert_cmpint(try_as(&helper, NOBODY), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/listener/served", test_served);
        g_test_add_func("/listener/idle", test_idle);
        g_test_add_func("/listener/children-max", test_children_max);
        g_test_add_func("/listener/killed", test_killed);
        g_test_add_func("/listener/ended", test_ended);
        g_test_add_func("/listener/users", test_users);
        return g_test_run();
}
