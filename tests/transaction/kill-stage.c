/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kill-stage.h"

#include <sys/syscall.h>

typedef struct Life {
        Host *host;
        PlanVerb verb;
} Life;

static void live(void *userdata) {
        const Life *life = userdata;
        Answer answer = {};
        Daemon *daemon;

        if (life->verb == NOTHING) {
                syscall_killer_mark();
                daemon = daemon_start(life->host, &patient);
        } else {
                daemon = daemon_start(life->host, &patient);
                syscall_killer_mark();
                daemon_must_begin(daemon, life->verb, "ens1", &answer);
                daemon_await(daemon, &answer);
                g_assert_cmpint(answer.error, ==, 0);
        }
        daemon_await_quiet(daemon);
        _exit((int)answer.outcome);
}

void stage_live(Stage *stage, PlanVerb verb, const SyscallKiller *killer, KillerEnd *ret_end) {
        syscall_killer_run(killer, live, &(Life){stage->host, verb}, ret_end);
}

typedef struct WriteSearch {
        const char *root;
        GArray *writes;
} WriteSearch;

static void note_write(const SyscallSeen *seen, void *userdata) {
        WriteSearch *search = userdata;

        if (seen->process != WORKER || seen->number != SYS_write)
                return;
        g_autofree char *link = g_strdup_printf("/proc/%d/fd/%d", (int)seen->pid, (int)seen->arguments[0]),
                        *path = g_file_read_link(link, NULL);
        if (g_str_has_prefix(path, search->root))
                g_array_append_val(search->writes, seen->syscall);
}

static GArray *find_writes(Stage *stage, PlanVerb verb) {
        WriteSearch search = {fake_kernel_get_root(stage->host->fake), g_array_new(FALSE, FALSE, sizeof(unsigned))};
        KillerEnd end;

        stage_live(stage, verb, &(SyscallKiller){.on_syscall = note_write, .userdata = &search}, &end);
        g_assert_cmpint(end.exit_status, ==, OUTCOME_DONE);
        g_assert_cmpuint(search.writes->len, >, 0);
        return search.writes;
}

void stage_begin(Stage *stage) {
        *stage = (Stage){.host = host_new_with("ports")};
        stage->settled = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        fake_kernel_do(stage->host->fake, "modprobe vfio-pci");
        fake_kernel_do(stage->host->fake, "set " PORT2 " driver_override e1000");
        fake_kernel_do(stage->host->fake, "set " PORT1 " power/control auto");
        fake_kernel_do(stage->host->fake, "set " PORT2 " d3cold_allowed 0");
        stage->at_home = fake_kernel_snapshot(stage->host->fake);
        /* What the C library and others read once and keep, they read here: all lives begin alike. */
        host_must_move(stage->host, PLAN_DETACH, "ens1");
        host_must_move(stage->host, PLAN_REATTACH, "ens1");
        stage->writes[PLAN_DETACH] = find_writes(stage, PLAN_DETACH);
        stage->away = fake_kernel_snapshot(stage->host->fake);
        stage->writes[PLAN_REATTACH] = find_writes(stage, PLAN_REATTACH);
        assert_snapshot(stage->host, stage->at_home);
        assert_nothing_recorded(stage->host);
}

void stage_end(Stage *stage) {
        host_free(stage->host);
        g_free(stage->at_home);
        g_free(stage->away);
        g_hash_table_unref(stage->settled);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                g_array_unref(stage->writes[verb]);
}

unsigned stage_syscall_after(const Stage *stage, PlanVerb verb, unsigned n_writes) {
        const GArray *writes = stage->writes[verb];

        return n_writes == 0 ? g_array_index(writes, unsigned, 0)
                             : g_array_index(writes, unsigned, MIN(n_writes, writes->len) - 1) + 1;
}

void stage_prepare(Stage *stage, Place place, PlanVerb verb, unsigned n_writes) {
        KillerEnd end;

        if (place == AWAY || (place == IN_BETWEEN && verb == PLAN_REATTACH))
                host_must_move(stage->host, PLAN_DETACH, "ens1");
        if (place != IN_BETWEEN)
                return;
        const KillPoint point = {WORKER, stage_syscall_after(stage, verb, n_writes), KILL_ALL};
        stage_live(stage, verb, &(SyscallKiller){.points = &point, .n_points = 1}, &end);
        g_assert_cmpuint(end.n_killed, ==, 1);
}

