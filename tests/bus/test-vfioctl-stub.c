/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "client.h"
#include "stub.h"
#include "terminal.h"

#include <signal.h>

/* vfioctl with a stub daemon, whose answers are rare, late, or missing with the real daemon. */

#define ERASE "\x1b[K"
#define JOB BUS_NAME ".Job"
#define FAILED "!org.vfiod1.Error.Failed "

/* A device in a group of two. */
static Stub *start_with_device(void) {
        Stub *stub = stub_start();

        stub_answer(stub, "GetDevice", "(objectpath '/org/vfiod1/devices/a',)");
        stub_answer(stub, "GetFragment",
                        "('-device x\n', {'arguments': <['-device', 'x']>, 'devices': <['0000:02:01.0']>, 'New': "
                        "<1>})");
        stub_answer(stub, "GetGroup", "(objectpath '/org/vfiod1/groups/7',)");
        stub_answer(stub, "GetAll " DEVICE,
                        "({'Address': <'0000:02:01.0'>, 'State': <'stuck'>, 'Driver': <'vfio-pci'>, 'Endpoint': <true>,"
                        " 'GroupNumber': <7>, 'Group': <objectpath '/org/vfiod1/groups/7'>},)");
        stub_answer(stub, "GetAll " GROUP,
                        "({'Number': <7>, 'State': <'stuck'>, 'Viable': <true>, 'Node': <'/dev/vfio/7'>,"
                        " 'Devices': <[objectpath '/org/vfiod1/devices/a']>},)");
        stub_answer(stub, "ListHolders", "(@a(ussssa{sv}) [],)");
        stub_answer(stub, "ListRules", "(@a(sssa(sssa{sv})a{sv}) [],)");
        stub_answer(stub, "ListJobs", "(@a(uossiasuusssa{sv}ta{sv}) [],)");
        return stub;
}

#define HOLDERS \
        "([(uint32 324, 'qemu-system-x86', 'machine-x.service', '/dev/vfio/7', '', {'New': <1>, 'Group': <7>})," \
        " (uint32 55, '', '', '/dev/dri/card0', '0000:02:01.0', {})],)"

/* Each holder is shown with its node. */
static void test_holders(void) {
        Stub *stub = start_with_device();

        stub_answer(stub, "ListHolders", HOLDERS);
        g_auto(ProgramResult) show = vfioctl("show enp2s1");
        expect_result(&show, 0, "", "show enp2s1");
        g_auto(GStrv) blocks = g_strsplit(show.output, "\n\n", 2);
        g_assert_nonnull(strstr(blocks[0], "           Held by: process 55: /dev/dri/card0"));
        g_assert_nonnull(strstr(blocks[1],
                        "           Held by: process 324 (qemu-system-x86) of machine-x.service: /dev/vfio/7\n"));
        g_assert_null(strstr(blocks[0], "/dev/vfio/7 "));
        g_assert_null(strstr(blocks[1], "/dev/dri"));

        json_t *json = vfioctl_json("show enp2s1");
        expect_json(json, "holders.0",
                        "{\"pid\":324,\"command\":\"qemu-system-x86\",\"unit\":\"machine-x.service\",\"node\":\"/dev/"
                        "vfio/7\",\"address\":null,\"group\":7,\"more\":0,\"error\":null}");
        expect_json(json, "holders.1",
                        "{\"pid\":55,\"command\":null,\"unit\":null,\"node\":\"/dev/dri/card0\","
                        "\"address\":\"0000:02:01.0\",\"group\":null,\"more\":0,\"error\":null}");
        json_decref(json);
        stub_stop(stub);
}

