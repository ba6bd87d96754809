/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "daemon.h"

/* Changes by others in the middle of a transaction: cards are pulled or replaced, and a VM takes the group early. */

/* A card is pulled or replaced before each write: the other port is as before, the message names the port that is
 * not, and the new card is not changed. */
static void check_pulled(PlanVerb verb, const char *address, const char *other, bool swap, unsigned k) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        g_autofree char *gone = g_strdup_printf("%s is gone from its slot", address);
        bool detached = verb == PLAN_REATTACH;

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        if (detached)
                host_must_move(host, PLAN_DETACH, "ens1");
        if (swap)
                fake_kernel_do(host->fake, "swapat %u %s device=10d3", k, address);
        else
                fake_kernel_do(host->fake, "vanish %u %s", k, address);

        int r = host_move(host, verb, "ens1", &problem);
        g_test_message("%s, %s at %u: %s", plan_verb_to_string(verb), address, k, strempty(problem.message));
        if (r == 0) {
                /* The job was already done with this card. */
                assert_driver(host, other, detached ? "e1000" : "vfio-pci");
        } else {
                g_assert_cmpint(r, ==, OUTCOME_DEGRADED);
                g_assert_nonnull(strstr(problem.message, gone));
                g_assert_null(strstr(strstr(problem.message, "could not undo all changes"), other));
                assert_driver(host, other, detached ? "vfio-pci" : "e1000");
                assert_override(host, other, detached ? "vfio-pci" : "(null)");
        }
        if (swap) {
                assert_driver(host, address, "e1000e");
                assert_override(host, address, "(null)");
        }

        /* The next daemon recovers what it can: an existing device is on its host driver, or it is detached and can
         * be reattached. */
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        if (daemon_state(daemon, other) == DEVICE_DETACHED)
                daemon_move(daemon, PLAN_REATTACH, other, OUTCOME_DONE);
        g_assert_cmpint(daemon_state(daemon, other), ==, DEVICE_HOST);
        assert_driver(host, other, "e1000");
        assert_override(host, other, "(null)");
}

static void test_pulled(const void *verb) {
        for (unsigned k = 1; k <= (GPOINTER_TO_INT(verb) == PLAN_DETACH ? 6 : 8); k++)
                for (unsigned i = 0; i < 4; i++)
                        check_pulled((PlanVerb)GPOINTER_TO_INT(verb), i & 1 ? PORT1 : PORT2, i & 1 ? PORT2 : PORT1,
                                        i & 2, k);
}

/* A VM takes the group when its first port is on vfio-pci; the second port fails. The first port stays with the VM,
 * and nothing waits for its end. */
static void test_early_guest(void) {
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

        /* The VM ends: a reattach restores everything. */
        fake_kernel_do(host->fake, "release %d", PORTS_GROUP);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        assert_driver(host, PORT2, "vfio-pci");
        daemon_move(daemon, PLAN_REATTACH, PORT1, OUTCOME_DONE);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* Another tool is faster after the override permits only vfio-pci, and a VM has the group already: a device that is
 * where it should be is not unbound, because this would wait for the VM's end. */
static void test_fast_tool(void) {
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

/* All processes die, and one of the two cards is pulled before the next daemon starts: the other card is reattached
 * anyway. */
static void check_crash_and_pulled(const char *change, const char *other) {
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

        /* A start recovers devices that are in one group; if there are two groups now, the next start does the rest. */
        daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        daemon_stopp(&daemon);
        daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        assert_driver(host, other, "e1000");
        assert_override(host, other, "(null)");
        assert_model_is_current(daemon);
        /* Only the absent card still has a state file. */
        g_assert_null(state_find(host->state, address_of(other)));
}

static void test_crash_and_pulled(void) {
        check_crash_and_pulled("unplug " PORT1, PORT2);
        check_crash_and_pulled("unplug " PORT2, PORT1);
        check_crash_and_pulled("swap " PORT1 " device=10d3", PORT2);
        check_crash_and_pulled("swap " PORT2 " group=11", PORT1);
}

/* Only the worker dies, and a card is pulled. */
static void check_worker_and_card(PlanVerb verb, const char *address, const char *other, unsigned k) {
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
        /* A card that is pulled needs no recovery; a card that was detached before is still known. */
        if (verb == PLAN_DETACH)
                g_assert_null(inventory_find_device(host->inventory, address_of(address)));
        else
                daemon_await_state(daemon, address, DEVICE_ABSENT);
        g_assert_cmpint(daemon_state(daemon, other), ==, DEVICE_HOST);
        assert_driver(host, other, "e1000");
        assert_override(host, other, "(null)");
        assert_model_is_current(daemon);
        daemon_move(daemon, PLAN_DETACH, other, OUTCOME_DONE);
        daemon_move(daemon, PLAN_REATTACH, other, OUTCOME_DONE);
}

/* The bridge and everything below it is removed: no device is left that could be recovered. */
static void check_worker_and_bridge(PlanVerb verb, unsigned k) {
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
        assert_model_is_current(daemon);
}

/* A card is pulled while it is detached, and does not return: a reattach forgets it. */
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
        assert_model_is_current(daemon);
}

static void test_worker_and_card(void) {
        check_worker_and_bridge(PLAN_DETACH, 6);
        check_worker_and_bridge(PLAN_REATTACH, 1);
        for (PlanVerb verb = 0; verb < PLAN_SET_VFS; verb++)
                for (unsigned k = 1; k <= 6; k++) {
                        check_worker_and_card(verb, PORT1, PORT2, k);
                        check_worker_and_card(verb, PORT2, PORT1, k);
                }
}

/* A card that is pulled while it is detached and returns is still managed by vfiod; another card is not. */
static void test_returns(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {};
        _cleanup_problem_ Problem problem = {};

        daemon_move(daemon, PLAN_DETACH, "ens3", OUTCOME_DONE);
        fake_kernel_do(host->fake, "unplug " OTHER_NIC);
        daemon_await_state(daemon, OTHER_NIC, DEVICE_ABSENT);
        assert_model_is_current(daemon);

        /* A new daemon knows it too. */
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
        assert_model_is_current(daemon);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_data_func("/interference/pulled/detach", GINT_TO_POINTER(PLAN_DETACH), test_pulled);
        g_test_add_data_func("/interference/pulled/reattach", GINT_TO_POINTER(PLAN_REATTACH), test_pulled);
        g_test_add_func("/interference/early-guest", test_early_guest);
        g_test_add_func("/interference/fast-tool", test_fast_tool);
        g_test_add_func("/interference/crash-and-pulled", test_crash_and_pulled);
        g_test_add_func("/interference/worker-and-card", test_worker_and_card);
        g_test_add_func("/interference/returns", test_returns);
        g_test_add_func("/interference/forget", test_forget);
        return g_test_run();
}
