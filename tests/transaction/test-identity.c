/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <stdlib.h>

/* Another card is in the slot, after the plan was made or at any write: no write reaches the new card. */

/* The card that replaces a port. */
typedef struct OtherCard {
        const char *name, *what;
        const char *setup; /* a command for the fake kernel that comes first, or NULL */
} OtherCard;

static const OtherCard other_cards[] = {
                {"another-model", "device=10d3", NULL},
                /* the same driver: its "unbind" would affect the card */
                {"same-driver", "subsystem=8086:1376", NULL},
                /* there is no driver for it: a probe would bind a driver that was loaded meanwhile */
                {"no-driver", "device=10ca", "driver igbvf module=igbvf ids=8086:10ca kind=net loaded=0"},
                {"another-group", "group=77", NULL},
};

static void set_up(Host *host, const OtherCard *other_card) {
        fake_kernel_do(host->fake, "modprobe vfio-pci");
        if (other_card->setup)
                fake_kernel_do(host->fake, "%s", other_card->setup);
}

/* The line of a device in a snapshot. */
static char *device_line(Host *host, const char *address) {
        g_autofree char *snapshot = fake_kernel_snapshot(host->fake), *start = g_strdup_printf("device %s ", address);
        g_auto(GStrv) lines = g_strsplit(snapshot, "\n", -1);

        for (unsigned i = 0; lines[i]; i++)
                if (g_str_has_prefix(lines[i], start))
                        return g_strdup(lines[i]);
        g_assert_not_reached();
}

/* The line of the other card if only the kernel has changed it. */
static char *unchanged_line(const OtherCard *other_card, const char *address) {
        g_autoptr(Host) host = host_new();

        set_up(host, other_card);
        fake_kernel_do(host->fake, "swap %s %s", address, other_card->what);
        return device_line(host, address);
}

/* No write from this write on contains the address, neither as a value nor in a path. */
static void assert_no_write(Host *host, unsigned first, const char *address) {
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);

        for (unsigned i = first; i < g_strv_length(writes); i++)
                if (strstr(writes[i], address))
                        g_error("write %u is %s", i + 1, writes[i]);
}

/* Replaced after the plan was made. */
static void check_after_plan(const OtherCard *other_card, PlanVerb verb, const char *address) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};

        set_up(host, other_card);
        if (verb == PLAN_REATTACH)
                host_must_move(host, PLAN_DETACH, "ens1");
        Plan *plan = host_plan(host, verb, "ens1");
        unsigned n_records = count_detached_devices(host);
        fake_kernel_do(host->fake, "swap %s %s", address, other_card->what);
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        fake_kernel_do(host->fake, "reset-writes");
        g_assert_cmpint(host_run(host, plan, &problem), ==, OUTCOME_IDENTITY_CHANGED);
        g_assert_nonnull(strstr(problem.message, address));
        g_assert_cmpuint(count_writes(host), ==, 0);
        g_assert_cmpuint(count_detached_devices(host), ==, n_records);
        assert_snapshot(host, before);
}

static void test_after_plan(const void *other_card) {
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++) {
                check_after_plan(other_card, verb, PORT1);
                check_after_plan(other_card, verb, PORT2);
        }
}

/* Replaced at a write. This write may be on its way already: the check is done before it, so the kernel only gets
 * the address. */