/* Missing information is reported, and everything else is shown. */
static void test_holders_unknown(void) {
        Stub *stub = start_with_device();

        stub_answer(stub, "ListHolders", FAILED "Nobody tells.");
        stub_answer(stub, "ListJobs", FAILED "Nor this.");
        g_auto(ProgramResult) show = vfioctl("show enp2s1");
        expect_result(&show, 0,
                        "vfioctl: cannot find out which processes hold the device: Nobody tells.\nvfioctl: cannot read "
                        "the job: Nor "
                        "this.\n",
                        "show enp2s1");
        g_assert_nonnull(strstr(show.output, "Group: 7\n"));
        g_auto(ProgramResult) json = vfioctl("show enp2s1 --json --quiet");
        expect_result(&json, 0, "", "show enp2s1 --json --quiet");
        g_assert_nonnull(strstr(json.output, "\"holders\": null"));
        g_assert_nonnull(strstr(json.output, "\"job\": null"));

        /* an answer with another type, as from another version */
        stub_answer(stub, "ListHolders", "([(uint32 324, 'qemu')],)");
        EXPECT(0, "vfioctl: cannot find out which processes hold the device: *compare their versions.\n*",
                        "show enp2s1");
        stub_stop(stub);
}

/* Only the job of this group is shown. */
static void test_job(void) {
        Stub *stub = start_with_device();

        stub_answer(stub, "ListJobs",
                        "([(uint32 4, objectpath '/org/vfiod1/jobs/4', 'detach', 'running', 8, ['0000:09:00.0'],"
                        " uint32 1, uint32 5, 'override', '0000:09:00.0', '', {'Kind': <'call'>, 'Pid': <uint32 9>, "
                        "'Command': <'x'>}, uint64 1, "
                        "@a{sv} {}),"
                        " (3, '/org/vfiod1/jobs/3', 'reattach', 'stuck', 7, ['0000:02:01.0'], 4, 9, 'unbind',"
                        " '0000:02:01.0', 'process 324 (qemu)', {'Kind': <'call'>, 'Pid': <uint32 9>, 'Command': "
                        "<'x'>}, 1000000, {'New': <1>})],)");
        g_auto(ProgramResult) show = vfioctl("show enp2s1");
        expect_result(&show, 0, "", "show enp2s1");
        g_assert_nonnull(strstr(show.output,
                        "               Job: 3, reattach, stuck, step 4 of 9, unbind 0000:02:01.0\n"
                        "         Waits for: process 324 (qemu)\n"));
        /* ordered by number; an old job is shown with its date */
        g_auto(ProgramResult) jobs = vfioctl("jobs --no-legend");
        expect_result(&jobs, 0, "", "jobs --no-legend");
        g_assert_true(g_pattern_match_simple("*3 reattach * 1970-01-01 00:00\n*4 detach *", jobs.output));
        stub_stop(stub);
}

/* A job for VFs of a PF without a group. */
static void test_job_without_group(void) {
        Stub *stub = start_with_device();

        stub_answer(stub, "ListJobs",
                        "([(uint32 4, objectpath '/org/vfiod1/jobs/4', 'set-virtual-functions', 'running', -1,"
                        " ['0000:09:00.0'], uint32 1, uint32 5, 'set-autoprobe', '0000:09:00.0', '',"
                        " {'Kind': <'call'>, 'Pid': <uint32 9>, 'Command': <'x'>}, uint64 1, @a{sv} {})],)");
        g_auto(ProgramResult) text = vfioctl("jobs --no-legend");
        expect_result(&text, 0, "", "jobs --no-legend");
        g_assert_true(g_pattern_match_simple("*4 set-virtual-functions *- 0000:09:00.0 running *", text.output));
        json_t *json = vfioctl_json("jobs");
        expect_json(json, "jobs.0.group", "null");
        json_decref(json);

        stub_answer(stub, "ListDevices",
                        "([('0000:09:00.0', objectpath '/org/vfiod1/devices/b', -1, 'host', 'ixgbe', uint32 131072,"
                        " uint16 32902, uint16 4349, @as [], @a{sv} {})],)");
        g_auto(ProgramResult) devices = vfioctl("devices --no-legend");
        expect_result(&devices, 0, "", "devices --no-legend");
        g_assert_true(g_pattern_match_simple("0000:09:00.0 *- host *", devices.output));
        json_t *list = vfioctl_json("devices");
        expect_json(list, "devices.0.group", "null");
        json_decref(list);
        stub_stop(stub);
}

