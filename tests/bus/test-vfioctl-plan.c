/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

/* vfioctl's plan, and what detach and reattach do with a plan: --dry-run, --plan, --override, --adopt. */

#define UNKNOWN_GUARD \
        "vfioctl: There is no guard 'sorcery' to override: they are storage, network, display, console, memory, " \
        "process, virtual-functions, firmware, unsafe-interrupts and no-reset.\n"

/* Nothing is written for any plan. */
static void test_text(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        g_autofree char *before = fake_kernel_snapshot(fixture->kernel);
        fake_kernel_do(fixture->kernel, "reset-writes");
        expect_golden(0, "plan ens1 --group", "plan");
        expect_golden(0, "detach ens1 --group --dry-run", "plan");
        expect_golden(5, "plan nvme0n1", "plan-refused");
        expect_golden(5, "detach nvme0n1 --dry-run", "plan-refused");
        expect_golden(0, "plan nvme0n1 --override storage,network", "plan-overridden");
        expect_golden(5, "detach ens3 --dry-run --plan=0123456789abcdef", "plan-stale");
        EXPECT(0, "", "plan ens1 --companion ens2 --quiet");
        EXPECT(5, "", "plan nvme0n1 --quiet");
        expect_golden(5, "plan ens1", "plan-consent");
        expect_golden(5, "detach ens1 --dry-run", "plan-consent");
        expect_golden(5, "plan ens1 --reattach", "plan-not-detached");
        expect_golden(5, "reattach ens1 --dry-run", "plan-not-detached");
        EXPECT(3, "vfioctl: *'wlan9'*", "plan wlan9");
        g_auto(GStrv) writes = fake_kernel_writes(fixture->kernel);
        g_assert_cmpuint(g_strv_length(writes), ==, 0);
        g_autofree char *after = fake_kernel_snapshot(fixture->kernel);
        g_assert_cmpstr(after, ==, before);

        EXPECT(0, "", "detach ens3");
        expect_golden(0, "plan ens3 --reattach", "plan-reattach");
        expect_golden(0, "reattach ens3 --dry-run", "plan-reattach");
        fixture_driver(fixture, NIC, "vfio-pci");
        fixture_stop(fixture);
}

/* QEMU would fail, and no guard objects. */
static void test_warning(void) {
        Fixture *fixture = fixture_start(NULL);
        json_t *plan, *status;

        fake_kernel_do(fixture->kernel, "interrupts remapped");
        plan = vfioctl_json("plan ens3");
        expect_json(plan, "warnings", "[]");
        json_decref(plan);
        g_auto(ProgramResult) silent = vfioctl("status");
        g_assert_null(strstr(silent.output, "Warning"));

        fake_kernel_do(fixture->kernel, "interrupts plain");
        g_auto(ProgramResult) warned = vfioctl("plan ens3");
        expect_result(&warned, 0, "", "plan ens3 without interrupt remapping");
        g_assert_nonnull(strstr(warned.output, "\nWarning: Interrupt remapping is off. "));
        g_assert_nonnull(strstr(warned.output, "allow_unsafe_interrupts of the module vfio_iommu_type1"));
        plan = vfioctl_json("plan ens3");
        expect_json(plan, "would_go", "true");
        expect_json(plan, "warnings.1", NULL);
        status = vfioctl_json("status");
        g_assert_true(json_equal(json_object_get(status, "iommu_warning"),
                        json_array_get(json_object_get(plan, "warnings"), 0)));
        json_decref(plan);
        json_decref(status);
        g_auto(ProgramResult) told = vfioctl("status");
        g_assert_nonnull(strstr(told.output, "Warning: Interrupt remapping is off. "));
        fixture_stop(fixture);
}

/* Everybody may ask for a plan. */
static void test_as_nobody(void) {
        Fixture *fixture = fixture_start(NULL);
        const char *const argv[] = {
                        "setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", VFIOCTL, "plan", "ens3", NULL};

        g_auto(ProgramResult) result = program_run(argv, NULL, NULL);
        expect_result(&result, 0, "", "plan ens3 as nobody");
        g_assert_nonnull(strstr(result.output, "Result: can be done\n"));
        fixture_stop(fixture);
}

