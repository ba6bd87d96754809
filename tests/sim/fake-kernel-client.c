/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-kernel-client.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DEADLINE_MS 60000
#define EVENT_MS 1000

struct FakeKernel {
        pid_t pid;
        char *folder; /* contains the mount point and the socket */
        char *root, *socket;
        int control;
};

/* Reads the available part of a line. Returns true when the line is complete. Nothing of the next line is read: a
 * pipe is read byte by byte; on a socket, MSG_PEEK shows where the line ends. */
static bool line_take(int fd, GString *line, bool *ret_end) {
        char buffer[4096];
        ssize_t n = recv(fd, buffer, sizeof(buffer), MSG_PEEK), length = 1;
        char *end = n > 0 ? memchr(buffer, '\n', (size_t)n) : NULL;

        if (n > 0)
                length = end ? end - buffer + 1 : n;
        n = read(fd, buffer, (size_t)length);
        *ret_end = n <= 0;
        if (n <= 0)
                return false;
        bool whole = buffer[n - 1] == '\n';
        g_string_append_len(line, buffer, whole ? n - 1 : n);
        return whole;
}

/* A line without its line end, or NULL at the deadline or the end of the stream. */
static char *line_read(int fd, int timeout_ms) {
        gint64 deadline = g_get_monotonic_time() + timeout_ms * 1000LL;
        g_autoptr(GString) line = g_string_new(NULL);

        for (;;) {
                gint64 left = MAX(deadline - g_get_monotonic_time(), 0) / 1000;
                struct pollfd p = {.fd = fd, .events = POLLIN};
                bool at_end;
                int n = poll(&p, 1, (int)left);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return NULL;
                if (line_take(fd, line, &at_end))
                        return g_strdup(line->str);
                if (at_end)
                        return NULL;
        }
}

static int control_connect(FakeKernel *k) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        g_assert_cmpint(fd, >=, 0);
        g_assert_cmpuint(strlen(k->socket), <, sizeof(address.sun_path));
        strcpy(address.sun_path, k->socket);
        if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
                g_error("cannot connect to %s: %s", k->socket, g_strerror(errno));
        return fd;
}

static char *topology_find(const char *topology) {
        if (!topology || strchr(topology, '/'))
                return g_strdup(topology);
        return g_strdup_printf("%s/%s.conf", FAKE_KERNEL_TOPOLOGIES, topology);
}

FakeKernel *fake_kernel_start(const char *topology) {
        return fake_kernel_start_with(topology, NULL);
}

FakeKernel *fake_kernel_start_with(const char *topology, const char *option) {
        g_autofree char *file = topology_find(topology), *line = NULL;
        g_autoptr(GPtrArray) argv = g_ptr_array_new();
        g_autoptr(GError) error = NULL;
        FakeKernel *k = g_new0(FakeKernel, 1);
        int out;

        k->folder = g_dir_make_tmp("fake-kernel-XXXXXX", &error);
        g_assert_no_error(error);
        g_assert_cmpint(g_chmod(k->folder, 0755), ==, 0);
        k->root = g_build_filename(k->folder, "root", NULL);
        k->socket = g_build_filename(k->folder, "control", NULL);
        g_assert_cmpint(g_mkdir(k->root, 0755), ==, 0);

        g_ptr_array_add(argv, (char *)FAKE_KERNEL_BINARY);
        g_ptr_array_add(argv, (char *)"--die-with-parent");
        if (option)
                g_ptr_array_add(argv, (char *)option);
        g_ptr_array_add(argv, k->root);
        g_ptr_array_add(argv, k->socket);
        if (file)
                g_ptr_array_add(argv, file);
        g_ptr_array_add(argv, NULL);

        g_spawn_async_with_pipes(NULL, (char **)argv->pdata, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &k->pid, NULL,
                        &out, NULL, &error);
        g_assert_no_error(error);

        line = line_read(out, DEADLINE_MS);
        close(out);
        if (g_strcmp0(line, "ready") != 0)
                g_error("%s did not become ready", FAKE_KERNEL_BINARY);
        k->control = control_connect(k);
        return k;
}