/* The rows of each list may have more fields in a later version of vfiod. vfioctl still reads them. */
static void test_rows_grow(void) {
        static const char change[] = "([('0000:02:01.0', 'e1000', 'vfio-pci', {'New': <1>}),"
                                     " ('0000:02:02.0', 'e1000', 'vfio-pci', {})],)";
        Stub *stub = start_with_device();

        stub_answer(stub, "Plan",
                        "(false, [('unbind', '0000:02:01.0', 'why', {'New': <1>}), ('probe', '0000:02:01.0', 'so', "
                        "{})],"
                        " [('storage', '0000:02:01.0', 'a disk', false, {'New': <@ai []>})], '0123456789abcdef',"
                        " {'New': <1>})");
        json_t *plan = vfioctl_json_with(5, "plan enp2s1");
        expect_json(plan, "steps.1.action", "\"probe\"");
        expect_json(plan, "findings.0.evidence", "\"a disk\"");
        json_decref(plan);
        stub_answer(stub, "Detach", change);
        json_t *detached = vfioctl_json("detach enp2s1");
        expect_json(detached, "changes.1.address", "\"0000:02:02.0\"");
        expect_json(detached, "qemu_arguments", "[\"-device\",\"x\"]");
        json_decref(detached);
        stub_answer(stub, "ListRules",
                        "([('a', '/etc/a.conf', 'active', [('0000:02:01.0', 'applied', '', {'Changing': <true>, 'New': "
                        "<1>})],"
                        " {'New': <1>})],)");
        json_t *rules = vfioctl_json("rule list");
        expect_json(rules, "rules.0.devices.0.status", "\"applied\"");
        expect_json(rules, "rules.0.devices.0.changing", "true");
        json_decref(rules);
        stub_stop(stub);
}

static void emit_job(Stub *stub, unsigned number, unsigned group, int pid) {
        g_autofree char *arguments = g_strdup_printf(
                        "(objectpath '/org/vfiod1/jobs/%u', {'" JOB
                        "': {'Number': <uint32 %u>, 'Kind': <'reattach'>, 'State': <'running'>, 'GroupNumber': <%u>,"
                        " 'Step': <uint32 4>, 'Steps': <uint32 9>, 'Action': <'unbind'>, 'Address': <'0000:02:01.0'>,"
                        " 'WaitsFor': <''>, 'Caller': <{'Kind': <'call'>, 'Uid': <uint32 0>, 'Pid': <uint32 %d>}>}})",
                        number, number, group, pid);

        stub_emit(stub, BUS_PATH, OBJECT_MANAGER, "InterfacesAdded", arguments);
}

static void emit_change(Stub *stub, unsigned number, const char *changes) {
        g_autofree char *path = g_strdup_printf(BUS_PATH "/jobs/%u", number);
        g_autofree char *arguments = g_strdup_printf("('" JOB "', %s, @as [])", changes);

        stub_emit(stub, path, PROPERTIES, "PropertiesChanged", arguments);
}

static Process *start_reattach(Stub *stub, Terminal *terminal) {
        g_auto(GStrv) argv = vfioctl_argv("reattach enp2s1 --force");
        Process *client = terminal_start(terminal, (const char *const *)argv, vfioctl_environment);

        g_free(stub_expect_call(stub, "Reattach"));
        return client;
}

