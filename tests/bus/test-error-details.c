/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"

#include <signal.h>

/* The option "error-details": what an error tells for programs, besides its name and message. */

#define DETAILED "{'error-details': <true>}"
#define DISK "0000:04:00.0"

/* The body of the error with which the call fails. */
static GVariant *refuse(Fixture *fixture, const char *path, const char *interface, const char *method,
                const char *arguments, const char *name) {
        g_autoptr(GDBusMessage) call = g_dbus_message_new_method_call(BUS_NAME, path, interface, method);
        g_autofree char *full = strchr(name, '.') ? g_strdup(name) : g_strdup_printf(BUS_NAME ".Error.%s", name);
        g_autoptr(GError) error = NULL;

        g_dbus_message_set_body(call, g_variant_new_parsed(arguments));
        g_autoptr(GDBusMessage) reply = g_dbus_connection_send_message_with_reply_sync(
                        fixture->connection, call, G_DBUS_SEND_MESSAGE_FLAGS_NONE, DEADLINE_MS, NULL, NULL, &error);
        g_assert_no_error(error);
        g_assert_cmpstr(g_dbus_message_get_error_name(reply), ==, full);
        return g_variant_ref(g_dbus_message_get_body(reply));
}

static GVariant *refuse_manager(Fixture *fixture, const char *method, const char *arguments, const char *name) {
        return refuse(fixture, BUS_PATH, MANAGER, method, arguments, name);
}

/* Checks the text of the details of an error against the pattern. */
static void expect(GVariant *body, const char *pattern) {
        g_autoptr(GVariant) owned = body;

        g_assert_cmpstr(g_variant_get_type_string(owned), ==, "(sa{sv})");
        g_autoptr(GVariant) details = g_variant_get_child_value(owned, 1);
        g_autofree char *text = g_variant_print(details, false);
        if (!g_pattern_match_simple(pattern, text))
                g_error("%s is not like %s", text, pattern);
}

static void expect_plain(GVariant *body) {
        g_autoptr(GVariant) owned = body;

        g_assert_cmpstr(g_variant_get_type_string(owned), ==, "(s)");
}

#define CONSENT \
        "{'Device': <'" PORT1 "'>, 'Group': <10>, 'Findings': <[('consent', '" PORT2 "', *, false, " \
        "{'Error': <'org.vfiod1.Error.GroupNeedsConsent'>, 'Group': <10>, 'Options': <['companions']>, " \
        "'Companions': <['" PORT2 "']>, 'Cure': <'vfioctl detach " PORT1 " --group'>})]>, " \
        "'Cure': <'vfioctl detach " PORT1 " --group'>, 'Options': <['companions']>, 'Companions': <['" PORT2 "']>}"

/* What the model knows before a job starts. The caller gets it only with the option. */
static void test_consent(void) {
        static const char *const methods[] = {"Detach", "StartDetach"};
        Fixture *fixture = fixture_start(NULL);

        for (unsigned i = 0; i < G_N_ELEMENTS(methods); i++) {
                expect(refuse_manager(fixture, methods[i], "('ens1', " DETAILED ")", "GroupNeedsConsent"), CONSENT);
                expect_plain(refuse_manager(fixture, methods[i], "('ens1', " NO_OPTIONS ")", "GroupNeedsConsent"));
                expect_plain(refuse_manager(
                                fixture, methods[i], "('ens1', {'error-details': <false>})", "GroupNeedsConsent"));
        }
        expect(refuse_manager(fixture, "Lease", "('ens1', {'error-details': <true>, 'override': <['no-reset']>})",
                               "GroupNeedsConsent"),
                        CONSENT);
        expect(refuse_manager(fixture, "Lease", "('ens1', " DETAILED ")", "NoReset"),
                        "{'Device': <'" PORT1 "'>, 'Group': <10>, 'Findings': <[('no-reset', '" PORT1
                        "', *, false, {'Error': <'org.vfiod1.Error.NoReset'>, 'Group': <10>, 'Options': "
                        "<['override']>})]>, 'Options': <['override']>, 'Override': <['no-reset']>}");
        expect(refuse(fixture, PORT1_PATH, DEVICE, "Detach", "(" DETAILED ",)", "GroupNeedsConsent"), CONSENT);
        /* With the values of the details, the call succeeds. */
        manager_expect(fixture, "Detach", "ens1", "{'companions': <['" PORT2 "']>, 'error-details': <true>}",
                        "([('" PORT1 "', 'e1000', 'vfio-pci', {}), ('" PORT2 "', 'e1000', 'vfio-pci', {})],)");
        expect(refuse(fixture, GROUP10, GROUP, "Detach", "(" DETAILED ",)", "AlreadyDetached"),
                        "{'Device': <'" PORT1 "'>, 'Group': <10>, 'Findings': <[('already-detached', '" PORT1
                        "', *, false, {*})]>}");
        fixture_stop(fixture);
}

