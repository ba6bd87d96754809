/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "lease-bed.h"
#include "state/lease-file.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* The table of leases without the bus: numbers, limits, and what systemd keeps. */

#define MANY_GROUP 77

/* userdata is the number of descriptors that are kept. */
static int keep(void *userdata, const char *name, int fd) {
        unsigned *n = userdata;

        g_assert_true(g_str_has_prefix(name, "lease-"));
        g_assert_cmpint(fd, >=, 0);
        ++*n;
        return 0;
}

static void drop(void *userdata, const char *name) {
        unsigned *n = userdata;

        g_assert_true(g_str_has_prefix(name, "lease-"));
        --*n;
}

static bool are_two(Daemon *daemon, const void *what) {
        const unsigned *n = what;

        (void)daemon;
        return *n == 2;
}

/* A lease that does not begin leaves no descriptor behind: there is room for few of them. */
static void test_store(void) {
        static const JobLimits one = {.step_deadline_us = 60 * G_USEC_PER_SEC,
                        .names_deadline_us = 60 * G_USEC_PER_SEC,
                        .jobs = {.total = 1},
                        .plans = {.total = 1}};
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &one);
        _cleanup_answer_ Answer first = {};
        _cleanup_problem_ Problem problem = {};
        unsigned n_kept = 0, n_answers = 0;
        DescriptorStore store = {.keep = keep, .drop = drop, .userdata = &n_kept};
        LeaseTable *table = lease_bed_start(daemon, &store);

        /* There are too many jobs. */
        fake_kernel_do(host->fake, "stall 1");
        daemon_must_begin(daemon, PLAN_DETACH, "ens3", &first);
        fake_kernel_do(host->fake, "wait-pending 1");
        g_assert_cmpint(lease_bed_begin(daemon, table, "ens1", &n_answers, &problem), ==, OUTCOME_LIMITS_EXCEEDED);
        g_assert_cmpuint(n_kept, ==, 0);
        fake_kernel_do(host->fake, "resume");
        daemon_await(daemon, &first);

        /* The job fails. */
        fake_kernel_do(host->fake, "fail 1 EIO");
        g_assert_cmpint(lease_bed_begin(daemon, table, "ens1", &n_answers, &problem), ==, 0);
        g_assert_cmpuint(n_kept, ==, 1);
        daemon_run_until(daemon, lease_bed_is_answered, &n_answers);
        g_assert_cmpuint(n_answers, ==, 1);
        g_assert_null(lease_next(table, NULL));
        g_assert_cmpuint(n_kept, ==, 0);
        daemon_await_quiet(daemon);
        worker_port_done((WorkerPort *)&daemon->port);
        lease_table_free(table);
}

static bool has_no_job(Daemon *daemon, const void *what) {
        (void)what;
        return !job_next(daemon->jobs, NULL);
}

/* The job fails while a worker still writes the file of the lease. The caller gets the answer when the lease is gone, so
 * that the caller can ask for the group again at once. */
static void test_failure(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_problem_ Problem problem = {};
        unsigned n_kept = 0, n_answers = 0;
        DescriptorStore store = {.keep = keep, .drop = drop, .userdata = &n_kept};
        LeaseTable *table = lease_bed_start(daemon, &store);

        int folder_fd = lease_bed_lock(host);
        fake_kernel_do(host->fake, "fail 1 EIO");
        g_assert_cmpint(lease_bed_begin(daemon, table, "ens1", &n_answers, &problem), ==, 0);
        daemon_run_until(daemon, has_no_job, NULL);
        g_assert_cmpuint(n_answers, ==, 0);
        g_assert_cmpint(lease_bed_begin(daemon, table, "ens1", &n_answers, &problem), ==, OUTCOME_LEASED);
        (void)close(folder_fd);
        daemon_run_until(daemon, lease_bed_is_answered, &n_answers);
        g_assert_null(lease_next(table, NULL));
        g_assert_cmpint(lease_bed_begin(daemon, table, "ens1", &n_answers, &problem), ==, 0);
        daemon_run_until(daemon, are_two, &n_answers);
        worker_port_done((WorkerPort *)&daemon->port);
        lease_table_free(table);
}

static void write_file(const Host *host, unsigned number, const char *address) {
        PciAddress addresses[] = {address_of(address)};
        LeaseFile file = {.number = number, .uid = 1000, .addresses = addresses, .n_addresses = 1};

        g_assert_cmpint(lease_file_write(host->state->leases_fd, &file), ==, 0);
}

