/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/file.h"
#include "lessee.h"
#include "polkit-stub.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

/* What others ask for while a lease starts or goes on, and the processes to which a lease can be bound. */

#define OVER BUS_PATH " InterfacesRemoved ('" LEASE1 "'*"
#define NODE "dev/vfio/12"
#define PORTS "{'companions': <['*']>, 'override': <['no-reset']>}"
#define RULE "0000-05-00.0"

static void expect_over(Fixture *fixture) {
        g_free(fixture_expect_signal(fixture, OVER));
        fixture_expect(fixture, BUS_PATH, MANAGER, "ListLeases", NULL, "([],)");
}

/* Rules. */

static int start_claimed(Fixture *fixture) {
        g_autofree char *ticket = lessee_start(fixture, NIC, NO_OPTIONS, LEASE1);
        int guard = lessee_claim(fixture, ticket);

        fixture_wait_property(fixture, LEASE1, LEASE, "State", "'active'");
        return guard;
}

static void add_rule(Fixture *fixture) {
        g_variant_unref(fixture_call(fixture, BUS_PATH, MANAGER, "AddRule", "('" NIC "', " NO_OPTIONS ")", NULL));
}

/* What ListRules says of NIC. */
static void expect_status(Fixture *fixture, const char *expected) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply = fixture_call(fixture, BUS_PATH, MANAGER, "ListRules", NULL, &error);

        g_assert_no_error(error);
        g_autofree char *text = g_variant_print(reply, false);
        if (!strstr(text, expected))
                g_error("%s is not in %s", expected, text);
}

/* The rule does not change the leased card. It is applied when the lease has ended, and has reattached the card. */
static void test_rule(void) {
        Fixture *fixture = fixture_start(NULL);

        int guard = start_claimed(fixture);
        add_rule(fixture);
        expect_status(fixture, "('" NIC "', 'waiting', 'it is leased. ");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'leased'");
        fixture_property(fixture, LEASE1, LEASE, "State", "'active'");
        (void)close(guard);
        expect_over(fixture);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        expect_status(fixture, "('" NIC "', 'applied', ''");
        fixture_stop(fixture);
}

/* The rule is removed before the lease ends. */
static void test_rule_removed(void) {
        Fixture *fixture = fixture_start(NULL);

        int guard = start_claimed(fixture);
        add_rule(fixture);
        manager_expect(fixture, "RemoveRule", RULE, NO_OPTIONS, "()");
        (void)close(guard);
        expect_over(fixture);
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_stop(fixture);
}

/* The lease has not detached the card, so its end does not reattach it. */
static void test_rule_of_detached(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        int guard = start_claimed(fixture);
        add_rule(fixture);
        expect_status(fixture, "('" NIC "', 'waiting', ");
        (void)close(guard);
        expect_over(fixture);
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        expect_status(fixture, "('" NIC "', 'applied', ''");
        fixture_stop(fixture);
}

/* A lease that is starting. */

static const char busy[] = "Lease 1 is just starting: *";

static void refuse_release(Fixture *fixture) {
        fixture_refused(fixture, LEASE1, LEASE, "Release", "(" NO_OPTIONS ",)", "Busy", busy);
        fixture_refused(fixture, LEASE1, LEASE, "Release", "({'force': <true>},)", "Busy", busy);
        fixture_property(fixture, LEASE1, LEASE, "State", "'starting'");
}

static void finish_start(Fixture *fixture, Pending *lease) {
        g_autoptr(GError) error = NULL;
        const char *ticket;

        g_autoptr(GVariant) reply = pending_finish(lease, &error);
        g_assert_no_error(error);
        g_variant_get(reply, "(&o&s@a{sv})", NULL, &ticket, NULL);
        int guard = lessee_claim(fixture, ticket);
        fixture_expect(fixture, LEASE1, LEASE, "Release", "(" NO_OPTIONS ",)", "()");
        expect_over(fixture);
        (void)close(guard);
}

