/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "witness.h"

#include <signal.h>

/* Details of a process are for root and for the user of the process. Others learn only that there is a process. */

#define OTHER 1
#define OF_OTHER "a process of another user"

/* A process of the owner that has the node of group 12 open. */
static Process *start_holder(Fixture *fixture, uid_t owner) {
        g_autofree char *script = g_strdup_printf(
                        "exec 9<>%s/dev/vfio/12; exec setpriv --reuid %u --regid %u --clear-groups sh -c "
                        "'echo open; kill -STOP $$'",
                        fake_kernel_get_root(fixture->kernel), (unsigned)owner, (unsigned)owner);
        const char *const argv[] = {"sh", "-c", script, NULL};

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        Process *holder = process_start(argv, NULL);
        process_expect_line(holder, "open");
        return holder;
}

static void end_holder(Process *holder) {
        (void)kill(process_get_pid(holder), SIGKILL);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
}

/* For the device, and for all devices at once. */
static void expect_holders(uid_t uid, const char *pattern) {
        static const char *const selectors[] = {NIC, ""};
        g_autoptr(RawBus) bus = raw_bus_connect(uid);

        for (guint i = 0; i < G_N_ELEMENTS(selectors); i++) {
                GByteArray *body = raw_body();

                raw_put_text(body, selectors[i]);
                raw_end_array(body, raw_begin_array(body, 8), 8);
                (void)raw_bus_send(bus, "ListHolders", "sa{sv}", body);
                raw_bus_expect(bus, NULL, pattern);
        }
}

static void expect_plan(uid_t uid, const char *pattern) {
        g_autoptr(RawBus) bus = raw_bus_connect(uid);
        GByteArray *body = raw_body();

        raw_put_text(body, NIC);
        raw_put_text(body, "reattach");
        raw_end_array(body, raw_begin_array(body, 8), 8);
        (void)raw_bus_send(bus, "Plan", "ssa{sv}", body);
        raw_bus_expect(bus, NULL, pattern);
}

static void test_holders(uid_t owner) {
        Fixture *fixture = fixture_start(NULL);
        Process *holder = start_holder(fixture, owner);
        int pid = (int)process_get_pid(holder);
        g_autofree char *row = g_strdup_printf("([(%d, 'sh', *'%s/dev/vfio/12', '', *{'Group': <12>})],)", pid,
                        fake_kernel_get_root(fixture->kernel));
        g_autofree char *held = g_strdup_printf("(false, *'/dev/vfio/12 is held by process %d (sh)*", pid);

        expect_holders(0, row);
        expect_holders(owner, row);
        expect_holders(OTHER, "([(0, '" OF_OTHER "', '', '', '', *{'Group': <12>})],)");
        expect_plan(0, held);
        expect_plan(owner, held);
        expect_plan(OTHER, "(false, *'/dev/vfio/12 is held by " OF_OTHER "', *");
        end_holder(holder);
        fixture_stop(fixture);
}

static void expect_jobs(RawBus *bus, const char *pattern) {
        (void)raw_bus_send(bus, "ListJobs", NULL, NULL);
        raw_bus_expect(bus, NULL, pattern);
}

/* A job that failed: its findings are for root's socket only. */
static void test_ended_findings(uid_t owner) {
        Fixture *fixture = fixture_start(NULL);
        Process *holder = start_holder(fixture, owner);
        g_autofree char *socket = g_strdup_printf("%s.root", fixture->state_folder);
        g_autofree char *told =
                        g_strdup_printf("*'failed', *'Error': *'org.vfiod1.Error.Held'*'Findings': *('held', '" NIC
                                        "', '/dev/vfio/12 is held by process %d (sh)*'Pid': <uint32 %d>*",
                                        (int)process_get_pid(holder), (int)process_get_pid(holder));
        g_autoptr(RawBus) direct = raw_bus_connect_directly(socket);
        g_autoptr(RawBus) other = raw_bus_connect(OTHER);

        fake_kernel_do(fixture->kernel, "claim 12");
        manager_refused(fixture, "Reattach", "ens3", NO_OPTIONS, "Held", "*");
        /* A call that is refused at once has only one answer. */
        GByteArray *body = raw_body();
        raw_put_text(body, NIC);
        raw_end_array(body, raw_begin_array(body, 8), 8);
        (void)raw_bus_send(direct, "Detach", "sa{sv}", body);
        raw_bus_expect(direct, BUS_NAME ".Error.AlreadyDetached", "*");
        expect_jobs(direct, told);
        expect_jobs(other, "*'failed', *'Error': *'org.vfiod1.Error.Held'*'Device': *'" NIC "'>, 'Group': <12>})*");
        end_holder(holder);
        fixture_stop(fixture);
}

/* The job says on the system bus that it waits, and on root's socket for whom. */
static void test_job(uid_t owner) {
        Fixture *fixture = fixture_start(&(FixtureOptions){.step_deadline_ms = 10000, .held_deadline_ms = 3000});
        Process *holder = start_holder(fixture, owner);
        g_autofree char *who = g_strdup_printf("process %d (sh)", (int)process_get_pid(holder));
        g_autofree char *message = g_strdup_printf("*it waits for %s*", who);
        g_autofree char *line = g_strdup_printf("--address=unix:path=%s.root --json jobs", fixture->state_folder);

        fake_kernel_do(fixture->kernel, "claim 12");
        manager_refused(fixture, "Reattach", "ens3", "{'force': <true>}", "Stuck", message);
        fixture_property(fixture, BUS_PATH "/jobs/2", JOB, "WaitsFor", "'a process'");
        g_autoptr(RawBus) other = raw_bus_connect(OTHER);
        (void)raw_bus_send(other, "ListJobs", NULL, NULL);
        raw_bus_expect(other, NULL, "*'a process'*");
        for (guint i = 0; i < fixture->signals->len; i++)
                g_assert_null(strstr(fixture->signals->pdata[i], who));
        g_auto(ProgramResult) direct = vfioctl("%s", line);
        g_assert_nonnull(strstr(direct.output, who));

        end_holder(holder);
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_stop(fixture);
}

/* What became of a job is public, but not why root could not detach a disk: that names a process. */
static void test_ended_job(uid_t owner) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *line = g_strdup_printf("--address=unix:path=%s.root --json jobs --all", fixture->state_folder);
        g_autoptr(RawBus) other = raw_bus_connect(OTHER);

        (void)owner;
        fake_kernel_do(fixture->kernel, "use nvme0n1");
        manager_refused(fixture, "Detach", "nvme0n1", NO_OPTIONS, "InUseStorage", "*nvme0n1*");
        g_free(fixture_expect_signal(fixture, BUS_PATH " JobRemoved (1, *InUseStorage', 'Only the caller and root*"));
        (void)raw_bus_send(other, "ListJobs", NULL, NULL);
        raw_bus_expect(other, NULL, "*InUseStorage*Only the caller and root*");
        for (guint i = 0; i < fixture->signals->len; i++)
                g_assert_null(strstr(fixture->signals->pdata[i], "nvme0n1"));
        /* root sees it on its own socket */
        g_auto(ProgramResult) direct = vfioctl("%s", line);
        g_assert_nonnull(strstr(direct.output, "nvme0n1"));
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        attack_add("/attack/privacy/holders", test_holders);
        attack_add("/attack/privacy/job", test_job);
        attack_add("/attack/privacy/ended-job", test_ended_job);
        attack_add("/attack/privacy/ended-findings", test_ended_findings);
        return g_test_run();
}
