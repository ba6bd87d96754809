/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "request.h"
#include "vfs.h"

#include <fcntl.h>

/* The kernel reports success for a write and does nothing: the step that wrote it notices it, no later step runs, and
 * everything is as before. */

#define PORT1_OVERRIDE "sys/bus/pci/devices/" PORT1 "/driver_override="
#define PORT2_OVERRIDE "sys/bus/pci/devices/" PORT2 "/driver_override="
#define PORT1_D3COLD "sys/bus/pci/devices/" PORT1 "/d3cold_allowed="
#define PORT1_CONTROL "sys/bus/pci/devices/" PORT1 "/power/control="
#define PORT2_CONTROL "sys/bus/pci/devices/" PORT2 "/power/control="

typedef struct Write {
        const char *text;    /* the write that is ignored */
        const char *message; /* how the cause begins */
} Write;

/* All writes of a detach, and all of a reattach. */
static const Write detach_writes[] = {
                {PORT2_OVERRIDE "vfio-pci", "driver_override of " PORT2 " is '' after 'vfio-pci' was written."},
                {PORT1_OVERRIDE "vfio-pci", "driver_override of " PORT1 " is '' after 'vfio-pci' was written."},
                {"sys/bus/pci/drivers/e1000/unbind=" PORT2, PORT2 " is still on e1000 after its unbind."},
                {"sys/bus/pci/drivers/e1000/unbind=" PORT1, PORT1 " is still on e1000 after its unbind."},
                {"sys/bus/pci/drivers_probe=" PORT2, "DriverDidNotBind: Driver vfio-pci did not bind to " PORT2},
                {"sys/bus/pci/drivers_probe=" PORT1, "DriverDidNotBind: Driver vfio-pci did not bind to " PORT1},
};

static const Write reattach_writes[] = {
                {PORT1_OVERRIDE "e1000", "driver_override of " PORT1 " is 'vfio-pci' after 'e1000' was written."},
                {PORT2_OVERRIDE "e1000", "driver_override of " PORT2 " is 'vfio-pci' after 'e1000' was written."},
                {"sys/bus/pci/drivers/vfio-pci/unbind=" PORT1, PORT1 " is still on vfio-pci after its unbind."},
                {"sys/bus/pci/drivers/vfio-pci/unbind=" PORT2, PORT2 " is still on vfio-pci after its unbind."},
                {"sys/bus/pci/drivers_probe=" PORT1, "DriverDidNotBind: Driver e1000 did not bind to " PORT1},
                {PORT1_OVERRIDE, "driver_override of " PORT1 " is 'e1000' after '' was written."},
                {"sys/bus/pci/drivers_probe=" PORT2, "DriverDidNotBind: Driver e1000 did not bind to " PORT2},
                {PORT2_OVERRIDE, "driver_override of " PORT2 " is 'e1000' after '' was written."},
                {PORT1_D3COLD "0", "The power settings of " PORT1 " are not as they were written."},
                {PORT1_CONTROL "auto", "The power settings of " PORT1 " are not as they were written."},
};

static void ignore_one(Host *host, PlanVerb verb, const Write *write, unsigned k) {
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        unsigned n_records = count_detached_devices(host);
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(host->fake, "reset-writes");
        fake_kernel_do(host->fake, "ignore %u", k);
        int r = host_move(host, verb, "ens1", &problem);
        g_test_message("%s, %s: %s", plan_verb_to_string(verb), write->text, strempty(problem.message));
        g_assert_cmpint(r, ==, OUTCOME_ROLLED_BACK);
        g_assert_true(g_str_has_prefix(problem.message, write->message));
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);
        g_assert_cmpstr(writes[k - 1], ==, write->text);
        assert_snapshot(host, before);
        g_assert_cmpuint(count_detached_devices(host), ==, n_records);
        g_assert_cmpuint(count_transactions(host), ==, 0);
}

static void test_detach(void) {
        g_autoptr(Host) host = host_new();

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        for (unsigned i = 0; i < G_N_ELEMENTS(detach_writes); i++)
                ignore_one(host, PLAN_DETACH, &detach_writes[i], i + 1);
        host_must_move(host, PLAN_DETACH, "ens1");
}

static void test_reattach(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *at_home = fake_kernel_snapshot(host->fake);

        host_must_move(host, PLAN_DETACH, "ens1");
        /* Otherwise only power/control has to be restored. */
        fake_kernel_do(host->fake, "set " PORT1 " d3cold_allowed 1");
        for (unsigned i = 0; i < G_N_ELEMENTS(reattach_writes); i++)
                ignore_one(host, PLAN_REATTACH, &reattach_writes[i], i + 1);
        host_must_move(host, PLAN_REATTACH, "ens1");
        assert_snapshot(host, at_home);
        assert_nothing_recorded(host);
}

