/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "vfs.h"

#include <fcntl.h>

/* SetVirtualFunctions with the fake kernel: refusals, the final state of each VF, and that nothing is left half
 * done. */

#define ON_VFIO(n) \
        &(VfRequest) { \
                PF, n, VFS_DETACHED \
        }
#define WITHOUT_DRIVER(n) \
        &(VfRequest) { \
                PF, n, VFS_DRIVERLESS \
        }
#define OF_HOST(n) \
        &(VfRequest) { \
                PF, n \
        }

#define PF_COUNT "sys/bus/pci/devices/" PF "/sriov_numvfs"

static void expect(Daemon *daemon, const VfRequest *request, Outcome outcome, const char *pattern) {
        g_autofree char *text = vfs_set(daemon, request, outcome);

        if (!g_pattern_match_simple(pattern, text))
                g_error("'%s' is not like '%s'", text, pattern);
}

static void test_detached(void) {
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        int events = fake_kernel_open_events(host->fake);

        expect(daemon, ON_VFIO(3), OUTCOME_DONE, VF(0) "  vfio-pci, " VF(1) "  vfio-pci, " VF(2) "  vfio-pci");
        assert_vfs(host, PF, 3, "vfio-pci");
        assert_override(host, VF(2), "vfio-pci");
        assert_autoprobe(host, PF, true);
        assert_model_is_current(daemon);
        for (const char *const *vf = (const char *const[]){VF(0), VF(1), VF(2), NULL}; *vf; vf++)
                g_assert_cmpint(daemon_state(daemon, *vf), ==, DEVICE_DETACHED);
        g_assert_cmpuint(count_detached_devices(host), ==, 3);
        g_assert_cmpuint(count_transactions(host), ==, 0);

        /* Never on another driver: each VF binds once, and none had an interface. */
        unsigned n_binds = 0;
        for (char *line; (line = fake_kernel_next_event(events)); g_free(line)) {
                n_binds += g_str_has_prefix(line, "bind ");
                g_assert_null(strstr(line, "/net/"));
        }
        g_assert_cmpuint(n_binds, ==, 3);
        close(events);

        /* The same request again changes nothing. */
        fake_kernel_do(host->fake, "reset-writes");
        vfs_must_set(daemon, ON_VFIO(3), OUTCOME_ALREADY_DETACHED);
        g_assert_cmpuint(count_writes(host), ==, 0);

        /* After a reattach, a VF has its host driver. */
        daemon_move(daemon, PLAN_REATTACH, VF(1), OUTCOME_DONE);
        assert_driver(host, VF(1), "igbvf");
        g_assert_cmpuint(count_detached_devices(host), ==, 2);
        /* Nobody holds the other VFs, so they may be removed. */
        vfs_must_set(daemon, OF_HOST(0), OUTCOME_DONE);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
        assert_model_is_current(daemon);
        daemon_stop(daemon);
        host_free(host);
}

static void test_host_driver(void) {
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);

        expect(daemon, OF_HOST(2), OUTCOME_DONE, VF(0) "  igbvf, " VF(1) "  igbvf");
        assert_autoprobe(host, PF, true);
        assert_nothing_recorded(host);
        /* Another number is possible, since nobody uses them. */
        expect(daemon, OF_HOST(4), OUTCOME_DONE, "*" VF(3) "  igbvf");
        /* The same number for another use makes new VFs. */
        expect(daemon, ON_VFIO(4), OUTCOME_DONE, "*" VF(3) "  vfio-pci");
        assert_model_is_current(daemon);

        /* The host's own setting decides. */
        vfs_must_set(daemon, &(VfRequest){PF, 0, .overrides = 1U << GUARD_VIRTUAL_FUNCTIONS}, OUTCOME_DONE);
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
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        fake_kernel_do(host->fake, "rmmod igbvf");
        expect(daemon, WITHOUT_DRIVER(2), OUTCOME_DONE, VF(0) "  , " VF(1) "  ");
        vfs_must_set(daemon, WITHOUT_DRIVER(2), OUTCOME_ALREADY_DETACHED);
        assert_autoprobe(host, PF, false);
        fake_kernel_do(host->fake, "modprobe igbvf");
        assert_vfs(host, PF, 2, NULL);
        /* The next daemon knows this too and changes nothing. */
        daemon_stop(daemon);
        daemon = daemon_start(host, &patient);
        daemon_await_quiet(daemon);
        assert_autoprobe(host, PF, false);

        expect(daemon, WITHOUT_DRIVER(3), OUTCOME_DONE, "*" VF(2) "  ");
        expect(daemon, OF_HOST(1), OUTCOME_DONE, VF(0) "  igbvf");
        assert_autoprobe(host, PF, true);
        assert_nothing_recorded(host);
        vfs_must_set(daemon, WITHOUT_DRIVER(2), OUTCOME_DONE);
        vfs_must_set(daemon, ON_VFIO(1), OUTCOME_DONE);
        assert_autoprobe(host, PF, true);
        vfs_must_set(daemon, &(VfRequest){PF, 2, VFS_DRIVERLESS, 1U << GUARD_VIRTUAL_FUNCTIONS}, OUTCOME_DONE);
        vfs_must_set(daemon, OF_HOST(0), OUTCOME_DONE);
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
        daemon_stop(daemon);
        host_free(host);
}