/* Jobs of other callers are not shown as this client's job, and Ctrl-C does not cancel them. */
static void test_other_jobs(void) {
        Stub *stub = start_with_device();
        Terminal *terminal = terminal_open(200);
        Process *client = start_reattach(stub, terminal);
        int pid = (int)process_get_pid(client);

        stub_answer(stub, "Cancel", "('cancelling', 'Job 4 undoes it.')");
        emit_job(stub, 3, 7, pid + 1);
        terminal_type(terminal, "\x03");
        g_free(terminal_expect(terminal, "vfioctl: cancelling the job"));
        emit_change(stub, 3, "{'Step': <uint32 5>}");
        emit_job(stub, 4, 7, pid);
        g_autofree char *shown = terminal_expect(terminal, ERASE);
        g_assert_true(g_str_has_suffix(shown, "\rreattach group 7: step 4 of 9, unbind 0000:02:01.0 ..." ERASE));
        /* there is exactly one Cancel call, for this client's job */
        stub_finish(stub, "Reattach", "!org.vfiod1.Error.Cancelled Undone.");
        g_free(terminal_read_rest(terminal));
        g_assert_cmpint(process_finish(client), ==, 1);
        g_autofree char *cancelled = stub_expect_call(stub, "Cancel");
        g_assert_cmpstr(cancelled, ==, "/org/vfiod1/jobs/4");
        g_assert_cmpuint(stub_count_calls(stub, "Cancel"), ==, 1);
        terminal_close(terminal);
        stub_stop(stub);
}

/* The process that the job waits for is shown, whatever its name is; other unknown changes are not shown. */
static void test_waits_for(void) {
        Stub *stub = start_with_device();
        Terminal *terminal = terminal_open(200);
        Process *client = start_reattach(stub, terminal);

        emit_job(stub, 4, 7, (int)process_get_pid(client));
        emit_change(stub, 4, "{'WaitsFor': <'process 324 (q\x1b[31m\xc3\xa4mu)'>}");
        g_free(terminal_expect(terminal,
                        "\rreattach group 7: step 4 of 9, unbind 0000:02:01.0 ... (waits for process 324 "
                        "(q\\x1b[31m\\xc3\\xa4mu))" ERASE));
        emit_change(stub, 5, "{'Step': <uint32 9>}");
        emit_change(stub, 4, "{'Step': <uint32 5>, 'WaitsFor': <''>, 'State': <'unheard-of'>, 'Unheard': <1>}");
        g_autofree char *shown = terminal_expect(terminal, ERASE);
        g_assert_cmpstr(shown, ==, "\rreattach group 7: unheard-of, step 5 of 9, unbind 0000:02:01.0 ..." ERASE);
        stub_finish(stub, "Reattach", "(@a(sssa{sv}) [],)");
        g_autofree char *rest = terminal_read_rest(terminal);
        g_assert_cmpstr(rest, ==, "\r" ERASE);
        g_assert_cmpint(process_finish(client), ==, 0);
        terminal_close(terminal);
        stub_stop(stub);
}

/* The user presses Ctrl-C again: there is no job yet, or the daemon does not answer. In the last case the user does
 * not press it again, and vfioctl does not wait forever. */
static void test_stop_waiting(void) {
        Stub *stub = start_with_device();

        for (unsigned i = 0; i < 3; i++) {
                Terminal *terminal = terminal_open(200);
                Process *client = start_reattach(stub, terminal);

                if (i > 0)
                        emit_job(stub, 4, 7, (int)process_get_pid(client));
                terminal_type(terminal, "\x03");
                g_free(terminal_expect(terminal, "to stop waiting\r\n"));
                if (i > 0)
                        g_free(stub_expect_call(stub, "Cancel"));
                terminal_type(terminal, "\x03");
                g_free(terminal_expect(terminal,
                                i > 0 ? "vfioctl: job 4 continues without vfioctl: see 'vfioctl jobs'\r\n"
                                      : "vfioctl: if the job has begun, it continues without vfioctl: see 'vfioctl "
                                        "jobs'\r\n"));
                if (i == 1)
                        terminal_type(terminal, "\x03");
                g_autofree char *rest = terminal_read_rest(terminal);
                g_assert_null(strstr(rest, "vfioctl"));
                g_assert_cmpint(process_finish(client), ==, 128 + SIGINT);
                g_assert_cmpuint(stub_count_calls(stub, "Cancel"), ==, i);
                terminal_close(terminal);
        }
        stub_stop(stub);
}

