/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vfiod-process.h"
#include "bus-text.h"
#include "slot.h"
#include "text-compare.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "org.vfiod1"
#define PATH "/org/vfiod1"
#define DEVICES PATH "/devices/"
#define GROUPS PATH "/groups/"
#define JOBS PATH "/jobs/"
#define SYNC_PATH DEVICES "_30000_3a1f_3a00_2e0"
#define ERRORS NAME ".Error."

G_DEFINE_AUTOPTR_CLEANUP_FUNC(sd_bus_message, sd_bus_message_unref)

#define LISTEN_SECONDS 60

/* The deadlines for a step, for the names of the host's devices, and for a VM. Nothing here takes as long. */
#define DEADLINE_TEXT "40000"

static int on_signal(sd_bus_message *message, void *userdata, sd_bus_error *error) {
        Vfiod *vfiod = userdata;

        (void)error;
        view_follow(vfiod->view, message);
        return 0;
}

/* Only this process holds device nodes, so the daemon sees only this process in its proc folder. Other processes may
 * be unreadable, and do not belong to the test. */
static void show_this_process(Vfiod *vfiod) {
        g_autofree char *link = g_strdup_printf("%s/%d", vfiod->proc, (int)getpid()),
                        *target = g_strdup_printf("/proc/%d", (int)getpid());

        g_assert_cmpint(g_mkdir(vfiod->proc, 0700), ==, 0);
        g_assert_cmpint(symlink(target, link), ==, 0);
}

Vfiod *vfiod_new(FakeKernel *kernel) {
        g_autoptr(GError) error = NULL;
        Vfiod *vfiod = g_new0(Vfiod, 1);

        vfiod->kernel = kernel;
        vfiod->view = view_new();
        vfiod->folder = g_dir_make_tmp("vfiod-random-XXXXXX", &error);
        g_assert_no_error(error);
        vfiod->state_folder = g_build_filename(vfiod->folder, "state", NULL);
        vfiod->log = g_build_filename(vfiod->folder, "log", NULL);
        vfiod->proc = g_build_filename(vfiod->folder, "proc", NULL);
        g_assert_cmpint(g_mkdir(vfiod->state_folder, 0700), ==, 0);
        show_this_process(vfiod);
        vfiod->bus = private_bus_start(true);
        g_assert_cmpint(sd_bus_open_system(&vfiod->connection), >=, 0);
        g_assert_cmpint(sd_bus_add_match(vfiod->connection, NULL,
                                        "type='signal',sender='" NAME "',path_namespace='" PATH "'", on_signal, vfiod),
                        >=, 0);
        vfiod_start(vfiod);
        return vfiod;
}

static void remove_files(const char *path) {
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);

        for (const char *name; folder && (name = g_dir_read_name(folder));) {
                g_autofree char *file = g_build_filename(path, name, NULL);

                (void)g_unlink(file);
        }
        (void)g_rmdir(path);
}

Vfiod *vfiod_free(Vfiod *vfiod) {
        if (!vfiod)
                return NULL;
        vfiod_stop(vfiod);
        sd_bus_flush_close_unref(vfiod->connection);
        private_bus_stop(vfiod->bus);
        view_free(vfiod->view);
        remove_files(vfiod->state_folder);
        remove_files(vfiod->proc);
        remove_files(vfiod->folder);
        g_free(vfiod->folder);
        g_free(vfiod->state_folder);
        g_free(vfiod->log);
        g_free(vfiod->proc);
        g_free(vfiod);
        return NULL;
}

/* Runs in the child. */
static void write_log(void *userdata) {
        int fd = open(userdata, O_WRONLY | O_CREAT | O_APPEND, 0600);

        if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
                _exit(125);
}

static int on_objects(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        View *view = ((void **)userdata)[0];

        (void)error;
        g_assert_false(sd_bus_message_is_method_error(reply, NULL));
        view_load(view, reply);
        *(bool *)((void **)userdata)[1] = true;
        return 1;
}

static bool is_true(Vfiod *vfiod, const void *userdata) {
        (void)vfiod;
        return *(const bool *)userdata;
}