static void check_at_write(const OtherCard *other_card, PlanVerb verb, const char *address, unsigned k) {
        const char *other = streq(address, PORT1) ? PORT2 : PORT1;
        g_autofree char *untouched = unchanged_line(other_card, address);
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};

        set_up(host, other_card);
        if (verb == PLAN_REATTACH)
                host_must_move(host, PLAN_DETACH, "ens1");
        Plan *plan = host_plan(host, verb, "ens1");
        fake_kernel_do(host->fake, "reset-writes");
        fake_kernel_do(host->fake, "swapat %u %s %s", k, address, other_card->what);
        int r = host_run(host, plan, &problem);
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);
        g_test_message("%s, %s at %u (%s): %d: %s", plan_verb_to_string(verb), address, k,
                        k <= g_strv_length(writes) ? writes[k - 1] : "not reached", r, strempty(problem.message));

        /* The last check notices that it was removed, even after all writes. */
        g_assert_cmpint(r, ==, k <= g_strv_length(writes) ? OUTCOME_DEGRADED : 0);
        if (r == 0)
                return;
        assert_no_write(host, k, address);
        if (!strstr(writes[k - 1], address)) {
                g_autofree char *line = device_line(host, address);

                g_assert_cmpstr(line, ==, untouched);
        }
        assert_driver(host, other, verb == PLAN_DETACH ? "e1000" : "vfio-pci");

        /* Later daemons do not change it either, while the other port is reattached. In another group it is the same
         * card again. */
        if (streq(other_card->name, "another-group"))
                return;
        g_autofree char *stranger_line = device_line(host, address);
        fake_kernel_do(host->fake, "reset-writes");
        for (unsigned i = 0; i < 2; i++) {
                g_autoptr(Daemon) daemon = daemon_start(host, &patient);

                daemon_await_quiet(daemon);
                if (daemon_state(daemon, other) == DEVICE_DETACHED)
                        daemon_move(daemon, PLAN_REATTACH, other, OUTCOME_DONE);
                g_assert_cmpint(daemon_state(daemon, other), ==, DEVICE_HOST);
        }
        assert_no_write(host, 0, address);
        g_autofree char *line = device_line(host, address);
        g_assert_cmpstr(line, ==, stranger_line);
        assert_driver(host, other, "e1000");
        assert_override(host, other, "(null)");
}

static void test_at_write(const void *other_card) {
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                for (unsigned k = 1; k <= 9; k++) {
                        check_at_write(other_card, verb, PORT1, k);
                        check_at_write(other_card, verb, PORT2, k);
                }
}

/* A detached card is replaced: vfiod does not manage the new card, whatever the state file of the slot says. */
static void test_while_detached(const void *data) {
        const OtherCard *other_card = data;
        g_autofree char *untouched = unchanged_line(other_card, PORT1);
        g_autoptr(Host) host = host_new();

        set_up(host, other_card);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        daemon_move(daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        fake_kernel_do(host->fake, "swap " PORT1 " %s", other_card->what);
        assert_model_is_current(daemon);
        fake_kernel_do(host->fake, "reset-writes");
        _cleanup_reply_ Reply reply = {};
        _cleanup_problem_ Problem problem = {};

        if (streq(other_card->name, "another-group"))
                /* the same card: vfiod manages it in any group, and it is on its host driver by now */
                g_assert_cmpint(daemon_state(daemon, PORT1), ==, DEVICE_HOST);
        else
                g_assert_cmpint(request_begin(daemon, &(Request){.verb = PLAN_REATTACH, .selector = PORT1}, &reply,
                                                &problem),
                                ==, OUTCOME_IDENTITY_CHANGED);
        daemon_move(daemon, PLAN_REATTACH, PORT2, OUTCOME_DONE);
        assert_no_write(host, 0, PORT1);
        g_autofree char *line = device_line(host, PORT1);
        g_assert_cmpstr(line, ==, untouched);
        assert_driver(host, PORT2, "e1000");
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        for (unsigned i = 0; i < G_N_ELEMENTS(other_cards); i++) {
                g_autofree char *after = g_strdup_printf("/identity/after-plan/%s", other_cards[i].name),
                                *at = g_strdup_printf("/identity/at-write/%s", other_cards[i].name),
                                *detached = g_strdup_printf("/identity/while-detached/%s", other_cards[i].name);

                g_test_add_data_func(after, &other_cards[i], test_after_plan);
                g_test_add_data_func(at, &other_cards[i], test_at_write);
                g_test_add_data_func(detached, &other_cards[i], test_while_detached);
        }
        return g_test_run();
}