/* Each error has its exit code. */
static void test_exit_codes(void) {
        static const struct {
                const char *error;
                int status;
        } cases[] = {
                        {"NoSuchDevice", 3},
                        {"NoSuchGroup", 3},
                        {"NoIommu", 5},
                        {"NoGroup", 5},
                        {"NotEndpoint", 5},
                        {"GroupNeedsConsent", 5},
                        {"NotViable", 5},
                        {"InUseStorage", 5},
                        {"InUseNetwork", 5},
                        {"InUseDisplay", 5},
                        {"InUseConsole", 5},
                        {"InUseMemory", 5},
                        {"InUseProcess", 5},
                        {"InUseSomethingNew", 5},
                        {"VirtualFunctionsInUse", 5},
                        {"FirmwareMapping", 5},
                        {"NotAnswering", 5},
                        {"PlanStale", 5},
                        {"SurveyTimedOut", 5},
                        {"Held", 5},
                        {"Foreign", 5},
                        {"AlreadyDetached", 5},
                        {"NotDetached", 5},
                        {"Busy", 5},
                        {"IdentityChanged", 5},
                        {"LimitsExceeded", 5},
                        {"RuleChanged", 5},
                        {"DriverUnavailable", 1},
                        {"RolledBack", 1},
                        {"Degraded", 1},
                        {"Cancelled", 1},
                        {"Failed", 1},
                        {"SomethingNew", 1},
                        {"Stuck", 6},
        };
        Stub *stub = start_with_device();

        for (unsigned i = 0; i < G_N_ELEMENTS(cases); i++) {
                g_autofree char *answer = g_strdup_printf("!org.vfiod1.Error.%s So it is.", cases[i].error);

                stub_answer(stub, "Detach", answer);
                EXPECT(cases[i].status,
                                cases[i].status == 6 ? "vfioctl: So it is.\nSee 'vfioctl jobs'.\n"
                                                     : "vfioctl: So it is.\n",
                                "detach enp2s1");
        }
        stub_stop(stub);
}

/* The check for the rule succeeds, but the rule cannot be written after the detach: this has its own exit status. */
static void test_rule_fails_late(void) {
        Stub *stub = start_with_device();
        g_auto(GStrv) argv = vfioctl_argv("detach enp2s1 --persistent --name=x");
        const char *const shell[] = {
                        "sh", "-c", "\"$0\" \"$@\" 2>&1", argv[0], argv[1], argv[2], argv[3], argv[4], NULL};

        stub_answer(stub, "Detach", "([('0000:02:01.0', 'e1000', 'vfio-pci', @a{sv} {})],)");
        Process *client = process_start(shell, NULL);
        g_free(stub_expect_call(stub, "AddRule"));
        g_assert_cmpuint(stub_count_calls(stub, "Detach"), ==, 0);
        stub_finish(stub, "AddRule", "('x', '/etc/vfiod/rules.d/x.conf')");
        g_free(stub_expect_call(stub, "Detach"));
        g_free(stub_expect_call(stub, "AddRule"));
        stub_finish(stub, "AddRule", FAILED "The disk is full.");
        process_expect_line(client, "vfioctl: The disk is full.");
        process_expect_line(client,
                        "vfioctl: enp2s1 is detached, but only until the next boot: the rule is not written. To "
                        "write it, use 'vfioctl rule add'.");
        process_expect_line(client, "0000:02:01.0: e1000 -> vfio-pci");
        g_assert_cmpint(process_finish(client), ==, 7);
        stub_stop(stub);
}