static void G_GNUC_NORETURN G_GNUC_PRINTF(2, 3) fail(const Check *check, const char *format, ...) {
        g_autofree char *text = NULL;
        va_list arguments;

        va_start(arguments, format);
        text = g_strdup_vprintf(format, arguments);
        va_end(arguments);
        g_error("%s: %s", check->what, text);
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Without what a killed worker left half written, which is nothing to anybody and goes at the next start. */
static void append_files(GString *text, const char *path) {
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
        g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
        const char *name;

        while ((name = g_dir_read_name(folder)))
                if (!g_str_has_suffix(name, ".new"))
                        g_ptr_array_add(names, g_strdup(name));
        g_ptr_array_sort(names, compare_names);
        for (unsigned i = 0; i < names->len; i++) {
                g_autofree char *file = g_build_filename(path, names->pdata[i], NULL), *content = NULL;

                g_assert_true(g_file_get_contents(file, &content, NULL, NULL));
                g_string_append_printf(text, "%s:\n%s\n", (const char *)names->pdata[i], content);
        }
}

char *stage_state(Stage *stage) {
        g_autofree char *snapshot = fake_kernel_snapshot(stage->host->fake);
        GString *text = g_string_new(snapshot);

        for (const char *const *name = (const char *const[]){"devices", "transactions", NULL}; *name; name++) {
                g_autofree char *folder = g_build_filename(stage->host->state_folder, *name, NULL);

                append_files(text, folder);
        }
        return g_string_free(text, FALSE);
}

static void check_entry(const Check *check, Daemon *daemon, const char *address, const char *override) {
        const DeviceFile *file = state_find(daemon->host->state, address_of(address));

        if (!file || file->origin->degraded || !streq(file->origin->binding.driver, "e1000") ||
                        !streq(file->origin->binding.override, override))
                fail(check, "the state file does not say how %s was", address);
        g_assert_cmpint(daemon_state(daemon, address), ==, DEVICE_DETACHED);
}

static Place check_whole(Stage *stage, const Check *check, Daemon *daemon) {
        g_autofree char *snapshot = fake_kernel_snapshot(stage->host->fake);
        unsigned n_away = count_devices_away(stage->host), n_transactions = count_transactions(stage->host);

        assert_model_is_true(daemon);
        if (streq(snapshot, stage->at_home)) {
                if (n_away + n_transactions > 0)
                        fail(check, "all is at home, and there are %u state files", n_away + n_transactions);
                g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_HOST);
                g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_HOST);
                return AT_HOME;
        }
        if (!streq(snapshot, stage->away))
                fail(check, "neither old nor new:\n%s", snapshot);
        if (n_away != 2 || n_transactions > 0)
                fail(check, "all is away, and there are %u files of devices and %u of transactions", n_away,
                                n_transactions);
        check_entry(check, daemon, PORT1, "");
        check_entry(check, daemon, PORT2, "e1000");
        return AWAY;
}

static void check_answer(Stage *stage, const Check *check) {
        g_autofree char *snapshot = fake_kernel_snapshot(stage->host->fake);
        bool home = (check->verb == PLAN_DETACH) != (check->outcome == OUTCOME_DONE);

        if (check->outcome != OUTCOME_DONE && check->outcome != OUTCOME_FAILED &&
                        (check->outcome != OUTCOME_ROLLED_BACK || check->verb != PLAN_DETACH))
                fail(check, "the answer is %s", outcome_to_string(check->outcome));
        if (!streq(snapshot, home ? stage->at_home : stage->away))
                fail(check, "the answer is %s, and it is so:\n%s", outcome_to_string(check->outcome), snapshot);
}

/* The next life. */
static Place follow(Stage *stage, const Check *check) {
        g_autoptr(Daemon) daemon = daemon_start(stage->host, &patient);

        daemon_await_quiet(daemon);
        return check_whole(stage, check, daemon);
}

/* And the one after it. */
static void follow_quietly(Stage *stage, const Check *check, const char *before) {
        fake_kernel_do(stage->host->fake, "reset-writes");
        g_autoptr(Daemon) daemon = daemon_start(stage->host, &patient);
        daemon_await_quiet(daemon);

        g_autofree char *after = stage_state(stage);
        if (!streq(before, after) || count_writes(stage->host) > 0)
                fail(check, "a second start changed something:\n%sbecame\n%s", before, after);
}

static bool is_settled(Stage *stage, const Check *check, const char *state, Place *ret_place) {
        void *place;

        if (check->anew || !g_hash_table_lookup_extended(stage->settled, state, NULL, &place))
                return false;
        *ret_place = (Place)GPOINTER_TO_INT(place);
        return true;
}

Place stage_settle(Stage *stage, const Check *check) {
        g_autofree char *state = stage_state(stage);
        Place place;

        if (check->answered)
                check_answer(stage, check);
        if (!is_settled(stage, check, state, &place)) {
                place = follow(stage, check);

                g_autofree char *left = g_steal_pointer(&state);
                state = stage_state(stage);
                if (check->answered && !streq(left, state))
                        fail(check, "the daemon lived, and left this to the next one:\n%s", left);
        }
        if (!is_settled(stage, check, state, &place)) {
                follow_quietly(stage, check, state);
                g_hash_table_insert(stage->settled, g_strdup(state), GINT_TO_POINTER((int)place));
        }
        if (place == AWAY) {
                host_must_move(stage->host, PLAN_REATTACH, "ens1");
                g_autofree char *home = fake_kernel_snapshot(stage->host->fake);
                if (!streq(home, stage->at_home) || count_devices_away(stage->host) > 0)
                        fail(check, "a reattach does not give back what was:\n%s", home);
        }
        return place;
}