/* Each refusal changes neither the kernel nor the state files. */
static void test_refusals(void) {
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);

        vfs_must_set(daemon, OF_HOST(2), OUTCOME_DONE);
        fake_kernel_do(host->fake, "reset-writes");
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        expect(daemon, OF_HOST(8), OUTCOME_LIMITS_EXCEEDED, PF " can have 7 virtual functions at most, not 8.");
        expect(daemon, &(VfRequest){"0000:05:00.0", 1}, OUTCOME_NO_VIRTUAL_FUNCTIONS, "*has no virtual functions*");
        expect(daemon, &(VfRequest){VF(0), 1}, OUTCOME_NO_VIRTUAL_FUNCTIONS,
                        VF(0) "*itself. Name its physical function, " PF ".");
        vfs_must_set(daemon, OF_HOST(2), OUTCOME_ALREADY_DETACHED);
        g_assert_cmpuint(count_writes(host), ==, 0);

        fake_kernel_do(host->fake, "iommu off");
        host_read(host);
        expect(daemon, &(VfRequest){BIG_PF, 1, VFS_DETACHED}, OUTCOME_NO_IOMMU, "*");
        fake_kernel_do(host->fake, "iommu on");
        host_read(host);
        fake_kernel_do(host->fake, "blacklist vfio_pci");
        expect(daemon, ON_VFIO(3), OUTCOME_DRIVER_UNAVAILABLE, "*vfio-pci*");
        g_assert_cmpuint(count_writes(host), ==, 0);
        assert_snapshot(host, before);

        /* There is no driver that could create VFs. */
        g_assert_cmpint(fake_kernel_write(host->fake, BIG_PF, "sys/bus/pci/drivers/mlx5_core/unbind"), ==, 0);
        host_read(host);
        expect(daemon, &(VfRequest){BIG_PF, 1}, OUTCOME_DRIVER_UNAVAILABLE, "*has no driver*");
        assert_nothing_recorded(host);
        daemon_stop(daemon);
        host_free(host);
}

static void test_detached_pf(void) {
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);

        daemon_move(daemon, PLAN_DETACH, PF, OUTCOME_DONE);
        expect(daemon, OF_HOST(1), OUTCOME_DRIVER_UNAVAILABLE, "*vfioctl reattach " PF "*");
        daemon_move(daemon, PLAN_REATTACH, PF, OUTCOME_DONE);
        vfs_must_set(daemon, OF_HOST(1), OUTCOME_DONE);
        daemon_stop(daemon);
        host_free(host);
}