/* Returns how many leases there are, and checks that no two have the same number. */
static unsigned count_numbers(const LeaseTable *table) {
        unsigned n = 0;

        for (const Lease *lease = lease_next(table, NULL); lease; lease = lease_next(table, lease), n++)
                g_assert_true(lease_find(table, lease_describe(lease).number) == lease);
        return n;
}

/* After the highest number, a number that another lease has is not given again. */
static void test_numbers(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_problem_ Problem problem = {};
        StoredDescriptor stored[] = {
                        {.name = "lease-1-guard"}, {.name = "lease-2-guard"}, {.name = "lease-999999999-guard"}};
        unsigned n_kept = G_N_ELEMENTS(stored), n_answers = 0;
        DescriptorStore store = {.stored = stored,
                        .n_stored = G_N_ELEMENTS(stored),
                        .keep = keep,
                        .drop = drop,
                        .userdata = &n_kept};
        int guards[G_N_ELEMENTS(stored)];

        for (size_t i = 0; i < G_N_ELEMENTS(stored); i++) {
                int ends[2];

                g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
                stored[i].fd = ends[0];
                guards[i] = ends[1];
        }
        write_file(host, FILE_NUMBER_MAX, "0000:7f:00.2");
        write_file(host, 1, "0000:7f:00.0");
        write_file(host, 2, "0000:7f:00.1");
        LeaseTable *table = lease_bed_start(daemon, &store);
        g_assert_cmpint(lease_bed_begin(daemon, table, "ens1", &n_answers, &problem), ==, 0);
        g_assert_cmpint(lease_bed_begin(daemon, table, "ens3", &n_answers, &problem), ==, 0);
        g_assert_cmpuint(count_numbers(table), ==, 5);
        daemon_run_until(daemon, are_two, &n_answers);
        worker_port_done((WorkerPort *)&daemon->port);
        lease_table_free(table);
        for (size_t i = 0; i < G_N_ELEMENTS(stored); i++) {
                (void)close(stored[i].fd);
                (void)close(guards[i]);
        }
}

/* Limits. */

static void plug_many(Host *host, unsigned first, unsigned end) {
        for (unsigned i = first; i < end; i++)
                fake_kernel_do(host->fake, "plug 0000:%02x:%02x.%u vendor=8086 device=100e class=020000 group=%d",
                                0x20 + i / 256, i / 8 % 32, i % 8, MANY_GROUP);
        host_read(host);
}

/* A guard that systemd has kept for this lease. Returns its other end. */
static int keep_guard(StoredDescriptor *stored, const char *name) {
        int ends[2];

        g_assert_cmpint(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), ==, 0);
        (void)g_strlcpy(stored->name, name, sizeof(stored->name));
        stored->fd = ends[0];
        return ends[1];
}

#define GARBAGE 2500

/* What is no lease: damaged files, links, pipes and folders. */
static void fill_folder(const Host *host) {
        int folder_fd = host->state->leases_fd;

        for (unsigned i = 0; i < GARBAGE; i++) {
                g_autofree char *file = g_strdup_printf("%u", 10000 + i), *link = g_strdup_printf("%u", 20000 + i),
                                *pipe = g_strdup_printf("%u", 30000 + i), *folder = g_strdup_printf("%u", 40000 + i);

                int fd = openat(folder_fd, file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
                g_assert_cmpint(fd, >=, 0);
                g_assert_cmpint(write(fd, "vfiod-lease 1 ", 14), ==, 14);
                (void)close(fd);
                g_assert_cmpint(symlinkat(i % 2 ? "/etc/shadow" : "1000", folder_fd, link), ==, 0);
                g_assert_cmpint(mkfifoat(folder_fd, pipe, 0644), ==, 0);
                g_assert_cmpint(mkdirat(folder_fd, folder, 0755), ==, 0);
        }
}

static void empty_folder(const Host *host) {
        g_autofree char *path = g_build_filename(host->state_folder, "leases", NULL);
        g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);

        for (const char *name; (name = g_dir_read_name(folder));) {
                g_autofree char *file = g_build_filename(path, name, NULL);

                g_assert_cmpint(g_remove(file), ==, 0);
        }
}

