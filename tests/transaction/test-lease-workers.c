/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease-bed.h"
#include "state/lease-file.h"

#include <acl/libacl.h>
#include <sys/acl.h>
#include <sys/socket.h>

/* Leases whose worker dies, or whose search for holders takes long. */

static void note_lingering(const Lease *lease, LeaseEvent event, void *userdata) {
        bool *lingers = userdata;

        *lingers |= event == LEASE_CHANGED && lease_describe(lease).state == LEASE_LINGERING;
}

typedef struct Ending {
        const LeaseTable *table;
        bool lingers;
} Ending;

static bool is_over_or_lingers(Daemon *daemon, const void *what) {
        const Ending *ending = what;

        (void)daemon;
        return ending->lingers || !lease_next(ending->table, NULL);
}

static bool is_reattached_or_lingers(Daemon *daemon, const void *what) {
        const Ending *ending = what;

        return ending->lingers || job_next(daemon->jobs, NULL);
}

/* A process has the device open. While vfiod-census searches for it, the lease is released by force: the lease does not wait for
 * the process. */
static void test_forced_release(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_problem_ Problem problem = {};
        unsigned n_answers = 0;
        SlowCensus census = {};

        slow_census_begin(&census, daemon);
        LeaseTable *table = lease_bed_start_with(daemon, NULL, &census.table);
        Ending ending = {.table = table};
        lease_table_watch(table, note_lingering, &ending.lingers);
        g_assert_cmpint(lease_bed_begin(daemon, table, "ens1", &n_answers, &problem), ==, 0);
        daemon_run_until(daemon, lease_bed_is_answered, &n_answers);
        pid_t holder = host_fork_holder(host);
        host_show_process(host, holder);

        Lease *lease = lease_find(table, 1);
        g_assert_nonnull(lease);
        g_assert_cmpint(lease_release(lease, false, &problem), ==, 0);
        daemon_run_until(daemon, slow_census_is_asked, &census);
        g_assert_cmpint(lease_release(lease, true, &problem), ==, 0);
        slow_census_answer(&census, daemon);
        daemon_run_until(daemon, is_reattached_or_lingers, &ending);
        g_assert_false(ending.lingers);
        /* The kernel waits for the process. */
        host_end_holder(holder);
        daemon_run_until(daemon, is_over_or_lingers, &ending);
        g_assert_false(ending.lingers);
        assert_driver(host, PORT1, "e1000");
        worker_port_done((WorkerPort *)&daemon->port);
        slow_census_end(&census);
        lease_table_free(table);
}

/* The same search finds the process if nobody asks for force. */
static void test_release(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_problem_ Problem problem = {};
        unsigned n_answers = 0;
        SlowCensus census = {};

        slow_census_begin(&census, daemon);
        LeaseTable *table = lease_bed_start_with(daemon, NULL, &census.table);
        Ending ending = {.table = table};
        lease_table_watch(table, note_lingering, &ending.lingers);
        g_assert_cmpint(lease_bed_begin(daemon, table, "ens1", &n_answers, &problem), ==, 0);
        daemon_run_until(daemon, lease_bed_is_answered, &n_answers);
        pid_t holder = host_fork_holder(host);
        host_show_process(host, holder);
        g_assert_cmpint(lease_release(lease_find(table, 1), false, &problem), ==, 0);
        daemon_run_until(daemon, slow_census_is_asked, &census);
        slow_census_answer(&census, daemon);
        daemon_run_until(daemon, is_over_or_lingers, &ending);
        g_assert_true(ending.lingers);
        host_end_holder(holder);
        worker_port_done((WorkerPort *)&daemon->port);
        slow_census_end(&census);
        lease_table_free(table);
}

/* Access to new nodes. */

static bool has_worker(Daemon *daemon, const void *what) {
        (void)daemon, (void)what;
        return find_worker() > 0;
}

static bool has_no_worker(Daemon *daemon, const void *what) {
        return !has_worker(daemon, what);
}

/* A worker that dies before it answers. */
static int connect_dead(void *userdata) {
        int ends[2];

        (void)userdata;
        g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), ==, 0);
        (void)close(ends[1]);
        return ends[0];
}

static bool is_changed(Daemon *daemon, const void *what) {
        const unsigned *n = what;

        (void)daemon;
        return *n > 0;
}

static void count_changes(const Lease *lease, LeaseEvent event, void *userdata) {
        unsigned *n = userdata;

        (void)lease;
        *n += event == LEASE_CHANGED;
}

/* The worker is killed while it gives access: the next worker does it. */
static void test_killed_worker(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_lease_file_ LeaseFile file = {};
        _cleanup_problem_ Problem problem = {};
        unsigned n_answers = 0;
        LeaseTable *table = lease_bed_start(daemon, NULL);

        daemon_move(daemon, PLAN_DETACH, "ens1", OUTCOME_DONE);
        daemon_run_until(daemon, has_no_worker, NULL);
        int folder_fd = lease_bed_lock(host);
        g_assert_cmpint(lease_bed_begin_detached(daemon, table, "ens1", false, &n_answers, &problem), ==, 0);
        daemon_run_until(daemon, has_worker, NULL);
        kill_worker(host, false);
        (void)close(folder_fd);
        daemon_run_until(daemon, lease_bed_is_answered, &n_answers);
        g_assert_nonnull(lease_find(table, 1));
        g_assert_cmpint(lease_describe(lease_find(table, 1)).state, ==, LEASE_ACTIVE);
        g_assert_cmpint(lease_file_read(host->state->leases_fd, 1, &file), ==, 0);
        worker_port_done((WorkerPort *)&daemon->port);
        lease_table_free(table);
}

