/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "fixture.h"
#include "host-files.h"
#include "stub.h"

#include <string.h>

/* vfioctl doctor, with a stub of vfiod, and with vfiod. */

#define GOOD "('iommu', 'ok', 'The IOMMU is on.', '', {'area': <'boot'>})"
#define BAD \
        "('firmware-tables', 'error', 'The firmware reports no IOMMU, and this sentence is longer than a line of the " \
        "terminal.', 'Enable VT-d in the firmware set-up.', {'area': <'firmware'>})"
#define COMMAND \
        "('kvm', 'warning', 'KVM is not loaded.', 'sudo modprobe kvm_intel, which is a command and longer than one " \
        "line " \
        "of the terminal is', {'area': <'kernel'>, 'file': <'x'>})"
#define NEW "('new', 'novel', 'A later version.', '', {'area': <'later'>})"
#define EVIL "('new', 'ok', 'a\033[31mb', 'c\u202ed', {'area': <'x\033'>})"

static void answer(Stub *stub, const char *rows) {
        g_autofree char *text = g_strdup_printf("(%s[%s],)", *rows ? "" : "@a(ssssa{sv}) ", rows);

        stub_answer(stub, "Diagnose", text);
}

static void expect_output(int status, const char *arguments, const char *output) {
        g_auto(ProgramResult) result = vfioctl("%s", arguments);

        g_assert_cmpint(result.status, ==, status);
        g_assert_cmpstr(result.errors, ==, "");
        g_assert_cmpstr(result.output, ==, output);
}

static void test_text(void) {
        Stub *stub = stub_start();

        answer(stub, GOOD);
        expect_output(0, "doctor", "Boot\n  ok      The IOMMU is on.\n\nNothing is wrong.\n");
        g_autofree char *arguments = stub_get_arguments(stub, "Diagnose");
        g_assert_cmpstr(arguments, ==, "('', {})");
        expect_output(0, "doctor --quiet", "");
        answer(stub, BAD ", " GOOD ", " COMMAND ", " NEW);
        expect_output(8, "doctor ens1",
                        "Firmware\n"
                        "  error   The firmware reports no IOMMU, and this sentence is longer than a line\n"
                        "          of the terminal.\n"
                        "            Enable VT-d in the firmware set-up.\n"
                        "\n"
                        "Boot\n"
                        "  ok      The IOMMU is on.\n"
                        "\n"
                        "Kernel\n"
                        "  warning KVM is not loaded.\n"
                        "            $ sudo modprobe kvm_intel, which is a command and longer than one line of the "
                        "terminal is\n"
                        "\n"
                        "Others\n"
                        "  novel   A later version.\n"
                        "\n"
                        "1 error, 1 warning.\n");
        g_autofree char *selected = stub_get_arguments(stub, "Diagnose");
        g_assert_cmpstr(selected, ==, "('ens1', {})");
        stub_stop(stub);
}

static void test_quiet(void) {
        Stub *stub = stub_start();

        answer(stub, GOOD ", " COMMAND);
        expect_output(0, "doctor -q",
                        "Kernel\n"
                        "  warning KVM is not loaded.\n"
                        "            $ sudo modprobe kvm_intel, which is a command and longer than one line of the "
                        "terminal is\n");
        answer(stub, "");
        expect_output(0, "doctor", "\nNothing is wrong.\n");
        stub_stop(stub);
}

static void test_json(void) {
        Stub *stub = stub_start();

        answer(stub, BAD ", " GOOD);
        json_t *json = vfioctl_json_with(8, "doctor");
        expect_json(json, "severity", "\"error\"");
        expect_json(json, "checks.1",
                        "{\"code\":\"iommu\",\"severity\":\"ok\",\"finding\":\"The IOMMU is "
                        "on.\",\"cure\":null,\"details\":{\"area\":\"boot\"}}");
        json_decref(json);
        answer(stub, COMMAND);
        json = vfioctl_json("doctor");
        expect_json(json, "severity", "\"warning\"");
        expect_json(json, "checks.0.details.file", "\"x\"");
        json_decref(json);
        answer(stub, "");
        json = vfioctl_json("doctor");
        expect_json(json, "checks", "[]");
        expect_json(json, "severity", "\"ok\"");
        json_decref(json);
        stub_stop(stub);
}

static void test_errors(void) {
        Stub *stub = stub_start();

        stub_answer(stub, "Diagnose", "!" BUS_NAME ".Error.LimitsExceeded Too many.");
        EXPECT(5, "vfioctl: Too many.\n", "doctor");
        stub_answer(stub, "Diagnose", "!" BUS_NAME ".Error.NoSuchDevice There is none.");
        EXPECT(3, "vfioctl: There is none.\n", "doctor ens9");
        stub_answer(stub, "Diagnose", "([('a', 1)],)");
        EXPECT(1, "vfioctl: Cannot understand the answer of vfiod; compare their versions.\n", "doctor");
        EXPECT(2, "*too many arguments*", "doctor ens1 ens2");
        EXPECT(2, "*does not take --group*", "doctor --group");
        answer(stub, EVIL);
        g_auto(ProgramResult) result = vfioctl("doctor");
        g_assert_null(strchr(result.output, '\033'));
        g_assert_nonnull(strstr(result.output, "a\\x1b[31mb"));
        g_assert_nonnull(strstr(result.output, "c\\xe2\\x80\\xaed"));
        stub_stop(stub);
}

/* vfioctl explain. The addresses exist on no machine, so vfioctl finds no configuration space of them. */

#define ROW(address, depth, more) \
        "('path', 'info', 'A row.', '', {'area': <'device'>, 'device': <'" address "'>, 'depth': <'" depth "'>, " more \
        "})"