static void test_json(void) {
        Fixture *fixture = fixture_start(NULL);

        json_t *plan = vfioctl_json("plan ens1 --companion ens2");
        expect_json(plan, "verb", "\"detach\"");
        expect_json(plan, "would_go", "true");
        expect_json(plan, "findings", "[]");
        expect_json(plan, "steps.4.action", "\"override\"");
        expect_json(plan, "steps.4.address", "\"0000:03:02.0\"");
        g_assert_cmpuint(json_array_size(json_object_get(plan, "steps")), ==, 11);
        g_assert_cmpuint(json_object_size(json_array_get(json_object_get(plan, "steps"), 0)), ==, 3);
        expect_json(plan, "command.2", "\"ens1\"");
        expect_json(plan, "command.3", "\"--companion=ens2\"");
        g_autofree char *fingerprint = json_at(plan, "fingerprint");
        g_autofree char *last = g_strdup_printf("\"--plan=%.16s\"", fingerprint + 1);
        expect_json(plan, "command.4", last);
        json_decref(plan);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        json_t *refused = vfioctl_json_with(5, "detach nvme0n1 --dry-run");
        expect_json(refused, "would_go", "false");
        expect_json(refused, "findings.0.guard", "\"storage\"");
        expect_json(refused, "findings.0.address", "\"0000:04:00.0\"");
        expect_json(refused, "findings.0.overridden", "false");
        expect_json(refused, "findings.1", NULL);
        json_decref(refused);
        json_t *overridden = vfioctl_json("plan nvme0n1 --override=storage");
        expect_json(overridden, "would_go", "true");
        expect_json(overridden, "findings.0.overridden", "true");
        json_decref(overridden);
        EXPECT(0, "", "detach ens3");
        json_t *reattach = vfioctl_json("plan ens3 --reattach --force --adopt");
        expect_json(reattach, "verb", "\"reattach\"");
        expect_json(reattach, "would_go", "true");
        expect_json(reattach, "command.1", "\"reattach\"");
        expect_json(reattach, "command.3", "\"--force\"");
        expect_json(reattach, "command.4", "\"--adopt\"");
        json_decref(reattach);
        fixture_stop(fixture);
}

/* What the findings tell to programs; and no command if none can do it. */
static void test_facts(void) {
        Fixture *fixture = fixture_start(NULL);

        json_t *consent = vfioctl_json_with(5, "plan ens1");
        expect_json(consent, "findings.0.guard", "\"consent\"");
        expect_json(consent, "findings.0.error", "\"org.vfiod1.Error.GroupNeedsConsent\"");
        expect_json(consent, "findings.0.group", "10");
        expect_json(consent, "findings.0.options", "[\"companions\"]");
        expect_json(consent, "findings.0.companions", "[\"0000:03:02.0\"]");
        expect_json(consent, "findings.0.pid", "null");
        expect_json(consent, "command.3", "\"--group\"");
        json_decref(consent);
        json_t *none = vfioctl_json_with(5, "plan ens1 --reattach");
        expect_json(none, "findings.0.guard", "\"not-detached\"");
        expect_json(none, "findings.0.options", "[]");
        expect_json(none, "steps", "[]");
        expect_json(none, "fingerprint", "null");
        expect_json(none, "command", "null");
        json_decref(none);
        fixture_stop(fixture);
}

/* Runs the command at the end of a plan exactly as printed. */
static void carry_out(const char *arguments, int plan_status) {
        json_t *plan = vfioctl_json_with(plan_status, arguments), *command = json_object_get(plan, "command");
        g_autoptr(GPtrArray) argv = g_ptr_array_new();

        g_ptr_array_add(argv, (void *)VFIOCTL);
        g_assert_cmpstr(json_string_value(json_array_get(command, 0)), ==, "vfioctl");
        for (size_t i = 1; i < json_array_size(command); i++)
                g_ptr_array_add(argv, (void *)json_string_value(json_array_get(command, i)));
        g_ptr_array_add(argv, NULL);
        g_auto(ProgramResult) result = program_run((const char *const *)argv->pdata, NULL, NULL);
        expect_result(&result, 0, "", arguments);
        json_decref(plan);
}

static void test_command(void) {
        Fixture *fixture = fixture_start(NULL);

        /* the printed command agrees to the companion that the plan lists */
        carry_out("plan ens1", 5);
        fixture_driver(fixture, PORT1, "vfio-pci");
        carry_out("plan ens2 --reattach", 0);
        carry_out("plan ens1 --companion ens2", 0);
        fixture_driver(fixture, PORT1, "vfio-pci");
        carry_out("plan ens2 --reattach", 0);
        fixture_driver(fixture, PORT1, "e1000");
        carry_out("plan ens2 --group", 0);
        fixture_driver(fixture, PORT1, "vfio-pci");

        /* the printed command overrides the guard that refuses: its user has read the reason */
        fake_kernel_do(fixture->kernel, "use nvme0n1");
        carry_out("plan nvme0n1", 5);
        fixture_driver(fixture, "0000:04:00.0", "vfio-pci");
        carry_out("plan nvme0n1 --reattach --force", 0);
        fixture_driver(fixture, "0000:04:00.0", "nvme");
        fixture_stop(fixture);
}

