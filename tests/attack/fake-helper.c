/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fake-helper.h"

#include <glib/gstdio.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>

struct FakeHelper {
        char *path, *kept;
        int listen_fd, end_fd; /* end_fd ends the thread */
        GThread *thread;
        fake_helper_act_t act;
        fake_helper_talk_t talk;
        void *userdata;
};

bool fake_helper_flush(sd_bus *peer) {
        return sd_bus_flush(peer) >= 0;
}

void fake_helper_await_end(sd_bus *peer) {
        int r = 0;

        while (r >= 0) {
                r = sd_bus_process(peer, NULL);
                if (r == 0)
                        r = sd_bus_wait(peer, UINT64_MAX);
        }
}

/* The vtable of the real helper is not here, so a filter takes the call. */
static int take_call(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        sd_bus_message **ret = userdata;

        (void)error;
        if (!*ret && sd_bus_message_is_method_call(message, NULL, NULL))
                *ret = sd_bus_message_ref(message);
        return 1;
}

static void serve(const FakeHelper *helper, int fd) {
        sd_bus_message *call = NULL;
        sd_bus *peer = NULL;
        int r;

        g_assert_cmpint(peer_open_server(fd, &peer), ==, 0);
        g_assert_cmpint(sd_bus_add_filter(peer, NULL, take_call, &call), >=, 0);
        for (r = 0; r >= 0 && !call;) {
                r = sd_bus_process(peer, NULL);
                if (r == 0 && !call)
                        r = sd_bus_wait(peer, UINT64_MAX);
        }
        if (call)
                helper->act(peer, call, helper->userdata);
        sd_bus_message_unref(call);
        sd_bus_close_unref(peer);
}

static void *run(void *userdata) {
        const FakeHelper *helper = userdata;
        struct pollfd fds[] = {
                        {.fd = helper->end_fd, .events = POLLIN},
                        {.fd = helper->listen_fd, .events = POLLIN},
        };

        while (poll(fds, G_N_ELEMENTS(fds), -1) > 0 && !fds[0].revents) {
                int fd = accept4(helper->listen_fd, NULL, NULL, SOCK_CLOEXEC);

                g_assert_cmpint(fd, >=, 0);
                if (helper->talk) {
                        helper->talk(fd);
                        close(fd);
                } else
                        serve(helper, fd);
        }
        return NULL;
}

static FakeHelper *begin(Fixture *fixture, const char *name) {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        FakeHelper *helper = g_new0(FakeHelper, 1);

        helper->path = g_strdup_printf("%s.%s", fixture->state_folder, name);
        helper->kept = g_strdup_printf("%s.kept", helper->path);
        g_assert_cmpuint(g_strlcpy(address.sun_path, helper->path, sizeof(address.sun_path)), <,
                        sizeof(address.sun_path));
        g_assert_cmpint(g_rename(helper->path, helper->kept), ==, 0);
        helper->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        helper->end_fd = eventfd(0, EFD_CLOEXEC);
        g_assert_cmpint(helper->end_fd, >=, 0);
        g_assert_cmpint(bind(helper->listen_fd, (const struct sockaddr *)&address, sizeof(address)), ==, 0);
        g_assert_cmpint(listen(helper->listen_fd, SOMAXCONN), ==, 0);
        return helper;
}

FakeHelper *fake_helper_begin(Fixture *fixture, const char *name, fake_helper_act_t act, void *userdata) {
        FakeHelper *helper = begin(fixture, name);

        helper->act = act;
        helper->userdata = userdata;
        helper->thread = g_thread_new("fake-helper", run, helper);
        return helper;
}

FakeHelper *fake_helper_begin_raw(Fixture *fixture, const char *name, fake_helper_talk_t talk) {
        FakeHelper *helper = begin(fixture, name);

        helper->talk = talk;
        helper->thread = g_thread_new("fake-helper", run, helper);
        return helper;
}

void fake_helper_end(FakeHelper *helper) {
        g_assert_cmpint(eventfd_write(helper->end_fd, 1), ==, 0);
        g_thread_join(helper->thread);
        close(helper->listen_fd);
        close(helper->end_fd);
        g_assert_cmpint(g_rename(helper->kept, helper->path), ==, 0);
        g_free(helper->path);
        g_free(helper->kept);
        g_free(helper);
}