/* Waits for the end of the child without a signal handler. Returns false at the deadline. */
static bool child_wait(pid_t pid, int timeout_ms) {
        for (int waited = 0; waited <= timeout_ms; waited += 10) {
                int status, r = waitpid(pid, &status, WNOHANG);

                if (r == pid && WIFEXITED(status) && WEXITSTATUS(status) != 0)
                        g_error("fake-kernel ended with %d", WEXITSTATUS(status)); /* for example, a sanitizer found
                                                                                    * an error */
                if (r == pid || (r < 0 && errno == ECHILD))
                        return true;
                g_usleep(10000);
        }
        return false;
}

FakeKernel *fake_kernel_stop(FakeKernel *k) {
        if (!k)
                return NULL;

        (void)fake_kernel_send(k, NULL, "quit");
        if (!child_wait(k->pid, 5000)) {
                (void)kill(k->pid, SIGKILL);
                (void)child_wait(k->pid, DEADLINE_MS);
        }
        /* unmounted already, unless the program was killed */
        (void)umount2(k->root, MNT_DETACH);
        close(k->control);
        (void)unlink(k->socket);
        (void)rmdir(k->root);
        (void)rmdir(k->folder);
        g_free(k->folder);
        g_free(k->root);
        g_free(k->socket);
        g_free(k);
        return NULL;
}

const char *fake_kernel_get_root(FakeKernel *k) {
        return k->root;
}

const char *fake_kernel_get_socket(FakeKernel *k) {
        return k->socket;
}

pid_t fake_kernel_get_pid(FakeKernel *k) {
        return k->pid;
}

static int control_ask(FakeKernel *k, const char *command, char **ret_reply) {
        g_autoptr(GString) reply = g_string_new(NULL);
        g_autofree char *text = g_strconcat(command, "\n", NULL);

        if (send(k->control, text, strlen(text), MSG_NOSIGNAL) != (ssize_t)strlen(text))
                return -EPIPE;
        for (;;) {
                g_autofree char *line = line_read(k->control, DEADLINE_MS);
                bool ok = line && (strcmp(line, "ok") == 0 || g_str_has_prefix(line, "ok "));
                bool failed = line && g_str_has_prefix(line, "error ");

                if (!line)
                        return -ETIMEDOUT;
                if (ok || failed) {
                        g_string_append(reply, line + MIN(strlen(line), ok ? strlen("ok ") : strlen("error ")));
                        if (ret_reply)
                                *ret_reply = g_strdup(reply->str);
                        return ok ? 0 : -EREMOTEIO;
                }
                g_string_append_printf(reply, "%s\n", line);
        }
}

static char *va_text(const char *format, va_list ap) G_GNUC_PRINTF(1, 0);

static char *va_text(const char *format, va_list ap) {
        return g_strdup_vprintf(format, ap);
}

#define FORMAT_TEXT(format, text) \
        G_STMT_START { \
                va_list ap_; \
\
                va_start(ap_, format); \
                (text) = va_text(format, ap_); \
                va_end(ap_); \
        } \
        G_STMT_END

int fake_kernel_send(FakeKernel *k, char **ret_reply, const char *format, ...) {
        g_autofree char *command = NULL;

        FORMAT_TEXT(format, command);
        return control_ask(k, command, ret_reply);
}

static char *control_must(FakeKernel *k, const char *command) {
        char *reply = NULL;
        int r = control_ask(k, command, &reply);

        if (r < 0)
                g_error("fake-kernel: %s: %s", command, reply ?: g_strerror(-r));
        return reply;
}

char *fake_kernel_ask(FakeKernel *k, const char *format, ...) {
        g_autofree char *command = NULL;

        FORMAT_TEXT(format, command);
        return control_must(k, command);
}