/* The kernel makes the node again, but the user cannot get access to it. The lease goes on, and its file remains, so that its end
 * takes the access away and reattaches the group. */
static void test_failed_again(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_lease_file_ LeaseFile file = {};
        _cleanup_problem_ Problem problem = {};
        unsigned n_answers = 0, n_changes = 0;
        SlowCensus census = {};

        slow_census_begin(&census, daemon);
        LeaseTable *table = lease_bed_start_with(daemon, NULL, &census.table);
        g_assert_cmpint(lease_bed_begin(daemon, table, "ens1", &n_answers, &problem), ==, 0);
        daemon_run_until(daemon, lease_bed_is_answered, &n_answers);
        g_assert_cmpint(fake_kernel_write(host->fake, PORT1, "sys/bus/pci/drivers/vfio-pci/unbind"), ==, 0);
        daemon_await_state(daemon, PORT1, DEVICE_DRIVERLESS);
        lease_table_process(table);
        g_assert_cmpint(fake_kernel_write(host->fake, PORT1, "sys/bus/pci/drivers/vfio-pci/bind"), ==, 0);
        daemon_await_state(daemon, PORT1, DEVICE_LEASED);

        lease_table_watch(table, count_changes, &n_changes);
        int (*connect_before)(void *userdata) = daemon->port.connect;
        daemon->port.connect = connect_dead;
        lease_table_process(table);
        daemon_run_until(daemon, is_changed, &n_changes);
        daemon->port.connect = connect_before;
        Lease *lease = lease_find(table, 1);
        g_assert_nonnull(lease);
        g_assert_cmpint(lease_describe(lease).state, ==, LEASE_ACTIVE);
        g_assert_cmpint(lease_file_read(host->state->leases_fd, 1, &file), ==, 0);

        /* It is not tried again. Then the lease ends as usual. */
        lease_table_process(table);
        Ending ending = {.table = table};
        lease_table_watch(table, note_lingering, &ending.lingers);
        g_assert_cmpint(lease_release(lease, false, &problem), ==, 0);
        daemon_run_until(daemon, slow_census_is_asked, &census);
        slow_census_answer(&census, daemon);
        daemon_run_until(daemon, is_over_or_lingers, &ending);
        assert_driver(host, PORT1, "e1000");
        worker_port_done((WorkerPort *)&daemon->port);
        slow_census_end(&census);
        lease_table_free(table);
}

static void expect_access(const Host *host, const char *node) {
        g_autofree char *path = g_build_filename(fake_kernel_get_root(host->fake), node, NULL);

        acl_t acl = acl_get_file(path, ACL_TYPE_ACCESS);
        g_assert_nonnull(acl);
        char *text = acl_to_any_text(acl, NULL, ',', TEXT_NUMERIC_IDS);
        g_assert_cmpstr(text, ==, "user::rw-,user:1000:rw-,group::---,mask::rw-,other::---");
        (void)acl_free(text);
        (void)acl_free(acl);
}

/* The device is unbound and bound again before vfiod handles the events. vfiod gives access to the new node. */
static void check_rebound(const char *selector, const char *address, bool cdevs) {
        g_autoptr(Host) host = host_new();
        if (cdevs)
                fake_kernel_do(host->fake, "cdevs on");
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_problem_ Problem problem = {};
        unsigned n_answers = 0, n_changes = 0;
        LeaseTable *table = lease_bed_start(daemon, NULL);

        g_assert_cmpint(lease_bed_begin(daemon, table, selector, &n_answers, &problem), ==, 0);
        daemon_run_until(daemon, lease_bed_is_answered, &n_answers);
        assert_model_is_current(daemon);
        lease_table_watch(table, count_changes, &n_changes);
        lease_table_process(table);
        daemon_run_until(daemon, has_no_worker, NULL);
        g_assert_cmpuint(n_changes, ==, 0);

        g_assert_cmpint(fake_kernel_write(host->fake, address, "sys/bus/pci/drivers/vfio-pci/unbind"), ==, 0);
        g_assert_cmpint(fake_kernel_write(host->fake, address, "sys/bus/pci/drivers/vfio-pci/bind"), ==, 0);
        assert_model_is_current(daemon);
        lease_table_process(table);
        daemon_run_until(daemon, is_changed, &n_changes);
        g_autofree char *node = cdevs ? host_cdev_of(host, address) : g_strdup_printf("dev/vfio/%d", OTHER_NIC_GROUP);
        expect_access(host, node);
        lease_table_process(table);
        daemon_run_until(daemon, has_no_worker, NULL);
        g_assert_cmpuint(n_changes, ==, 1);
        worker_port_done((WorkerPort *)&daemon->port);
        lease_table_free(table);
}

static void test_rebound(void) {
        check_rebound("ens3", OTHER_NIC, false);
}

/* The other device of the group keeps the node of the group, but the device has a new node of its own. */
static void test_rebound_cdev(void) {
        check_rebound("ens1", PORT1, true);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/lease-workers/release", test_release);
        g_test_add_func("/lease-workers/forced-release", test_forced_release);
        g_test_add_func("/lease-workers/killed-worker", test_killed_worker);
        g_test_add_func("/lease-workers/failed-again", test_failed_again);
        g_test_add_func("/lease-workers/rebound", test_rebound);
        g_test_add_func("/lease-workers/rebound-cdev", test_rebound_cdev);
        return g_test_run();
}
