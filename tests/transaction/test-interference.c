/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon.h"

/* What others do in the middle of a transaction: cards that go or are exchanged, a VM that is quick. */

/* A card is pulled, or another put in its place, before each write: the other port is as it was, the message says which is not, and a
 * new card is not touched. */
static void check_gone(PlanVerb verb, const char *address, const char *other, bool swap, unsigned k) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        g_autofree char *gone = g_strdup_printf("%s is gone from its slot", address);
        bool away = verb == PLAN_REATTACH;

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        if (away)
                host_must_move(host, PLAN_DETACH, "ens1");
        if (swap)
                fake_kernel_do(host->fake, "swapat %u %s device=10d3", k, address);
        else
                fake_kernel_do(host->fake, "vanish %u %s", k, address);

        int r = host_move(host, verb, "ens1", &problem);
        g_test_message("%s, %s at %u: %s", plan_verb_to_string(verb), address, k, strempty(problem.message));
        if (r == 0) {
                /* It was done with this card by then. */
                assert_driver(host, other, away ? "e1000" : "vfio-pci");
        } else {
                g_assert_cmpint(r, ==, OUTCOME_DEGRADED);
                g_assert_nonnull(strstr(problem.message, gone));
                g_assert_null(strstr(strstr(problem.message, "could be undone"), other));
                assert_driver(host, other, away ? "vfio-pci" : "e1000");
                assert_override(host, other, away ? "vfio-pci" : "(null)");
        }
        if (swap) {
                assert_driver(host, address, "e1000e");
                assert_override(host, address, "(null)");
        }

        /* The next daemon makes the best of it: what is there is at home, or is with vfiod and can be given back. */
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        if (daemon_state(daemon, other) == DEVICE_DETACHED)
                daemon_move(daemon, PLAN_REATTACH, other, OUTCOME_DONE);
        g_assert_cmpint(daemon_state(daemon, other), ==, DEVICE_HOST);
        assert_driver(host, other, "e1000");
        assert_override(host, other, "(null)");
}

static void test_gone(const void *verb) {
        for (unsigned k = 1; k <= (GPOINTER_TO_INT(verb) == PLAN_DETACH ? 6 : 8); k++)
                for (unsigned i = 0; i < 4; i++)
                        check_gone((PlanVerb)GPOINTER_TO_INT(verb), i & 1 ? PORT1 : PORT2, i & 1 ? PORT2 : PORT1, i & 2,
                                        k);
}

/* A VM takes the group when its first port is there; the second fails. What the VM has is left to it, and nothing waits for its end. */
static void test_quick_guest(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(host->fake, "noprobe " PORT1);
        fake_kernel_do(host->fake, "stall 6");
        Run *run = run_start(host, host_plan(host, PLAN_DETACH, "ens1"));
        fake_kernel_do(host->fake, "wait-pending 1");
        fake_kernel_do(host->fake, "claim %d", PORTS_GROUP);
        fake_kernel_do(host->fake, "resume");
        g_assert_cmpint(run_finish(run, &problem), ==, OUTCOME_DEGRADED);
        g_assert_nonnull(strstr(problem.message, "/dev/vfio/10"));
        g_assert_nonnull(strstr(problem.message, PORT2 " has driver 'vfio-pci'"));

        /* The machine ends: a reattach restores all. */
        fake_kernel_do(host->fake, "release %d", PORTS_GROUP);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        assert_driver(host, PORT2, "vfio-pci");
        daemon_move(daemon, PLAN_REATTACH, PORT1, OUTCOME_DONE);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* Another hand is quicker, once the override lets only vfio-pci come, and a VM has the group already: what is where it shall be is not unbound, which
 * would wait for the VM's end. */
static void test_quick_hand(void) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        fake_kernel_do(host->fake, "stall-after 1");
        Run *run = run_start(host, host_plan(host, PLAN_DETACH, "ens3"));
        fake_kernel_do(host->fake, "wait-pending 1");
        g_assert_cmpint(fake_kernel_write(host->fake, OTHER_NIC, "sys/bus/pci/drivers/e1000e/unbind"), ==, 0);
        g_assert_cmpint(fake_kernel_write(host->fake, OTHER_NIC, "sys/bus/pci/drivers_probe"), ==, 0);
        assert_driver(host, OTHER_NIC, "vfio-pci");
        fake_kernel_do(host->fake, "claim %d", OTHER_NIC_GROUP);
        fake_kernel_do(host->fake, "resume");
        g_assert_cmpint(run_finish(run, &problem), ==, 0);
        assert_driver(host, OTHER_NIC, "vfio-pci");

        fake_kernel_do(host->fake, "release %d", OTHER_NIC_GROUP);
        host_must_move(host, PLAN_REATTACH, OTHER_NIC);
        assert_driver(host, OTHER_NIC, "e1000e");
        assert_nothing_recorded(host);
}

