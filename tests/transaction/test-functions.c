/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "functions.h"

#include <fcntl.h>

/* SetVirtualFunctions over the fake kernel: what is refused, what becomes of each function, and that nothing is left half done. */

#define ON_VFIO(n) \
        &(FunctionRequest) { \
                PF, n, VFS_DETACHED \
        }
#define WITHOUT_DRIVER(n) \
        &(FunctionRequest) { \
                PF, n, VFS_DRIVERLESS \
        }
#define OF_HOST(n) \
        &(FunctionRequest) { \
                PF, n \
        }

static void expect(Daemon *daemon, const FunctionRequest *request, Outcome outcome, const char *pattern) {
        g_autofree char *text = functions_set(daemon, request, outcome);

        if (!g_pattern_match_simple(pattern, text))
                g_error("'%s' is not like '%s'", text, pattern);
}

static void test_detached(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        int events = fake_kernel_open_events(host->fake);

        expect(daemon, ON_VFIO(3), OUTCOME_DONE, VF(0) "  vfio-pci, " VF(1) "  vfio-pci, " VF(2) "  vfio-pci");
        assert_functions(host, PF, 3, "vfio-pci");
        assert_override(host, VF(2), "vfio-pci");
        assert_autoprobe(host, PF, true);
        assert_model_is_true(daemon);
        for (const char *const *vf = (const char *const[]){VF(0), VF(1), VF(2), NULL}; *vf; vf++)
                g_assert_cmpint(daemon_state(daemon, *vf), ==, DEVICE_DETACHED);
        g_assert_cmpuint(count_devices_away(host), ==, 3);
        g_assert_cmpuint(count_transactions(host), ==, 0);

        /* Never on another driver: each binds once, and no interface of it came. */
        unsigned n_binds = 0;
        for (char *line; (line = fake_kernel_next_event(events)); g_free(line)) {
                n_binds += g_str_has_prefix(line, "bind ");
                g_assert_null(strstr(line, "/net/"));
        }
        g_assert_cmpuint(n_binds, ==, 3);
        close(events);

        /* Asked again, nothing is done. */
        fake_kernel_do(host->fake, "reset-writes");
        functions_must_set(daemon, ON_VFIO(3), OUTCOME_ALREADY_DETACHED);
        g_assert_cmpuint(count_writes(host), ==, 0);

        /* Given back, one gets what the host has for it. */
        daemon_move(daemon, PLAN_REATTACH, VF(1), OUTCOME_DONE);
        assert_driver(host, VF(1), "igbvf");
        g_assert_cmpuint(count_devices_away(host), ==, 2);
        /* Nobody holds the others, so they may go. */
        functions_must_set(daemon, OF_HOST(0), OUTCOME_DONE);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
        assert_model_is_true(daemon);
        daemon_stop(daemon);
        host_free(host);
}

static void test_of_host(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);

        expect(daemon, OF_HOST(2), OUTCOME_DONE, VF(0) "  igbvf, " VF(1) "  igbvf");
        assert_autoprobe(host, PF, true);
        assert_nothing_recorded(host);
        /* To another number, since nobody uses them. */
        expect(daemon, OF_HOST(4), OUTCOME_DONE, "*" VF(3) "  igbvf");
        /* The same number with another fate are others. */
        expect(daemon, ON_VFIO(4), OUTCOME_DONE, "*" VF(3) "  vfio-pci");
        assert_model_is_true(daemon);

        /* The host's own setting decides. */
        functions_must_set(daemon, &(FunctionRequest){PF, 0, .overrides = 1U << GUARD_VIRTUAL_FUNCTIONS}, OUTCOME_DONE);
        fake_kernel_do(host->fake, "set " PF " sriov_drivers_autoprobe 0");
        expect(daemon, OF_HOST(1), OUTCOME_DONE, VF(0) "  ");
        expect(daemon, ON_VFIO(2), OUTCOME_DONE, "*" VF(1) "  vfio-pci");
        assert_autoprobe(host, PF, false);
        daemon_move(daemon, PLAN_REATTACH, VF(1), OUTCOME_DONE);
        assert_driver(host, VF(1), NULL);
        daemon_stop(daemon);
        host_free(host);
}