/* Errors that have no finding. An error in the arguments has no details. */
static void test_others(void) {
        Fixture *fixture = fixture_start(NULL);

        expect(refuse_manager(fixture, "Detach", "('wlan9', " DETAILED ")", "NoSuchDevice"), "{}");
        expect(refuse_manager(fixture, "Detach", "('00:02.0', " DETAILED ")", "NotEndpoint"),
                        "{'Device': <'0000:00:02.0'>, 'Group': <2>}");
        expect(refuse_manager(fixture, "Plan", "('wlan9', 'detach', " DETAILED ")", "NoSuchDevice"), "{}");
        expect(refuse_manager(fixture, "Reattach", "('ens3', " DETAILED ")", "NotDetached"),
                        "{'Device': <'" NIC "'>, 'Group': <12>, 'Findings': <[('not-detached', '" NIC
                        "', *, false, {*})]>}");
        expect(refuse_manager(fixture, "SetVirtualFunctions", "('ens3', uint32 1, " DETAILED ")", "NoVirtualFunctions"),
                        "{'Device': <'" NIC "'>, 'Group': <12>}");
        expect(refuse_manager(fixture, "RemoveRule", "('x', " DETAILED ")", "NoSuchRule"), "{'Rule': <'x'>}");
        expect(refuse_manager(fixture, "ChangeRules", "([('x', 'enable', @a{sv} {})], " DETAILED ")", "NoSuchRule"),
                        "{'Rule': <'x'>}");
        expect_plain(refuse_manager(fixture, "Detach", "('ens3', {'error-details': <'yes'>})", INVALID_ARGS));
        expect_plain(refuse_manager(fixture, "Detach", "('ens3', {'error-details': <true>, 'x': <1>})", INVALID_ARGS));
        expect_plain(refuse_manager(fixture, "Rescan", "(" DETAILED ",)", INVALID_ARGS));
        fixture_stop(fixture);
}

/* The details of the next JobRemoved, as text. */
static void expect_removed(Fixture *fixture, const char *error, const char *details) {
        g_autofree char *pattern =
                        g_strdup_printf("* JobRemoved *'failed', 'org.vfiod1.Error.%s', *, {%s})", error, details);

        g_free(fixture_expect_signal(fixture, pattern));
}

/* What a worker finds: the reply has it, and on the system bus JobRemoved hides what can name processes and mounts. */
static void test_guard(void) {
        Fixture *fixture = fixture_start(NULL);
        const char *refused = "{'Device': <'" DISK "'>, 'Group': <11>, 'Findings': <[('storage', '" DISK
                              "', 'nvme0n1 is open exclusively*', false, {'Error': <'org.vfiod1.Error.InUseStorage'>, "
                              "'Group': <11>, 'Options': <['override']>})]>, 'Options': <['override']>, 'Override': "
                              "<['storage']>}";

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        expect(refuse_manager(fixture, "Detach", "('nvme0n1', " DETAILED ")", "InUseStorage"), refused);
        expect_removed(fixture, "InUseStorage", "'Changes': <@a(sssa{sv}) []>, 'Device': <'" DISK "'>, 'Group': <11>");
        expect_plain(refuse_manager(fixture, "Detach", "('nvme0n1', " NO_OPTIONS ")", "InUseStorage"));
        expect(refuse_manager(fixture, "Lease", "('nvme0n1', " DETAILED ")", "InUseStorage"), refused);
        expect(refuse_manager(fixture, "Detach",
                               "('nvme0n1', {'revert-after': <uint64 60000000>, 'error-details': "
                               "<true>})",
                               "InUseStorage"),
                        refused);

        /* A finding that is overridden refuses nothing: no option helps. */
        fake_kernel_do(fixture->kernel, "modprobe vfio-pci");
        fake_kernel_do(fixture->kernel, "fail 1 EIO");
        expect(refuse_manager(fixture, "Detach", "('nvme0n1', {'override': <['storage']>, 'error-details': <true>})",
                               "RolledBack"),
                        "{'Device': <'" DISK "'>, 'Group': <11>, 'Findings': <[('storage', '" DISK
                        "', *, true, {*})]>}");
        g_autoptr(GVariant) jobs = fixture_call(fixture, BUS_PATH, MANAGER, "ListJobs", NULL, NULL);
        g_autofree char *text = g_variant_print(jobs, false);
        g_assert_true(g_pattern_match_simple(
                        "*'failed', 11, *'Error': <'org.vfiod1.Error.InUseStorage'>, *'Device': <'" DISK
                        "'>, 'Group': <11>})*",
                        text));
        g_assert_null(strstr(text, "exclusively"));
        fixture_stop(fixture);
}