/* The kernel returns this if the driver has no support for VFs: only the write shows it. */
static void test_driver_without_vfs(void) {
        Host *host = vfs_host();
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

/* vfio-pci would refuse the new VFs. The host may have them. */
static void test_denylist(void) {
        static const VfRequest for_guests = {"0000:09:00.0", 2, VFS_DETACHED},
                               for_host = {"0000:09:00.0", 2, VFS_OF_HOST};
        Host *host = vfs_host();

        fake_kernel_do(host->fake,
                        "plug 0000:09:00.0 vendor=8086 device=10c9 class=020000 group=30 totalvfs=2 vfdevice=37c9 "
                        "driver=igb");
        Daemon *daemon = daemon_start(host, &patient);
        expect(daemon, &for_guests, OUTCOME_DRIVER_UNAVAILABLE,
                        "vfio-pci refuses the virtual functions of 0000:09:00.0 (8086:37c9, QAT C62x, virtual "
                        "function)*");
        assert_nothing_recorded(host);
        vfs_must_set(daemon, &for_host, OUTCOME_DONE);
        daemon_stop(daemon);
        host_free(host);
}

/* The message has the cause and the cure, and everything is as before. */
static void test_count_errors(void) {
        static const struct {
                const char *error, *message;
        } cases[] = {
                        {"ENOMEM",
                                        "The driver igb of " PF
                                        " could not set the number of virtual functions to 2: there are no "
                                        "addresses (MMIO)*firmware set-up*pci=realloc*'journalctl -k -g " PF "'*"},
                        {"ENOSPC", "*no interrupts (MSI-X) or no bus numbers*fewer*pci=assign-busses*"},
                        {"EBUSY", "*a virtual machine has one (EBUSY)*"},
                        {"EINVAL", "*does not accept this number*smaller*"},
                        {"EPERM", "*present mode of the card*"},
                        {"ENODEV", "*not ready*try again*"},
                        {"EIO", "*Input/output error*journalctl*"},
        };

        for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
                Host *host = vfs_host();
                Daemon *daemon = daemon_start(host, &patient);
                g_autofree char *before = fake_kernel_snapshot(host->fake);

                fake_kernel_do(host->fake, "fail 1 %s", cases[i].error);
                expect(daemon, OF_HOST(2), OUTCOME_ROLLED_BACK, cases[i].message);
                g_autofree char *after = fake_kernel_snapshot(host->fake);
                g_assert_cmpstr(before, ==, after);
                assert_nothing_recorded(host);
                daemon_stop(daemon);
                host_free(host);
        }
}

/* VFs in a group with a member on a host driver are useless. */
static void test_not_isolated(void) {
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        expect(daemon, &(VfRequest){NARROW_PF, 2, VFS_DETACHED}, OUTCOME_NOT_VIABLE, "*group 16*ACS*");
        assert_snapshot(host, before);
        vfs_must_set(daemon, &(VfRequest){NARROW_PF, 2}, OUTCOME_DONE);
        daemon_stop(daemon);
        host_free(host);
}

/* A VM has a VF: no override permits its removal, because the kernel would wait for the VM. */
static void test_held(void) {
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);

        vfs_must_set(daemon, ON_VFIO(2), OUTCOME_DONE);
        const Device *device = inventory_find_device(host->inventory, address_of(VF(1)));
        int node = fake_kernel_open(host->fake, O_RDWR, "dev/vfio/%d", device->group->number);
        g_assert_cmpint(node, >=, 0);
        fake_kernel_do(host->fake, "reset-writes");
        static const unsigned overrides[] = {0, 1U << GUARD_VIRTUAL_FUNCTIONS, (1U << _GUARD_MAX) - 1};
        for (unsigned i = 0; i < G_N_ELEMENTS(overrides); i++) {
                expect(daemon, &(VfRequest){PF, 0, .overrides = overrides[i]}, OUTCOME_HELD, "*" VF(1) "*");
                expect(daemon, &(VfRequest){PF, 4, VFS_DETACHED, overrides[i]}, OUTCOME_HELD, "*" VF(1) "*");
        }
        g_assert_cmpuint(count_writes(host), ==, 0);
        close(node);
        vfs_must_set(daemon, &(VfRequest){PF, 4, VFS_DETACHED}, OUTCOME_DONE);
        assert_vfs(host, PF, 4, "vfio-pci");
        g_assert_cmpuint(count_detached_devices(host), ==, 4);
        daemon_stop(daemon);
        host_free(host);
}

/* Meanwhile no other job may change the card, an existing VF, or a new VF. */
static void test_busy(void) {
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);
        _cleanup_answer_ Answer answer = {}, other = {}, late = {};
        _cleanup_problem_ Problem problem = {};

        vfs_must_set(daemon, OF_HOST(1), OUTCOME_DONE);
        fake_kernel_do(host->fake, "stall 1");
        vfs_must_begin(daemon, ON_VFIO(2), &answer);
        fake_kernel_do(host->fake, "wait-pending 1");
        g_assert_cmpint(daemon_state(daemon, PF), ==, DEVICE_CHANGING);
        g_assert_cmpint(daemon_state(daemon, VF(0)), ==, DEVICE_CHANGING);
        g_assert_cmpint(vfs_begin(daemon, OF_HOST(0), &other, &problem), ==, OUTCOME_BUSY);
        g_assert_cmpint(daemon_begin(daemon, PLAN_DETACH, VF(0), &other, &problem), ==, OUTCOME_BUSY);
        g_assert_cmpint(daemon_begin(daemon, PLAN_DETACH, PF, &other, &problem), ==, OUTCOME_BUSY);
        fake_kernel_do(host->fake, "resume");
        daemon_await(daemon, &answer);
        g_assert_cmpint(answer.outcome, ==, OUTCOME_DONE);

        /* A job on a VF blocks changes of the card. */
        fake_kernel_do(host->fake, "stall 1");
        daemon_must_begin(daemon, PLAN_REATTACH, VF(1), &other);
        fake_kernel_do(host->fake, "wait-pending 1");
        g_assert_cmpint(vfs_begin(daemon, OF_HOST(0), &late, &problem), ==, OUTCOME_BUSY);
        fake_kernel_do(host->fake, "resume");
        daemon_await(daemon, &other);
        daemon_stop(daemon);
        host_free(host);
}