/* All die, and one of the two cards is gone when the next daemon starts: the other is given back nevertheless. */
static void check_crash_and_gone(const char *change, const char *other) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {};

        fake_kernel_do(host->fake, "stall-after 6");
        daemon_must_begin(daemon, PLAN_DETACH, "ens1", &answer);
        fake_kernel_do(host->fake, "wait-pending 1");
        daemon_stopp(&daemon);
        kill_worker(host, true);
        fake_kernel_do(host->fake, "%s", change);
        assert_driver(host, other, "vfio-pci");

        /* A start gives back what is in one group; where there are two now, the one after it does the rest. */
        daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        daemon_stopp(&daemon);
        daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        assert_driver(host, other, "e1000");
        assert_override(host, other, "(null)");
        assert_model_is_true(daemon);
        /* Only the one that is away is still remembered. */
        g_assert_null(state_find(host->state, address_of(other)));
}

static void test_crash_and_gone(void) {
        check_crash_and_gone("unplug " PORT1, PORT2);
        check_crash_and_gone("unplug " PORT2, PORT1);
        check_crash_and_gone("swap " PORT1 " device=10d3", PORT2);
        check_crash_and_gone("swap " PORT2 " group=11", PORT1);
}

/* The worker alone dies, and a card with it. */
static void check_worker_and_card_gone(PlanVerb verb, const char *address, const char *other, unsigned k) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {};

        if (verb == PLAN_REATTACH)
                daemon_move(daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        fake_kernel_do(host->fake, "stall-after %u", k);
        daemon_must_begin(daemon, verb, "ens1", &answer);
        fake_kernel_do(host->fake, "wait-pending 1");
        fake_kernel_do(host->fake, "unplug %s", address);
        kill_worker(host, false);
        daemon_await(daemon, &answer);
        daemon_await_quiet(daemon);
        /* A card that is pulled takes along what was written to it; one that was detached before is still known. */
        if (verb == PLAN_DETACH)
                g_assert_null(inventory_find_device(host->inventory, address_of(address)));
        else
                daemon_await_state(daemon, address, DEVICE_ABSENT);
        g_assert_cmpint(daemon_state(daemon, other), ==, DEVICE_HOST);
        assert_driver(host, other, "e1000");
        assert_override(host, other, "(null)");
        assert_model_is_true(daemon);
        daemon_move(daemon, PLAN_DETACH, other, OUTCOME_DONE);
        daemon_move(daemon, PLAN_REATTACH, other, OUTCOME_DONE);
}

/* The bridge goes, and all behind it: nothing is left that could be said to be done. */
static void check_worker_and_all_gone(PlanVerb verb, unsigned k) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {};

        if (verb == PLAN_REATTACH)
                daemon_move(daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        fake_kernel_do(host->fake, "stall-after %u", k);
        daemon_must_begin(daemon, verb, "ens1", &answer);
        fake_kernel_do(host->fake, "wait-pending 1");
        fake_kernel_do(host->fake, "unplug 0000:02:00.0");
        kill_worker(host, false);
        daemon_await(daemon, &answer);
        daemon_await_quiet(daemon);
        g_assert_cmpint(answer.error, ==, 0);
        g_assert_cmpint(answer.outcome, !=, OUTCOME_DONE);
        g_assert_cmpint(answer.outcome, !=, OUTCOME_ROLLED_BACK);
        if (verb == PLAN_REATTACH) {
                daemon_await_state(daemon, PORT1, DEVICE_ABSENT);
                daemon_await_state(daemon, PORT2, DEVICE_ABSENT);
        } else
                assert_nothing_recorded(host);
        assert_model_is_true(daemon);
}