static char *fingerprint_of(const char *arguments) {
        json_t *plan = vfioctl_json(arguments);
        char *fingerprint = g_strdup(json_string_value(json_object_get(plan, "fingerprint")));

        json_decref(plan);
        return fingerprint;
}

static void test_stale(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *fingerprint = fingerprint_of("plan nvme0n1");

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        g_autofree char *before = fake_kernel_snapshot(fixture->kernel);
        EXPECT(5,
                        "vfioctl: The devices, drivers or guards have changed since the plan for 0000:04:00.0 was "
                        "made. "
                        "Nothing was changed. Make a new plan.\n"
                        "To make a new plan: vfioctl plan nvme0n1 --group --driver=vfio-pci "
                        "--override=storage,network\n",
                        "detach nvme0n1 --override=storage,network --driver=vfio-pci --group --plan=%s", fingerprint);
        g_autofree char *after = fake_kernel_snapshot(fixture->kernel);
        g_assert_cmpstr(after, ==, before);
        fake_kernel_do(fixture->kernel, "unuse nvme0n1");
        EXPECT(0, "", "detach nvme0n1 --plan=%s", fingerprint);
        EXPECT(5,
                        "vfioctl: The devices, drivers or guards have changed since the plan for *\n"
                        "To make a new plan: vfioctl plan nvme0n1 --reattach --force --adopt\n",
                        "reattach nvme0n1 --force --adopt --plan=%s", fingerprint);
        EXPECT(2, "vfioctl: 'abc' is no fingerprint of a plan. This prints one: vfioctl plan nvme0n1 --reattach\n*",
                        "reattach nvme0n1 --plan=abc");
        EXPECT(2,
                        "vfioctl: '0123456789abcdeg' is no fingerprint of a plan. This prints one: vfioctl plan "
                        "--group -- -x\n*",
                        "detach --group --plan=0123456789abcdeg -- -x");
        EXPECT(2, "vfioctl: '\\xff' is no fingerprint of a plan. *", "reattach nvme0n1 '--plan=\xff'");

        g_autofree char *back = fingerprint_of("plan nvme0n1 --reattach");
        EXPECT(0, "", "reattach nvme0n1 --plan=%s", back);
        fixture_stop(fixture);
}

static void test_override(void) {
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        EXPECT(2, UNKNOWN_GUARD, "detach nvme0n1 --override=sorcery");
        EXPECT(2, UNKNOWN_GUARD, "plan nvme0n1 --override=storage,sorcery");
        EXPECT(5, "vfioctl: *0000:04:00.0: nvme0n1 is *--override=storage*", "detach nvme0n1");
        EXPECT(5, "vfioctl: *--override=storage*", "detach nvme0n1 --override network --override=display,process");
        fixture_driver(fixture, "0000:04:00.0", "nvme");
        EXPECT(0, "", "detach nvme0n1 --override network --override=display,storage");
        fixture_driver(fixture, "0000:04:00.0", "vfio-pci");
        fixture_stop(fixture);
}

/* A device that another program bound to vfio-pci is only adopted if that is requested. */
static void test_adopt(void) {
        Fixture *fixture = fixture_start(NULL);

        fixture_detach_nic_by_hand(fixture);
        EXPECT(5, "vfioctl: *", "reattach " NIC);
        expect_golden(5, "plan --reattach " NIC, "plan-foreign");
        EXPECT(0, "", "plan --reattach --adopt " NIC);
        fixture_driver(fixture, NIC, "vfio-pci");
        g_auto(ProgramResult) result = vfioctl("reattach --adopt " NIC);
        expect_result(&result, 0, "", "reattach --adopt");
        g_assert_cmpstr(result.output, ==, "0000:05:00.0: vfio-pci -> e1000e (ens3)\n");
        fixture_driver(fixture, NIC, "e1000e");
        fixture_wait_property(fixture, NIC_PATH, DEVICE, "State", "'host'");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-plan/text", test_text);
        g_test_add_func("/bus/vfioctl-plan/warning", test_warning);
        g_test_add_func("/bus/vfioctl-plan/as-nobody", test_as_nobody);
        g_test_add_func("/bus/vfioctl-plan/json", test_json);
        g_test_add_func("/bus/vfioctl-plan/facts", test_facts);
        g_test_add_func("/bus/vfioctl-plan/command", test_command);
        g_test_add_func("/bus/vfioctl-plan/stale", test_stale);
        g_test_add_func("/bus/vfioctl-plan/override", test_override);
        g_test_add_func("/bus/vfioctl-plan/adopt", test_adopt);
        return g_test_run();
}