static bool is_gone(Daemon *daemon, const void *what) {
        return !inventory_find_device(daemon->host->inventory, address_of(what));
}

/* Another program changes the VFs after the plan was made: they must not vanish unnoticed. */
static void test_created_meanwhile(void) {
        static const char *const counts[] = {"0", "1"}; /* before */
        static const unsigned overrides = 1U << GUARD_VIRTUAL_FUNCTIONS;

        for (unsigned i = 0; i < G_N_ELEMENTS(counts); i++) {
                g_autoptr(Host) host = vfs_host();
                _cleanup_problem_ Problem problem = {}, none = {};

                fake_kernel_do(host->fake, "modprobe vfio_pci");
                g_assert_cmpint(fake_kernel_write(host->fake, counts[i], PF_COUNT), ==, 0);
                Plan *plan = host_plan(host, PLAN_DETACH, PF);
                plan->overrides = overrides;
                g_assert_cmpint(fake_kernel_write(host->fake, "0", PF_COUNT), ==, 0);
                g_assert_cmpint(fake_kernel_write(host->fake, "2", PF_COUNT), ==, 0);
                g_autofree char *before = fake_kernel_snapshot(host->fake);
                fake_kernel_do(host->fake, "reset-writes");
                g_assert_cmpint(host_run(host, plan, &problem), ==, OUTCOME_FAILED);
                g_assert_cmpstr(problem.message, ==,
                                "Another program has just changed the virtual functions of " PF ". Nothing was "
                                "changed: try again.");
                g_assert_cmpuint(count_writes(host), ==, 0);
                assert_snapshot(host, before);
                assert_nothing_recorded(host);

                plan = host_plan(host, PLAN_DETACH, PF);
                plan->overrides = overrides;
                g_assert_cmpint(host_run(host, plan, &none), ==, 0);
                g_assert_cmpuint(count_detached_devices(host), ==, 3);
                host_must_move(host, PLAN_REATTACH, PF);
                assert_snapshot(host, before);
        }
}

/* If the card is pulled in the middle, nothing remains to be reverted. */
static void test_pulled(void) {
        for (unsigned k = 1; k <= 6; k++) {
                Host *host = vfs_host();
                Daemon *daemon = daemon_start(host, &patient);
                _cleanup_answer_ Answer answer = {};

                fake_kernel_do(host->fake, "vanish %u " PF, k);
                vfs_must_begin(daemon, ON_VFIO(2), &answer);
                daemon_await(daemon, &answer);
                g_assert_cmpint(answer.outcome, !=, OUTCOME_DONE);
                daemon_run_until(daemon, is_gone, PF);
                assert_model_is_current(daemon);
                daemon_stop(daemon);
                daemon = daemon_start(host, &patient);
                daemon_await_quiet(daemon);
                assert_nothing_recorded(host);
                daemon_stop(daemon);
                host_free(host);
        }
}

static void test_cancel(void) {
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);

        fake_kernel_do(host->fake, "modprobe vfio_pci");
        vfs_must_set(daemon, OF_HOST(1), OUTCOME_DONE);
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        for (unsigned k = 1; k <= 8; k++) {
                _cleanup_answer_ Answer answer = {};
                _cleanup_problem_ Problem problem = {};

                fake_kernel_do(host->fake, "stall-after %u", k);
                vfs_must_begin(daemon, ON_VFIO(3), &answer);
                fake_kernel_do(host->fake, "wait-pending 1");
                Job *job = job_next(daemon->jobs, NULL);
                g_assert_cmpint(job_cancel(job, &problem), ==, 0);
                fake_kernel_do(host->fake, "resume");
                daemon_await(daemon, &answer);
                g_assert_cmpstr(outcome_to_string(answer.outcome), ==, "Cancelled");
                assert_snapshot(host, before);
                assert_nothing_recorded(host);
                assert_model_is_current(daemon);
        }
        daemon_stop(daemon);
        host_free(host);
}

