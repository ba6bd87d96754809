/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <glib.h>

#include "bus/authorize.h"

#include <sys/socket.h>

/* authorize.c against a bus daemon that answers late, wrong or not at all: the test plays the bus daemon, at the other end
 * of a socket. */

#define HELD_MAX 64 /* small calls of one connection */
#define SENDER ":1.7"

typedef struct Scene {
        sd_event *event;
        Service service;
        Kernel kernel;
        sd_bus *bus_daemon; /* the other end */
        sd_bus_message *question;
        unsigned n_questions, n_run;
        unsigned n_answers, n_denied, n_limited, n_failed;
        Caller caller; /* of the last that was let through */
} Scene;

static Scene *scene_of(Service *service) {
        return (Scene *)((char *)service - offsetof(Scene, service));
}

static int run(Service *service, sd_bus_message *call, const Caller *caller, Request *request, sd_bus_error *error) {
        Scene *scene = scene_of(service);

        (void)error;
        g_assert_nonnull(request);
        scene->n_run++;
        scene->caller = *caller;
        return sd_bus_reply_method_return(call, NULL);
}

static int method_change(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Request *request = NULL;

        (void)userdata;
        g_assert_cmpint(request_new(message, &request), >=, 0);
        return authorize_change(message, run, request, error);
}

static int method_ask(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Request *request = NULL;

        (void)userdata;
        g_assert_cmpint(request_new(message, &request), >=, 0);
        return authorize_anybody(message, run, request, error);
}

static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("Change", "", "", method_change, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("Ask", "", "", method_ask, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
};

/* The question of the daemon. */
static int method_credentials(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Scene *scene = userdata;
        const char *sender;

        (void)error;
        g_assert_cmpint(sd_bus_message_read(message, "s", &sender), >=, 0);
        g_assert_cmpstr(sender, ==, SENDER);
        g_assert_null(scene->question);
        scene->question = sd_bus_message_ref(message);
        scene->n_questions++;
        return 1;
}

static const sd_bus_vtable bus_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("GetConnectionCredentials", "s", "a{sv}", method_credentials, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
};

static sd_bus *connect_end(sd_event *event, int fd, bool server) {
        sd_id128_t id = {};
        sd_bus *bus = NULL;

        g_assert_cmpint(sd_bus_new(&bus), >=, 0);
        g_assert_cmpint(sd_bus_set_fd(bus, fd, fd), >=, 0);
        if (server)
                g_assert_cmpint(sd_bus_set_server(bus, true, id), >=, 0);
        g_assert_cmpint(sd_bus_start(bus), >=, 0);
        g_assert_cmpint(sd_bus_attach_event(bus, event, 0), >=, 0);
        return bus;
}

static void scene_begin(Scene *scene) {
        int fds[2];

        *scene = (Scene){.kernel = {.proc_fd = -EBADF}};
        g_assert_cmpint(sd_event_new(&scene->event), >=, 0);
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), ==, 0);
        scene->bus_daemon = connect_end(scene->event, fds[0], true);
        scene->service.bus = connect_end(scene->event, fds[1], false);
        scene->service.kernel = &scene->kernel;
        g_assert_cmpint(sd_bus_add_object_vtable(scene->service.bus, NULL, BUS_PATH, BUS_INTERFACE_MANAGER, vtable,
                                        &scene->service),
                        >=, 0);
        g_assert_cmpint(sd_bus_add_object_vtable(scene->bus_daemon, NULL, "/org/freedesktop/DBus",
                                        "org.freedesktop.DBus", bus_vtable, scene),
                        >=, 0);
        while (sd_bus_is_ready(scene->service.bus) == 0 || sd_bus_is_ready(scene->bus_daemon) == 0)
                g_assert_cmpint(sd_event_run(scene->event, G_USEC_PER_SEC), >=, 0);
}

static void scene_end(Scene *scene) {
        authorize_done(&scene->service);
        g_assert_null(scene->service.queries);
        g_assert_cmpuint(scene->service.n_queries, ==, 0);
        sd_bus_message_unref(scene->question);
        sd_bus_close_unref(scene->service.bus);
        sd_bus_close_unref(scene->bus_daemon);
        sd_event_unref(scene->event);
}

static int on_answer(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Scene *scene = userdata;

        (void)error;
        scene->n_answers++;
        if (sd_bus_message_is_method_error(message, SD_BUS_ERROR_ACCESS_DENIED))
                scene->n_denied++;
        else if (sd_bus_message_is_method_error(message, BUS_ERROR_PREFIX "LimitsExceeded"))
                scene->n_limited++;
        else if (sd_bus_message_is_method_error(message, NULL))
                scene->n_failed++;
        return 0;
}

/* A call as the bus daemon passes it on. */
static void call(Scene *scene, const char *member, const char *sender) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;

        g_assert_cmpint(sd_bus_message_new_method_call(
                                        scene->bus_daemon, &message, BUS_NAME, BUS_PATH, BUS_INTERFACE_MANAGER, member),
                        >=, 0);
        if (sender)
                g_assert_cmpint(sd_bus_message_set_sender(message, sender), >=, 0);
        g_assert_cmpint(sd_bus_call_async(scene->bus_daemon, NULL, message, on_answer, scene, 0), >=, 0);
}

