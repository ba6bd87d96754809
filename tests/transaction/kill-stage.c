/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "kill-stage.h"

#include <sys/syscall.h>

typedef struct Life {
        Host *host;
        PlanVerb verb;
} Life;

static void run_daemon(void *userdata) {
        const Life *life = userdata;
        Answer answer = {};
        Daemon *daemon;

        if (life->verb == NOTHING) {
                syscall_killer_mark();
                daemon = daemon_start(life->host, &patient);
        } else {
                daemon = daemon_start(life->host, &patient);
                syscall_killer_mark();
                daemon_must_begin(daemon, life->verb, PORT1, &answer);
                daemon_await(daemon, &answer);
                g_assert_cmpint(answer.error, ==, 0);
        }
        daemon_await_quiet(daemon);
        _exit((int)answer.outcome);
}

void stage_run_daemon(Stage *stage, PlanVerb verb, const SyscallKiller *killer, KillerEnd *ret_end) {
        syscall_killer_run(killer, run_daemon, &(Life){stage->host, verb}, ret_end);
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

        stage_run_daemon(stage, verb, &(SyscallKiller){.on_syscall = note_write, .userdata = &search}, &end);
        g_assert_cmpint(end.exit_status, ==, OUTCOME_DONE);
        g_assert_cmpuint(search.writes->len, >, 0);
        return search.writes;
}

void stage_begin(Stage *stage, const char *topology) {
        bool disks = streq(topology, "disks");

        *stage = (Stage){.host = host_new_with(topology), .driver = disks ? "nvme" : "e1000"};
        if (disks)
                fake_kernel_do(stage->host->fake, "cdevs on");
        stage->stable = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
        fake_kernel_do(stage->host->fake, "modprobe vfio-pci");
        fake_kernel_do(stage->host->fake, "set " PORT2 " driver_override %s", stage->driver);
        fake_kernel_do(stage->host->fake, "set " PORT1 " power/control auto");
        fake_kernel_do(stage->host->fake, "set " PORT2 " d3cold_allowed 0");
        stage->attached = fake_kernel_snapshot(stage->host->fake);
        /* Some data is read only once, for example by the C library. It is read here, so that all daemons start in
         * the same way. */
        host_must_move(stage->host, PLAN_DETACH, PORT1);
        host_must_move(stage->host, PLAN_REATTACH, PORT1);
        stage->writes[PLAN_DETACH] = find_writes(stage, PLAN_DETACH);
        stage->detached = fake_kernel_snapshot(stage->host->fake);
        stage->writes[PLAN_REATTACH] = find_writes(stage, PLAN_REATTACH);
        assert_snapshot(stage->host, stage->attached);
        assert_nothing_recorded(stage->host);
}

void stage_end(Stage *stage) {
        host_free(stage->host);
        g_free(stage->attached);
        g_free(stage->detached);
        g_hash_table_unref(stage->stable);
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

        if (place == DETACHED || (place == INTERRUPTED && verb == PLAN_REATTACH))
                host_must_move(stage->host, PLAN_DETACH, PORT1);
        if (place != INTERRUPTED)
                return;
        const KillPoint point = {WORKER, stage_syscall_after(stage, verb, n_writes), KILL_ALL};
        stage_run_daemon(stage, verb, &(SyscallKiller){.points = &point, .n_points = 1}, &end);
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

/* Without the temporary files of a killed worker, which nobody uses and the next start removes. */
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

static void check_entry(
                const Stage *stage, const Check *check, Daemon *daemon, const char *address, const char *override) {
        const DeviceFile *file = state_find(daemon->host->state, address_of(address));

        if (!file || file->origin->degraded || !streq(file->origin->binding.driver, stage->driver) ||
                        !streq(file->origin->binding.override, override))
                fail(check, "the state file does not have the old binding of %s", address);
        g_assert_cmpint(daemon_state(daemon, address), ==, DEVICE_DETACHED);
}

static Place check_whole(Stage *stage, const Check *check, Daemon *daemon) {
        g_autofree char *snapshot = fake_kernel_snapshot(stage->host->fake);
        unsigned n_detached = count_detached_devices(stage->host), n_transactions = count_transactions(stage->host);

        assert_model_is_current(daemon);
        if (streq(snapshot, stage->attached)) {
                if (n_detached + n_transactions > 0)
                        fail(check, "all devices are attached, but there are %u state files",
                                        n_detached + n_transactions);
                g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_HOST);
                g_assert_cmpint(daemon_state(daemon, PORT2), ==, DEVICE_HOST);
                return ATTACHED;
        }
        if (!streq(snapshot, stage->detached))
                fail(check, "neither attached nor detached:\n%s", snapshot);
        if (n_detached != 2 || n_transactions > 0)
                fail(check, "all devices are detached, but there are %u files of devices and %u of transactions",
                                n_detached, n_transactions);
        check_entry(stage, check, daemon, PORT1, "");
        check_entry(stage, check, daemon, PORT2, stage->driver);
        return DETACHED;
}

