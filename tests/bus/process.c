/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "process.h"
#include "private-mounts.h"

#include <errno.h>
#include <gio/gunixinputstream.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

struct Process {
        GSubprocess *subprocess;
        ProcessOptions options;
        int output_fd;
};

/* Runs in the child. */
static void become(void *userdata) {
        const ProcessOptions *options = userdata;

        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (options->private_mounts && private_mounts() < 0)
                _exit(125);
        if (options->setup)
                options->setup(options->userdata);
}

static GSubprocess *spawn(const char *const *argv, const ProcessOptions *options, GSubprocessFlags flags,
                const char *standard_output) {
        g_autoptr(GSubprocessLauncher) launcher = g_subprocess_launcher_new(flags);
        g_autoptr(GError) error = NULL;

        for (const char *const *entry = options->environment; entry && *entry; entry++) {
                g_auto(GStrv) parts = g_strsplit(*entry, "=", 2);

                g_subprocess_launcher_setenv(launcher, parts[0], parts[1], true);
        }
        if (standard_output)
                g_subprocess_launcher_set_stdout_file_path(launcher, standard_output);
        g_subprocess_launcher_set_child_setup(launcher, become, (void *)options, NULL);

        GSubprocess *subprocess = g_subprocess_launcher_spawnv(launcher, argv, &error);
        g_assert_no_error(error);
        return subprocess;
}

Process *process_start(const char *const *argv, const ProcessOptions *options) {
        Process *process = g_new0(Process, 1);

        if (options)
                process->options = *options;
        process->subprocess = spawn(argv, &process->options, G_SUBPROCESS_FLAGS_STDOUT_PIPE, NULL);
        process->output_fd = g_unix_input_stream_get_fd(
                        G_UNIX_INPUT_STREAM(g_subprocess_get_stdout_pipe(process->subprocess)));
        return process;
}

pid_t process_get_pid(Process *process) {
        const char *text = g_subprocess_get_identifier(process->subprocess);

        g_assert_nonnull(text);
        return (pid_t)g_ascii_strtoll(text, NULL, 10);
}

/* "PID (NAME) STATE PARENT ..." */
static bool read_stat(pid_t pid, char name[static 32], char *state, int *parent) {
        g_autofree char *path = g_strdup_printf("/proc/%d/stat", (int)pid), *text = NULL;

        return g_file_get_contents(path, &text, NULL, NULL) &&
                        sscanf(text, "%*d (%31[^)]) %c %d", name, state, parent) == 3;
}

static bool is_below(pid_t pid, pid_t ancestor) {
        char name[32], state;

        while (pid > 1 && pid != ancestor)
                if (!read_stat(pid, name, &state, &pid))
                        return false;
        return pid == ancestor;
}

static unsigned count_below(pid_t ancestor, const char *wanted, pid_t *found) {
        g_autoptr(GDir) processes = g_dir_open("/proc", 0, NULL);
        char name[32], state;
        unsigned n = 0;
        int parent;

        *found = 0;
        for (const char *entry; (entry = g_dir_read_name(processes));) {
                pid_t pid = (pid_t)g_ascii_strtoll(entry, NULL, 10);

                if (pid == 0 || !read_stat(pid, name, &state, &parent) || state == 'Z' || !g_str_equal(name, wanted) ||
                                !is_below(pid, ancestor))
                        continue;
                *found = pid;
                n++;
        }
        return n;
}

pid_t process_find_below(Process *process, const char *name) {
        gint64 deadline = g_get_monotonic_time() + DEADLINE_MS * 1000LL;
        pid_t found;

        /* For a moment, two processes can have this name: an earlier one can be about to end, or a new child can still have the
         * name of its parent. */
        while (count_below(process_get_pid(process), name, &found) > 1) {
                g_assert_cmpint(g_get_monotonic_time(), <, deadline);
                g_usleep(1000);
        }
        return found;
}

char *process_read_line(Process *process) {
        gint64 deadline = g_get_monotonic_time() + DEADLINE_MS * 1000LL;
        g_autoptr(GString) line = g_string_new(NULL);

        for (;;) {
                struct pollfd poll_fd = {.fd = process->output_fd, .events = POLLIN};
                gint64 left = MAX(deadline - g_get_monotonic_time(), 0) / 1000;
                char c;

                int n = poll(&poll_fd, 1, (int)left);
                if (n < 0 && errno == EINTR)
                        continue;
                g_assert_cmpint(n, ==, 1);
                if (read(process->output_fd, &c, 1) != 1)
                        return NULL;
                if (c == '\n')
                        return g_strdup(line->str);
                g_string_append_c(line, c);
        }
}

void process_expect_line(Process *process, const char *expected) {
        g_autofree char *line = process_read_line(process);

        g_assert_cmpstr(line, ==, expected);
}

static int status_of(GSubprocess *subprocess) {
        return g_subprocess_get_if_exited(subprocess) ? g_subprocess_get_exit_status(subprocess)
                                                      : 128 + g_subprocess_get_term_sig(subprocess);
}

static void on_end(GObject *source, GAsyncResult *result, void *userdata) {
        (void)g_subprocess_wait_finish(G_SUBPROCESS(source), result, NULL);
        *(bool *)userdata = true;
}

static gboolean on_deadline(void *userdata) {
        g_error("process %s does not end", g_subprocess_get_identifier(userdata));
        return G_SOURCE_REMOVE;
}

bool process_ends_within(Process *process, unsigned ms) {
        return poll(&(struct pollfd){.fd = process->output_fd, .events = POLLIN}, 1, (int)ms) != 0;
}

int process_finish(Process *process) {
        bool ended = false;

        unsigned deadline = g_timeout_add(DEADLINE_MS, on_deadline, process->subprocess);
        g_subprocess_wait_async(process->subprocess, NULL, on_end, &ended);
        while (!ended)
                (void)g_main_context_iteration(NULL, true);
        (void)g_source_remove(deadline);

        int status = status_of(process->subprocess);
        g_object_unref(process->subprocess);
        g_free(process);
        return status;
}

Process *process_stop(Process *process) {
        if (!process)
                return NULL;
        g_subprocess_send_signal(process->subprocess, SIGTERM);
        g_assert_cmpint(process_finish(process), ==, 0);
        return NULL;
}

ProgramResult program_run(const char *const *argv, const ProcessOptions *options, const char *standard_output) {
        GSubprocessFlags flags = G_SUBPROCESS_FLAGS_STDERR_PIPE;
        g_autoptr(GError) error = NULL;
        ProgramResult result = {};

        if (!standard_output)
                flags |= G_SUBPROCESS_FLAGS_STDOUT_PIPE;
        g_autoptr(GSubprocess) subprocess =
                        spawn(argv, options ? options : &(ProcessOptions){}, flags, standard_output);
        (void)g_subprocess_communicate_utf8(subprocess, NULL, NULL, &result.output, &result.errors, &error);
        g_assert_no_error(error);
        result.status = status_of(subprocess);
        return result;
}

void program_result_clear(ProgramResult *result) {
        g_clear_pointer(&result->output, g_free);
        g_clear_pointer(&result->errors, g_free);
}