/* A write of the rollback is ignored: the message says what is not as before. */
static void test_rollback(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *at_home = fake_kernel_snapshot(host->fake);
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        /* The second override, and then what clears the first. */
        fake_kernel_do(host->fake, "ignore 2");
        fake_kernel_do(host->fake, "ignore 3");
        g_assert_cmpint(host_move(host, PLAN_DETACH, "ens1", &problem), ==, OUTCOME_DEGRADED);
        g_assert_nonnull(strstr(problem.message, "vfiod could not undo all changes: " PORT2));
        g_assert_nonnull(strstr(problem.message, "driver_override 'vfio-pci' (before: '')"));
        g_assert_cmpuint(count_detached_devices(host), ==, 1);
        host_must_move(host, PLAN_REATTACH, PORT2);
        assert_snapshot(host, at_home);
        assert_nothing_recorded(host);
}

/* A rollback takes all devices from vfio-pci before the first gets its host driver again. */
static void test_rollback_order(void) {
        g_autoptr(Host) host = host_new();
        g_autofree char *at_home = NULL;
        _cleanup_problem_ Problem problem = {};
        unsigned n_unbound = 0;

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        at_home = fake_kernel_snapshot(host->fake);
        /* PORT2 is on vfio-pci when this fails. */
        fake_kernel_do(host->fake, "noprobe " PORT1);
        fake_kernel_do(host->fake, "reset-writes");
        g_assert_cmpint(host_move(host, PLAN_DETACH, "ens1", &problem), ==, OUTCOME_ROLLED_BACK);
        assert_snapshot(host, at_home);
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);
        for (unsigned i = 6; writes[i] && !strstr(writes[i], "drivers_probe"); i++)
                n_unbound += streq(writes[i], "sys/bus/pci/drivers/vfio-pci/unbind=" PORT2);
        g_assert_cmpuint(n_unbound, ==, 1);
}

/* The devices have their host driver already, so only power settings and overrides are written, and only they must be
 * undone. */
static void test_settings_only(void) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};

        fake_kernel_do(host->fake, "set " PORT2 " power/control auto");
        host_must_move(host, PLAN_DETACH, "ens1");
        for (unsigned i = 0; i < 2; i++) {
                const char *port = i == 0 ? PORT1 : PORT2;

                g_assert_cmpint(fake_kernel_write(host->fake, port, "sys/bus/pci/drivers/vfio-pci/unbind"), ==, 0);
                fake_kernel_do(host->fake, "set %s driver_override e1000", port);
                fake_kernel_do(host->fake, "set %s power/control on", port);
                g_assert_cmpint(fake_kernel_write(host->fake, port, "sys/bus/pci/drivers_probe"), ==, 0);
                assert_driver(host, port, "e1000");
        }
        g_autofree char *before = fake_kernel_snapshot(host->fake);

        fake_kernel_do(host->fake, "reset-writes");
        fake_kernel_do(host->fake, "fail 4 EIO");
        int r = host_move(host, PLAN_REATTACH, "ens1", &problem);
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);
        g_assert_cmpstr(writes[2], ==, PORT1_CONTROL "auto");
        g_assert_cmpstr(writes[3], ==, PORT2_CONTROL "auto");
        g_assert_cmpint(r, ==, OUTCOME_ROLLED_BACK);
        assert_snapshot(host, before);
        host_must_move(host, PLAN_REATTACH, "ens1");
        assert_nothing_recorded(host);
}

static void ignore_in_change(Daemon *daemon, const VfRequest *request, unsigned k, const Write *write) {
        g_autofree char *before = fake_kernel_snapshot(daemon->host->fake);

        fake_kernel_do(daemon->host->fake, "reset-writes");
        fake_kernel_do(daemon->host->fake, "ignore %u", k);
        g_autofree char *message = vfs_set(daemon, request, OUTCOME_ROLLED_BACK);
        g_auto(GStrv) writes = fake_kernel_writes(daemon->host->fake);
        g_assert_cmpstr(writes[k - 1], ==, write->text);
        g_assert_true(g_str_has_prefix(message, write->message));
        assert_snapshot(daemon->host, before);
        assert_nothing_recorded(daemon->host);
}

#define PF_ATTRIBUTE(name) "sys/bus/pci/devices/" PF "/" name