static void check_answer(Stage *stage, const Check *check) {
        g_autofree char *snapshot = fake_kernel_snapshot(stage->host->fake);
        bool reattached = (check->verb == PLAN_DETACH) != (check->outcome == OUTCOME_DONE);

        if (check->outcome != OUTCOME_DONE && check->outcome != OUTCOME_FAILED &&
                        (check->outcome != OUTCOME_ROLLED_BACK || check->verb != PLAN_DETACH))
                fail(check, "the answer is %s", outcome_to_string(check->outcome));
        if (!streq(snapshot, reattached ? stage->attached : stage->detached))
                fail(check, "the answer is %s, but the state is:\n%s", outcome_to_string(check->outcome), snapshot);
}

/* Starts the next daemon. */
static Place follow(Stage *stage, const Check *check) {
        g_autoptr(Daemon) daemon = daemon_start(stage->host, &patient);

        daemon_await_quiet(daemon);
        return check_whole(stage, check, daemon);
}

/* Starts another daemon after it. */
static void follow_quietly(Stage *stage, const Check *check, const char *before) {
        fake_kernel_do(stage->host->fake, "reset-writes");
        g_autoptr(Daemon) daemon = daemon_start(stage->host, &patient);
        daemon_await_quiet(daemon);

        g_autofree char *after = stage_state(stage);
        if (!streq(before, after) || count_writes(stage->host) > 0)
                fail(check, "a second start changed something:\n%sbecame\n%s", before, after);
}

static bool is_stable(Stage *stage, const Check *check, const char *state, Place *ret_place) {
        void *place;

        if (check->again || !g_hash_table_lookup_extended(stage->stable, state, NULL, &place))
                return false;
        *ret_place = (Place)GPOINTER_TO_INT(place);
        return true;
}

Place stage_recover(Stage *stage, const Check *check) {
        g_autofree char *state = stage_state(stage);
        Place place;

        if (check->answered)
                check_answer(stage, check);
        if (!is_stable(stage, check, state, &place)) {
                place = follow(stage, check);

                g_autofree char *left = g_steal_pointer(&state);
                state = stage_state(stage);
                if (check->answered && !streq(left, state))
                        fail(check, "the daemon was not killed, but left work to the next daemon:\n%s", left);
        }
        if (!is_stable(stage, check, state, &place)) {
                follow_quietly(stage, check, state);
                g_hash_table_insert(stage->stable, g_strdup(state), GINT_TO_POINTER((int)place));
        }
        if (place == DETACHED) {
                host_must_move(stage->host, PLAN_REATTACH, PORT1);
                g_autofree char *reattached = fake_kernel_snapshot(stage->host->fake);
                if (!streq(reattached, stage->attached) || count_detached_devices(stage->host) > 0)
                        fail(check, "a reattach does not restore the original state:\n%s", reattached);
        }
        return place;
}