void fake_kernel_do(FakeKernel *k, const char *format, ...) {
        g_autofree char *command = NULL;

        FORMAT_TEXT(format, command);
        g_free(control_must(k, command));
}

char *fake_kernel_snapshot(FakeKernel *k) {
        return control_must(k, "snapshot");
}

static char **control_list(FakeKernel *k, const char *command) {
        g_autofree char *reply = control_must(k, command);
        char **lines = g_strsplit(reply, "\n", -1);
        unsigned n = g_strv_length(lines);

        g_clear_pointer(&lines[n - 1], g_free); /* the count */
        return lines;
}

char **fake_kernel_writes(FakeKernel *k) {
        return control_list(k, "writes");
}

char **fake_kernel_writers(FakeKernel *k) {
        return control_list(k, "writers");
}

int fake_kernel_open_events(FakeKernel *k) {
        g_autofree char *line = NULL;
        int fd = control_connect(k);

        g_assert_cmpint(send(fd, "uevents\n", 8, MSG_NOSIGNAL), ==, 8);
        line = line_read(fd, DEADLINE_MS);
        g_assert_cmpstr(line, ==, "ok");
        return fd;
}

int fake_kernel_watch_pending(FakeKernel *k, unsigned n) {
        g_autofree char *text = g_strdup_printf("wait-pending %u\n", n);
        int fd = control_connect(k);

        g_assert_cmpint(send(fd, text, strlen(text), MSG_NOSIGNAL), ==, (ssize_t)strlen(text));
        return fd;
}

char *fake_kernel_next_event(int fd) {
        return line_read(fd, EVENT_MS);
}

static int tree_open(FakeKernel *k, int flags, const char *path) {
        g_autofree char *full = g_build_filename(k->root, path, NULL);
        int fd = open(full, flags | O_CLOEXEC);

        return fd < 0 ? -errno : fd;
}

char *fake_kernel_read(FakeKernel *k, const char *format, ...) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autofree char *path = NULL;
        char buffer[4096];
        ssize_t n;
        int fd;

        FORMAT_TEXT(format, path);
        fd = tree_open(k, O_RDONLY, path);
        if (fd < 0) {
                errno = -fd;
                return NULL;
        }
        while ((n = read(fd, buffer, sizeof(buffer))) > 0)
                g_string_append_len(text, buffer, n);
        if (n < 0) {
                int error = errno;

                close(fd);
                errno = error;
                return NULL;
        }
        close(fd);
        if (text->len > 0 && text->str[text->len - 1] == '\n')
                g_string_truncate(text, text->len - 1);
        return g_strdup(text->str);
}

int fake_kernel_write(FakeKernel *k, const char *value, const char *format, ...) {
        g_autofree char *path = NULL;
        int fd, r = 0;

        FORMAT_TEXT(format, path);
        fd = tree_open(k, O_WRONLY, path);
        if (fd < 0)
                return fd;
        if (write(fd, value, strlen(value)) < 0)
                r = -errno;
        close(fd);
        return r;
}

int fake_kernel_open(FakeKernel *k, int flags, const char *format, ...) {
        g_autofree char *path = NULL;

        FORMAT_TEXT(format, path);
        return tree_open(k, flags, path);
}

char *fake_kernel_link(FakeKernel *k, const char *format, ...) {
        g_autofree char *path = NULL, *full = NULL, *target = NULL;

        FORMAT_TEXT(format, path);
        full = g_build_filename(k->root, path, NULL);
        target = g_file_read_link(full, NULL);
        return target ? g_path_get_basename(target) : NULL;
}

bool fake_kernel_exists(FakeKernel *k, const char *format, ...) {
        g_autofree char *path = NULL, *full = NULL;

        FORMAT_TEXT(format, path);
        full = g_build_filename(k->root, path, NULL);
        return g_file_test(full, G_FILE_TEST_EXISTS);
}