#define ROWS \
        ROW("ffff:00:1c.0", "0", "'member': <'no'>, 'kind': <'root port'>, 'acs': <'SV'>, 'isolates': <'no'>") \
        ", " ROW("ffff:02:00.0", "1", "'member': <'yes'>, 'kind': <'bridge'>, 'driver': <'pcieport'>") ", " ROW( \
                        "ffff:03:01.0", "2", "'member': <'selected'>, 'driver': <'e1000'>")
#define REASONS \
        ", ('isolation-conventional', 'info', 'A bridge.', 'Use other cards.', {'area': <'device'>})" \
        ", ('device-reset', 'ok', 'It can be reset.', '', {'area': <'device'>})"
#define TREE \
        "Path to the root\n" \
        "  ffff:00:1c.0  root port  ACS: SV (does not isolate)\n" \
        "    └─ffff:02:00.0  bridge  pcieport  <- in the group\n" \
        "      └─ffff:03:01.0  e1000  <- this device\n" \
        "\nWhy these devices share a group\n  A bridge.\n  Use other cards.\n" \
        "\nReset\n  It can be reset.\n"
#define PLAN \
        "(false, @a(sssa{sv}) [], [('network', 'ffff:03:01.0', 'lo has the address 127.0.0.1', false, @a{sv} {})]," \
        " '0123456789abcdef', @a{sv} {})"

static Stub *start_explain(void) {
        Stub *stub = stub_start();

        answer(stub, ROWS REASONS);
        stub_answer(stub, "Plan", PLAN);
        stub_answer(stub, "GetGroup", "(objectpath '/org/vfiod1/groups/7',)");
        stub_answer(stub, "GetAll " GROUP,
                        "({'Number': <7>, 'State': <'host'>, 'Devices': <[objectpath '/org/vfiod1/devices/a']>},)");
        stub_answer(stub, "GetAll " DEVICE,
                        "({'Address': <'ffff:03:01.0'>, 'State': <'host'>, 'NetworkInterfaces': <['lo']>},)");
        return stub;
}

static void test_explain(void) {
        Stub *stub = start_explain();

        expect_output(0, "explain ens1",
                        TREE "\nWhat the host would lose\n  ffff:03:01.0: lo has the address 127.0.0.1\n");
        g_autofree char *arguments = stub_get_arguments(stub, "Diagnose");
        g_assert_cmpstr(arguments, ==, "('ens1', {'explain': <true>})");
        g_autofree char *planned = stub_get_arguments(stub, "Plan");
        g_assert_cmpstr(planned, ==, "('ens1', 'detach', {'companions': <['*']>})");
        stub_answer(stub, "Plan", "(true, @a(sssa{sv}) [], @a(sssba{sv}) [], '0123456789abcdef', @a{sv} {})");
        expect_output(0, "explain ens1", TREE "\nWhat the host would lose\n  Nothing that is in use.\n");
        stub_answer(stub, "Plan", "!" BUS_NAME ".Error.NoIommu There is no IOMMU.");
        expect_output(0, "explain ens1", TREE "\nWhat the host would lose\n  There is no IOMMU.\n");
        json_t *json = vfioctl_json("explain ens1");
        expect_json(json, "path.2.member", "\"selected\"");
        expect_json(json, "checks.0.code", "\"isolation-conventional\"");
        expect_json(json, "refusal", "\"There is no IOMMU.\"");
        expect_json(json, "ssh_interface", "null");
        json_decref(json);
        EXPECT(2, "*needs a selector*", "explain");
        stub_answer(stub, "Diagnose", "!" BUS_NAME ".Error.NoSuchDevice There is none.");
        EXPECT(3, "vfioctl: There is none.\n", "explain ens9");
        stub_stop(stub);
}

/* The address of the user's SSH session belongs to an interface of the group. */
static void test_ssh(void) {
        Stub *stub = start_explain();
        static const char *const others[] = {"192.0.2.1 4000 192.0.2.2 22", "x", ""};
        g_auto(GStrv) argv = vfioctl_argv("explain ens1");

        for (size_t i = 0; i <= G_N_ELEMENTS(others); i++) {
                bool is_here = i == G_N_ELEMENTS(others);
                g_autofree char *variable = g_strdup_printf(
                                "SSH_CONNECTION=%s", is_here ? "127.0.0.1 4000 127.0.0.1 22" : others[i]);
                const char *environment[] = {"LC_ALL=C.UTF-8", variable, NULL};
                g_auto(ProgramResult) result = program_run(
                                (const char *const *)argv, &(ProcessOptions){.environment = environment}, NULL);

                g_assert_cmpint(result.status, ==, 0);
                g_assert_cmpint(strstr(result.output, "  Your SSH session comes through lo.\n") != NULL, ==, is_here);
        }
        stub_stop(stub);
}

/* The whole way: the host's files, vfiod, and its worker. */
static void test_host(void) {
        static const char *const files[] = {"etc/driverctl.d/pci-" NIC, "vfio-pci\n", NULL};
        Fixture *fixture = fixture_start(&(FixtureOptions){.host_files = files});
        g_auto(ProgramResult) result = vfioctl("doctor ens3");

        g_assert_nonnull(strstr(result.output, "\nDevice\n"));
        g_assert_nonnull(strstr(result.output, "            $ sudo driverctl unset-override " NIC "\n"));
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/vfioctl/doctor/text", test_text);
        g_test_add_func("/vfioctl/doctor/quiet", test_quiet);
        g_test_add_func("/vfioctl/doctor/json", test_json);
        g_test_add_func("/vfioctl/doctor/errors", test_errors);
        g_test_add_func("/vfioctl/doctor/host", test_host);
        g_test_add_func("/vfioctl/explain/text", test_explain);
        g_test_add_func("/vfioctl/explain/ssh", test_ssh);
        return g_test_run();
}
