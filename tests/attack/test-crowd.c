/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "witness.h"

/* Plans with as many companions as there may be, for a group of 64, ten calls at a time: nobody waits for them. */

#define NOBODY 65534
#define N_MEMBERS 64
#define N_COMPANIONS 1024
#define N_CALLS 10

/* What ten such plans may take in the daemon; their workers are other processes. */
#define CPU_MAX_US (G_USEC_PER_SEC / 2)

/* A group of 64 beside the machine of the story. Each member has a disk, so "nvme164n1p7" and the like are 1,024
 * different names for its members. */
static void plug_crowd(Fixture *fixture) {
        for (guint i = 0; i < N_MEMBERS; i++)
                fake_kernel_do(fixture->kernel,
                                "plug 0000:%02x:00.0 vendor=1b36 device=0010 class=010802 group=50 block=nvme%un1 "
                                "driver=nvme",
                                0x80 + i, 100 + i);
        fixture_wait_property(
                        fixture, BUS_PATH "/devices/_30000_3abf_3a00_2e0", DEVICE, "BlockDevices", "['nvme163n1']");
}

typedef struct Crowd {
        bool distinct; /* else each name stands there many times */
        guint n_plans, n_refused;
} Crowd;

static GByteArray *make_call(const Crowd *crowd) {
        GByteArray *body = raw_body();

        raw_put_text(body, "0000:80:00.0");
        raw_put_text(body, "detach");
        guint options = raw_begin_array(body, 8);
        raw_put_key(body, "companions", "as");
        guint list = raw_begin_array(body, 4);
        for (guint i = 0; i < N_COMPANIONS; i++) {
                g_autofree char *name = g_strdup_printf(
                                "nvme%un1p%u", 100 + i % N_MEMBERS, crowd->distinct ? i / N_MEMBERS : 1);

                raw_put_text(body, name);
        }
        raw_end_array(body, list, 4);
        raw_end_array(body, options, 8);
        return body;
}

static void send_crowd(void *userdata) {
        g_autoptr(RawBus) nobody = raw_bus_connect(NOBODY);
        Crowd *crowd = userdata;

        for (guint i = 0; i < N_CALLS; i++)
                (void)raw_bus_send(nobody, "Plan", "ssa{sv}", make_call(crowd));
        for (guint i = 0; i < N_CALLS; i++) {
                g_auto(RawAnswer) answer = raw_bus_receive(nobody);

                if (answer.error)
                        g_assert_cmpstr(answer.error, ==, BUS_NAME ".Error.LimitsExceeded");
                *(answer.error ? &crowd->n_refused : &crowd->n_plans) += 1;
        }
}

static void check(bool distinct) {
        Fixture *fixture = fixture_start(NULL);
        Crowd crowd = {.distinct = distinct};
        Witness witness;

        plug_crowd(fixture);
        witness_begin(&witness, fixture);
        witness_during(&witness, send_crowd, &crowd);
        witness_end(&witness, CPU_MAX_US);
        g_assert_cmpuint(crowd.n_plans, >, 0);
        g_assert_cmpuint(crowd.n_plans + crowd.n_refused, ==, N_CALLS);
        fixture_stop(fixture);
}

static void test_distinct(void) {
        check(true);
}

static void test_duplicates(void) {
        check(false);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/attack/crowd/distinct", test_distinct);
        g_test_add_func("/attack/crowd/duplicates", test_duplicates);
        return g_test_run();
}