/* 10,000 files in the folder are no leases. vfiod starts soon, and the lease among them goes on. */
static void test_garbage(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        StoredDescriptor stored = {};
        unsigned n_kept = 1;
        DescriptorStore store = {.stored = &stored, .n_stored = 1, .keep = keep, .drop = drop, .userdata = &n_kept};

        int guard = keep_guard(&stored, "lease-1000-guard");
        fill_folder(host);
        write_file(host, 1000, "0000:7f:00.0");
        gint64 begin = g_get_monotonic_time();
        LeaseTable *table = lease_bed_start(daemon, &store);
        g_assert_cmpint(g_get_monotonic_time() - begin, <, 5 * G_USEC_PER_SEC);
        const Lease *lease = lease_next(table, NULL);
        g_assert_nonnull(lease);
        g_assert_cmpuint(lease_describe(lease).number, ==, 1000);
        g_assert_cmpint(lease_describe(lease).state, ==, LEASE_ACTIVE);
        g_assert_null(lease_next(table, lease));
        g_assert_cmpuint(n_kept, ==, 1);
        g_assert_cmpuint(host->state->n_reported, ==, G_N_ELEMENTS(host->state->reported));
        worker_port_done((WorkerPort *)&daemon->port);
        lease_table_free(table);
        empty_folder(host);
        (void)close(stored.fd);
        (void)close(guard);
}

/* More files of leases than there can be leases: those whose guard systemd has kept are among those that go on. */
static void test_too_many(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        StoredDescriptor stored[2] = {};
        unsigned n_kept = 2;
        DescriptorStore store = {.stored = stored, .n_stored = 2, .keep = keep, .drop = drop, .userdata = &n_kept};
        int guards[] = {keep_guard(&stored[0], "lease-1-guard"), keep_guard(&stored[1], "lease-40-guard")};

        for (unsigned i = 1; i <= 40; i++)
                write_file(host, i, "0000:7f:00.0");
        LeaseTable *table = lease_bed_start(daemon, &store);
        /* Twice the quota of the bed. */
        g_assert_cmpuint(count_numbers(table), ==, 16);
        for (unsigned i = 0; i < G_N_ELEMENTS(guards); i++) {
                const Lease *lease = lease_find(table, i == 0 ? 1 : 40);

                g_assert_nonnull(lease);
                g_assert_cmpint(lease_describe(lease).state, ==, LEASE_ACTIVE);
        }
        g_assert_cmpuint(n_kept, ==, 2);
        worker_port_done((WorkerPort *)&daemon->port);
        lease_table_free(table);
        for (unsigned i = 0; i < G_N_ELEMENTS(guards); i++) {
                (void)close(stored[i].fd);
                (void)close(guards[i]);
        }
}

static void expect_many(Daemon *daemon, LeaseTable *table, bool descriptors, const char *message) {
        _cleanup_problem_ Problem problem = {};
        unsigned n_answers = 0;

        g_assert_cmpint(lease_bed_begin_detached(daemon, table, "group:77", descriptors, &n_answers, &problem), ==,
                        OUTCOME_LIMITS_EXCEEDED);
        g_assert_cmpstr(problem.message, ==, message);
        g_assert_null(lease_next(table, NULL));
}

/* As many devices as a lease can have, and one more: with descriptors, the kernel cannot pass more with one packet. */
static void test_many_devices(void) {
        g_autoptr(Host) host = host_new();
        g_autoptr(Daemon) daemon = daemon_start(host, &patient);
        _cleanup_problem_ Problem problem = {};
        unsigned n_answers = 0;
        LeaseTable *table = lease_bed_start(daemon, NULL);

        plug_many(host, 0, 253);
        expect_many(daemon, table, true, "Group 77 has 253 devices, but a lease can have at most 252.");
        plug_many(host, 253, 1025);
        expect_many(daemon, table, true, "Group 77 has 1025 devices, but a lease can have at most 252.");
        expect_many(daemon, table, false, "Group 77 has 1025 devices, but a lease can have at most 1024.");
        fake_kernel_do(host->fake, "unplug 0000:24:00.0");
        host_read(host);
        g_assert_cmpint(lease_bed_begin_detached(daemon, table, "group:77", false, &n_answers, &problem), ==, 0);
        g_assert_cmpuint(lease_describe(lease_next(table, NULL)).n_addresses, ==, 1024);
        lease_table_free(table);
        g_assert_cmpuint(n_answers, ==, 1);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/lease-table/store", test_store);
        g_test_add_func("/lease-table/failure", test_failure);
        g_test_add_func("/lease-table/numbers", test_numbers);
        g_test_add_func("/lease-table/garbage", test_garbage);
        g_test_add_func("/lease-table/too-many", test_too_many);
        g_test_add_func("/lease-table/many-devices", test_many_devices);
        return g_test_run();
}
