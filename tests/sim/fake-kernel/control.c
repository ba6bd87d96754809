/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "command.h"

#define INPUT_MAX 65536

typedef struct Client {
        int fd;
        GString *input, *output;
        bool events; /* this client gets every event */
        bool closed;
        unsigned n_awaited; /* for wait-pending; 0: it does not wait */
} Client;

struct Control {
        Machine *machine;
        Filesystem *filesystem;
        char *path;
        int fd;
        GPtrArray *clients;
        bool quit;
};

static void client_free(void *p) {
        Client *c = p;

        close(c->fd);
        g_string_free(c->input, TRUE);
        g_string_free(c->output, TRUE);
        g_free(c);
}

static void client_flush(Client *c) {
        while (c->output->len > 0 && !c->closed) {
                ssize_t n = send(c->fd, c->output->str, c->output->len, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0) {
                        c->closed = errno != EAGAIN;
                        return;
                }
                g_string_erase(c->output, 0, n);
        }
}

static void client_send(Client *c, const char *text) {
        g_string_append(c->output, text);
        client_flush(c);
}

/* The event is in the socket before the write that caused it gets its answer. */
static void on_event(const char *line, void *userdata) {
        Control *c = userdata;

        for (unsigned i = 0; i < c->clients->len; i++) {
                Client *client = c->clients->pdata[i];

                if (client->events) {
                        g_autofree char *text = g_strconcat(line, "\n", NULL);

                        client_send(client, text);
                }
        }
}

Control *control_new(Machine *m, Filesystem *f, const char *path) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int fd;

        if (strlen(path) >= sizeof(address.sun_path)) {
                errno = ENAMETOOLONG;
                return NULL;
        }
        strcpy(address.sun_path, path);
        (void)unlink(path);

        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0)
                return NULL;
        if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 64) < 0) {
                close(fd);
                return NULL;
        }

        Control *c = g_new0(Control, 1);
        c->machine = m;
        c->filesystem = f;
        c->path = g_strdup(path);
        c->fd = fd;
        c->clients = g_ptr_array_new_with_free_func(client_free);
        m->on_event = on_event;
        m->userdata = c;
        return c;
}

Control *control_free(Control *c) {
        if (!c)
                return NULL;
        c->machine->on_event = NULL;
        (void)unlink(c->path);
        close(c->fd);
        g_ptr_array_unref(c->clients);
        g_free(c->path);
        g_free(c);
        return NULL;
}

static void client_run(Control *c, Client *client, const char *line) {
        g_autofree char *reply = NULL;

        /* first handle the requests that came before this command */
        (void)filesystem_process(c->filesystem);

        if (strcmp(line, "uevents") == 0) {
                client_send(client, "ok\n");
                client->events = true;
                return;
        }
        if (strcmp(line, "quit") == 0) {
                client_send(client, "ok\n");
                c->quit = true;
                return;
        }
        if (g_str_has_prefix(line, "wait-pending ")) {
                guint64 n;

                if (g_ascii_string_to_unsigned(line + strlen("wait-pending "), 10, 1, 10000, &n, NULL))
                        client->n_awaited = (unsigned)n;
                else
                        client_send(client, "error not a count\n");
                return;
        }
        command_run(c->machine, c->filesystem, line, &reply);
        filesystem_retry(c->filesystem);
        client_send(client, reply);
}

static void client_read(Client *client) {
        char buffer[4096];
        ssize_t n = recv(client->fd, buffer, sizeof(buffer), MSG_DONTWAIT);

        if (n > 0)
                g_string_append_len(client->input, buffer, n);
        else if (n == 0 || (errno != EAGAIN && errno != EINTR))
                client->closed = true;
        if (client->input->len > INPUT_MAX)
                client->closed = true;
}

/* Runs the complete lines until a command has to wait. */
static void client_process(Control *c, Client *client) {
        char *end;

        if (client->n_awaited > 0 && filesystem_count_pending(c->filesystem) >= client->n_awaited) {
                client->n_awaited = 0;
                client_send(client, "ok\n");
        }
        while (client->n_awaited == 0 && !c->quit && (end = memchr(client->input->str, '\n', client->input->len))) {
                g_autofree char *line = g_strndup(client->input->str, (size_t)(end - client->input->str));

                g_string_erase(client->input, 0, end - client->input->str + 1);
                client_run(c, client, g_strstrip(line));
                if (client->n_awaited > 0 && filesystem_count_pending(c->filesystem) >= client->n_awaited) {
                        client->n_awaited = 0;
                        client_send(client, "ok\n");
                }
        }
}

void control_poll(Control *c, GArray *fds) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};

        g_array_append_val(fds, p);
        for (unsigned i = 0; i < c->clients->len; i++) {
                Client *client = c->clients->pdata[i];

                p = (struct pollfd){
                                .fd = client->fd, .events = (short)(POLLIN | (client->output->len > 0 ? POLLOUT : 0))};
                g_array_append_val(fds, p);
        }
}

bool control_process(Control *c, const GArray *fds) {
        int fd;

        for (unsigned i = 0; i < fds->len; i++) {
                const struct pollfd *p = &g_array_index(fds, struct pollfd, i);

                for (unsigned k = 0; k < c->clients->len; k++) {
                        Client *client = c->clients->pdata[k];

                        if (client->fd != p->fd)
                                continue;
                        if (p->revents & POLLOUT)
                                client_flush(client);
                        if (p->revents & (POLLIN | POLLHUP | POLLERR))
                                client_read(client);
                }
        }
        for (unsigned k = 0; k < c->clients->len; k++)
                client_process(c, c->clients->pdata[k]);
        for (unsigned k = c->clients->len; k > 0; k--)
                if (((Client *)c->clients->pdata[k - 1])->closed)
                        g_ptr_array_remove_index(c->clients, k - 1);

        while ((fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
                Client *client = g_new0(Client, 1);

                client->fd = fd;
                client->input = g_string_new(NULL);
                client->output = g_string_new(NULL);
                g_ptr_array_add(c->clients, client);
        }
        return !c->quit;
}
