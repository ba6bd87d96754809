/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "witness.h"

#include <time.h>

static gint64 cpu_time_us(Fixture *fixture) {
        struct timespec time;
        clockid_t clock;

        g_assert_cmpint(clock_getcpuclockid(process_get_pid(fixture->daemon), &clock), ==, 0);
        g_assert_cmpint(clock_gettime(clock, &time), ==, 0);
        return time.tv_sec * G_USEC_PER_SEC + time.tv_nsec / 1000;
}

void witness_begin(Witness *witness, Fixture *fixture) {
        *witness = (Witness){.fixture = fixture, .root = raw_bus_connect(0), .cpu_before_us = cpu_time_us(fixture)};
}

void witness_probe(Witness *witness) {
        gint64 begin = g_get_monotonic_time();
        GByteArray *body = raw_body();

        witness->n_probes++;
        raw_put_text(body, "group:12");
        (void)raw_bus_send(witness->root, "GetGroup", "s", body);
        raw_bus_expect(witness->root, NULL, "*" GROUP12 "*");
        gint64 wait = g_get_monotonic_time() - begin;
        g_assert_cmpint(wait, <, WAIT_MAX_US);
        witness->longest_us = MAX(witness->longest_us, wait);
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
        g_test_message("longest wait %" G_GINT64_FORMAT " us; processor time %" G_GINT64_FORMAT
                       " us, including %u probes",
                        witness->longest_us, cpu, witness->n_probes);
        g_assert_cmpint(cpu, <, cpu_max_us + witness->n_probes * PROBE_CPU_US);
        witness->root = raw_bus_close(witness->root);
}