/* Turns the loop until the counter has this value. */
static void await(Scene *scene, const unsigned *counter, unsigned value) {
        gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

        while (*counter < value) {
                g_assert_cmpint(sd_event_run(scene->event, G_USEC_PER_SEC), >=, 0);
                g_assert_cmpint(g_get_monotonic_time(), <, end);
        }
        g_assert_cmpuint(*counter, ==, value);
}

static void tell_credentials(Scene *scene, const char *sender, const char *key, uint32_t value) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        sd_bus_message *question = TAKE_PTR(scene->question);

        g_assert_cmpint(sd_bus_message_new_method_return(question, &reply), >=, 0);
        g_assert_cmpint(sd_bus_message_append(reply, "a{sv}", 3, "LinuxSecurityLabel", "ay", 0, "ProcessID", "u", 77U,
                                        key, "u", value),
                        >=, 0);
        g_assert_cmpint(sd_bus_message_set_sender(reply, sender), >=, 0);
        g_assert_cmpint(sd_bus_send(NULL, reply, NULL), >=, 0);
        sd_bus_message_unref(question);
}

#define BUS_DAEMON "org.freedesktop.DBus"

static void test_answers(void) {
        static const struct {
                const char *member, *sender, *key;
                uint32_t uid;
                unsigned n_run;
        } cases[] = {
                        {"Change", BUS_DAEMON, "UnixUserID", 0, 1},
                        {"Change", BUS_DAEMON, "UnixUserID", 1000, 0},
                        {"Ask", BUS_DAEMON, "UnixUserID", 1000, 1},
                        /* It says nothing of the user. */
                        {"Change", BUS_DAEMON, "WindowsSID", 0, 0},
                        {"Ask", BUS_DAEMON, "WindowsSID", 0, 0},
                        /* Somebody else answers in its place. */
                        {"Change", ":1.66", "UnixUserID", 0, 0},
                        {"Ask", ":1.66", "UnixUserID", 0, 0},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Scene scene;

                scene_begin(&scene);
                call(&scene, cases[i].member, SENDER);
                await(&scene, &scene.n_questions, 1);
                g_assert_cmpuint(scene.n_run, ==, 0);
                tell_credentials(&scene, cases[i].sender, cases[i].key, cases[i].uid);
                await(&scene, &scene.n_answers, 1);
                g_assert_cmpuint(scene.n_run, ==, cases[i].n_run);
                g_assert_cmpuint(scene.n_denied, ==, 1 - cases[i].n_run);
                if (cases[i].n_run > 0) {
                        g_assert_cmpuint(scene.caller.uid, ==, cases[i].uid);
                        g_assert_cmpint(scene.caller.pid, ==, 77);
                }
                scene_end(&scene);
        }
}

static void test_gone(void) {
        Scene scene;

        scene_begin(&scene);
        call(&scene, "Change", SENDER);
        await(&scene, &scene.n_questions, 1);
        g_assert_cmpint(sd_bus_reply_method_errorf(scene.question, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "gone"), >=, 0);
        await(&scene, &scene.n_denied, 1);
        g_assert_cmpuint(scene.n_run, ==, 0);
        scene_end(&scene);
}

static void test_nameless(void) {
        Scene scene;

        scene_begin(&scene);
        call(&scene, "Change", NULL);
        await(&scene, &scene.n_denied, 1);
        g_assert_cmpuint(scene.n_questions, ==, 0);
        scene_end(&scene);
}

/* The bus daemon does not answer: that is a denial in the end, and until then calls are held up to a bound. */
static void test_silence(void) {
        Scene scene;

        scene_begin(&scene);
        for (unsigned i = 0; i < HELD_MAX + 36; i++)
                call(&scene, "Change", SENDER);
        await(&scene, &scene.n_limited, 36);
        g_assert_cmpuint(scene.n_answers, ==, 36);
        await(&scene, &scene.n_denied, HELD_MAX);
        g_assert_cmpuint(scene.n_questions, ==, 1);
        g_assert_cmpuint(scene.n_run, ==, 0);

        /* Then the connection may call again. */
        scene.question = sd_bus_message_unref(scene.question);
        call(&scene, "Ask", SENDER);
        await(&scene, &scene.n_questions, 2);
        tell_credentials(&scene, BUS_DAEMON, "UnixUserID", 1000);
        await(&scene, &scene.n_run, 1);
        scene_end(&scene);
}

/* Who waits is told when the service ends. */
static void test_end(void) {
        Scene scene;

        scene_begin(&scene);
        call(&scene, "Change", SENDER);
        call(&scene, "Ask", SENDER);
        await(&scene, &scene.n_questions, 1);
        /* When this one is answered, the two before it are held. */
        call(&scene, "Change", NULL);
        await(&scene, &scene.n_denied, 1);
        authorize_done(&scene.service);
        await(&scene, &scene.n_failed, 2);
        g_assert_cmpuint(scene.n_run, ==, 0);
        scene_end(&scene);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/attack/credentials/answers", test_answers);
        g_test_add_func("/attack/credentials/gone", test_gone);
        g_test_add_func("/attack/credentials/nameless", test_nameless);
        g_test_add_func("/attack/credentials/silence", test_silence);
        g_test_add_func("/attack/credentials/end", test_end);
        return g_test_run();
}
