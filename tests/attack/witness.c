/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "witness.h"

#include <string.h>
#include <time.h>

#define SAMPLE_PAUSE_US (10 * 1000)

static gint64 cpu_time_us(Fixture *fixture) {
        struct timespec time;
        clockid_t clock;

        g_assert_cmpint(clock_getcpuclockid(process_get_pid(fixture->daemon), &clock), ==, 0);
        g_assert_cmpint(clock_gettime(clock, &time), ==, 0);
        return time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

/* Returns 0 if the process has ended. */
static guint64 peak_memory_kib(const char *pid) {
        g_autofree char *path = g_build_filename("/proc", pid, "status", NULL);
        g_autofree char *text = NULL;

        if (!g_file_get_contents(path, &text, NULL, NULL))
                return 0;
        const char *line = strstr(text, "VmHWM:");
        return line ? g_ascii_strtoull(line + strlen("VmHWM:"), NULL, 10) : 0;
}

guint64 process_peak_kib(pid_t pid) {
        g_autofree char *text = g_strdup_printf("%d", (int)pid);

        return peak_memory_kib(text);
}

/* The helpers and their children have names of their own. Each test program has its own /proc. */
static bool is_helper(const char *pid) {
        static const char *const names[] = {"vfiod-worker", "vfiod-job", "vfiod-census", "vfiod-search", NULL};
        g_autofree char *path = g_build_filename("/proc", pid, "comm", NULL);
        g_autofree char *name = NULL;

        return g_ascii_isdigit(*pid) && g_file_get_contents(path, &name, NULL, NULL) &&
                        g_strv_contains(names, g_strchomp(name));
}

static void sample_helpers(Witness *witness) {
        gint64 now = g_get_monotonic_time();

        if (now < witness->sampled_us + SAMPLE_PAUSE_US)
                return;
        witness->sampled_us = now;
        g_autoptr(GDir) folder = g_dir_open("/proc", 0, NULL);
        g_assert_nonnull(folder);
        for (const char *pid; (pid = g_dir_read_name(folder));)
                if (is_helper(pid))
                        witness->helper_kib = MAX(witness->helper_kib, peak_memory_kib(pid));
}

void witness_begin(Witness *witness, Fixture *fixture, uid_t uid) {
        g_autofree char *path = g_strdup_printf("%s.root", fixture->state_folder);

        *witness = (Witness){
                        .fixture = fixture,
                        .uid = uid,
                        .root = raw_bus_connect(0),
                        .direct = raw_bus_connect_directly(path),
                        .cpu_before_us = cpu_time_us(fixture),
        };
}

static void ask(RawBus *bus) {
        GByteArray *body = raw_body();

        raw_put_text(body, "group:12");
        (void)raw_bus_send(bus, "GetGroup", "s", body);
}

static void expect_in_time(RawBus *bus, gint64 begin, gint64 max, gint64 *longest) {
        raw_bus_expect(bus, NULL, "*" GROUP12 "*");
        gint64 wait = g_get_monotonic_time() - begin;
        g_assert_cmpint(wait, <, max);
        *longest = MAX(*longest, wait);
}

void witness_probe(Witness *witness) {
        gint64 begin = g_get_monotonic_time();

        witness->n_probes++;
        ask(witness->root);
        ask(witness->direct);
        expect_in_time(witness->direct, begin, DIRECT_WAIT_MAX_US, &witness->longest_direct_us);
        expect_in_time(witness->root, begin, WAIT_MAX_US, &witness->longest_us);
        sample_helpers(witness);
}

typedef struct Attack {
        void (*run)(void *userdata);
        void *userdata;
        int ended; /* atomic */
} Attack;

static void *run_attack(void *userdata) {
        Attack *attack = userdata;

        attack->run(attack->userdata);
        g_atomic_int_set(&attack->ended, true);
        return NULL;
}

void witness_during(Witness *witness, void (*run)(void *userdata), void *userdata) {
        Attack attack = {.run = run, .userdata = userdata};

        GThread *thread = g_thread_new("attack", run_attack, &attack);
        do
                witness_probe(witness);
        while (!g_atomic_int_get(&attack.ended));
        (void)g_thread_join(thread);
        witness_probe(witness);
}

void witness_end(Witness *witness, gint64 cpu_max_us) {
        gint64 cpu = cpu_time_us(witness->fixture) - witness->cpu_before_us;
        guint64 daemon_kib = process_peak_kib(process_get_pid(witness->fixture->daemon));

        g_test_message("%s as %u on %s: root waits at most %" G_GINT64_FORMAT " us, on its socket %" G_GINT64_FORMAT
                       " us; vfiod has %" G_GUINT64_FORMAT " KiB, a helper %" G_GUINT64_FORMAT
                       " KiB, the bus daemon %" G_GUINT64_FORMAT " KiB; processor time %" G_GINT64_FORMAT
                       " us, including %u probes",
                        g_test_get_path(), (unsigned)witness->uid,
                        private_bus_is_broker() ? "dbus-broker" : "dbus-daemon", witness->longest_us,
                        witness->longest_direct_us, daemon_kib, witness->helper_kib,
                        process_peak_kib(private_bus_get_pid(witness->fixture->bus)), cpu, witness->n_probes);
        g_assert_cmpint(cpu, <, cpu_max_us + witness->n_probes * PROBE_CPU_US);
        g_assert_cmpuint(daemon_kib, >, 0);
        g_assert_cmpuint(daemon_kib, <, DAEMON_MEMORY_MAX_KIB);
        g_assert_cmpuint(witness->helper_kib, <, HELPER_MEMORY_MAX_KIB);
        witness->root = raw_bus_close(witness->root);
        witness->direct = raw_bus_close(witness->direct);
}

typedef struct AttackTest {
        void (*run)(uid_t uid);
        uid_t uid;
} AttackTest;

static void run_test(const void *userdata) {
        const AttackTest *test = userdata;

        test->run(test->uid);
}

void attack_add(const char *path, void (*test)(uid_t uid)) {
        static const uid_t users[] = {NOBODY_UID, FAR_UID};

        for (guint i = 0; i < G_N_ELEMENTS(users); i++) {
                g_autofree char *full_path = g_strdup_printf("%s/%u", path, (unsigned)users[i]);
                AttackTest *data = g_new(AttackTest, 1);

                *data = (AttackTest){.run = test, .uid = users[i]};
                g_test_add_data_func_full(full_path, data, run_test, g_free);
        }
}