/* Two hundred VFs, which the host's VF driver never binds; one is reattached, and the others are removed at once. */
static void test_many(void) {
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);

        vfs_must_set(daemon, &(VfRequest){BIG_PF, 200, VFS_DETACHED}, OUTCOME_DONE);
        assert_vfs(host, BIG_PF, 200, "vfio-pci");
        assert_autoprobe(host, BIG_PF, true);
        g_assert_cmpuint(count_detached_devices(host), ==, 200);
        assert_model_is_current(daemon);
        daemon_stop(daemon);
        daemon = daemon_start(host, &patient);
        g_assert_cmpint(daemon_state(daemon, "0000:20:1f.7"), ==, DEVICE_DETACHED);
        daemon_move(daemon, PLAN_REATTACH, "0000:20:1f.7", OUTCOME_DONE);
        assert_driver(host, "0000:20:1f.7", "mlx5_core");
        vfs_must_set(daemon, &(VfRequest){BIG_PF, 0}, OUTCOME_DONE);
        g_assert_cmpuint(vfs_count(host, BIG_PF), ==, 0);
        assert_nothing_recorded(host);
        assert_model_is_current(daemon);
        daemon_stop(daemon);
        host_free(host);
}

/* An administrator removes VFs that vfiod detached: VFs that are created later are new VFs. */
static void test_removed_by_hand(void) {
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);

        vfs_must_set(daemon, ON_VFIO(2), OUTCOME_DONE);
        g_assert_cmpint(fake_kernel_write(host->fake, "0", "sys/bus/pci/devices/" PF "/sriov_numvfs"), ==, 0);
        assert_model_is_current(daemon);
        assert_nothing_recorded(host);
        g_assert_null(inventory_find_device(host->inventory, address_of(VF(0))));
        /* This also applies if no daemon noticed it. */
        vfs_must_set(daemon, ON_VFIO(2), OUTCOME_DONE);
        daemon_stop(daemon);
        g_assert_cmpint(fake_kernel_write(host->fake, "0", "sys/bus/pci/devices/" PF "/sriov_numvfs"), ==, 0);
        daemon = daemon_start(host, &patient);
        /* The manager does this at its start. */
        g_assert_cmpint(state_forget_unneeded(host->state, host->inventory), ==, 0);
        assert_model_is_current(daemon);
        assert_nothing_recorded(host);
        daemon_stop(daemon);
        host_free(host);
}

/* A VF is detached before the model knows that it is one: the kernel sends its event before it creates the link to the PF.
 * When it is removed, it is not expected back, as a card that was pulled is. */
static void test_unknown(void) {
        Host *host = vfs_host();
        Daemon *daemon = daemon_start(host, &patient);

        vfs_must_set(daemon, OF_HOST(2), OUTCOME_DONE);
        inventory_find_device(host->inventory, address_of(VF(0)))->virtual_function = false;
        daemon_move(daemon, PLAN_DETACH, VF(0), OUTCOME_DONE);
        g_assert_true(inventory_find_device(host->inventory, address_of(VF(0)))->origin->virtual_function);
        g_assert_cmpint(fake_kernel_write(host->fake, "0", "sys/bus/pci/devices/" PF "/sriov_numvfs"), ==, 0);
        assert_model_is_current(daemon);
        assert_nothing_recorded(host);
        g_assert_null(inventory_find_device(host->inventory, address_of(VF(0))));
        daemon_stop(daemon);
        host_free(host);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfs/detached", test_detached);
        g_test_add_func("/vfs/host-driver", test_host_driver);
        g_test_add_func("/vfs/driverless", test_driverless);
        g_test_add_func("/vfs/refusals", test_refusals);
        g_test_add_func("/vfs/detached-pf", test_detached_pf);
        g_test_add_func("/vfs/driver-without-vfs", test_driver_without_vfs);
        g_test_add_func("/vfs/denylist", test_denylist);
        g_test_add_func("/vfs/count-errors", test_count_errors);
        g_test_add_func("/vfs/not-isolated", test_not_isolated);
        g_test_add_func("/vfs/held", test_held);
        g_test_add_func("/vfs/busy", test_busy);
        g_test_add_func("/vfs/created-meanwhile", test_created_meanwhile);
        g_test_add_func("/vfs/pulled", test_pulled);
        g_test_add_func("/vfs/cancel", test_cancel);
        g_test_add_func("/vfs/many", test_many);
        g_test_add_func("/vfs/removed-by-hand", test_removed_by_hand);
        g_test_add_func("/vfs/unknown", test_unknown);
        return g_test_run();
}
