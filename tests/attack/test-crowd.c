/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "witness.h"

#include <string.h>

/* Plans with the largest number of companions, for a group of 64, ten calls at a time: nobody else waits for them. */

#define N_MEMBERS 64
#define N_COMPANIONS 1024
#define N_CALLS 10

/* The processor time that ten such plans may take in the daemon; their workers are other processes. */
#define CPU_MAX_US (250 * 1000)

/* A group of 64 in addition to the topology "story". Each member has a disk, so "nvme164n1p7" and similar names are
 * 1,024 different names of its members. */
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
        const char *name; /* the kind of companions: "members", "partitions" or "duplicates" */
        bool detaches;    /* Detach with details of its error, instead of Plan */
        uid_t uid;
        guint n_plans, n_refused, n_limited;
} Crowd;

static char *make_name(const Crowd *crowd, guint i) {
        if (g_str_equal(crowd->name, "members"))
                return g_strdup_printf("nvme%un1p%u", 100 + i % N_MEMBERS, i / N_MEMBERS);
        if (g_str_equal(crowd->name, "partitions"))
                return g_strdup_printf("nvme%un1p%u", 100 + N_MEMBERS - 1, i);
        return g_strdup_printf("nvme%un1", 100 + N_MEMBERS - 1);
}

static GByteArray *make_call(const Crowd *crowd) {
        GByteArray *body = raw_body();

        raw_put_text(body, "0000:80:00.0");
        if (!crowd->detaches)
                raw_put_text(body, "detach");
        guint options = raw_begin_array(body, 8);
        if (crowd->detaches) {
                raw_put_key(body, "error-details", "b");
                raw_put_true(body);
        }
        raw_put_key(body, "companions", "as");
        guint list = raw_begin_array(body, 4);
        for (guint i = 0; i < N_COMPANIONS; i++) {
                g_autofree char *name = make_name(crowd, i);

                raw_put_text(body, name);
        }
        raw_end_array(body, list, 4);
        raw_end_array(body, options, 8);
        return body;
}

static void send_crowd(void *userdata) {
        Crowd *crowd = userdata;
        g_autoptr(RawBus) attacker = raw_bus_connect(crowd->uid);

        for (guint i = 0; i < N_CALLS; i++)
                (void)raw_bus_send(attacker, crowd->detaches ? "Detach" : "Plan",
                                crowd->detaches ? "sa{sv}" : "ssa{sv}", make_call(crowd));
        for (guint i = 0; i < N_CALLS; i++) {
                g_auto(RawAnswer) answer = raw_bus_receive(attacker);

                if (!answer.error && strstr(answer.text, "[('consent', "))
                        crowd->n_refused++;
                else if (crowd->detaches && g_strcmp0(answer.error, BUS_NAME ".Error.GroupNeedsConsent") == 0)
                        crowd->n_refused++;
                else if (!answer.error)
                        crowd->n_plans++;
                else if (g_str_equal(answer.error, BUS_NAME ".Error.LimitsExceeded"))
                        crowd->n_limited++;
                else
                        g_error("%s: %s", answer.error, answer.text);
        }
}

static void check(Crowd *crowd) {
        Fixture *fixture = fixture_start(NULL);
        Witness witness;

        plug_crowd(fixture);
        witness_begin(&witness, fixture, crowd->uid);
        witness_during(&witness, send_crowd, crowd);
        witness_end(&witness, CPU_MAX_US);
        fixture_stop(fixture);
}

/* The call consents to all members: some plans are made, and the rest is more than a user may have at a time. */
static void test_members(uid_t uid) {
        Crowd crowd = {.uid = uid, .name = "members"};

        check(&crowd);
        g_assert_cmpuint(crowd.n_plans, >, 0);
        g_assert_cmpuint(crowd.n_plans + crowd.n_limited, ==, N_CALLS);
}

/* The plans list each member to which the call does not consent. */
static void check_refused(Crowd *crowd) {
        check(crowd);
        g_assert_cmpuint(crowd->n_refused, >, 0);
        g_assert_cmpuint(crowd->n_refused + crowd->n_limited, ==, N_CALLS);
}

/* All these names belong to one member: the call does not consent to the other members. */
static void test_partitions(uid_t uid) {
        Crowd crowd = {.uid = uid, .name = "partitions"};

        check_refused(&crowd);
}

static void test_duplicates(uid_t uid) {
        Crowd crowd = {.uid = uid, .name = "duplicates"};

        check_refused(&crowd);
}

/* The error of Detach lists each member, too. */
static void test_details(uid_t uid) {
        Crowd crowd = {.uid = uid, .name = "partitions", .detaches = true};

        check_refused(&crowd);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        attack_add("/attack/crowd/members", test_members);
        attack_add("/attack/crowd/partitions", test_partitions);
        attack_add("/attack/crowd/duplicates", test_duplicates);
        attack_add("/attack/crowd/details", test_details);
        return g_test_run();
}