/* The connection to the daemon is lost. */
static void test_lost(void) {
        Stub *stub = start_with_device();
        g_auto(GStrv) argv = vfioctl_argv("detach enp2s1");
        const char *const shell[] = {"sh", "-c", "\"$0\" \"$@\" 2>&1", argv[0], argv[1], argv[2], NULL};
        Process *client = process_start(shell, NULL);

        g_free(stub_expect_call(stub, "Detach"));
        stub_stop(stub);
        g_autofree char *line = process_read_line(client);
        g_assert_nonnull(line);
        g_assert_true(g_pattern_match_simple("vfioctl: *", line));
        int status = process_finish(client);
        g_assert_true(status == 1 || status == 6);
}

#define JOB_ROW(number, state) \
        "(uint32 " number ", objectpath '/org/vfiod1/jobs/4', 'detach', '" state \
        "', 8, ['0000:09:00.0'], uint32 1, uint32 5, 'override', '0000:09:00.0', '', {'Kind': <'call'>}, uint64 1, " \
        "@a{sv} {})"

/* vfioctl would wait for an answer. */
static void refuse_lists(Stub *stub) {
        static const char *const methods[] = {"ListJobs", "ListRules", "ListLeases", "ListGroups"};

        for (size_t i = 0; i < G_N_ELEMENTS(methods); i++)
                stub_answer(stub, methods[i], "!org.freedesktop.DBus.Error.UnknownMethod There is no such method.");
}

/* status tells what deserves attention. */
static void test_status(void) {
        Stub *stub = start_with_device();

        refuse_lists(stub);
        stub_answer(stub, "GetAll",
                        "({'Version': <'7'>, 'Iommu': <'on'>, 'DeviceCount': <uint32 3>, 'EventsLost': <uint32 2>},)");
        stub_answer(stub, "ListLeases", "(@a(uosutuiasa{sv}) [],)");
        g_auto(ProgramResult) calm = vfioctl("status");
        expect_result(&calm, 0, "", "status");
        g_assert_null(strstr(calm.output, "obs:"));
        g_assert_null(strstr(calm.output, "ules"));

        stub_answer(stub, "ListJobs", "([" JOB_ROW("4", "stuck") ", " JOB_ROW("5", "running") "],)");
        stub_answer(stub, "ListRules",
                        "([('a', '/etc/a.conf', 'active', [('0000:02:01.0', 'refused', 'In use.', @a{sv} {}),"
                        " ('0000:02:02.0', 'applied', '', {}), ('0000:02:03.0', 'refused', 'In use.', {})], @a{sv} {}),"
                        " ('b', '/etc/b.conf', 'off', [], {})],)");
        g_auto(ProgramResult) status = vfioctl("status");
        expect_result(&status, 0, "", "status");
        g_assert_nonnull(strstr(status.output,
                        "              Jobs: 2\n"
                        "        Stuck jobs: 1: see 'vfioctl jobs'\n"
                        "  Refused by rules: 2: see 'vfioctl rule list'\n"
                        " Rules with errors: 1: see 'vfioctl rule check'\n"
                        "       Lost events: 2 times; each time, vfiod read all devices again\n"));
        json_t *json = vfioctl_json("status");
        expect_json(json, "job_count", "2");
        expect_json(json, "stuck_job_count", "1");
        expect_json(json, "refused_device_count", "2");
        expect_json(json, "faulty_rule_count", "1");
        expect_json(json, "events_lost", "2");
        expect_json(json, "revert_count", "null");
        json_decref(json);
        stub_stop(stub);
}

#define RULE_ROW(status, message, changing) \
        "([('a', '/etc/a.conf', 'active', [('0000:02:01.0', '" status "', '" message "', " \
        "{'Changing': <" changing ">})], @a{sv} {})],)"