/* A card that is pulled while it is detached, and does not come back: a reattach forgets it. */
static void test_forget(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);

        daemon_move(daemon, PLAN_DETACH, "ens3", OUTCOME_DONE);
        fake_kernel_do(host->fake, "unplug " OTHER_NIC);
        daemon_await_state(daemon, OTHER_NIC, DEVICE_ABSENT);
        fake_kernel_do(host->fake, "reset-writes");
        daemon_move(daemon, PLAN_REATTACH, "ens3", OUTCOME_DONE);
        g_assert_null(inventory_find_device(host->inventory, address_of(OTHER_NIC)));
        assert_nothing_recorded(host);
        g_assert_cmpuint(count_writes(host), ==, 0);
        assert_model_is_true(daemon);
}

static void test_worker_and_card_gone(void) {
        check_worker_and_all_gone(PLAN_DETACH, 6);
        check_worker_and_all_gone(PLAN_REATTACH, 1);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                for (unsigned k = 1; k <= 6; k++) {
                        check_worker_and_card_gone(verb, PORT1, PORT2, k);
                        check_worker_and_card_gone(verb, PORT2, PORT1, k);
                }
}

/* A card that is pulled while it is detached, and comes back, is still ours; another is not. */
static void test_away_and_back(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {};
        _cleanup_problem_ Problem problem = {};

        daemon_move(daemon, PLAN_DETACH, "ens3", OUTCOME_DONE);
        fake_kernel_do(host->fake, "unplug " OTHER_NIC);
        daemon_await_state(daemon, OTHER_NIC, DEVICE_ABSENT);
        assert_model_is_true(daemon);

        /* A fresh daemon knows it too. */
        daemon_stopp(&daemon);
        daemon = daemon_start(host, &patient);
        g_assert_cmpint(daemon_state(daemon, OTHER_NIC), ==, DEVICE_ABSENT);

        fake_kernel_do(host->fake, "plug " OTHER_NIC " vendor=8086 device=10c9 class=020000 group=12");
        daemon_await_state(daemon, OTHER_NIC, DEVICE_DRIVERLESS);
        g_assert_cmpint(daemon_begin(daemon, PLAN_REATTACH, OTHER_NIC, &answer, &problem), ==,
                        OUTCOME_IDENTITY_CHANGED);
        fake_kernel_do(host->fake, "unplug " OTHER_NIC);
        daemon_await_state(daemon, OTHER_NIC, DEVICE_ABSENT);

        fake_kernel_do(host->fake,
                        "plug " OTHER_NIC " vendor=8086 device=10d3 class=020000 subsystem=8086:0000 group=12 "
                        "net=ens3 mac=52:54:00:00:00:03 driver=e1000e");
        daemon_await_state(daemon, OTHER_NIC, DEVICE_HOST);
        daemon_move(daemon, PLAN_DETACH, OTHER_NIC, OUTCOME_DONE);
        daemon_move(daemon, PLAN_REATTACH, OTHER_NIC, OUTCOME_DONE);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
        assert_model_is_true(daemon);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_data_func("/interference/gone/detach", GINT_TO_POINTER(PLAN_DETACH), test_gone);
        g_test_add_data_func("/interference/gone/reattach", GINT_TO_POINTER(PLAN_REATTACH), test_gone);
        g_test_add_func("/interference/quick-guest", test_quick_guest);
        g_test_add_func("/interference/quick-hand", test_quick_hand);
        g_test_add_func("/interference/crash-and-gone", test_crash_and_gone);
        g_test_add_func("/interference/worker-and-card-gone", test_worker_and_card_gone);
        g_test_add_func("/interference/away-and-back", test_away_and_back);
        g_test_add_func("/interference/forget", test_forget);
        return g_test_run();
}