static void test_driverless(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        fake_kernel_do(host->fake, "rmmod igbvf");
        expect(daemon, WITHOUT_DRIVER(2), OUTCOME_DONE, VF(0) "  , " VF(1) "  ");
        functions_must_set(daemon, WITHOUT_DRIVER(2), OUTCOME_ALREADY_DETACHED);
        assert_autoprobe(host, PF, false);
        fake_kernel_do(host->fake, "modprobe igbvf");
        assert_functions(host, PF, 2, NULL);
        /* Known also to the next daemon, which leaves it so. */
        daemon_stop(daemon);
        daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        assert_autoprobe(host, PF, false);

        expect(daemon, WITHOUT_DRIVER(3), OUTCOME_DONE, "*" VF(2) "  ");
        expect(daemon, OF_HOST(1), OUTCOME_DONE, VF(0) "  igbvf");
        assert_autoprobe(host, PF, true);
        assert_nothing_recorded(host);
        functions_must_set(daemon, WITHOUT_DRIVER(2), OUTCOME_DONE);
        functions_must_set(daemon, ON_VFIO(1), OUTCOME_DONE);
        assert_autoprobe(host, PF, true);
        functions_must_set(
                        daemon, &(FunctionRequest){PF, 2, VFS_DRIVERLESS, 1U << GUARD_VIRTUAL_FUNCTIONS}, OUTCOME_DONE);
        functions_must_set(daemon, OF_HOST(0), OUTCOME_DONE);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
        daemon_stop(daemon);
        host_free(host);
}

/* Each leaves kernel and records alone. */
static void test_refusals(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);

        functions_must_set(daemon, OF_HOST(2), OUTCOME_DONE);
        fake_kernel_do(host->fake, "reset-writes");
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        expect(daemon, OF_HOST(8), OUTCOME_LIMITS_EXCEEDED, PF " can have 7 virtual functions at most, not 8.");
        expect(daemon, &(FunctionRequest){"0000:05:00.0", 1}, OUTCOME_NO_VIRTUAL_FUNCTIONS,
                        "*has no virtual functions*");
        expect(daemon, &(FunctionRequest){VF(0), 1}, OUTCOME_NO_VIRTUAL_FUNCTIONS,
                        VF(0) "*itself. Name its physical function, " PF ".");
        functions_must_set(daemon, OF_HOST(2), OUTCOME_ALREADY_DETACHED);
        g_assert_cmpuint(count_writes(host), ==, 0);

        fake_kernel_do(host->fake, "iommu off");
        host_look(host);
        expect(daemon, &(FunctionRequest){BIG_PF, 1, VFS_DETACHED}, OUTCOME_NO_IOMMU, "*");
        fake_kernel_do(host->fake, "iommu on");
        host_look(host);
        fake_kernel_do(host->fake, "blacklist vfio_pci");
        expect(daemon, ON_VFIO(3), OUTCOME_DRIVER_UNAVAILABLE, "*vfio-pci*");
        g_assert_cmpuint(count_writes(host), ==, 0);
        assert_snapshot(host, before);

        /* Without a driver that could make them. */
        g_assert_cmpint(fake_kernel_write(host->fake, BIG_PF, "sys/bus/pci/drivers/mlx5_core/unbind"), ==, 0);
        host_look(host);
        expect(daemon, &(FunctionRequest){BIG_PF, 1}, OUTCOME_DRIVER_UNAVAILABLE, "*has no driver*");
        assert_nothing_recorded(host);
        daemon_stop(daemon);
        host_free(host);
}

static void test_detached_physical(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);

        daemon_move(daemon, PLAN_DETACH, PF, OUTCOME_DONE);
        expect(daemon, OF_HOST(1), OUTCOME_DRIVER_UNAVAILABLE, "*vfioctl reattach " PF "*");
        daemon_move(daemon, PLAN_REATTACH, PF, OUTCOME_DONE);
        functions_must_set(daemon, OF_HOST(1), OUTCOME_DONE);
        daemon_stop(daemon);
        host_free(host);
}

/* The kernel answers so where the driver has no hook for it: that is found out by the write. */
static void test_driver_without_functions(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        fake_kernel_do(host->fake, "fail 2 ENOENT");
        expect(daemon, ON_VFIO(2), OUTCOME_DRIVER_UNAVAILABLE,
                        "The driver igb of " PF " cannot create virtual functions*");
        fake_kernel_do(host->fake, "modprobe vfio_pci");
        g_autofree char *loaded = fake_kernel_snapshot(host->fake);
        g_assert_cmpstr(before, ==, loaded);
        assert_nothing_recorded(host);
        daemon_stop(daemon);
        host_free(host);
}