/* The number of VFs, and whether drivers bind to them, stays as it is. */
static void test_vfs(void) {
        static const char *const not_off = "sriov_drivers_autoprobe of " PF " cannot be set to 0: it keeps its value",
                                 *const not_on = "sriov_drivers_autoprobe of " PF
                                                 " cannot be set to 1: it keeps its value",
                                 *const not_created = PF " has 0 virtual functions instead of 2.",
                                 *const not_removed = PF " has 2 virtual functions instead of 0.";
        static const VfRequest on_vfio = {PF, 2, VFS_DETACHED}, of_host = {PF, 2}, none = {PF, 0};
        g_autoptr(Host) host = vfs_host();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_reply_ Reply reply = {};

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        ignore_in_change(daemon, &on_vfio, 1, &(Write){PF_ATTRIBUTE("sriov_drivers_autoprobe=0"), not_off});
        ignore_in_change(daemon, &on_vfio, 2, &(Write){PF_ATTRIBUTE("sriov_numvfs=2"), not_created});
        ignore_in_change(daemon, &on_vfio, 7, &(Write){PF_ATTRIBUTE("sriov_drivers_autoprobe=1"), not_on});
        ignore_in_change(daemon, &of_host, 1, &(Write){PF_ATTRIBUTE("sriov_numvfs=2"), not_created});
        vfs_must_set(daemon, &of_host, OUTCOME_DONE);
        ignore_in_change(daemon, &none, 2, &(Write){PF_ATTRIBUTE("sriov_numvfs=0"), not_removed});

        /* The VFs would vanish with the driver of the PF, but not as the plan says. */
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        fake_kernel_do(host->fake, "reset-writes");
        fake_kernel_do(host->fake, "ignore 3");
        const Request detach = {PLAN_DETACH, .selector = PF, .overrides = 1U << GUARD_VIRTUAL_FUNCTIONS};
        request_run(daemon, &detach, OUTCOME_ROLLED_BACK, &reply);
        g_auto(GStrv) writes = fake_kernel_writes(host->fake);
        g_assert_cmpstr(writes[2], ==, PF_ATTRIBUTE("sriov_numvfs=0"));
        g_assert_true(g_str_has_prefix(reply.answer.message, not_removed));
        assert_snapshot(host, before);
        assert_nothing_recorded(host);
}

/* Another /dev, which has a link at the place of the group's node. A link to the node is no node. */
static int open_wrong_dev(Host *host) {
        g_autofree char *folder = g_build_filename(host->folder, "dev", "vfio", NULL),
                        *link = g_strdup_printf("%s/%d", folder, PORTS_GROUP),
                        *node = g_strdup_printf("%s/dev/vfio/%d", fake_kernel_get_root(host->fake), PORTS_GROUP),
                        *parent = g_path_get_dirname(folder);

        g_assert_cmpint(g_mkdir_with_parents(folder, 0700), ==, 0);
        g_assert_cmpint(symlink(node, link), ==, 0);
        int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        g_assert_cmpint(fd, >=, 0);
        return fd;
}

/* A detach does not take another file for the node, and undoes everything. A reattach needs no node. */
static void test_wrong_node(void) {
        g_autoptr(Host) host = host_new();
        _cleanup_problem_ Problem problem = {};
        int wrong_fd = open_wrong_dev(host), dev_fd = host->kernel->dev_fd;

        fake_kernel_do(host->fake, "modprobe vfio-pci");
        g_autofree char *before = fake_kernel_snapshot(host->fake);
        host->kernel->dev_fd = wrong_fd;
        g_assert_cmpint(host_move(host, PLAN_DETACH, "ens1", &problem), ==, OUTCOME_ROLLED_BACK);
        g_assert_nonnull(strstr(problem.message, "/dev/vfio/10 is not the node that the kernel made"));
        assert_snapshot(host, before);
        assert_nothing_recorded(host);

        host->kernel->dev_fd = dev_fd;
        host_must_move(host, PLAN_DETACH, "ens1");
        host->kernel->dev_fd = wrong_fd;
        host_must_move(host, PLAN_REATTACH, "ens1");
        assert_snapshot(host, before);
        host->kernel->dev_fd = dev_fd;
        g_assert_cmpint(close(wrong_fd), ==, 0);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/verify/detach", test_detach);
        g_test_add_func("/verify/reattach", test_reattach);
        g_test_add_func("/verify/rollback", test_rollback);
        g_test_add_func("/verify/rollback-order", test_rollback_order);
        g_test_add_func("/verify/settings-only", test_settings_only);
        g_test_add_func("/verify/vfs", test_vfs);
        g_test_add_func("/verify/wrong-node", test_wrong_node);
        return g_test_run();
}
