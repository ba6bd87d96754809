/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <glib.h>

#include "bus/authorize.h"

#include <sys/socket.h>

/* Tests authorize.c with a bus daemon that answers late, wrongly or not at all. The test plays the bus daemon at the
 * other end of a socket. */

#define HELD_MAX 64 /* calls of one connection that may wait */
#define SENDER ":1.7"
#define BUS_DAEMON "org.freedesktop.DBus"

typedef struct Scene {
        sd_event *event;
        Service service;
        Kernel kernel;
        sd_bus *bus_daemon; /* the end that the test uses */
        sd_bus_message *question;
        unsigned n_questions, n_run;
        unsigned n_answers, n_denied, n_limited, n_failed;
        Caller caller;        /* the caller of the last call that was accepted */
        GPtrArray *questions; /* if not NULL, all questions wait here */
        GArray *users;        /* the callers in the order in which their calls ran; NULL for none */
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
        if (scene->users)
                g_array_append_val(scene->users, caller->uid);
        return sd_bus_reply_method_return(call, NULL);
}

static const CallHandler handler = {.run = run};

/* A method of root, and one of everybody. */
static int method_change(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Request *request = NULL;

        (void)userdata;
        g_assert_cmpint(request_new(message, &request), >=, 0);
        return authorize(message, &handler, request, error);
}

static int method_ask(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Request *request = NULL;

        (void)userdata;
        g_assert_cmpint(request_new(message, &request), >=, 0);
        return authorize(message, &handler, request, error);
}