/* Release while the group is detached. */
static void test_release_detaching(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Pending *lease = fixture_call_start(fixture, BUS_PATH, MANAGER, "Lease", "('" NIC "', " NO_OPTIONS ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        refuse_release(fixture);
        fake_kernel_do(fixture->kernel, "resume");
        finish_start(fixture, lease);
        fixture_driver(fixture, NIC, "e1000e");
        fixture_stop(fixture);
}

/* Release while a worker gives access: it waits for the lock of the folder. */
static void test_release_granting(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *folder = g_build_filename(fixture->state_folder, "leases", NULL);

        manager_expect(fixture, "Detach", NIC, NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        _cleanup_close_ int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        int lock_fd = file_lock_folder(folder_fd);
        g_assert_cmpint(lock_fd, >=, 0);
        Pending *lease = fixture_call_start(fixture, BUS_PATH, MANAGER, "Lease", "('" NIC "', " NO_OPTIONS ")");
        fixture_wait_property(fixture, LEASE1, LEASE, "State", "'starting'");
        refuse_release(fixture);
        g_assert_false(pending_is_done(lease));
        (void)close(lock_fd);
        finish_start(fixture, lease);
        fixture_stop(fixture);
}

/* Everybody may open the folder of the leases, and lock it: that stops no lease. */
static void test_locked(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *folder = g_build_filename(fixture->state_folder, "leases", NULL);
        _cleanup_close_ int folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        g_assert_cmpint(flock(folder_fd, LOCK_EX | LOCK_NB), ==, 0);
        finish_start(fixture, fixture_call_start(fixture, BUS_PATH, MANAGER, "Lease", "('" NIC "', " NO_OPTIONS ")"));
        fixture_stop(fixture);
}

/* A member of the group is unplugged while the group is detached: there is no lease, and the other member is with the host. */
static void test_unplugged(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autoptr(GError) error = NULL;

        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "stall 2");
        Pending *lease = fixture_call_start(fixture, BUS_PATH, MANAGER, "Lease", "('" PORT1 "', " PORTS ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fake_kernel_do(fixture->kernel, "unplug " PORT2);
        fake_kernel_do(fixture->kernel, "resume");
        g_assert_null(pending_finish(lease, &error));
        g_assert_nonnull(error);
        fixture_expect(fixture, BUS_PATH, MANAGER, "ListLeases", NULL, "([],)");
        fixture_expect(fixture, BUS_PATH, MANAGER, "Rescan", "(" NO_OPTIONS ",)", "()");
        fixture_wait_property(fixture, PORT1_PATH, DEVICE, "State", "'host'");
        fixture_driver(fixture, PORT1, "e1000");
        g_autofree char *ticket = lessee_start(fixture, PORT1, PORTS, BUS_PATH "/leases/2");
        (void)close(lessee_claim(fixture, ticket));
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" BUS_PATH "/leases/2'*"));
        fixture_driver(fixture, PORT1, "e1000");
        fixture_stop(fixture);
}

/* Processes. */

static char *pid_option(pid_t pid) {
        return g_strdup_printf("{'pid': <uint32 %d>}", (int)pid);
}

static void refuse_process(Fixture *fixture, pid_t pid, const char *pattern) {
        g_autofree char *options = pid_option(pid);

        lessee_refused(fixture, NIC, options, "Failed", pattern);
        fixture_driver(fixture, NIC, "e1000e");
        fixture_expect(fixture, BUS_PATH, MANAGER, "ListLeases", NULL, "([],)");
}

/* A child that waits until it is killed, as this user. */
static pid_t fork_sleeper(uid_t uid) {
        pid_t pid = fork();

        g_assert_cmpint(pid, >=, 0);
        if (pid > 0)
                return pid;
        if (setresuid(uid, uid, uid) == 0)
                (void)pause();
        _exit(EXIT_FAILURE);
}

/* A child that has ended. The caller reaps it. */
static pid_t fork_zombie(void) {
        siginfo_t info;
        pid_t pid = fork();

        g_assert_cmpint(pid, >=, 0);
        if (pid == 0)
                _exit(EXIT_SUCCESS);
        g_assert_cmpint(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), ==, 0);
        return pid;
}

static void test_no_process(void) {
        Fixture *fixture = fixture_start(NULL);

        pid_t zombie = fork_zombie();
        refuse_process(fixture, zombie, "*which is over already. Name the process of the program*");
        g_assert_cmpint(waitpid(zombie, NULL, 0), ==, zombie);
        refuse_process(fixture, zombie, "There is no process*");
        refuse_process(fixture, 1, "*the first process of the host*. Name the process of the program*");
        refuse_process(fixture, process_get_pid(fixture->daemon), "*vfiod itself. Name the process of the program*");
        refuse_process(fixture, INT32_MAX, "There is no process*");
        fixture_refused(fixture, BUS_PATH, MANAGER, "Lease", "('" NIC "', {'pid': <uint32 0>})", INVALID_ARGS, "*");
        fixture_stop(fixture);
}

static PolkitVerdict permit(const PolkitQuery *query, void *userdata) {
        (void)query, (void)userdata;
        return VERDICT_AUTHORIZE;
}

/* The process of another user only tells when the lease ends. That user gets no access. */
static void test_process_of_other(void) {
        Fixture *fixture = fixture_start(NULL);
        GDBusConnection *root = fixture->connection;
        PolkitStub *polkit = polkit_stub_start(permit, NULL);

        pid_t other = fork_sleeper(BOB_UID);
        g_autofree char *options = pid_option(other);
        fixture->connection = private_bus_connect_as(ALICE_UID);
        g_free(lessee_start(fixture, NIC, options, LEASE1));
        g_object_unref(fixture->connection);
        fixture->connection = root;
        fixture_property(fixture, LEASE1, LEASE, "State", "'active'");
        fixture_property(fixture, LEASE1, LEASE, "Uid", "4000001");
        lessee_expect_acl(fixture, NODE, "user::rw-,user:4000001:rw-,group::---,mask::rw-,other::---");
        g_assert_cmpint(kill(other, SIGKILL), ==, 0);
        g_assert_cmpint(waitpid(other, NULL, 0), ==, other);
        expect_over(fixture);
        fixture_driver(fixture, NIC, "e1000e");
        (void)polkit_stub_stop(polkit);
        fixture_stop(fixture);
}

/* The leases of one user are used up: another user, and root, still get theirs. */
static void test_quota(void) {
        Fixture *fixture = fixture_start(NULL);
        GDBusConnection *root = fixture->connection;
        PolkitStub *polkit = polkit_stub_start(permit, NULL);

        GDBusConnection *alice = private_bus_connect_as(ALICE_UID), *bob = private_bus_connect_as(BOB_UID);
        g_autofree char *options = pid_option(getpid());
        fixture->connection = alice;
        g_free(lessee_start(fixture, NIC, options, LEASE1));
        g_free(lessee_start(fixture, "0000:07:00.0", options, BUS_PATH "/leases/2"));
        lessee_refused(fixture, "0000:04:00.0", options, "LimitsExceeded", "*");
        fixture->connection = bob;
        g_free(lessee_start(fixture, "0000:04:00.0", options, BUS_PATH "/leases/3"));
        fixture->connection = root;
        g_free(lessee_start(fixture, "10000:01:00.0", options, BUS_PATH "/leases/4"));
        g_object_unref(alice);
        g_object_unref(bob);
        (void)polkit_stub_stop(polkit);
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/lease-meanwhile/rule", test_rule);
        g_test_add_func("/bus/lease-meanwhile/rule-removed", test_rule_removed);
        g_test_add_func("/bus/lease-meanwhile/rule-of-detached", test_rule_of_detached);
        g_test_add_func("/bus/lease-meanwhile/release-detaching", test_release_detaching);
        g_test_add_func("/bus/lease-meanwhile/release-granting", test_release_granting);
        g_test_add_func("/bus/lease-meanwhile/locked", test_locked);
        g_test_add_func("/bus/lease-meanwhile/unplugged", test_unplugged);
        g_test_add_func("/bus/lease-meanwhile/no-process", test_no_process);
        g_test_add_func("/bus/lease-meanwhile/process-of-other", test_process_of_other);
        g_test_add_func("/bus/lease-meanwhile/quota", test_quota);
        return g_test_run();
}