/* Functions in a group that the host keeps a member of are of no use. */
static void test_not_isolated(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        expect(daemon, &(FunctionRequest){NARROW_PF, 2, VFS_DETACHED}, OUTCOME_NOT_VIABLE, "*group 16*ACS*");
        assert_snapshot(host, before);
        functions_must_set(daemon, &(FunctionRequest){NARROW_PF, 2}, OUTCOME_DONE);
        daemon_stop(daemon);
        host_free(host);
}

/* One that a virtual machine has: no override lets it go, since the kernel would wait for the machine. */
static void test_held(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);

        functions_must_set(daemon, ON_VFIO(2), OUTCOME_DONE);
        const Device *device = inventory_find_device(host->inventory, address_of(VF(1)));
        int node = fake_kernel_open(host->fake, O_RDWR, "dev/vfio/%d", device->group->number);
        g_assert_cmpint(node, >=, 0);
        fake_kernel_do(host->fake, "reset-writes");
        static const unsigned overrides[] = {0, 1U << GUARD_VIRTUAL_FUNCTIONS, (1U << _GUARD_MAX) - 1};
        for (unsigned i = 0; i < G_N_ELEMENTS(overrides); i++) {
                expect(daemon, &(FunctionRequest){PF, 0, .overrides = overrides[i]}, OUTCOME_HELD, "*" VF(1) "*");
                expect(daemon, &(FunctionRequest){PF, 4, VFS_DETACHED, overrides[i]}, OUTCOME_HELD, "*" VF(1) "*");
        }
        g_assert_cmpuint(count_writes(host), ==, 0);
        close(node);
        functions_must_set(daemon, &(FunctionRequest){PF, 4, VFS_DETACHED}, OUTCOME_DONE);
        assert_functions(host, PF, 4, "vfio-pci");
        g_assert_cmpuint(count_devices_away(host), ==, 4);
        daemon_stop(daemon);
        host_free(host);
}

/* Meanwhile nobody else works on the card, on a function that is there, or on one that comes. */
static void test_busy(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {}, other = {}, late = {};
        _cleanup_problem_ Problem problem = {};

        functions_must_set(daemon, OF_HOST(1), OUTCOME_DONE);
        fake_kernel_do(host->fake, "stall 1");
        functions_must_begin(daemon, ON_VFIO(2), &answer);
        fake_kernel_do(host->fake, "wait-pending 1");
        g_assert_cmpint(daemon_state(daemon, PF), ==, DEVICE_CHANGING);
        g_assert_cmpint(daemon_state(daemon, VF(0)), ==, DEVICE_CHANGING);
        g_assert_cmpint(functions_begin(daemon, OF_HOST(0), &other, &problem), ==, OUTCOME_BUSY);
        g_assert_cmpint(daemon_begin(daemon, PLAN_DETACH, VF(0), &other, &problem), ==, OUTCOME_BUSY);
        g_assert_cmpint(daemon_begin(daemon, PLAN_DETACH, PF, &other, &problem), ==, OUTCOME_BUSY);
        fake_kernel_do(host->fake, "resume");
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_DONE);

        /* A job on a function keeps the card from being changed. */
        fake_kernel_do(host->fake, "stall 1");
        daemon_must_begin(daemon, PLAN_REATTACH, VF(1), &other);
        fake_kernel_do(host->fake, "wait-pending 1");
        g_assert_cmpint(functions_begin(daemon, OF_HOST(0), &late, &problem), ==, OUTCOME_BUSY);
        fake_kernel_do(host->fake, "resume");
        daemon_await(daemon, &other);
        daemon_stop(daemon);
        host_free(host);
}

static bool is_gone(Daemon *daemon, const void *what) {
        return !inventory_find_device(daemon->host->inventory, address_of(what));
}

/* Of one card that is pulled in the middle nothing is left to undo. */
static void test_pulled(void) {
        for (unsigned k = 1; k <= 6; k++) {
                Host *host = functions_host();
                Daemon *daemon = daemon_start(host, &patient);
                _cleanup_answer_ Answer answer = {};

                fake_kernel_do(host->fake, "vanish %u " PF, k);
                functions_must_begin(daemon, ON_VFIO(2), &answer);
                daemon_await(daemon, &answer);
                g_assert_cmpint(answer.outcome, !=, OUTCOME_DONE);
                daemon_run_until(daemon, is_gone, PF);
                assert_model_is_true(daemon);
                daemon_stop(daemon);
                daemon = daemon_start(host, &patient);
                daemon_await_quiet(daemon);
                assert_nothing_recorded(host);
                daemon_stop(daemon);
                host_free(host);
        }
}

