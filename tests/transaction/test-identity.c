/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"

#include <stdlib.h>

/* Another card in the slot, from the plan on and at every write: not one write reaches it. */

/* What is put in the place of a port. */
typedef struct Stranger {
        const char *name, *what;
        const char *setup; /* a command for the fake kernel first, or NULL */
} Stranger;

static const Stranger strangers[] = {
                {"another-model", "device=10d3", NULL},
                /* the driver is the same: its "unbind" would take it */
                {"same-driver", "subsystem=8086:1376", NULL},
                /* no driver of it is there: a probe would find one that came meanwhile */
                {"no-driver", "device=10ca", "driver igbvf module=igbvf ids=8086:10ca kind=net loaded=0"},
                {"another-group", "group=77", NULL},
};

static void set_up(Host *host, const Stranger *stranger) {
        fake_kernel_do(host->fake, "modprobe vfio-pci");
        if (stranger->setup)
                fake_kernel_do(host->fake, "%s", stranger->setup);
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

/* How the stranger looks when nobody but the kernel touched it. */
static char *untouched_line(const Stranger *stranger, const char *address) {
        g_autoptr(Host) host = host_new();

        set_up(host, stranger);
        fake_kernel_do(host->fake, "swap %s %s", address, stranger->what);
        return device_line(host, address);
}

/* No write from this one on names the address, as a value or on the way to a folder. */
static void assert_no_write(Host *host, unsigned first, const char *address) {
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);

        for (unsigned i = first; i < g_strv_length(writes); i++)
                if (strstr(writes[i], address))
                        g_error("write %u is %s", i + 1, writes[i]);
}

/* After the plan was made. */
static void check_after_plan(const Stranger *stranger, PlanVerb verb, const char *address) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};

        set_up(host, stranger);
        if (verb == PLAN_REATTACH)
                host_must_move(host, PLAN_DETACH, "ens1");
        Plan *plan = host_plan(host, verb, "ens1");
        unsigned n_records = count_devices_away(host);
        fake_kernel_do(host->fake, "swap %s %s", address, stranger->what);
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        fake_kernel_do(host->fake, "reset-writes");
        g_assert_cmpint(host_run(host, plan, &problem), ==, OUTCOME_IDENTITY_CHANGED);
        g_assert_nonnull(strstr(problem.message, address));
        g_assert_cmpuint(count_writes(host), ==, 0);
        g_assert_cmpuint(count_devices_away(host), ==, n_records);
        assert_snapshot(host, before);
}

static void test_after_plan(const void *stranger) {
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++) {
                check_after_plan(stranger, verb, PORT1);
                check_after_plan(stranger, verb, PORT2);
        }
}

/* At a write. That one itself may be on its way: with the check behind it, the address is all that the kernel takes. */
static void check_at_write(const Stranger *stranger, PlanVerb verb, const char *address, unsigned k) {
        const char *other = streq(address, PORT1) ? PORT2 : PORT1;
        g_autofree char *untouched = untouched_line(stranger, address);
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};

        set_up(host, stranger);
        if (verb == PLAN_REATTACH)
                host_must_move(host, PLAN_DETACH, "ens1");
        Plan *plan = host_plan(host, verb, "ens1");
        fake_kernel_do(host->fake, "reset-writes");
        fake_kernel_do(host->fake, "swapat %u %s %s", k, address, stranger->what);
        int r = host_run(host, plan, &problem);
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);
        g_test_message("%s, %s at %u (%s): %d: %s", plan_verb_to_string(verb), address, k,
                        k <= g_strv_length(writes) ? writes[k - 1] : "not reached", r, strempty(problem.message));

        /* The last look finds it gone, also where all had been written by then. */
        g_assert_cmpint(r, ==, k <= g_strv_length(writes) ? OUTCOME_DEGRADED : 0);
        if (r == 0)
                return;
        assert_no_write(host, k, address);
        if (!strstr(writes[k - 1], address)) {
                g_autofree char *line = device_line(host, address);

                g_assert_cmpstr(line, ==, untouched);
        }
        assert_driver(host, other, verb == PLAN_DETACH ? "e1000" : "vfio-pci");

        /* Nor do later daemons touch it, while the other port goes home. In another group it is the same card again. */
        if (streq(stranger->name, "another-group"))
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

static void test_at_write(const void *stranger) {
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                for (unsigned k = 1; k <= 9; k++) {
                        check_at_write(stranger, verb, PORT1, k);
                        check_at_write(stranger, verb, PORT2, k);
                }
}

/* A detached card is exchanged: the new one is not ours, whatever was recorded for the slot. */
static void test_while_away(const void *data) {
        const Stranger *stranger = data;
        g_autofree char *untouched = untouched_line(stranger, PORT1);
        g_autoptr(Host) host = host_new();

        set_up(host, stranger);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        daemon_move(daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        fake_kernel_do(host->fake, "swap " PORT1 " %s", stranger->what);
        assert_model_is_true(daemon);
        fake_kernel_do(host->fake, "reset-writes");
        _cleanup_reply_ Reply reply = {};
        _cleanup_problem_ Problem problem = {};

        if (streq(stranger->name, "another-group"))
                /* the same card: it is ours in whatever group, and on its host driver by now */
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
        for (unsigned i = 0; i < G_N_ELEMENTS(strangers); i++) {
                g_autofree char *after = g_strdup_printf("/identity/after-plan/%s", strangers[i].name),
                                *at = g_strdup_printf("/identity/at-write/%s", strangers[i].name),
                                *away = g_strdup_printf("/identity/while-away/%s", strangers[i].name);

                g_test_add_data_func(after, &strangers[i], test_after_plan);
                g_test_add_data_func(at, &strangers[i], test_at_write);
                g_test_add_data_func(away, &strangers[i], test_while_away);
        }
        return g_test_run();
}
