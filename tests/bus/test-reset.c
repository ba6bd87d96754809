/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "lessee.h"
#include "planned.h"

#include <signal.h>

/* Reset of a detached device: on the bus, and by vfioctl. */

#define GPU "0000:06:00.0"
#define DETACHED "([('" NIC "', 'e1000e', 'vfio-pci', {})],)"
#define REATTACHED "([('" NIC "', 'vfio-pci', 'e1000e', {})],)"
#define JOB2 BUS_PATH "/jobs/2"
#define PLAN_NIC PLAN_OF("ens3", "reset", NO_OPTIONS)

static Fixture *start_detached(const FixtureOptions *options) {
        Fixture *fixture = fixture_start(options);

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, DETACHED);
        fake_kernel_do(fixture->kernel, "reset-writes");
        return fixture;
}

/* Nothing but so many resets of the network card was written. */
static void expect_resets(Fixture *fixture, unsigned n) {
        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);

        g_assert_cmpuint(g_strv_length(writes), ==, n);
        for (unsigned i = 0; i < n; i++)
                if (!g_str_has_suffix(writes[i], "/" NIC "/reset=1"))
                        g_error("this was written: %s", writes[i]);
}

static void test_methods(void) {
        Fixture *fixture = start_detached(NULL);
        g_autofree char *before = fake_kernel_snapshot(fixture->kernel);

        manager_expect(fixture, "Reset", "ens3", NO_OPTIONS, "()");
        expect_resets(fixture, 1);
        manager_expect(fixture, "Reset", "group:12", NO_OPTIONS, "()");
        fixture_expect(fixture, NIC_PATH, DEVICE, "Reset", "(" NO_OPTIONS ",)", "()");
        expect_resets(fixture, 3);
        g_ptr_array_set_size(fixture->signals, 0);
        manager_expect(fixture, "StartReset", "ens3", NO_OPTIONS, "('" BUS_PATH "/jobs/5',)");
        g_free(fixture_expect_signal(fixture,
                        BUS_PATH " JobRemoved (5, '" BUS_PATH
                                 "/jobs/5', 'done', '', '', {'Changes': <@a(sssa{sv}) []>})"));
        expect_resets(fixture, 4);
        g_autofree char *after = fake_kernel_snapshot(fixture->kernel);
        g_assert_cmpstr(after, ==, before);
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        manager_expect(fixture, "Reattach", "ens3", NO_OPTIONS, REATTACHED);
        fixture_stop(fixture);
}

static void test_job(void) {
        Fixture *fixture = start_detached(NULL);

        fake_kernel_do(fixture->kernel, "stall 1");
        Pending *pending = fixture_call_start(fixture, BUS_PATH, MANAGER, "Reset", "('ens3', " NO_OPTIONS ")");
        fake_kernel_do(fixture->kernel, "wait-pending 1");
        fixture_wait_property(fixture, JOB2, JOB, "Action", "'reset'");
        fixture_property(fixture, JOB2, JOB, "Kind", "'reset'");
        fixture_property(fixture, JOB2, JOB, "DeviceAddresses", "['" NIC "']");
        fixture_property(fixture, JOB2, JOB, "Step", "2");
        fixture_property(fixture, JOB2, JOB, "Steps", "2");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'changing'");
        fixture_refused(fixture, JOB2, JOB, "Cancel", "(" NO_OPTIONS ",)", "Busy", "*cannot be cancelled any more.");
        manager_refused(fixture, "Reset", "ens3", NO_OPTIONS, "Busy", "*");
        manager_refused(fixture, "Reattach", "ens3", NO_OPTIONS, "Busy", "*");
        fake_kernel_do(fixture->kernel, "resume");
        pending_expect(pending, "()");
        fixture_property(fixture, NIC_PATH, DEVICE, "State", "'detached'");
        fixture_stop(fixture);
}