/* vfioctl waits for the end of the job, and then reads the status again: the rule was refused meanwhile. */
static void test_rule_wait(void) {
        Stub *stub = stub_start();
        g_auto(GStrv) argv = vfioctl_argv("rule enable a --wait");

        stub_answer(stub, "SetEnabled", "()");
        stub_answer(stub, "ListDevices", FAILED "Nobody asks.");
        Process *client = process_start((const char *const *)argv, NULL);
        g_free(stub_expect_call(stub, "ListRules"));
        stub_finish(stub, "ListRules", RULE_ROW("applied", "", "true"));
        stub_emit(stub, "/org/vfiod1", MANAGER, "RulesChanged", "()");
        g_free(stub_expect_call(stub, "ListRules"));
        stub_finish(stub, "ListRules", RULE_ROW("refused", "In use.", "false"));
        process_expect_line(client, "Rule a is enabled. It acts now.");
        process_expect_line(client, "0000:02:01.0: refused: In use.");
        g_assert_cmpint(process_finish(client), ==, 5);
        stub_stop(stub);
}

#define GROUP_ROW(number, details) \
        "(" number ", objectpath '/org/vfiod1/groups/" number "', 'detached', true, @as [], '', " details ")"

/* status asks for all groups only if there is a revert, or if an older vfiod does not tell it. */
static void test_status_reverts(void) {
        Stub *stub = start_with_device();

        refuse_lists(stub);
        stub_answer(stub, "ListGroups",
                        "([" GROUP_ROW("3", "{'RevertAt': <uint64 5>}") ", " GROUP_ROW("4", "@a{sv} {}") "],)");
        stub_answer(stub, "GetAll", "({'Version': <'7'>},)");
        json_t *json = vfioctl_json("status");
        expect_json(json, "revert_count", "1");
        json_decref(json);
        g_assert_cmpuint(stub_count_calls(stub, "ListGroups"), ==, 1);

        stub_answer(stub, "GetAll", "({'Version': <'7'>, 'RevertCount': <uint32 1>},)");
        json = vfioctl_json("status");
        expect_json(json, "revert_count", "1");
        json_decref(json);
        g_assert_cmpuint(stub_count_calls(stub, "ListGroups"), ==, 2);

        stub_answer(stub, "GetAll", "({'Version': <'7'>, 'RevertCount': <uint32 0>},)");
        json = vfioctl_json("status");
        expect_json(json, "revert_count", "0");
        json_decref(json);
        g_assert_cmpuint(stub_count_calls(stub, "ListGroups"), ==, 2);
        stub_stop(stub);
}

int main(int argc, char **argv) {
        g_test_init(&argc, &argv, NULL);
        g_test_add_func("/bus/vfioctl-stub/holders", test_holders);
        g_test_add_func("/bus/vfioctl-stub/holders-unknown", test_holders_unknown);
        g_test_add_func("/bus/vfioctl-stub/job", test_job);
        g_test_add_func("/bus/vfioctl-stub/job-without-group", test_job_without_group);
        g_test_add_func("/bus/vfioctl-stub/rows-grow", test_rows_grow);
        g_test_add_func("/bus/vfioctl-stub/other-jobs", test_other_jobs);
        g_test_add_func("/bus/vfioctl-stub/waits-for", test_waits_for);
        g_test_add_func("/bus/vfioctl-stub/stop-waiting", test_stop_waiting);
        g_test_add_func("/bus/vfioctl-stub/exit-codes", test_exit_codes);
        g_test_add_func("/bus/vfioctl-stub/rule-fails-late", test_rule_fails_late);
        g_test_add_func("/bus/vfioctl-stub/rule-wait", test_rule_wait);
        g_test_add_func("/bus/vfioctl-stub/lost", test_lost);
        g_test_add_func("/bus/vfioctl-stub/status", test_status);
        g_test_add_func("/bus/vfioctl-stub/status-reverts", test_status_reverts);
        return g_test_run();
}