/* A process that holds the devices, for those who may know it. */
static void test_held(void) {
        Fixture *fixture = fixture_start(NULL);
        g_autofree char *script = g_strdup_printf(
                        "exec 9<>%s/dev/vfio/12 && echo open && kill -STOP $$", fake_kernel_get_root(fixture->kernel));

        manager_expect(fixture, "Detach", "ens3", NO_OPTIONS, "([('" NIC "', 'e1000e', 'vfio-pci', {})],)");
        Process *holder = process_start((const char *const[]){"sh", "-c", script, NULL}, NULL);
        process_expect_line(holder, "open");
        fake_kernel_do(fixture->kernel, "claim 12");
        int pid = (int)process_get_pid(holder);
        g_autofree char *pattern = g_strdup_printf(
                        "{'Device': <'" NIC "'>, 'Group': <12>, 'Findings': <[('held', '" NIC
                        "', '/dev/vfio/12 is held by process %d (sh)*', false, {*'Pid': <uint32 %d>, *})]>, 'Pid': "
                        "<uint32 %d>, 'Cure': <'End process %d, or take the device out of it'>, 'Options': "
                        "<['force']>}",
                        pid, pid, pid, pid);
        expect(refuse_manager(fixture, "Reattach", "('ens3', " DETAILED ")", "Held"), pattern);
        expect_removed(fixture, "Held", "'Changes': <@a(sssa{sv}) []>, 'Device': <'" NIC "'>, 'Group': <12>");
        (void)kill(pid, SIGKILL);
        g_assert_cmpint(process_finish(holder), ==, 128 + SIGKILL);
        fixture_stop(fixture);
}

/* What vfiod tells for programs. */
static void test_vfioctl(void) {
        static const struct {
                const char *arguments, *details;
                int status;
        } cases[] = {
                        {"detach ens1",
                                        "{\"device\":\"" PORT1 "\",\"group\":10,\"findings\":[{\"guard\":\"consent\","
                                        "\"address\":\"" PORT2
                                        "\",*\"error\":\"org.vfiod1.Error.GroupNeedsConsent\",*}],"
                                        "\"options\":[\"companions\"],\"companions\":[\"" PORT2
                                        "\"],\"cure\":\"vfioctl detach " PORT1 " --group\"}",
                                        5},
                        {"detach nvme0n1",
                                        "{\"device\":\"0000:04:00.0\",\"group\":11,\"findings\":[{\"guard\":"
                                        "\"storage\","
                                        "\"address\":\"0000:04:00.0\",\"evidence\":\"nvme0n1 is open "
                                        "exclusively*\",*}],"
                                        "\"options\":[\"override\"],\"override\":[\"storage\"]*}",
                                        5},
                        {"lease ens1 --group -- true", "{\"device\":*\"override\":[\"no-reset\"]}", 5},
                        {"plan wlan9", "{}", 3},
                        {"reattach ens3", "{\"device\":*\"guard\":\"not-detached\"*}", 5},
                        {"rule remove x", "{\"rule\":\"x\"}", 3},
                        {"rule remove display", "{\"rule\":\"display\"}", 3},
        };
        Fixture *fixture = fixture_start(NULL);

        fake_kernel_do(fixture->kernel, "use nvme0n1");
        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                json_t *document = vfioctl_json_with(cases[i].status, cases[i].arguments);
                g_autofree char *details = json_at(document, "error.details");

                if (!details || !g_pattern_match_simple(cases[i].details, details))
                        g_error("%s: %s is not like %s", cases[i].arguments, details, cases[i].details);
                json_decref(document);
        }
        /* Without --json, there is only the message. */
        EXPECT(5, "vfioctl: " PORT1 " is in IOMMU group 10 together with " PORT2 "*", "detach ens1");
        fixture_stop(fixture);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/error-details/consent", test_consent);
        g_test_add_func("/bus/error-details/others", test_others);
        g_test_add_func("/bus/error-details/guard", test_guard);
        g_test_add_func("/bus/error-details/held", test_held);
        g_test_add_func("/bus/error-details/vfioctl", test_vfioctl);
        return g_test_run();
}