static void test_refused(void) {
        Fixture *fixture = start_detached(NULL);

        manager_refused(fixture, "Reset", "ens4", NO_OPTIONS, "NotDetached",
                        "0000:07:00.0 is not detached: it is on the host's driver igb. *'vfioctl detach "
                        "0000:07:00.0'.");
        manager_refused(fixture, "Reset", "nothing", NO_OPTIONS, "NoSuchDevice", "*");
        manager_refused(fixture, "Reset", "group:10", NO_OPTIONS, INVALID_ARGS, "Group 10 has 2 endpoints*");
        manager_refused(fixture, "Reset", "ens3", "{'force': <true>}", INVALID_ARGS, "*");
        manager_refused(fixture, "Reset", "ens3", "{'plan': <'1234567812345678'>}", "PlanStale", "*");
        expect_resets(fixture, 0);
        /* Its sound function would be reset, too. */
        g_autoptr(GVariant) gpu = fixture_call(fixture, BUS_PATH, MANAGER, "Detach",
                        "('" GPU "', {'companions': <['*']>, 'override': <['display', 'console']>})", NULL);
        g_assert_nonnull(gpu);
        manager_refused(fixture, "Reset", GPU, NO_OPTIONS, "NoReset",
                        GPU " has no reset of its own. A reset of its bus would also reset 0000:06:00.1 (vfio-pci)*");
        fixture_stop(fixture);
}

static void test_foreign(void) {
        Fixture *fixture = fixture_start(NULL);

        fixture_detach_nic_by_hand(fixture);
        manager_refused(fixture, "Reset", NIC, NO_OPTIONS, "Foreign", "Another program bound " NIC " to vfio-pci.*");
        plan_expect_obstacle(fixture, PLAN_OF(NIC, "reset", NO_OPTIONS), "foreign");
        fixture_stop(fixture);
}

static void test_leased(void) {
        Fixture *fixture = start_detached(NULL);

        g_free(lessee_start(fixture, "ens3", NO_OPTIONS, LEASE1));
        manager_refused(fixture, "Reset", "ens3", NO_OPTIONS, "Leased", "*");
        plan_expect_obstacle(fixture, PLAN_NIC, "leased");
        fixture_expect(fixture, LEASE1, LEASE, "Release", "(" NO_OPTIONS ",)", "()");
        g_free(fixture_expect_signal(fixture, BUS_PATH " InterfacesRemoved ('" LEASE1 "'*"));
        manager_expect(fixture, "Reset", "ens3", NO_OPTIONS, "()");
        fixture_stop(fixture);
}

static void test_held(void) {
        Fixture *fixture = start_detached(NULL);
        g_autofree char *script = g_strdup_printf("exec 9<>%s/dev/vfio/12 && echo open && exec sleep 1000",
                        fake_kernel_get_root(fixture->kernel));
        const char *const argv[] = {"sh", "-c", script, NULL};
        Process *holder = process_start(argv, NULL);

        process_expect_line(holder, "open");
        manager_refused(fixture, "Reset", "ens3", NO_OPTIONS, "Held", "/dev/vfio/12 is held by process *");
        g_auto(Planned) held = plan_make(fixture, PLAN_NIC);
        g_assert_false(held.would_go);
        g_assert_true(g_str_has_prefix(held.findings, "[('held', '" NIC "', '/dev/vfio/12 is held by process "));
        g_autofree char *details = g_variant_print(held.finding_list, false);
        g_assert_null(strstr(details, "'Options'"));
        g_assert_nonnull(strstr(details, "'Cure': <'End process "));
        expect_resets(fixture, 0);
        (void)kill(process_get_pid(holder), SIGKILL);
        (void)process_finish(holder);
        manager_expect(fixture, "Reset", "ens3", NO_OPTIONS, "()");
        fixture_stop(fixture);
}