/* The call is asynchronous, so its reply is handled in order with the signals before and after it. */
static void read_objects(Vfiod *vfiod, View *view) {
        g_autoptr(sd_bus_message) call =
                        vfiod_make_call(vfiod, PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects");
        bool done = false;
        void *userdata[] = {view, &done};

        g_assert_cmpint(sd_bus_call_async(vfiod->connection, NULL, call, on_objects, userdata, 0), >=, 0);
        vfiod_listen_until(vfiod, is_true, &done, -1);
}

/* The bus may learn the end of a daemon later than the first words of the next one, which could not get the name. */
static void await_no_owner(Vfiod *vfiod) {
        gint64 end = g_get_monotonic_time() + LISTEN_SECONDS * G_USEC_PER_SEC;
        int has_owner = true;

        while (has_owner) {
                g_autoptr(sd_bus_message) reply = NULL;

                g_assert_cmpint(sd_bus_call_method(vfiod->connection, "org.freedesktop.DBus", "/org/freedesktop/DBus",
                                                "org.freedesktop.DBus", "NameHasOwner", NULL, &reply, "s", NAME),
                                >=, 0);
                g_assert_cmpint(sd_bus_message_read(reply, "b", &has_owner), >=, 0);
                g_assert_cmpint(g_get_monotonic_time(), <, end);
        }
}

void vfiod_start(Vfiod *vfiod) {
        const char *const argv[] = {VFIOD_SIM, fake_kernel_get_root(vfiod->kernel),
                        fake_kernel_get_socket(vfiod->kernel), vfiod->state_folder, DEADLINE_TEXT, DEADLINE_TEXT,
                        DEADLINE_TEXT, vfiod->proc, NULL};

        await_no_owner(vfiod);
        vfiod->process = process_start(argv, &(ProcessOptions){.setup = write_log, .userdata = vfiod->log});
        vfiod->pid = process_get_pid(vfiod->process);
        process_expect_line(vfiod->process, "ready");
        read_objects(vfiod, vfiod->view);
}

void vfiod_stop(Vfiod *vfiod) {
        vfiod->process = process_stop(vfiod->process);
        /* Its last signals do not matter any more. */
        vfiod_catch_up(vfiod);
        view_clear(vfiod->view);
}

void vfiod_kill(Vfiod *vfiod) {
        g_assert_cmpint(kill(vfiod->pid, SIGKILL), ==, 0);
        g_assert_cmpint(process_finish(vfiod->process), ==, 128 + SIGKILL);
        vfiod->process = NULL;
        vfiod_catch_up(vfiod);
        view_clear(vfiod->view);
}

void vfiod_pause(Vfiod *vfiod) {
        siginfo_t info;

        g_assert_cmpint(kill(vfiod->pid, SIGSTOP), ==, 0);
        g_assert_cmpint(waitid(P_PID, (id_t)vfiod->pid, &info, WSTOPPED), ==, 0);
}

void vfiod_resume(Vfiod *vfiod) {
        g_assert_cmpint(kill(vfiod->pid, SIGCONT), ==, 0);
}

void answer_clear(Answer *answer) {
        g_free(answer->error);
        g_free(answer->message);
        g_strfreev(answer->values);
        *answer = (Answer){};
}

static int on_answer(sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const sd_bus_error *failure = sd_bus_message_get_error(reply);
        Answer *answer = userdata;

        (void)error;
        g_assert_false(answer->is_given);
        answer->is_given = true;
        if (failure) {
                answer->error = g_strdup(g_str_has_prefix(failure->name, ERRORS) ? failure->name + strlen(ERRORS)
                                                                                 : failure->name);
                answer->message = g_strdup(failure->message ?: "");
                return 1;
        }
        g_autoptr(GPtrArray) values = g_ptr_array_new();
        while (sd_bus_message_at_end(reply, true) == 0) {
                GString *text = g_string_new(NULL);

                bus_text_append(reply, text);
                g_ptr_array_add(values, g_string_free(text, FALSE));
        }
        g_ptr_array_add(values, NULL);
        answer->values = (char **)g_ptr_array_free(g_steal_pointer(&values), FALSE);
        return 1;
}

sd_bus_message *vfiod_make_call(Vfiod *vfiod, const char *path, const char *interface, const char *method) {
        sd_bus_message *call;

        g_assert_cmpint(sd_bus_message_new_method_call(vfiod->connection, &call, NAME, path, interface, method), >=, 0);
        g_assert_cmpint(sd_bus_message_set_auto_start(call, false), >=, 0);
        return call;
}

void vfiod_send_call(Vfiod *vfiod, Answer *answer, sd_bus_message *call) {
        *answer = (Answer){};
        g_assert_cmpint(sd_bus_call_async(vfiod->connection, NULL, call, on_answer, answer,
                                        2 * LISTEN_SECONDS * G_USEC_PER_SEC),
                        >=, 0);
        g_assert_cmpint(sd_bus_flush(vfiod->connection), >=, 0);
        sd_bus_message_unref(call);
}

void vfiod_call(Vfiod *vfiod, Answer *answer, const char *path, const char *interface, const char *method,
                const char *types, ...) {
        sd_bus_message *call = vfiod_make_call(vfiod, path, interface, method);
        va_list arguments;

        va_start(arguments, types);
        g_assert_cmpint(sd_bus_message_appendv(call, types, arguments), >=, 0);
        va_end(arguments);
        vfiod_send_call(vfiod, answer, call);
}

/* Sleeps until the bus or the descriptor has input. */
static void sleep_until_deadline(Vfiod *vfiod, int fd, gint64 end) {
        gint64 left = MAX(end - g_get_monotonic_time(), 0) / 1000;
        int events = sd_bus_get_events(vfiod->connection);
        struct pollfd fds[] = {
                        {.fd = sd_bus_get_fd(vfiod->connection), .events = (short)events},
                        {.fd = fd, .events = POLLIN},
        };

        g_assert_cmpint(events, >=, 0);
        int n = poll(fds, fd >= 0 ? 2 : 1, (int)left);
        if (n < 0 && errno != EINTR)
                g_error("poll: %s", g_strerror(errno));
}

void vfiod_listen_until(Vfiod *vfiod, vfiod_condition_t condition, const void *userdata, int fd) {
        gint64 end = g_get_monotonic_time() + LISTEN_SECONDS * G_USEC_PER_SEC;

        while (!condition(vfiod, userdata)) {
                int r = sd_bus_process(vfiod->connection, NULL);

                g_assert_cmpint(r, >=, 0);
                if (r > 0)
                        continue;
                if (g_get_monotonic_time() > end) {
                        g_autofree char *text = view_to_text(vfiod->view);
                        g_error("Timeout. The objects of the daemon are:\n%s", text);
                }
                sleep_until_deadline(vfiod, fd, end);
        }
}

static bool is_answered(Vfiod *vfiod, const void *userdata) {
        (void)vfiod;
        return ((const Answer *)userdata)->is_given;
}

void vfiod_await(Vfiod *vfiod, const Answer *answer) {
        vfiod_listen_until(vfiod, is_answered, answer, -1);
}

/* The reply comes after everything that the daemon (or the bus, without a daemon) has sent before. */
static void ping(Vfiod *vfiod) {
        g_auto(Answer) answer = {};

        vfiod_call(vfiod, &answer, PATH, "org.freedesktop.DBus.Peer", "Ping", "");
        vfiod_await(vfiod, &answer);
        g_assert_cmpint(answer.error == NULL, ==, vfiod->process != NULL);
}

static bool is_synced(Vfiod *vfiod, const void *userdata) {
        return g_strcmp0(view_get(vfiod->view, SYNC_PATH, "NetworkInterfaces"), userdata) == 0;
}

/* The daemon handles calls before events, so the reply to a call does not mean that it has handled the events. */
static void await_events(Vfiod *vfiod) {
        g_autofree char *name = g_strdup_printf("sync%u", ++vfiod->n_syncs % 2);

        fake_kernel_do(vfiod->kernel, "netrename " SLOTLESS " %s", name);
        vfiod_listen_until(vfiod, is_synced, name, -1);
}

void vfiod_catch_up(Vfiod *vfiod) {
        if (vfiod->process)
                await_events(vfiod);
        ping(vfiod);
}

char *vfiod_describe(Vfiod *vfiod) {
        if (vfiod->n_syncs % 2 != 0)
                vfiod_catch_up(vfiod);
        return view_to_text(vfiod->view);
}

static bool is_idle(Vfiod *vfiod, const void *userdata) {
        int but_group = *(const int *)userdata;
        g_autoptr(GList) devices = view_list(vfiod->view, DEVICES), jobs = view_list(vfiod->view, JOBS);

        for (GList *i = jobs; i; i = i->next)
                if (atoi(view_get(vfiod->view, i->data, "GroupNumber")) != but_group)
                        return false;
        for (GList *i = devices; i; i = i->next) {
                const char *state = view_get(vfiod->view, i->data, "State");

                if ((g_str_equal(state, "changing") || g_str_equal(state, "stuck")) &&
                                atoi(view_get(vfiod->view, i->data, "GroupNumber")) != but_group)
                        return false;
        }
        return true;
}

void vfiod_await_idle(Vfiod *vfiod, int but_group) {
        for (bool settled = false; !settled;) {
                vfiod_listen_until(vfiod, is_idle, &but_group, -1);
                vfiod_catch_up(vfiod);
                settled = is_idle(vfiod, &but_group);
        }
}

void vfiod_check_view(Vfiod *vfiod) {
        g_autoptr(View) fresh = view_new();

        vfiod_catch_up(vfiod);
        g_autofree char *followed = view_to_text(vfiod->view);
        read_objects(vfiod, fresh);
        g_autofree char *read = view_to_text(fresh);
        text_compare(followed, read, "the objects differ from what the signals said");
}

/* "PID (COMMAND) STATE PARENT ..." */
typedef struct Stat {
        char command[64], state;
        int parent;
} Stat;

static bool read_stat(const char *pid, Stat *ret) {
        g_autofree char *path = g_strdup_printf("/proc/%s/stat", pid), *text = NULL;

        return g_ascii_isdigit(pid[0]) && g_file_get_contents(path, &text, NULL, NULL) &&
                        sscanf(text, "%*d (%63[^)]) %c %d", ret->command, &ret->state, &ret->parent) == 3;
}

typedef bool (*process_filter_t)(const Stat *stat);

static bool is_worker(const Stat *stat) {
        return stat->state != 'Z' && g_str_equal(stat->command, "vfiod-job");
}

/* It starts a helper when the daemon connects, and outlives the daemon until the last child of the helper ends. */
static bool is_activator(const Stat *stat) {
        return g_str_equal(stat->command, "sim-systemd");
}

static bool is_helper(const Stat *stat) {
        return g_str_equal(stat->command, "vfiod-worker") || g_str_equal(stat->command, "vfiod-census");
}

/* It has ended, or it only reads and will end by itself. */
static bool is_passing(const Stat *stat) {
        return stat->state == 'Z' || g_str_equal(stat->command, "vfiod-links");
}

static GArray *find_children(pid_t parent, process_filter_t filter) {
        g_autoptr(GDir) processes = g_dir_open("/proc", 0, NULL);
        GArray *children = g_array_new(FALSE, FALSE, sizeof(pid_t));

        for (const char *name; (name = g_dir_read_name(processes));) {
                Stat stat;

                if (read_stat(name, &stat) && stat.parent == parent && filter(&stat)) {
                        pid_t pid = (pid_t)g_ascii_strtoll(name, NULL, 10);

                        g_array_append_val(children, pid);
                }
        }
        return children;
}

static GArray *find_children_of_all(GArray *parents, process_filter_t filter) {
        GArray *children = g_array_new(FALSE, FALSE, sizeof(pid_t));

        for (unsigned i = 0; i < parents->len; i++) {
                g_autoptr(GArray) found = find_children(g_array_index(parents, pid_t, i), filter);

                g_array_append_vals(children, found->data, found->len);
        }
        return children;
}

/* Finds the workers of the helpers, and those whose helper was killed. */
static GArray *find_workers_of(pid_t daemon) {
        g_autoptr(GArray) activators = find_children(daemon, is_activator);
        g_autoptr(GArray) helpers = find_children_of_all(activators, is_helper);
        g_autoptr(GArray) orphans = find_children_of_all(activators, is_worker);
        GArray *workers = find_children_of_all(helpers, is_worker);

        g_array_append_vals(workers, orphans->data, orphans->len);
        return workers;
}

void vfiod_kill_helpers(Vfiod *vfiod) {
        g_autoptr(GArray) activators = find_children(vfiod->pid, is_activator);
        g_autoptr(GArray) helpers = find_children_of_all(activators, is_helper);

        for (unsigned i = 0; i < helpers->len; i++)
                (void)kill(g_array_index(helpers, pid_t, i), SIGKILL);
}

GArray *vfiod_find_workers(Vfiod *vfiod) {
        return find_workers_of(vfiod->pid);
}

GArray *vfiod_find_orphans(void) {
        return find_workers_of(getpid());
}

unsigned vfiod_count_passing(Vfiod *vfiod) {
        g_autoptr(GArray) children = find_children(vfiod->pid, is_passing);

        return children->len;
}

unsigned vfiod_count_fds(Vfiod *vfiod) {
        g_autofree char *path = g_strdup_printf("/proc/%d/fd", (int)vfiod->pid);
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        unsigned n = 0;

        while (g_dir_read_name(folder))
                n++;
        return n;
}