static const sd_bus_vtable vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("Rescan", "", "", method_change, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("Plan", "", "", method_ask, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_VTABLE_END,
};

/* The daemon asks for the user. */
static int method_user(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Scene *scene = userdata;
        const char *sender;

        (void)error;
        g_assert_cmpint(sd_bus_message_read(message, "s", &sender), >=, 0);
        if (scene->questions) {
                g_ptr_array_add(scene->questions, sd_bus_message_ref(message));
                scene->n_questions++;
                return 1;
        }
        g_assert_cmpstr(sender, ==, SENDER);
        g_assert_null(scene->question);
        scene->question = sd_bus_message_ref(message);
        scene->n_questions++;
        return 1;
}

static int method_process(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;

        (void)userdata, (void)error;
        g_assert_cmpint(sd_bus_message_new_method_return(message, &reply), >=, 0);
        g_assert_cmpint(sd_bus_message_append(reply, "u", 77U), >=, 0);
        g_assert_cmpint(sd_bus_message_set_sender(reply, BUS_DAEMON), >=, 0);
        return sd_bus_send(NULL, reply, NULL);
}

/* There is no GetConnectionCredentials: its answer can have a file descriptor, and dbus-broker then disconnects vfiod. */
static const sd_bus_vtable bus_vtable[] = {
                SD_BUS_VTABLE_START(0),
                SD_BUS_METHOD("GetConnectionUnixUser", "s", "u", method_user, SD_BUS_VTABLE_UNPRIVILEGED),
                SD_BUS_METHOD("GetConnectionUnixProcessID", "s", "u", method_process, SD_BUS_VTABLE_UNPRIVILEGED),
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
        /* Only for its quota of log entries. */
        g_assert_cmpint(job_table_new(scene->event, &scene->kernel, NULL, NULL, NULL, &job_limits_default,
                                        &scene->service.jobs),
                        ==, 0);
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
        job_table_free(scene->service.jobs);
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

/* Sends a call as the bus daemon would forward it. */
static void call(Scene *scene, const char *member, const char *sender) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *message = NULL;

        g_assert_cmpint(sd_bus_message_new_method_call(
                                        scene->bus_daemon, &message, BUS_NAME, BUS_PATH, BUS_INTERFACE_MANAGER, member),
                        >=, 0);
        if (sender)
                g_assert_cmpint(sd_bus_message_set_sender(message, sender), >=, 0);
        g_assert_cmpint(sd_bus_call_async(scene->bus_daemon, NULL, message, on_answer, scene, 0), >=, 0);
}

/* Runs the event loop until the counter has this value. */
static void await(Scene *scene, const unsigned *counter, unsigned value) {
        gint64 end = g_get_monotonic_time() + 20 * G_USEC_PER_SEC;

        while (*counter < value) {
                g_assert_cmpint(sd_event_run(scene->event, G_USEC_PER_SEC), >=, 0);
                g_assert_cmpint(g_get_monotonic_time(), <, end);
        }
        g_assert_cmpuint(*counter, ==, value);
}

/* Answers the question for the user. The answer about the process is there already. */
static void tell_user(Scene *scene, const char *sender, uint32_t uid) {
        _cleanup_(sd_bus_message_unrefp) sd_bus_message *reply = NULL;
        sd_bus_message *question = TAKE_PTR(scene->question);

        g_assert_cmpint(sd_bus_message_new_method_return(question, &reply), >=, 0);
        g_assert_cmpint(sd_bus_message_append(reply, "u", uid), >=, 0);
        g_assert_cmpint(sd_bus_message_set_sender(reply, sender), >=, 0);
        g_assert_cmpint(sd_bus_send(NULL, reply, NULL), >=, 0);
        sd_bus_message_unref(question);
}

static void test_answers(void) {
        static const struct {
                const char *member, *sender;
                uint32_t uid;
                unsigned n_run;
        } cases[] = {
                        {"Rescan", BUS_DAEMON, 0, 1},
                        {"Rescan", BUS_DAEMON, 1000, 0},
                        {"Plan", BUS_DAEMON, 1000, 1},
                        /* The bus daemon does not know the user. */
                        {"Rescan", BUS_DAEMON, UINT32_MAX, 0},
                        {"Plan", BUS_DAEMON, UINT32_MAX, 0},
                        /* Another connection answers instead of the bus daemon. */
                        {"Rescan", ":1.66", 0, 0},
                        {"Plan", ":1.66", 0, 0},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Scene scene;

                scene_begin(&scene);
                call(&scene, cases[i].member, SENDER);
                await(&scene, &scene.n_questions, 1);
                g_assert_cmpuint(scene.n_run, ==, 0);
                tell_user(&scene, cases[i].sender, cases[i].uid);
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

static void test_caller_left(void) {
        Scene scene;

        scene_begin(&scene);
        call(&scene, "Rescan", SENDER);
        await(&scene, &scene.n_questions, 1);
        g_assert_cmpint(sd_bus_reply_method_errorf(scene.question, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "gone"), >=, 0);
        await(&scene, &scene.n_denied, 1);
        g_assert_cmpuint(scene.n_run, ==, 0);
        scene_end(&scene);
}

static void test_no_sender(void) {
        Scene scene;

        scene_begin(&scene);
        call(&scene, "Rescan", NULL);
        await(&scene, &scene.n_denied, 1);
        g_assert_cmpuint(scene.n_questions, ==, 0);
        scene_end(&scene);
}

/* The bus daemon does not answer: finally the calls are denied. Until then the daemon keeps them, but only up to a
 * limit. */
static void test_no_answer(void) {
        Scene scene;

        scene_begin(&scene);
        for (unsigned i = 0; i < HELD_MAX + 36; i++)
                call(&scene, "Rescan", SENDER);
        await(&scene, &scene.n_limited, 36);
        g_assert_cmpuint(scene.n_answers, ==, 36);
        await(&scene, &scene.n_denied, HELD_MAX);
        g_assert_cmpuint(scene.n_questions, ==, 1);
        g_assert_cmpuint(scene.n_run, ==, 0);

        /* Afterwards the connection may call again. */
        scene.question = sd_bus_message_unref(scene.question);
        call(&scene, "Plan", SENDER);
        await(&scene, &scene.n_questions, 2);
        tell_user(&scene, BUS_DAEMON, 1000);
        await(&scene, &scene.n_run, 1);
        scene_end(&scene);
}

/* Waiting callers get an error when the service ends. */
static void test_end(void) {
        Scene scene;

        scene_begin(&scene);
        call(&scene, "Rescan", SENDER);
        call(&scene, "Plan", SENDER);
        await(&scene, &scene.n_questions, 1);
        /* When this call is answered, the two calls before it are waiting. */
        call(&scene, "Rescan", NULL);
        await(&scene, &scene.n_denied, 1);
        authorize_done(&scene.service);
        await(&scene, &scene.n_failed, 2);
        g_assert_cmpuint(scene.n_run, ==, 0);
        scene_end(&scene);
}

/* Many connections: the number of each begins with the number of its user. */

typedef struct Crowd {
        uid_t uid;
        unsigned n_connections, n_calls;
} Crowd;

/* Sends the calls of all users, and answers the questions when all calls wait. */
static void call_as(Scene *scene, const Crowd *crowds, size_t n_crowds) {
        unsigned n_questions = 0;

        scene->questions = g_ptr_array_new();
        scene->users = g_array_new(false, false, sizeof(uid_t));
        for (size_t i = 0; i < n_crowds; i++)
                for (unsigned connection = 0; connection < crowds[i].n_connections; connection++) {
                        g_autofree char *sender = g_strdup_printf(":1.%u%03u", (unsigned)crowds[i].uid, connection);

                        for (unsigned n = 0; n < crowds[i].n_calls; n++)
                                call(scene, "Plan", sender);
                        n_questions++;
                }
        await(scene, &scene->n_questions, n_questions);
        /* When this call is answered, all calls before it are waiting. */
        call(scene, "Plan", NULL);
        await(scene, &scene->n_denied, 1);
        for (size_t i = 0, next = 0; i < n_crowds; i++)
                for (unsigned connection = 0; connection < crowds[i].n_connections; connection++) {
                        scene->question = scene->questions->pdata[next++];
                        tell_user(scene, BUS_DAEMON, crowds[i].uid);
                }
}

static void scene_end_crowd(Scene *scene) {
        g_ptr_array_unref(scene->questions);
        g_array_unref(scene->users);
        scene_end(scene);
}

/* A user with many connections does not delay the others, and nobody delays root. */
static void test_turns(void) {
        static const Crowd crowds[] = {{1000, 16, 8}, {1001, 1, 8}, {0, 1, 8}};
        const unsigned n_calls = 16 * 8 + 8 + 8, n_answers = 16 + 1 + 1;
        unsigned last[2] = {}, n_root = 0;
        Scene scene;

        scene_begin(&scene);
        call_as(&scene, crowds, G_N_ELEMENTS(crowds));
        await(&scene, &scene.n_run, n_calls);
        for (unsigned i = 0; i < scene.users->len; i++) {
                uid_t uid = g_array_index(scene.users, uid_t, i);

                n_root += uid == 0;
                last[0] = uid == 0 ? i : last[0];
                last[1] = uid == 1001 ? i : last[1];
        }
        g_assert_cmpuint(n_root, ==, 8);
        /* Some calls run after each answer, before the answers about root and the second user come. */
        g_assert_cmpuint(last[0], <, 3 * n_answers + 8 + 1);
        g_assert_cmpuint(last[1], <, 3 * n_answers + 8 + 2 * 8 + 1);
        scene_end_crowd(&scene);
}

/* A user cannot make vfiod keep more calls by using more connections. */
static void test_user_limit(void) {
        static const Crowd crowds[] = {{1000, 16, HELD_MAX}};
        Scene scene;

        scene_begin(&scene);
        call_as(&scene, crowds, G_N_ELEMENTS(crowds));
        while (scene.n_answers < 16 * HELD_MAX + 1)
                g_assert_cmpint(sd_event_run(scene.event, G_USEC_PER_SEC), >=, 0);
        g_assert_cmpuint(scene.n_run + scene.n_limited, ==, 16 * HELD_MAX);
        g_assert_cmpuint(scene.n_limited, >=, 8 * HELD_MAX);
        scene_end_crowd(&scene);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/attack/credentials/answers", test_answers);
        g_test_add_func("/attack/credentials/caller-left", test_caller_left);
        g_test_add_func("/attack/credentials/no-sender", test_no_sender);
        g_test_add_func("/attack/credentials/no-answer", test_no_answer);
        g_test_add_func("/attack/credentials/service-ends", test_end);
        g_test_add_func("/attack/credentials/turns", test_turns);
        g_test_add_func("/attack/credentials/user-limit", test_user_limit);
        return g_test_run();
}