static void test_cancel(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);

        fake_kernel_do(host->fake, "modprobe vfio_pci");
        functions_must_set(daemon, OF_HOST(1), OUTCOME_DONE);
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        for (unsigned k = 1; k <= 8; k++) {
                _cleanup_answer_ Answer answer = {};
                _cleanup_problem_ Problem problem = {};

                fake_kernel_do(host->fake, "stall-after %u", k);
                functions_must_begin(daemon, ON_VFIO(3), &answer);
                fake_kernel_do(host->fake, "wait-pending 1");
                Job *job = job_next(daemon->jobs, NULL);
                g_assert_cmpint(job_cancel(job, &problem), ==, 0);
                fake_kernel_do(host->fake, "resume");
                daemon_await(daemon, &answer);
                g_assert_cmpstr(outcome_to_string(answer.outcome), ==, "Cancelled");
                assert_snapshot(host, before);
                assert_nothing_recorded(host);
                assert_model_is_true(daemon);
        }
        daemon_stop(daemon);
        host_free(host);
}

/* Two hundred, which a guest's driver never sees; one goes home, the others go all at once. */
static void test_many(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);

        functions_must_set(daemon, &(FunctionRequest){BIG_PF, 200, VFS_DETACHED}, OUTCOME_DONE);
        assert_functions(host, BIG_PF, 200, "vfio-pci");
        assert_autoprobe(host, BIG_PF, true);
        g_assert_cmpuint(count_devices_away(host), ==, 200);
        assert_model_is_true(daemon);
        daemon_stop(daemon);
        daemon = daemon_start(host, &patient);
        g_assert_cmpint(daemon_state(daemon, "0000:20:1f.7"), ==, DEVICE_DETACHED);
        daemon_move(daemon, PLAN_REATTACH, "0000:20:1f.7", OUTCOME_DONE);
        assert_driver(host, "0000:20:1f.7", "mlx5_core");
        functions_must_set(daemon, &(FunctionRequest){BIG_PF, 0}, OUTCOME_DONE);
        g_assert_cmpuint(functions_count(host, BIG_PF), ==, 0);
        assert_nothing_recorded(host);
        assert_model_is_true(daemon);
        daemon_stop(daemon);
        host_free(host);
}

/* Another hand removes functions that vfiod detached: what is made anew are others. */
static void test_removed_by_hand(void) {
        Host *host = functions_host();
        Daemon *daemon = daemon_start(host, &patient);

        functions_must_set(daemon, ON_VFIO(2), OUTCOME_DONE);
        g_assert_cmpint(fake_kernel_write(host->fake, "0", "sys/bus/pci/devices/" PF "/sriov_numvfs"), ==, 0);
        assert_model_is_true(daemon);
        assert_nothing_recorded(host);
        g_assert_null(inventory_find_device(host->inventory, address_of(VF(0))));
        /* Also where no daemon saw it. */
        functions_must_set(daemon, ON_VFIO(2), OUTCOME_DONE);
        daemon_stop(daemon);
        g_assert_cmpint(fake_kernel_write(host->fake, "0", "sys/bus/pci/devices/" PF "/sriov_numvfs"), ==, 0);
        daemon = daemon_start(host, &patient);
        /* As at the manager's start. */
        g_assert_cmpint(state_forget_unneeded(host->state, host->inventory), ==, 0);
        assert_model_is_true(daemon);
        assert_nothing_recorded(host);
        daemon_stop(daemon);
        host_free(host);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/functions/detached", test_detached);
        g_test_add_func("/functions/of-host", test_of_host);
        g_test_add_func("/functions/driverless", test_driverless);
        g_test_add_func("/functions/refusals", test_refusals);
        g_test_add_func("/functions/detached-physical", test_detached_physical);
        g_test_add_func("/functions/driver-without-functions", test_driver_without_functions);
        g_test_add_func("/functions/not-isolated", test_not_isolated);
        g_test_add_func("/functions/held", test_held);
        g_test_add_func("/functions/busy", test_busy);
        g_test_add_func("/functions/pulled", test_pulled);
        g_test_add_func("/functions/cancel", test_cancel);
        g_test_add_func("/functions/many", test_many);
        g_test_add_func("/functions/removed-by-hand", test_removed_by_hand);
        return g_test_run();
}