static void test_plan(void) {
        Fixture *fixture = start_detached(NULL);
        g_auto(Planned) planned = plan_make(fixture, PLAN_NIC);

        g_assert_true(planned.would_go);
        g_assert_cmpstr(planned.findings, ==, "[]");
        g_assert_cmpstr(planned.steps, ==,
                        "[('lock-node', '" NIC "', 'no virtual machine may have the device meanwhile', {}), "
                        "('reset', '" NIC "', 'what its last user left in the device is cleared', {})]");
        expect_resets(fixture, 0);
        g_autofree char *options = g_strdup_printf("{'plan': <'%s'>}", planned.fingerprint);
        manager_expect(fixture, "Reset", "ens3", options, "()");
        expect_resets(fixture, 1);
        g_auto(Planned) host = plan_make(fixture, PLAN_OF("ens4", "reset", NO_OPTIONS));
        g_assert_true(g_str_has_prefix(host.findings, "[('not-detached', '0000:07:00.0', "));
        g_autofree char *details = g_variant_print(host.finding_list, false);
        g_assert_nonnull(strstr(details, "'Cure': <'vfioctl detach 0000:07:00.0'>"));
        fixture_refused(fixture, BUS_PATH, MANAGER, "Plan", PLAN_OF("ens3", "reset", "{'force': <true>}"), INVALID_ARGS,
                        "*");
        fixture_refused(fixture, BUS_PATH, MANAGER, "Plan", PLAN_OF("", "reset", NO_OPTIONS), INVALID_ARGS, "*");
        fixture_stop(fixture);
}

/* A reset does not end a revert. */
static void test_revert(void) {
        Fixture *fixture = fixture_start(NULL);

        manager_expect(fixture, "Detach", "ens3", "{'revert-after': <uint64 600000000>}", DETACHED);
        g_autofree char *before = fixture_get(fixture, GROUP12, GROUP, "RevertAt");
        g_assert_cmpstr(before, !=, "0");
        manager_expect(fixture, "Reset", "ens3", NO_OPTIONS, "()");
        fixture_property(fixture, GROUP12, GROUP, "RevertAt", before);
        fixture_stop(fixture);
}

static void expect_output(const char *arguments, const char *pattern) {
        g_auto(ProgramResult) result = vfioctl("%s", arguments);

        expect_result(&result, 0, "", "%s", arguments);
        if (!g_pattern_match_simple(pattern, result.output))
                g_error("'vfioctl %s' prints '%s'", arguments, result.output);
}

static void test_vfioctl(void) {
        Fixture *fixture = start_detached(NULL);

        expect_output("reset ens3", NIC " was reset\n");
        expect_output("reset ens3 --quiet", "");
        expect_output("nodedev-reset pci_0000_05_00_0", NIC " was reset\n");
        json_t *document = vfioctl_json("reset group:12");
        expect_json(document, "reset", "[\"" NIC "\"]");
        json_decref(document);
        expect_resets(fixture, 4);
        expect_output("reset ens3 --dry-run",
                        "*lock-node*reset*Result: can be done\nFingerprint: *\nTo do exactly this: vfioctl reset ens3 "
                        "--plan=????????????????\n");
        json_t *plan = vfioctl_json("reset ens3 --dry-run");
        expect_json(plan, "verb", "\"reset\"");
        expect_json(plan, "command.1", "\"reset\"");
        json_decref(plan);
        EXPECT(5,
                        "vfioctl: The devices, drivers or guards have changed*To make a new plan: vfioctl reset ens3 "
                        "--dry-run\n",
                        "reset ens3 --plan=1234567812345678");
        EXPECT(2, "vfioctl: 'x' is no fingerprint of a plan. This prints one: vfioctl reset ens3 --dry-run\n*",
                        "reset ens3 --plan=x");
        EXPECT(5, "vfioctl: 0000:07:00.0 is not detached: *", "reset ens4");
        EXPECT(2, "vfioctl: 'reset' does not take --force\n*", "reset ens3 --force");
        EXPECT(2, "*", "reset");
        expect_resets(fixture, 4);
        expect_output("jobs --all", "*reset*" NIC "*done*");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/reset/methods", test_methods);
        g_test_add_func("/reset/job", test_job);
        g_test_add_func("/reset/refused", test_refused);
        g_test_add_func("/reset/foreign", test_foreign);
        g_test_add_func("/reset/leased", test_leased);
        g_test_add_func("/reset/held", test_held);
        g_test_add_func("/reset/plan", test_plan);
        g_test_add_func("/reset/revert", test_revert);
        g_test_add_func("/reset/vfioctl", test_vfioctl);
        return g_test_run();
}
